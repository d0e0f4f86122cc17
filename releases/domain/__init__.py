"""Deciding, without Django, clock or network: values in, values out.

The errors of every door are drawn here::

    DomainError             str() is a sentence for the operator: what was tried, on what, what to do
    ├── IllegalMove         this state does not know this event
    ├── LostRace            somebody else changed the row first: read again and decide again
    ├── NotAllowed          this person may not do this
    │   └── PasswordNeeded  not before the password was given again
    ├── BadPlan             a plan, a rule or a request that can not be carried out
    ├── Blocked             checks with findings stand against it
    └── Stale               what was looked at is not what is there now
"""

from releases.domain.errors import (
    BadPlan,
    Blocked,
    DomainError,
    IllegalMove,
    LostRace,
    NotAllowed,
    PasswordNeeded,
    Stale,
)

__all__ = [
    "BadPlan",
    "Blocked",
    "DomainError",
    "IllegalMove",
    "LostRace",
    "NotAllowed",
    "PasswordNeeded",
    "Stale",
]
