"""One good and one bad release, played through Weir's public API and judged from outside.

::

    api.py       what the story asks Weir, as one of the lab's accounts
    outside.py   what anybody can see without Weir: the live weight, who answers
    rollout.py   from the request to the approved rollout, the same for both
    good.py      product goes to 100 %; at each weight the split is measured
    bad.py       order breaks at its first step; the traffic has to come back by itself

The story knows nothing of Weir's inside, and says no where Weir did not do what it should.
"""
