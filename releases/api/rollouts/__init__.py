"""``rollouts/``: what is asked for, where it is, what may be done to it."""
