"""What was asked and what became of it: the judge of tests and benchmarks. Bounded in memory, not on disk."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

KEPT = 20_000
TAIL_BYTES = 8 * 2**20  # what a start reads again; the file of a long day would take many seconds


@dataclass(frozen=True, slots=True)
class Record:
    """One answered request.

    ``time`` is RFC 3339 with microseconds, of the moment the answer was decided; ``verb`` is Kubernetes' own.
    ``before`` and ``after`` are resourceVersions: equal when nothing was stored, None where there was no
    object. ``fault`` tells that the answer was provoked; with ``when: after`` the write itself did happen.
    """

    seq: int
    time: str
    verb: str
    method: str
    path: str
    query: str
    user_agent: str
    status: int
    milliseconds: float
    kind: str
    namespace: str
    name: str
    before: str | None
    after: str | None
    dry_run: bool
    fault: bool
    content_type: str
    body: Any


class RequestLog:
    """Numbers requests from 1; the numbers go on after a restart."""

    def __init__(self, path: Path) -> None:
        self._records: deque[Record] = deque(maxlen=KEPT)
        self.seq = 0
        tail = _tail(path)
        for line in tail.splitlines():
            self._restore(line)
        self._file = path.open("a", encoding="utf-8")
        if tail and not tail.endswith(b"\n"):
            self._file.write("\n")

    def _restore(self, line: bytes) -> None:
        try:
            record = Record(**json.loads(line))
        except (ValueError, TypeError):
            return  # a line that a kill tore apart, or that the tail begins in
        self._records.append(record)
        self.seq = record.seq

    def next_seq(self) -> int:
        """Return the number for the next record."""
        self.seq += 1
        return self.seq

    def add(self, record: Record) -> None:
        """Keep one record."""
        self._records.append(record)
        self._file.write(json.dumps(asdict(record), separators=(",", ":")) + "\n")
        self._file.flush()

    def select(self, *, since: int = 0, verbs: frozenset[str] = frozenset(), kind: str = "") -> list[Record]:
        """Return the records numbered above ``since``, oldest first; empty filters select everything."""
        return [
            record
            for record in self._records
            if record.seq > since
            and (not verbs or record.verb in verbs)
            and (not kind or record.kind.lower() == kind.lower())
        ]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _tail(path: Path) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return file.read()
