#!/usr/bin/env python3
"""Verify an export of Weir's audit trail, with nothing but this file and Python 3.9 or later.

    python3 verify_audit.py FOLDER       --key PUBLIC_KEY [--heads FILE]     an evidence pack, unpacked
    python3 verify_audit.py events.jsonl --key PUBLIC_KEY [--heads FILE]     an export of the whole trail, as JSON Lines

Needs no database, no Weir and no package; it is one file on purpose, however long, since auditors get it as it is. The key is
the base64 of an Ed25519 public key, FILE holds signed heads from where the database's owner cannot write; those in the export
are checked, too. Exits 0 when everything holds, 1 with a sentence that names the first bad event, head or file, 2 when
something that was named can not be read or checked.

Each line of an export is one event: its columns, ``text`` (the canonical JSON that was hashed), ``digest``, ``prev``, ``hash``;
lines with a ``signature`` are heads. An evidence pack leaves out the text *and* columns of events that are not about its
rollout; their digests still carry the chain. Weir itself verifies with the same functions, so both say the same.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Optional

GENESIS = "0" * 64
CHAIN = b"weir-audit\n2"
HEAD = b"weir-audit-head\n1"
CLOCK_TOLERANCE = timedelta(seconds=5)
NOT_IN_TEXT = ("text", "digest", "prev", "hash")
LINK = frozenset({"seq", "digest", "prev", "hash"})
"""All that an event may hold which only carries the chain."""
VOUCHED = ("approvals.json", "rollout.json", "snapshots.jsonl", "verdicts.jsonl")
"""Files of an evidence pack whose SHA-256 the event of its export tells."""
VOTES = {"approve": "approve", "reject": "reject"}
"""Action of an event -> decision of the vote it tells of."""


@dataclass(frozen=True)
class Report:
    """How far the chain was read. ``problem`` is a sentence about the first bad event or head, or empty.

    ``head`` is the last good hash, ``heads`` how many signed heads were held against events, ``signed`` the last event that one
    of them covers (0: none), ``signed_at`` when it was signed, ``later`` how many heads were signed after the export was taken.
    """

    events: int
    first_bad: Optional[int]  # noqa: UP045 - the file runs on Python 3.9 too
    problem: str
    head: str
    heads: int = 0
    signed: int = 0
    signed_at: str = ""
    later: int = 0

    @property
    def is_sound(self) -> bool:
        return not self.problem


def digest_of(text: str) -> str:
    """Return SHA-256 of the canonical text: it stands for an event whose text is not shown."""
    return hashlib.sha256(text.encode()).hexdigest()


def link(*, prev: str, digest: str) -> str:
    """Return an event's hash: SHA-256(domain, version, prev, digest of the text), the parts separated by line feeds."""
    return hashlib.sha256(b"\n".join([CHAIN, prev.encode(), digest.encode()])).hexdigest()


def head_message(*, seq: int, hash_: str, at: str) -> bytes:
    """Return what a head's signature covers."""
    return b"\n".join([HEAD, str(seq).encode(), hash_.encode(), at.encode()])


def key_id_of(public_key: bytes) -> str:
    """Return 16 hex digits that tell one key from another."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def verify(
    events: Iterable[Mapping[str, Any]],
    *,
    heads: Sequence[Mapping[str, Any]] = (),
    public_key: bytes = b"",
    first: int = 1,
    prev: str = GENESIS,
    before: str = "",
    links: bool = False,
    is_all: bool = True,
    signed: Optional[Callable[..., bool]] = None,  # noqa: UP045 - as above
) -> Report:
    """Read events in the order of their numbers and say where the chain breaks first; then hold the heads against it.

    ``first``, ``prev`` and ``before`` (a time) are where the chain is taken up: after an archived segment, at the start of an
    evidence pack. ``links``: events may carry the chain only. ``is_all``: the events reach to the present, so that any later
    head shows a cut; an export's later heads are good when its own end was signed before them. ``signed`` is ``is_signed``
    or as good.
    """
    waiting: dict[int, list[Mapping[str, Any]]] = {}
    for head in heads:
        if problem := head_problem(head, public_key=public_key, signed=signed or is_signed):
            return Report(0, int(head["seq"]), problem, prev)
        waiting.setdefault(int(head["seq"]), []).append(head)
    if problem := _other_head(waiting.pop(first - 1, []), seq=first - 1, hash_=prev):
        return Report(0, first - 1, problem, prev)
    count, held, covered, covered_at = 0, 0, 0, ""
    for event in events:
        seq = first + count
        if problem := event_problem(event, seq=seq, prev=prev, before=before, links=links):
            return Report(count, event.get("seq"), problem, prev)
        here = waiting.pop(seq, [])
        if problem := _other_head(here, seq=seq, hash_=event["hash"]):
            return Report(count, seq, problem, prev)
        if here:
            held, covered, covered_at = held + len(here), seq, max(head["at"] for head in here)
        prev, count, before = event["hash"], count + 1, str(event.get("at") or before)
    last = first + count - 1
    later = [head for seq, found in waiting.items() if seq > last for head in found]
    taken_before = not is_all and covered == last and all(_time(head) > _time(covered_at) for head in later)
    if later and not taken_before:
        text = f"The trail ends with event {last}, but a head of event {min(head['seq'] for head in later)} was signed: the end was cut off."
        return Report(count, last + 1, text, prev, held, covered, covered_at)
    return Report(count, None, "", prev, held, covered, covered_at, len(later))


def event_problem(event: Mapping[str, Any], *, seq: int, prev: str, before: str, links: bool = False) -> str:
    """Say what is wrong with one event, or return an empty text. ``before`` is the time of the event before it."""
    if event["seq"] != seq:
        return f"Event {event['seq']} stands where event {seq} should: events are missing, moved or were inserted."
    if event["prev"] != prev:
        return f"Event {seq} does not follow the event before it: its 'prev' is not that event's hash."
    if "text" in event:
        if digest_of(str(event["text"])) != event["digest"]:
            return f"Event {seq} has a digest that is not that of its text: the text was changed."
        if read_text(str(event["text"])) != {
            name: value for name, value in event.items() if name not in NOT_IN_TEXT
        }:
            return f"Event {seq} has columns that differ from the text that was hashed: a column was changed."
    elif set(event) != LINK:
        return f"Event {seq} has columns without the text that was hashed: nothing vouches for them."
    elif not links:
        return f"Event {seq} has no text: what it says was taken away."
    if link(prev=prev, digest=event["digest"]) != event["hash"]:
        return f"Event {seq} has a hash that is not that of its text: the text or the hash was changed."
    at = event.get("at")
    if at and before and _time(at) < _time(before) - CLOCK_TOLERANCE:
        return f"Event {seq} is earlier than the event before it: the clock was put back."
    return ""


def head_problem(
    head: Mapping[str, Any],
    *,
    public_key: bytes,
    signed: Optional[Callable[..., bool]] = None,  # noqa: UP045 - as above
) -> str:
    """Say what is wrong with one signed head, or return an empty text."""
    if not public_key:
        return f"The head of event {head['seq']} can not be checked without the public key."
    if head["key_id"] != key_id_of(public_key):
        return f"The head of event {head['seq']} was signed with another key ({head['key_id']})."
    message = head_message(seq=head["seq"], hash_=head["hash"], at=head["at"])
    if not (signed or is_signed)(message, signature=_bytes(head["signature"]), public_key=public_key):
        return f"The signature of the head of event {head['seq']} does not hold: the head was changed."
    return ""


def _other_head(heads: Sequence[Mapping[str, Any]], *, seq: int, hash_: str) -> str:
    for head in heads:
        if head["hash"] != hash_:
            return f"Event {seq} is not the one that was signed on {head['at']}: the chain was computed anew from here or before."
    return ""


def pack_problem(
    folder: Path,
    *,
    manifest: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
    signed: Optional[int],  # noqa: UP045 - as above
) -> str:
    """Say which file of an evidence pack is not what the trail says, or return an empty text.

    ``events`` are those of the pack, already verified as a chain; ``signed`` is the last one that a head covers, None when no
    head could be checked.
    """
    number = manifest["export"]
    export = next((event for event in events if event["seq"] == number and "text" in event), None)
    if export is None or export["action"] != "export_evidence" or export["rollout"] != manifest["rollout"]:
        return f"Event {number} is not the one that tells of this export: nothing vouches for the files."
    if signed is not None and signed < number:
        return f"Event {number}, which tells of this export, is not covered by a signed head."
    told = export["after"]
    for name in VOUCHED:
        if told["files"].get(name) != manifest["files"].get(name):
            return f"{name} is not the file that event {number} says was exported: it was changed."
    own = [event for event in events if "text" in event and event["seq"] <= told["as_of"]]
    if any(event["rollout"] != manifest["rollout"] for event in own) or len(own) != told["events"]:
        return f"{len(own)} events are about this rollout, but event {number} says {told['events']}: some were left out."
    votes, verdicts = _json(folder / "approvals.json"), list(_lines(folder / "verdicts.jsonl"))
    return _votes_problem(votes, events=own) or _verdicts_problem(verdicts, events=own)


def manifest_problem(folder: Path, *, manifest: Mapping[str, Any]) -> str:
    """Say which file is missing or not the one that the manifest names, or return an empty text."""
    for name in sorted({*manifest["files"], *VOUCHED, "events.jsonl", "heads.jsonl"}):
        file = folder / Path(name).name
        if not file.is_file():
            return f"{name} is missing from the pack."
        if hashlib.sha256(file.read_bytes()).hexdigest() != manifest["files"].get(name):
            return f"{name} is not the file that was exported: its SHA-256 is not that of the manifest."
    return ""


def _votes_problem(votes: Iterable[Mapping[str, Any]], *, events: Sequence[Mapping[str, Any]]) -> str:
    """Each vote the trail tells of is there as it was given, with the evidence that was hashed."""
    found = {vote["id"]: vote for vote in votes}
    for event in events:
        number = (event["after"] or {}).get("vote") if event["action"] in VOTES else None
        if number is None or event["outcome"] != "done":
            continue
        vote = found.get(number)
        if vote is None:
            return f"Vote {number} of event {event['seq']} is missing from approvals.json."
        if digest_of(vote["evidence_text"]) != event["after"]["evidence_hash"]:
            return f"The evidence of vote {number} is not what event {event['seq']} says: it was changed after the vote."
        given = (VOTES[event["action"]], event["user"], event["fingerprint"])
        if (vote["decision"], vote["user"], vote["fingerprint"]) != given:
            return f"Vote {number} in approvals.json is not the one that event {event['seq']} tells of: it was changed."
    return ""


def _verdicts_problem(verdicts: Iterable[Mapping[str, Any]], *, events: Sequence[Mapping[str, Any]]) -> str:
    """Each verdict that a decision of the trail follows is there as it was said."""
    found = {verdict["id"]: verdict for verdict in verdicts}
    for event in events:
        told = (event["after"] or {}).get("verdict")
        if not isinstance(told, dict):
            continue
        verdict = found.get(told["id"])
        said = verdict and (verdict["outcome"], verdict["metric"], verdict["snapshots_hash"])
        if said != (told["outcome"], told["metric"], told["samples_hash"]):
            return f"Verdict {told['id']} in verdicts.jsonl is not the one that event {event['seq']} follows: it was changed."
    return ""


def read_text(text: str) -> object:
    """Return what a canonical text says, or None when it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _time(moment: Any) -> datetime:
    return datetime.fromisoformat(moment if isinstance(moment, str) else moment["at"])


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


# Ed25519 (RFC 8032, section 5.1.7), verification only: slow, and free of packages. No secret is handled here.
_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
# Points are (X, Y, Z, T) in extended coordinates.


def is_signed(message: bytes, *, signature: bytes, public_key: bytes) -> bool:
    """Say whether this Ed25519 signature of the message is that of the key's owner."""
    if len(signature) != 64 or len(public_key) != 32:
        return False
    key, point = _decompress(public_key), _decompress(signature[:32])
    factor = int.from_bytes(signature[32:], "little")
    if key is None or point is None or factor >= _ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little")
    left = _times(factor, _base())
    right = _add(point, _times(challenge % _ORDER, key))
    return all(bool((left[axis] * right[2] - right[axis] * left[2]) % _P == 0) for axis in (0, 1))


def _base() -> Any:
    y = 4 * pow(5, -1, _P) % _P
    return _point(_x_of(y, sign=0), y)


def _point(x: Optional[int], y: int) -> Any:  # noqa: UP045 - as above
    return None if x is None else (x, y, 1, x * y % _P)


def _x_of(y: int, *, sign: int) -> Optional[int]:  # noqa: UP045 - as above
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    return _P - x if x & 1 != sign else x


def _decompress(data: bytes) -> Any:
    number = int.from_bytes(data, "little")
    y = number & ((1 << 255) - 1)
    return None if y >= _P else _point(_x_of(y, sign=number >> 255), y)


def _add(left: Any, right: Any) -> Any:
    a = (left[1] - left[0]) * (right[1] - right[0]) % _P
    b = (left[1] + left[0]) * (right[1] + right[0]) % _P
    c, d = 2 * left[3] * right[3] * _D % _P, 2 * left[2] * right[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(factor: int, point: Any) -> Any:
    result = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            result = _add(result, point)
        point, factor = _add(point, point), factor >> 1
    return result


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line, object_pairs_hook=_once)


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names something twice: two readers would read two different things."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names something twice")
    return found


def _arguments(arguments: Optional[Sequence[str]]) -> argparse.Namespace:  # noqa: UP045 - as above
    parser = argparse.ArgumentParser(description="Verify an export of Weir's audit trail.")
    parser.add_argument("events", help="the export (JSON Lines), or the folder of an unpacked evidence pack")
    parser.add_argument(
        "--heads", help="signed heads, JSON Lines, from where the database's owner cannot write"
    )
    parser.add_argument("--key", default="", help="base64 of the Ed25519 public key that signs the heads")
    parser.add_argument(
        "--from",
        dest="first",
        type=int,
        default=1,
        help="number of the export's first event, where it is not 1",
    )
    parser.add_argument(
        "--chain-only",
        action="store_true",
        help="do not check signed heads: shows neither a cut end nor a chain computed anew",
    )
    given = parser.parse_args(arguments)
    given.public_key = _bytes(given.key)
    if given.key and len(given.public_key) != 32:
        parser.error("--key is not the base64 of the 32 bytes of an Ed25519 public key")
    if given.heads and not given.key:
        parser.error("--heads can not be checked without --key: ask who runs Weir for the public key")
    return given


def main(arguments: Optional[Sequence[str]] = None) -> int:  # noqa: UP045 - as above
    """Verify the files of the command line and say what was found."""
    given = _arguments(arguments)
    try:
        code, said = _checked(Path(given.events), given=given)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        code, said = 2, f"The files can not be read as an export: {error!r}"
    (sys.stderr if code == 2 else sys.stdout).write(f"{said}\n")
    return code


def _checked(path: Path, *, given: argparse.Namespace) -> tuple[int, str]:
    """Return the exit code and what is said. Raises what reading may."""
    folder = path if path.is_dir() else path.parent
    is_pack = path.is_dir() or (path.name == "events.jsonl" and (folder / "manifest.json").is_file())
    file = folder / "events.jsonl" if is_pack else path
    manifest = _json(folder / "manifest.json") if is_pack else None
    if manifest and (problem := manifest_problem(folder, manifest=manifest)):
        return 1, problem
    heads = [line for line in _lines(file) if "signature" in line]
    heads += _lines(folder / "heads.jsonl") if is_pack else ()
    heads += _lines(Path(given.heads)) if given.heads else ()
    heads = (
        [] if given.chain_only else list({json.dumps(head, sort_keys=True): head for head in heads}.values())
    )
    if heads and not given.key:
        return 2, f"{len(heads)} signed heads can not be checked without --key. Without them: --chain-only."
    opening = next(line for line in _lines(file) if "signature" not in line)
    first = opening["seq"] if is_pack else given.first
    report = verify(
        (line for line in _lines(file) if "signature" not in line),
        heads=[head for head in heads if head["seq"] >= first - 1],
        public_key=given.public_key,
        first=first,
        prev=opening["prev"] if first > 1 else GENESIS,
        links=is_pack,
        is_all=False,
    )
    problem = report.problem
    if given.key and not given.chain_only and not problem and not report.heads:
        problem = "A key was given, but no signed head was held against these events: give --heads, or --chain-only."
    if manifest and not problem:
        events = [line for line in _lines(file) if "signature" not in line]
        signed = report.signed if heads else None
        problem = pack_problem(folder, manifest=manifest, events=events, signed=signed)
    return (1, problem) if problem else (0, _sound(report, first=first))


def _sound(report: Report, *, first: int) -> str:
    last = first + report.events - 1
    said = f"{report.events} events from {first} on, chain sound, {report.heads} signed heads hold, head {report.head}."
    if not report.heads:
        return f"{said}\nNo signed head was checked: a cut end, or a chain computed anew, would not show."
    said += f"\nSigned up to event {report.signed} on {report.signed_at}."
    if report.signed < last:
        said += f" Events {report.signed + 1} to {last} are younger: no head covers them yet."
    return said + (f"\n{report.later} heads were signed after this export was taken." if report.later else "")


if __name__ == "__main__":
    sys.exit(main())
