"""Reading the audit chain back and saying where it breaks first."""

from __future__ import annotations

import json
from dataclasses import dataclass

from releases.domain.chain import GENESIS, link
from releases.domain.fingerprint import canonical
from releases.flow.record import contents
from releases.models import AuditEvent


@dataclass(frozen=True, slots=True)
class ChainReport:
    """How far the chain was read. ``problem`` is a sentence about the first bad event, or empty."""

    events: int
    first_bad: int | None
    problem: str
    head: str

    @property
    def is_sound(self) -> bool:
        return self.first_bad is None


def verify_chain() -> ChainReport:
    """Recompute every hash, oldest first, and compare each column with the text that was hashed."""
    prev, count = GENESIS, 0
    for event in AuditEvent.objects.order_by("seq").iterator(chunk_size=2000):
        if problem := _problem(event, seq=count + 1, prev=prev):
            return ChainReport(events=count, first_bad=event.seq, problem=problem, head=prev)
        prev, count = event.hash, count + 1
    return ChainReport(events=count, first_bad=None, problem="", head=prev)


def _problem(event: AuditEvent, *, seq: int, prev: str) -> str:
    if event.seq != seq:
        return f"Event {event.seq} stands where event {seq} should: events are missing or were inserted."
    if event.prev != prev:
        return f"Event {event.seq} does not follow the event before it: its 'prev' is not that event's hash."
    if link(prev=event.prev, text=event.text) != event.hash:
        return f"Event {event.seq} has a hash that is not that of its text: the text or the hash was changed."
    if _read(event.text) != _read(canonical(contents(event))):
        return (
            f"Event {event.seq} has columns that differ from the text that was hashed: a column was changed."
        )
    return ""


def _read(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
