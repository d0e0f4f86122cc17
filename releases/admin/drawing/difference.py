"""A unified difference as lines with numbers and glyphs, and the same side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")

Kind = Literal["same", "added", "removed", "place"]
GLYPHS: dict[Kind, str] = {"same": "", "added": "+", "removed": "−", "place": ""}
TINTS: dict[Kind, str] = {"same": "", "added": "a", "removed": "d", "place": "h"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line. ``old`` and ``new`` are its numbers in the two texts, None where it is not in that one."""

    kind: Kind
    text: str
    old: int | None = None
    new: int | None = None

    @property
    def glyph(self) -> str:
        return GLYPHS[self.kind]

    @property
    def tint(self) -> str:
        return TINTS[self.kind]


@dataclass(frozen=True, slots=True)
class Pair:
    """What stands left and right in one row; None is an empty side."""

    left: Line | None
    right: Line | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference, ready to be drawn both ways."""

    lines: tuple[Line, ...]
    added: int
    removed: int

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(_paired(self.lines))


def read_difference(text: str) -> Difference:
    """Read the output of ``difflib.unified_diff`` or ``diff -u``; several files may follow one another."""
    lines: list[Line] = []
    old = new = old_left = new_left = 0
    for raw in text.splitlines():
        if old_left <= 0 and new_left <= 0:
            # Between hunks. Only here is "---" a file's name: inside of one it is a removed line.
            if hunk := _HUNK.match(raw):
                old, old_left, new, new_left = (int(number or 1) for number in hunk.groups()[:4])
                lines.append(Line("place", hunk[5] or f"… {new}"))
            elif raw.startswith("+++ ") and raw != "+++ after":
                lines.append(Line("place", raw[4:].strip()))
        elif raw.startswith("+"):
            lines.append(Line("added", raw[1:], new=new))
            new, new_left = new + 1, new_left - 1
        elif raw.startswith("-"):
            lines.append(Line("removed", raw[1:], old=old))
            old, old_left = old + 1, old_left - 1
        elif not raw.startswith("\\"):  # "\ No newline at end of file"
            lines.append(Line("same", raw[1:], old=old, new=new))
            old, old_left, new, new_left = old + 1, old_left - 1, new + 1, new_left - 1
    kinds = [line.kind for line in lines]
    return Difference(lines=tuple(lines), added=kinds.count("added"), removed=kinds.count("removed"))


def _paired(lines: Sequence[Line]) -> list[Pair]:
    """Set removed lines beside the added ones that follow them."""
    pairs: list[Pair] = []
    left: list[Line] = []
    right: list[Line] = []
    for line in [*lines, Line("place", "")]:
        if line.kind == "removed" and not right:
            left.append(line)
        elif line.kind == "added":
            right.append(line)
        else:
            pairs.extend(Pair(one, other) for one, other in zip_longest(left, right))
            left, right = ([line], []) if line.kind == "removed" else ([], [])
            if line.kind != "removed":
                pairs.append(Pair(line, line))
    return pairs[:-1]
