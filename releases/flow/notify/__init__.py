"""Putting messages into the outbox, in the transaction of what they tell: told exactly when it happened, or not at all.

Everything a person is waited for is told to those who can act now, and once; the decision is taken on the page.
"""

from releases.flow.notify.others import notify_change, notify_proposal
from releases.flow.notify.reminders import remind
from releases.flow.notify.rollouts import notify

__all__ = ["notify", "notify_change", "notify_proposal", "remind"]
