"""Ways to falsify the trail: what each does, what prevents it, and what shows it when nothing prevented it.

``table()`` is the table of docs/audit.md; a test compares them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection
from django.db.models import F

from releases.domain.chain import HeadSigner
from releases.domain.fingerprint import canonical
from releases.domain.verifier import digest_of, link
from releases.flow.record import contents
from releases.flow.verify_books import archives_digest
from releases.models import Approval, AuditArchive, AuditEvent, SignedHead, guards

EVENTS = 12
"""How many events the trail has; heads are signed at 4, 8 and 12."""


@dataclass(frozen=True, slots=True)
class Tampering:
    """One kind. ``shown_by`` is a part of the sentence of both verifiers, ``names`` the event it names."""

    name: str
    does: Callable[[], object]
    prevented_by: str
    shown_by: str
    names: int | None
    how: str


def edit(seq: int, **columns: object) -> Callable[[], object]:
    return lambda: AuditEvent.objects.filter(seq=seq).update(**columns)


def recompute(first: int, *, last: int = EVENTS, **columns: object) -> None:
    """Change an event, then make texts and hashes right again from there on, as the owner of the database can."""
    AuditEvent.objects.filter(seq=first).update(**columns)
    prev = AuditEvent.objects.get(seq=first - 1).hash
    for event in AuditEvent.objects.filter(seq__gte=first, seq__lte=last).order_by("seq"):
        text = canonical(contents(event))
        hash_ = link(prev=prev, digest=digest_of(text))
        AuditEvent.objects.filter(pk=event.pk).update(text=text, prev=prev, hash=hash_)
        prev = hash_


def forged(seq: int, *, prev: str, after: AuditEvent, **columns: object) -> AuditEvent:
    """An event that never happened, with a text and a hash that fit."""
    event = AuditEvent(
        seq=seq, at=after.at, actor="nobody", channel="api", action="approve", object_type="rollout", object_id="1",
        outcome="done", prev=prev,
    )  # fmt: skip
    for name, value in columns.items():
        setattr(event, name.rstrip("_"), value)
    event.text = canonical(contents(event))
    event.hash = link(prev=prev, digest=digest_of(event.text))
    event.save(force_insert=True)
    return event


def at(seq: int) -> AuditEvent:
    return AuditEvent.objects.get(seq=seq)


def insert() -> None:
    make_room = AuditEvent.objects.filter(seq__gte=6).order_by("-seq").values_list("pk", flat=True)
    for pk in make_room:
        AuditEvent.objects.filter(pk=pk).update(seq=F("seq") + 1)
    forged(6, prev="a" * 64, after=at(5))


def duplicate() -> None:
    forged(EVENTS + 1, prev="b" * 64, after=at(EVENTS), reason=at(6).reason, actor=at(6).actor)


def swap() -> None:
    first, second = at(5).pk, at(6).pk
    for pk, seq in ((first, 999), (second, 5), (first, 6)):
        AuditEvent.objects.filter(pk=pk).update(seq=seq)


def delete_and_renumber() -> None:
    AuditEvent.objects.filter(seq=5).delete()
    for pk in AuditEvent.objects.filter(seq__gt=5).order_by("seq").values_list("pk", flat=True):
        AuditEvent.objects.filter(pk=pk).update(seq=F("seq") - 1)


def replace_head() -> None:
    recompute(6, reason="nothing happened")
    for head in SignedHead.objects.filter(seq__gte=6):
        SignedHead.objects.filter(pk=head.pk).update(hash=at(head.seq).hash)
    _heads_from_database()


def sign_with_another_key() -> None:
    recompute(6, reason="nothing happened")
    stranger = HeadSigner(Ed25519PrivateKey.generate())
    for head in SignedHead.objects.filter(seq__gte=6):
        hash_ = at(head.seq).hash
        signature = stranger.sign(seq=head.seq, hash_=hash_, at=head.at)
        SignedHead.objects.filter(pk=head.pk).update(hash=hash_, signature=signature, key_id=stranger.key_id)
    _heads_from_database()


def _heads_from_database() -> None:
    """Let the attacker reach the file of heads too."""
    lines = [json.dumps(head.as_line()) + "\n" for head in SignedHead.objects.order_by("seq")]
    with open(settings.AUDIT_HEADS_FILE, "w", encoding="utf-8") as file:  # noqa: PTH123 - the setting is text
        file.writelines(lines)


def restore_backup() -> None:
    AuditEvent.objects.filter(seq__gt=7).delete()
    SignedHead.objects.filter(seq__gt=7).delete()
    forged(8, prev=at(7).hash, after=at(7))


def fork() -> None:
    AuditEvent.objects.filter(seq__gt=9).delete()
    forged(10, prev=at(9).hash, after=at(9))


def rewrite_text() -> None:
    AuditEvent.objects.filter(seq=6).update(text=json.dumps(json.loads(at(6).text), indent=1))


def guards_off_and_on() -> None:
    guards.remove(connection)
    AuditEvent.objects.filter(seq=6).update(outcome="refused")
    guards.install(connection)


def clock_back() -> None:
    forged(EVENTS + 1, prev=at(EVENTS).hash, after=at(EVENTS), at=at(EVENTS).at - timedelta(hours=1))


def make_up_an_archive(last: int = 4) -> None:
    """Delete the beginning as if it had been archived (4: a signed head fits), and let an event of one's own tell of it."""
    end = at(last)
    archive = AuditArchive.objects.create(
        first_seq=1, last_seq=last, last_hash=end.hash, file="audit.jsonl.gz", sha256="0" * 64
    )
    AuditEvent.objects.filter(seq__lte=last).delete()
    after = {
        "first": 1,
        "last": last,
        "last_hash": end.hash,
        "sha256": "0" * 64,
        "archives": archives_digest(),
    }
    forged(
        EVENTS + 1,
        prev=at(EVENTS).hash,
        after=at(EVENTS),
        action="archive_audit",
        object_id=str(archive.pk),
        after_=after,
    )


def change_evidence() -> None:
    Approval.objects.update(evidence={"fingerprint": "another"})


_UPDATE = "trigger audit_no_update"
_DELETE = "trigger audit_no_delete"
_INSERT = "trigger audit_follows_head"
_COLUMNS = "columns that differ from the text"
_ANEW = "the chain was computed anew"
_CUT = "the end was cut off"

TAMPERINGS = (
    Tampering("edit a field", edit(6, reason="quietly changed"), _UPDATE, _COLUMNS, 6, "columns against text"),
    Tampering("edit the time", edit(6, at="2026-01-01T00:00:00Z"), _UPDATE, _COLUMNS, 6, "columns against text"),
    Tampering("edit the actor", edit(6, actor="somebody.else"), _UPDATE, _COLUMNS, 6, "columns against text"),
    Tampering("delete in the middle", lambda: AuditEvent.objects.filter(seq=6).delete(), _DELETE,
              "where event 6 should", 7, "numbers without gaps"),
    Tampering("delete the tail", lambda: AuditEvent.objects.filter(seq__gt=9).delete(), _DELETE,
              _CUT, 10, "a signed head kept outside"),
    Tampering("delete the beginning", lambda: AuditEvent.objects.filter(seq__lt=4).delete(), _DELETE,
              "where event 1 should", 4, "numbers from 1, or from the last archive"),
    Tampering("insert an event", insert, _INSERT + ", " + _UPDATE, "does not follow", 6, "hash of the event before"),
    Tampering("duplicate an event", duplicate, _INSERT, "does not follow", 13, "hash of the event before"),
    Tampering("swap two events", swap, _UPDATE, "does not follow", 5, "hash of the event before"),
    Tampering("delete and renumber", delete_and_renumber, _DELETE + ", " + _UPDATE,
              "does not follow", 5, "hash of the event before"),
    Tampering("edit and recompute the event's own hash", lambda: recompute(6, last=6, reason="changed"), _UPDATE,
              "does not follow", 7, "hash of the event before"),
    Tampering("edit and recompute the whole chain", lambda: recompute(6, reason="changed"), _UPDATE,
              _ANEW, 8, "a signed head kept outside"),
    Tampering("replace a signed head", replace_head, _UPDATE + "; heads: head_no_update",
              "the head was changed", 8, "Ed25519 signature"),
    Tampering("sign heads with another key", sign_with_another_key, _UPDATE + "; heads: head_no_update",
              "signed with another key", 8, "the public key, which auditors hold"),
    Tampering("restore an old backup and go on", restore_backup, _DELETE + "; heads: head_no_delete",
              _ANEW, 8, "a signed head kept outside"),
    Tampering("fork the chain", fork, _DELETE + ", UNIQUE(prev)", _CUT, 11, "a signed head kept outside"),
    Tampering("write the text in another form", rewrite_text, _UPDATE, "a digest that is not that of its text|a hash that is not",
              6, "hash over the text's bytes"),
    Tampering("take the guards off, edit, put them on", guards_off_and_on,
              "a run-time role that does not own the table", _COLUMNS, 6, "columns against text"),
    Tampering("put the clock back", clock_back, _INSERT + " (within 5 s of the database's clock)",
              "earlier than the event before", 13, "times that do not go back"),
    Tampering("change a vote's evidence", change_evidence, "trigger approval_stays",
              "was changed after the vote", None, "SHA-256 of the evidence, stored with the vote and in the trail"),
    Tampering("delete a vote", lambda: Approval.objects.all().delete(), "trigger approval_no_delete",
              "was deleted", None, "every vote that the trail tells of must be there"),
    Tampering("delete the beginning behind a made-up archive", make_up_an_archive, "trigger archive_of_what_is_sealed",
              "before the retention ended", None, "the archive's own event; its end signed 180 days before that event"),
)  # fmt: skip


def table() -> str:
    """Return the table of docs/audit.md."""
    rows = ["| | tampering | prevented by | otherwise shown by |", "|---|---|---|---|"]
    rows += [
        f"| {number} | {kind.name} | {kind.prevented_by} | {kind.how} |"
        for number, kind in enumerate(TAMPERINGS, start=1)
    ]
    return "\n".join(rows) + "\n"


def public_key() -> str:
    return base64.b64encode(HeadSigner.from_base64(settings.AUDIT_SIGNING_KEY).public).decode()
