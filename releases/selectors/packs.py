"""What auditors take away: the trail as JSON Lines or CSV, and everything about one rollout as a ZIP that verifies itself."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Max, Min, QuerySet
from django.forms.models import model_to_dict

from releases.domain import verifier
from releases.domain.fingerprint import canonical
from releases.flow.kept_heads import own_heads, signing_public_key
from releases.flow.measured import as_measured
from releases.flow.verify import as_line, as_link, lines_of
from releases.models import AuditEvent, Rollout

CSV_COLUMNS = (
    "seq", "at", "actor", "user", "on_behalf_of", "channel", "ip", "request_id", "action", "object_type", "object_id",
    "service", "rollout", "outcome", "reason", "fingerprint", "before", "after", "text", "digest", "prev", "hash",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_README = """Evidence of rollout {rollout}
{underline}

events.jsonl     the audit trail from this rollout's first event to a signed head; other rollouts' events without what they say
heads.jsonl      signed heads of the trail
approvals.json   every vote with what the voter saw; each one's SHA-256 stands in the trail
verdicts.jsonl, snapshots.jsonl, rollout.json    what was measured and concluded, and the frozen plan
manifest.json    SHA-256 of every file; event {export} of the trail tells those of the five above but events and heads

To verify all of it, with nothing but Python, in this folder:

    python3 verify_audit.py . --key {key} --heads HEADS

HEADS is the file of signed heads from where it is kept outside the database; without --heads those of this pack are checked
alone. Take the public key from who runs Weir, not from this file. Then nobody who owns the database could have made this up.
Heads that were signed after this pack was made do no harm.
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The files of a rollout's evidence but the trail itself: name -> text, as of the rollout's event ``as_of``."""

    files: Mapping[str, str]
    as_of: int

    @property
    def digests(self) -> dict[str, str]:
        """Name -> SHA-256."""
        return {name: _sha256(text) for name, text in sorted(self.files.items())}


def as_jsonl(events: QuerySet[AuditEvent]) -> Iterator[str]:
    """Yield one event per line, oldest first."""
    for line in lines_of(events.order_by("seq")):
        yield json.dumps(line, ensure_ascii=False) + "\n"


def trail_as_jsonl(*, until: int) -> Iterator[str]:
    """Yield the whole trail up to the head that signs event ``until``, then every signed head: it verifies on its own."""
    heads = own_heads()
    end = min((head["seq"] for head in heads if head["seq"] >= until), default=until)
    yield from as_jsonl(AuditEvent.objects.filter(seq__lte=end))
    yield from heads_as_jsonl(until=end)


def as_csv(events: QuerySet[AuditEvent]) -> Iterator[str]:
    """Yield lines for a spreadsheet: byte order mark first, cells that look like formulas made text."""
    yield "\ufeff"
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(CSV_COLUMNS)
    for line in lines_of(events.order_by("seq")):
        writer.writerow(_cell(line[name]) for name in CSV_COLUMNS)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def heads_as_jsonl(*, until: int | None = None) -> Iterator[str]:
    """Yield the signed heads as the verifier reads them, oldest first, one a line."""
    for head in own_heads():
        if until is None or head["seq"] <= until:
            yield json.dumps(head, sort_keys=True) + "\n"


def evidence_of(rollout: Rollout) -> Evidence:
    """Read what was decided, measured and concluded. The trail may tell of more by the time it is exported, never of less."""
    as_of = AuditEvent.objects.filter(rollout=rollout).aggregate(last=Max("seq"))["last"] or 0
    files = {
        "approvals.json": _dump([_vote(vote) for vote in rollout.approvals.select_related("by")]),
        "verdicts.jsonl": _rows(rollout.verdicts.order_by("at")),
        "snapshots.jsonl": "".join(_snapshots(rollout)),
        "rollout.json": _dump(_rollout(rollout)),
    }
    return Evidence(files=files, as_of=as_of)


def evidence_pack(rollout: Rollout, *, evidence: Evidence, export: int) -> bytes:
    """Return the ZIP of one rollout: events with the chain they stand in, heads, votes, verdicts, snapshots, verifier.

    ``export`` is the event that tells of this export and of the digests of ``evidence``.
    """
    events = list(_segment(rollout, export=export))
    first, last = events[0]["seq"], events[-1]["seq"]
    heads = [head for head in own_heads(since=first) if head["seq"] <= last]
    key = base64.b64encode(signing_public_key()).decode() or "PUBLIC_KEY"
    files = {
        **evidence.files,
        "events.jsonl": "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in events),
        "heads.jsonl": "".join(json.dumps(head, sort_keys=True) + "\n" for head in heads),
        "verify_audit.py": Path(str(verifier.__file__)).read_text(encoding="utf-8"),
        "README.txt": _README.format(
            rollout=rollout, underline="=" * len(f"Evidence of rollout {rollout}"), key=key, export=export
        ),
    }
    digests = {name: _sha256(text) for name, text in sorted(files.items())}
    files["manifest.json"] = _dump(
        {"rollout": rollout.pk, "first": first, "last": last, "export": export, "files": digests}
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(files.items()):
            archive.writestr(name, text)
    return packed.getvalue()


def _segment(rollout: Rollout, *, export: int) -> Iterator[dict[str, Any]]:
    """Yield the trail from the rollout's first event to the first head that signs the export (or to the export)."""
    first = AuditEvent.objects.filter(rollout=rollout).aggregate(first=Min("seq"))["first"]
    end = min((head["seq"] for head in own_heads(since=export)), default=export)
    between = AuditEvent.objects.filter(seq__gte=first, seq__lte=end).order_by("seq")
    for event in between.iterator(chunk_size=1000):
        line = as_line(event)
        yield line if event.rollout_id == rollout.pk else as_link(line)


def _snapshots(rollout: Rollout) -> Iterator[str]:
    """Yield the snapshots as the judge read them, whatever thinning made of their rows since."""
    columns = ("at", "window_seconds", "step", "weight", "stable", "candidate", "problem", "asked_id")
    for snapshot in as_measured(rollout):
        line = {name: getattr(snapshot, name) for name in columns}
        yield json.dumps(line, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n"


def _vote(vote: Any) -> dict[str, Any]:
    return {
        "id": vote.pk,
        "user": vote.by_id,
        "by": vote.by.get_username(),
        "decision": vote.decision,
        "reason": vote.reason,
        "fingerprint": vote.fingerprint,
        "at": vote.created_at,
        "channel": vote.channel,
        "voided_at": vote.voided_at,
        "voided_by": vote.voided_by,
        "voided_why": vote.voided_why,
        "evidence_text": canonical(vote.evidence),
        "evidence_sha256": vote.evidence_hash,
    }


def _rollout(rollout: Rollout) -> dict[str, Any]:
    return {
        "number": str(rollout),
        "service": str(rollout.service),
        "stable": {"name": rollout.stable.name, "image": rollout.stable.image},
        "candidate": {"name": rollout.candidate.name, "image": rollout.candidate.image},
        **model_to_dict(rollout, exclude=["service", "stable", "candidate", "plan", "last_written", "drift"]),
        "steps": list(
            rollout.step_runs.order_by("position").values(
                "position", "desired", "written", "observed", "started_at", "ended_at", "outcome"
            )
        ),
    }


def _rows(rows: QuerySet[Any]) -> str:
    return "".join(
        json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n" for row in rows.values().iterator()
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _dump(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1) + "\n"


def _cell(value: Any) -> str:
    """A cell as text. A reason that begins with ``=`` must not become a formula on the auditor's machine."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
