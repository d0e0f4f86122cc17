"""The tree of errors that doors translate; drawn in the package's docstring."""

from __future__ import annotations

from collections.abc import Sequence

from istio.checks import Finding


class DomainError(Exception):
    """A refusal. ``code`` is part of the API; ``str()`` is a sentence for the operator."""

    code = "refused"
    is_recorded = False
    """Whether the audit trail tells this refusal already."""


class IllegalMove(DomainError):
    """This state does not know this event."""

    code = "illegal_move"


class LostRace(DomainError):
    """Somebody else changed the row first."""

    code = "lost_race"


class NotAllowed(DomainError):
    """This person may not do this."""

    code = "not_allowed"


class PasswordNeeded(NotAllowed):
    """The session is too old for a production decision: the person gives the password again."""

    code = "password_needed"


class BadPlan(DomainError):
    """A plan, a rule or a request that can not be carried out. ``field`` names what to correct."""

    code = "bad_plan"

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Blocked(DomainError):
    """Checks stand against it."""

    code = "blocked_by_checks"

    def __init__(self, message: str, *, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class Stale(DomainError):
    """What was looked at is not what is there now."""

    code = "stale_fingerprint"
