#!/usr/bin/env python3
"""Verify an export of Weir's audit trail, with nothing but this file and Python 3.9 or later.

    python3 verify_audit.py events.jsonl --heads heads.jsonl --key PUBLIC_KEY

Reads an export (JSON Lines), the signed heads, and the base64 of the Ed25519 public key; needs no database, no Weir and no
package. Exits 0 when everything holds, 1 with a sentence that names the first bad event or head, 2 when a file cannot be read.

Each line of the export is one event: its columns, ``text`` (the canonical JSON that was hashed), ``digest``, ``prev``,
``hash``. An evidence pack leaves out the text and columns of events that are not about its rollout; their digests still
carry the chain. Weir itself verifies with the same functions, so both say the same.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Optional

GENESIS = "0" * 64
CHAIN = b"weir-audit\n2"
HEAD = b"weir-audit-head\n1"
CLOCK_TOLERANCE = timedelta(seconds=5)
NOT_IN_TEXT = ("text", "digest", "prev", "hash")


@dataclass(frozen=True)
class Report:
    """How far the chain was read. ``problem`` is a sentence about the first bad event or head, or empty."""

    events: int
    first_bad: Optional[int]  # noqa: UP045 - the file runs on Python 3.9 too
    problem: str
    head: str
    heads: int = 0

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
) -> Report:
    """Read events in the order of their numbers and say where the chain breaks first; then hold the heads against it.

    ``first`` and ``prev`` are where the chain is taken up: after an archived segment, or at the start of an evidence pack.
    """
    waiting = {head["seq"]: head for head in heads}
    count, held, before = 0, 0, ""
    for head in heads:
        if problem := head_problem(head, public_key=public_key):
            return Report(0, int(head["seq"]), problem, prev)
    for event in events:
        seq = first + count
        if problem := event_problem(event, seq=seq, prev=prev, before=before):
            return Report(count, event.get("seq"), problem, prev)
        signed = waiting.pop(seq) if seq in waiting else None
        if signed and signed["hash"] != event["hash"]:
            text = f"Event {seq} is not the one that was signed on {signed['at']}: the chain was computed anew from here or before."
            return Report(count, seq, text, prev)
        held += signed is not None
        prev, count, before = event["hash"], count + 1, str(event.get("at") or before)
    later = [number for number in waiting if number >= first + count]
    if later:
        text = f"The trail ends with event {first + count - 1}, but a head of event {min(later)} was signed: the end was cut off."
        return Report(count, first + count, text, prev, held)
    return Report(count, None, "", prev, held)


def event_problem(event: Mapping[str, Any], *, seq: int, prev: str, before: str) -> str:
    """Say what is wrong with one event, or return an empty text. ``before`` is the time of the event before it."""
    if event["seq"] != seq:
        return f"Event {event['seq']} stands where event {seq} should: events are missing, moved or were inserted."
    if event["prev"] != prev:
        return f"Event {seq} does not follow the event before it: its 'prev' is not that event's hash."
    if event.get("text") is not None:
        if digest_of(event["text"]) != event["digest"]:
            return f"Event {seq} has a digest that is not that of its text: the text was changed."
        if read_text(event["text"]) != {
            name: value for name, value in event.items() if name not in NOT_IN_TEXT
        }:
            return f"Event {seq} has columns that differ from the text that was hashed: a column was changed."
    if link(prev=prev, digest=event["digest"]) != event["hash"]:
        return f"Event {seq} has a hash that is not that of its text: the text or the hash was changed."
    at = event.get("at")
    if at and before and datetime.fromisoformat(at) < datetime.fromisoformat(before) - CLOCK_TOLERANCE:
        return f"Event {seq} is earlier than the event before it: the clock was put back."
    return ""


def head_problem(head: Mapping[str, Any], *, public_key: bytes) -> str:
    """Say what is wrong with one signed head, or return an empty text."""
    if not public_key:
        return f"The head of event {head['seq']} can not be checked without the public key."
    if head["key_id"] != key_id_of(public_key):
        return f"The head of event {head['seq']} was signed with another key ({head['key_id']})."
    message = head_message(seq=head["seq"], hash_=head["hash"], at=head["at"])
    if not is_signed(message, signature=_bytes(head["signature"]), public_key=public_key):
        return f"The signature of the head of event {head['seq']} does not hold: the head was changed."
    return ""


def read_text(text: str) -> object:
    """Return what a canonical text says, or None when it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None


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


def _lines(path: str) -> Iterator[dict[str, Any]]:
    with Path(path).open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def main(arguments: Optional[Sequence[str]] = None) -> int:  # noqa: UP045 - as above
    """Verify the files of the command line and say what was found."""
    parser = argparse.ArgumentParser(description="Verify an export of Weir's audit trail.")
    parser.add_argument("events", help="the export, JSON Lines")
    parser.add_argument(
        "--heads", help="signed heads, JSON Lines, from where the database's owner cannot write"
    )
    parser.add_argument("--key", default="", help="base64 of the Ed25519 public key that signs the heads")
    parser.add_argument(
        "--from",
        dest="first",
        type=int,
        default=1,
        help="number of the first event, where it is not 1: see the pack's README",
    )
    given = parser.parse_args(arguments)
    try:
        events = _lines(given.events)
        opening = next(events)
        heads = [head for head in _lines(given.heads) if head["seq"] >= given.first] if given.heads else []
        report = verify(
            _again(opening, events),
            heads=heads,
            public_key=_bytes(given.key),
            first=given.first,
            prev=opening["prev"] if given.first > 1 else GENESIS,
        )
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        sys.stderr.write(f"The files can not be read as an export: {error!r}\n")
        return 2
    if not report.is_sound:
        sys.stdout.write(f"{report.problem}\n")
        return 1
    sys.stdout.write(
        f"{report.events} events from {given.first} on, chain sound, {report.heads} signed heads hold, head {report.head}.\n"
    )
    return 0


def _again(opening: dict[str, Any], rest: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield opening
    yield from rest


if __name__ == "__main__":
    sys.exit(main())
