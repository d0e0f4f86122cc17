"""What ``decide`` can answer: one thing to do, as a closed union."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from releases.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do; look again at ``until``."""

    until: datetime
    reason: Reason
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start:
    """Begin: approved becomes running."""


@dataclass(frozen=True, slots=True)
class Expire:
    """End a request or an approval that nobody used in time."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a rollout that has not begun, because its release train failed without it."""

    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verify:
    """A forward write is due: render the content again, hash it, count the votes, and decide again."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Write the traffic of this step (again)."""

    position: int


@dataclass(frozen=True, slots=True)
class Measure:
    """Take a snapshot, judge it, look whether the mesh is still what was written."""


@dataclass(frozen=True, slots=True)
class Promote:
    """Give the candidate everything, and watch for a moment whether it arrives."""


@dataclass(frozen=True, slots=True)
class Complete:
    """The candidate has everything: it is the stable version now."""


@dataclass(frozen=True, slots=True)
class RollBack:
    """Give everything back to the stable version."""

    reason: Reason
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hold:
    """Pause and wait for a person; traffic stays."""

    reason: Reason
    params: Mapping[str, Any] = field(default_factory=dict)


Action = Wait | Start | Expire | Cancel | Verify | Shift | Measure | Promote | Complete | RollBack | Hold
