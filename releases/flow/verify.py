"""Reading the audit chain back: the stored rows, the signed heads and the stored evidence, by the auditors' own rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

from releases.domain.verifier import GENESIS, LINK, Report, digest_of, verify
from releases.flow.kept_heads import HeadLine, is_signed, kept_heads, own_heads, signing_public_key
from releases.flow.record import contents
from releases.flow.verify_books import archive_problem, changed_vote
from releases.models import AuditArchive, AuditEvent

_CHUNK = 2000


def verify_chain(*, heads: Sequence[HeadLine] | None = None, public_key: bytes | None = None) -> Report:
    """Recompute every hash, oldest first, compare each column with the text that was hashed, and hold the heads against it.

    ``heads`` are those kept outside (by default the configured file), the database's own otherwise; a file that is gone,
    and heads without a key, are problems. An archived segment is taken up at its last hash. When the chain holds, archives
    and votes are compared with what it tells of them.
    """
    key = signing_public_key() if public_key is None else public_key
    first, prev = start_of_chain()
    lines, problem = heads_to_hold(since=first - 1) if heads is None else (list(heads), "")
    if problem:
        return Report(0, None, problem, prev)
    report = verify(
        lines_of(AuditEvent.objects.order_by("seq")),
        heads=[head for head in lines if head["seq"] >= first - 1],
        public_key=key,
        first=first,
        prev=prev,
        signed=is_signed,
    )
    if report.is_sound and (problem := archive_problem(heads=lines) or changed_vote()):
        return Report(report.events, None, problem, report.head, report.heads)
    return report


def heads_to_hold(*, since: int) -> tuple[list[HeadLine], str]:
    """Return the kept heads from that event on, and what is wrong with their place.

    The head that seals the newest archive is the database's own where the place does not have it: its signature vouches for it.
    """
    kept = kept_heads()
    lines = [line for line in kept.lines if line["seq"] >= since]
    if since and not any(line["seq"] == since for line in lines):
        lines += [line for line in own_heads(since=since) if line["seq"] == since]
    return lines, kept.problem


def lines_of(events: QuerySet[AuditEvent]) -> Iterator[dict[str, Any]]:
    """Yield events as an export holds them: columns, text, digest, prev, hash."""
    for event in events.iterator(chunk_size=_CHUNK):
        yield as_line(event)


def as_line(event: AuditEvent) -> dict[str, Any]:
    """Return one event as an export holds it."""
    chain = {
        "text": event.text,
        "digest": digest_of(event.text),
        "prev": event.prev,
        "hash": event.hash,
    }
    return {**contents(event), **chain}


def as_link(line: dict[str, Any]) -> dict[str, Any]:
    """Return an event as it carries the chain of somebody else's export: without what it says."""
    return {name: line[name] for name in line if name in LINK}


def start_of_chain() -> tuple[int, str]:
    """Return the number of the first event in the table and the hash before it: after the last archived segment."""
    last = AuditArchive.objects.order_by("-last_seq").first()
    return (last.last_seq + 1, last.last_hash) if last else (1, GENESIS)
