"""Reading the audit chain back: the stored rows, the signed heads and the stored evidence, by the auditors' own rules."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from releases.domain.chain import HeadSigner
from releases.domain.fingerprint import digest
from releases.domain.states import Event
from releases.domain.verifier import GENESIS, NOT_IN_TEXT, Report, digest_of, verify
from releases.flow.record import contents
from releases.models import Approval, AuditArchive, AuditEvent, SignedHead

_CHUNK = 2000


def verify_chain(*, heads: Sequence[dict[str, Any]] | None = None, public_key: bytes | None = None) -> Report:
    """Recompute every hash, oldest first, compare each column with the text that was hashed, and hold the heads against it.

    ``heads`` are those kept outside (by default the configured file), the database's own otherwise. An archived segment is
    taken up at its last hash. When the chain holds, each vote's stored evidence is compared with the hash in the trail.
    """
    key = signing_public_key() if public_key is None else public_key
    kept = (heads_of_file() or own_heads()) if heads is None else list(heads)
    first, prev = start_of_chain()
    report = verify(
        lines_of(AuditEvent.objects.order_by("seq")),
        heads=[head for head in kept if head["seq"] >= first] if key else [],
        public_key=key,
        first=first,
        prev=prev,
    )
    if report.is_sound and (problem := changed_evidence()):
        return Report(report.events, None, problem, report.head, report.heads)
    return report


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
    return {name: line[name] for name in ("seq", *NOT_IN_TEXT) if name != "text"}


def changed_evidence() -> str:
    """Say which vote's stored evidence is not what its hash says, or return an empty text."""
    told = {
        after["vote"]: after.get("evidence_hash")
        for after in AuditEvent.objects.filter(
            action__in=[Event.APPROVE, Event.REJECT], outcome=AuditEvent.Outcome.DONE
        ).values_list("after", flat=True)
        if after and "vote" in after
    }
    for vote in Approval.objects.order_by("id").iterator(chunk_size=_CHUNK):
        if (
            digest(vote.evidence) != vote.evidence_hash
            or told.get(vote.pk, vote.evidence_hash) != vote.evidence_hash
        ):
            return f"The evidence of vote {vote.pk} on {vote.rollout} was changed after the vote."
    return ""


def signing_public_key() -> bytes:
    """Return the public key that heads are verified with, empty when none is set. Raises BadKey."""
    if settings.AUDIT_PUBLIC_KEY:
        return base64.b64decode(settings.AUDIT_PUBLIC_KEY)
    return HeadSigner.from_base64(settings.AUDIT_SIGNING_KEY).public if settings.AUDIT_SIGNING_KEY else b""


def heads_of_file(path: str = "") -> list[dict[str, Any]]:
    """Return the heads kept in the file outside the database, oldest first; none when there is no such file."""
    file = Path(path or settings.AUDIT_HEADS_FILE)
    if not (path or settings.AUDIT_HEADS_FILE) or not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text().splitlines() if line.strip()]


def own_heads() -> list[dict[str, Any]]:
    """Return the heads the database itself remembers: good against everybody but its owner."""
    return [head.as_line() for head in SignedHead.objects.order_by("seq")]


def start_of_chain() -> tuple[int, str]:
    """Return the number of the first event in the table and the hash before it: after the last archived segment."""
    last = AuditArchive.objects.order_by("-last_seq").first()
    return (last.last_seq + 1, last.last_hash) if last else (1, GENESIS)
