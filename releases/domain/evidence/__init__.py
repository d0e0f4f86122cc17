"""From counts to a verdict. Pure, and the only place that uses numpy or scipy.

``judge`` is the interface: a sequence of scrapes, oldest first, in; one verdict out. It never looks ahead, so that the
same function judges a live rollout, a recorded trace and a rehearsal.
"""

from releases.domain.evidence.scrape import Outcome, Scrape, Verdict
from releases.domain.evidence.simple_guard import RULE, GuardSettings, judge

__all__ = ["RULE", "GuardSettings", "Outcome", "Scrape", "Verdict", "judge"]
