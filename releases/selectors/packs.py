"""What auditors take away: the trail as JSON Lines or CSV, and everything about one rollout as a ZIP that verifies itself."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Max, Min, QuerySet
from django.forms.models import model_to_dict

from releases.domain import verifier
from releases.domain.fingerprint import canonical
from releases.flow.measured import as_measured
from releases.flow.verify import as_line, as_link, lines_of, own_heads, signing_public_key
from releases.models import AuditEvent, Rollout

CSV_COLUMNS = (
    "seq", "at", "actor", "user", "on_behalf_of", "channel", "ip", "request_id", "action", "object_type", "object_id",
    "service", "rollout", "outcome", "reason", "fingerprint", "before", "after", "text", "digest", "prev", "hash",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_README = """Evidence of rollout {rollout}
{underline}

events.jsonl     the audit trail from this rollout's first event on; other rollouts' events without what they say
heads.jsonl      signed heads of the trail
approvals.json   every vote with what the voter saw; each one's SHA-256 stands in the trail
verdicts.jsonl, snapshots.jsonl, rollout.json    what was measured and concluded, and the frozen plan
manifest.json    SHA-256 of every file

To verify, with nothing but Python:

    python3 verify_audit.py events.jsonl --heads heads.jsonl --key {key} --from {first}

Take the heads from where they are kept outside the database, and the public key from who runs Weir, not from this file:
then nobody who owns the database could have made this up.
"""


def as_jsonl(events: QuerySet[AuditEvent]) -> Iterator[str]:
    """Yield one event per line, oldest first. Without a filter the export verifies on its own."""
    for line in lines_of(events.order_by("seq")):
        yield json.dumps(line, ensure_ascii=False) + "\n"


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


def heads_as_jsonl() -> Iterator[str]:
    """Yield the signed heads as the verifier reads them, oldest first, one a line."""
    for head in own_heads():
        yield _dump(head) + "\n"


def evidence_pack(rollout: Rollout) -> bytes:
    """Return the ZIP of one rollout: events with the chain they stand in, heads, votes, verdicts, snapshots, verifier."""
    files = {
        "events.jsonl": "".join(_segment(rollout)),
        "approvals.json": _dump([_vote(vote) for vote in rollout.approvals.select_related("by")]),
        "verdicts.jsonl": _rows(rollout.verdicts.order_by("at")),
        "snapshots.jsonl": "".join(_snapshots(rollout)),
        "rollout.json": _dump(_rollout(rollout)),
        "verify_audit.py": Path(str(verifier.__file__)).read_text(encoding="utf-8"),
    }
    first = json.loads(files["events.jsonl"].split("\n", 1)[0] or '{"seq": 1}')["seq"]
    files["heads.jsonl"] = "".join(
        json.dumps(head, sort_keys=True) + "\n" for head in own_heads() if head["seq"] >= first
    )
    key = base64.b64encode(signing_public_key()).decode() or "PUBLIC_KEY"
    files["README.txt"] = _README.format(
        rollout=rollout, underline="=" * len(f"Evidence of rollout {rollout}"), key=key, first=first
    )
    files["manifest.json"] = _dump(
        {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(files.items())}
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(files.items()):
            archive.writestr(name, text)
    return packed.getvalue()


def _segment(rollout: Rollout) -> Iterator[str]:
    """Yield the trail from the rollout's first event to the newest signed head after its last one (or to that last one)."""
    own = AuditEvent.objects.filter(rollout=rollout).aggregate(first=Min("seq"), last=Max("seq"))
    if own["first"] is None:
        return
    after = [head["seq"] for head in own_heads() if head["seq"] >= own["last"]]
    end = min(after, default=own["last"])
    between = AuditEvent.objects.filter(seq__gte=own["first"], seq__lte=end).order_by("seq")
    for event in between.iterator(chunk_size=1000):
        line = as_line(event)
        shown = line if event.rollout_id == rollout.pk else as_link(line)
        yield json.dumps(shown, ensure_ascii=False) + "\n"


def _snapshots(rollout: Rollout) -> Iterator[str]:
    """Yield the snapshots as the judge read them, whatever thinning made of their rows since."""
    columns = ("at", "window_seconds", "step", "weight", "stable", "candidate", "problem", "asked_id")
    for snapshot in as_measured(rollout):
        line = {name: getattr(snapshot, name) for name in columns}
        yield json.dumps(line, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n"


def _vote(vote: Any) -> dict[str, Any]:
    return {
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


def _dump(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1) + "\n"


def _cell(value: Any) -> str:
    """A cell as text. A reason that begins with ``=`` must not become a formula on the auditor's machine."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
