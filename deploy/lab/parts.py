"""What a lab is made of, as values: long-running parts and one-time steps, and what each needs first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Probe = Callable[[], Awaitable[bool]]
"""Says whether a part is ready; it may be asked often."""

Preparation = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Part:
    """A process that runs as long as the lab does."""

    name: str
    command: tuple[str, ...]
    ready: Probe
    where: str
    """Address or purpose, for the progress line."""
    after: tuple[str, ...] = ()
    """What has to be ready before it starts; it ends before them."""
    uses: tuple[str, ...] = ()
    """What it waits for by itself, so that both start at once; it ends before them too."""
    environ: Mapping[str, str] = field(default_factory=dict)
    prepare: Preparation | None = None
    """Runs before every start, restarts included."""
    stop_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """Something to be done once, at every start of the lab; raises LabError if it fails."""

    name: str
    run: Preparation
    where: str
    after: tuple[str, ...] = ()
