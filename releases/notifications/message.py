"""A message before any platform's form: what happened, to what, why, who may act, and where the page is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """``about`` is the noun (rollout, traffic_change, train, proposal, token) and ``number`` its name, ``rollout`` where there is one.

    ``kind`` is ``state``, ``approval_asked``, ``second_person_asked``, ``rolled_back``, ``emergency``, ``review_due``,
    ``review_overdue`` or ``token_expires``; ``people`` are those who can act. ``event`` and ``seq`` name the audit event;
    ``occurred_at`` is ISO 8601. Decisions are taken on the page behind ``url``.
    """

    kind: str
    title: str
    text: str
    url: str
    service: str
    rollout: str
    event: str
    seq: int
    occurred_at: str
    people: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    about: str = "rollout"
    number: str = ""

    @property
    def label(self) -> str:
        """What the link to the page says."""
        return self.number or self.rollout or self.service or "Weir"

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Message:
        return cls(**{**stored, "people": tuple(stored["people"]), "addresses": tuple(stored["addresses"])})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def public(self) -> dict[str, Any]:
        """What machines get: everything but mail addresses."""
        return {name: value for name, value in asdict(self).items() if name != "addresses"}
