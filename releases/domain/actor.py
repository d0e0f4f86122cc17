"""Who does something, and through which door: what the audit trail says about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Channel(StrEnum):
    """The door an act came through."""

    ADMIN = "admin"
    API = "api"
    SCHEDULER = "scheduler"
    CLI = "cli"
    CHAT = "chat"
    DATABASE = "database"


ALL_SCOPES = frozenset({"read", "write", "approve"})


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (``user_id``) or a worker (None, named like ``scheduler@host``).

    ``is_fresh`` is false for a browser session whose password was given too long ago for a production decision.
    ``scopes`` are those of the token; who comes without one has them all.
    """

    name: str
    channel: Channel
    user_id: int | None = None
    on_behalf_of: str = ""
    by_token: bool = False
    ip: str = ""
    request_id: str = ""
    is_fresh: bool = True
    scopes: frozenset[str] = ALL_SCOPES

    def __str__(self) -> str:
        return self.name
