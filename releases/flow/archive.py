"""Moving what is older than the retention out of the database: sealed segments only, as one event (never below 180 days)."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from releases.clock import Clock
from releases.domain import IllegalMove
from releases.domain.actor import Actor
from releases.domain.verifier import verify
from releases.flow.kept_heads import is_signed, own_heads, signing_public_key
from releases.flow.record import record, take_chain_lock
from releases.flow.verify import lines_of, start_of_chain
from releases.flow.verify_books import archives_digest
from releases.models import AuditArchive, AuditEvent, SignedHead


def archive_audit(*, by: Actor, folder: Path, clock: Clock) -> AuditArchive | None:
    """Write the oldest sealed segment to a file, then take it out of the table; None when nothing is old enough.

    A segment is sealed by a signed head: its end is the newest head older than the retention. Raises IllegalMove when the
    segment does not verify: what is broken stays where it can be looked at.
    """
    before = clock() - timedelta(days=settings.AUDIT_KEPT_DAYS)
    first, prev = start_of_chain()
    seal = SignedHead.objects.filter(at__lt=before, seq__gte=first).order_by("-seq").first()
    if seal is None:
        return None
    segment = AuditEvent.objects.filter(seq__gte=first, seq__lte=seal.seq).order_by("seq")
    heads = [head for head in own_heads(since=first - 1) if head["seq"] <= seal.seq]
    report = verify(
        lines_of(segment),
        heads=heads,
        public_key=signing_public_key(),
        first=first,
        prev=prev,
        signed=is_signed,
    )
    if not report.is_sound:
        raise IllegalMove(
            _("The segment is not archived, since it does not verify: %(problem)s")
            % {"problem": report.problem}
        )
    file = folder / f"audit-{first:012d}-{seal.seq:012d}.jsonl.gz"
    sha256 = _write(file, segment=segment)
    with transaction.atomic():
        take_chain_lock()
        archive = AuditArchive.objects.create(
            first_seq=first, last_seq=seal.seq, last_hash=seal.hash, file=str(file), sha256=sha256
        )
        with connection.cursor() as cursor:  # the ORM would read a million rows to see what hangs on them
            cursor.execute("DELETE FROM releases_auditevent WHERE seq <= %s", [seal.seq])
        after = {
            "first": first,
            "last": seal.seq,
            "last_hash": seal.hash,
            "file": file.name,
            "sha256": sha256,
            "archives": archives_digest(),
        }
        record("archive_audit", by=by, obj=archive, after=after)
    return archive


def _write(file: Path, *, segment: QuerySet[AuditEvent]) -> str:
    """Write the segment as JSON Lines, compressed, to the disk itself; return the file's SHA-256."""
    with file.open("wb") as raw:
        with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
            for line in lines_of(segment):
                packed.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        raw.flush()
        os.fsync(raw.fileno())
    return hashlib.sha256(file.read_bytes()).hexdigest()
