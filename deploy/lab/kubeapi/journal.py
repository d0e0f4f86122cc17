"""The objects on disk, one line per change: a killed process comes back with everything it answered for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.lab.kubeapi.kinds import Json


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored change. ``object`` is the object after it, or the removed one when ``removed``."""

    revision: int
    kind: str
    object: Json
    removed: bool = False


class Journal:
    """An append-only file of changes. A line reaches the operating system before the client gets its answer.

    It survives a killed process; it does not promise to survive a power cut, which costs a sync per write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lines = 0
        self._cut_torn_line()
        self._file = path.open("a", encoding="utf-8")

    def _cut_torn_line(self) -> None:
        """Drop what a kill in the middle of a write left behind; its client never got an answer."""
        if not self._path.exists():
            return
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._path.write_bytes(content[:whole])

    def entries(self) -> Iterator[Entry]:
        """Yield what is on disk, oldest first."""
        self.lines = 0
        with self._path.open(encoding="utf-8") as lines:
            for line in lines:
                self.lines += 1
                raw = json.loads(line)
                yield Entry(raw["revision"], raw["kind"], raw["object"], removed=raw["removed"])

    def append(self, entry: Entry) -> None:
        """Write one change."""
        self._file.write(_line(entry))
        self._file.flush()
        self.lines += 1

    def replace(self, entries: Iterable[Entry]) -> None:
        """Put a shorter history in place of the whole one, atomically."""
        fresh = self._path.with_suffix(".fresh")
        with fresh.open("w", encoding="utf-8") as file:
            count = 0
            for entry in entries:
                file.write(_line(entry))
                count += 1
        self._file.close()
        fresh.replace(self._path)
        self._file = self._path.open("a", encoding="utf-8")
        self.lines = count

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _line(entry: Entry) -> str:
    raw = {"revision": entry.revision, "kind": entry.kind, "removed": entry.removed, "object": entry.object}
    return json.dumps(raw, separators=(",", ":")) + "\n"
