"""The points of a pass at which a worker can be ended, and the seams they stand on.

A point is the moment before or after a function of ``releases.flow`` (or of the mesh's adapter) runs. The functions are
wrapped from here, so the engine itself knows nothing of points and pays nothing for them; a renamed function makes every
test fail at once. A pass is named by its *stage*: what it is about to do (``shift:1``, ``promote``, ``roll_back``).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, Literal
from unittest.mock import patch

from releases.domain.decision import Action, Complete, Facts, Measure, Promote, RollBack, Shift
from releases.domain.states import State
from releases.models import Rollout

FORWARD = frozenset({"shift", "promote"})
WRITING = FORWARD | {"roll_back"}


@dataclass(frozen=True, slots=True)
class Point:
    """One moment: ``function`` is dotted; ``stages`` are the kinds of passes that come by. ``real_only``: needs a socket."""

    name: str
    when: Literal["before", "after"]
    function: str
    stages: frozenset[str]
    real_only: bool = False


POINTS = (
    Point("before_lease", "before", "releases.flow.advance.lease", WRITING),
    Point("after_lease", "after", "releases.flow.advance.lease", WRITING),
    Point("after_settle", "after", "releases.flow.advance.settle", WRITING),
    Point("after_facts", "after", "releases.flow.advance.facts_of", WRITING),
    Point("after_decide", "after", "releases.flow.advance.decide", WRITING),
    Point("before_mesh_read", "before", "{mesh}.get", WRITING),
    Point("after_mesh_read", "after", "{mesh}.get", WRITING),
    Point("intent_not_committed", "after", "releases.flow.mesh_write.change", WRITING),
    Point("after_intent", "after", "releases.flow.mesh_write.announce", WRITING),
    Point("before_mesh_write", "before", "{mesh}.put", WRITING),
    Point("mesh_write_sent", "before", "http.client.HTTPConnection.getresponse", WRITING, real_only=True),
    Point("after_mesh_write", "after", "{mesh}.put", WRITING),
    Point("event_not_committed", "after", "releases.flow.mesh_write.record", WRITING),
    Point("after_event", "after", "releases.flow.mesh_write.acknowledge", WRITING),
    Point("before_note", "before", "releases.flow.shift.note", frozenset({"shift"})),
    Point("after_note", "after", "releases.flow.shift.note", frozenset({"shift"})),
    Point("before_measure", "before", "releases.flow.advance.measure", frozenset({"bake"})),
    Point("after_measure", "after", "releases.flow.advance.measure", frozenset({"bake"})),
    Point("before_end", "before", "releases.flow.conclude.move", frozenset({"promote", "roll_back"})),
    Point("end_not_committed", "after", "releases.flow.conclude.move", frozenset({"promote", "roll_back"})),
    Point("after_pass", "after", "releases.flow.advance.carry_out", WRITING),
)

EVERY_STEP = bool(os.environ.get("WEIR_EVERY_STEP"))
"""Set by ``python -m tests.faults.soak``: each point in every stage instead of in one."""


def chosen(stages: Sequence[str]) -> list[tuple[Point, str]]:
    """Return (point, stage) pairs to try: every one, or one stage for each point, another for the next point."""
    pairs = []
    for number, point in enumerate(POINTS):
        fitting = [stage for stage in stages if stage.partition(":")[0] in point.stages]
        pairs += [(point, stage) for stage in (fitting if EVERY_STEP else [fitting[number % len(fitting)]])]
    return pairs


Reached = Callable[[Point, str, int], None]
"""Called with each point as it is passed, the stage of the pass, and the rollout's id."""


@contextmanager
def watched(reached: Reached, *, mesh: str) -> Iterator[None]:
    """Tell ``reached`` about every point inside the block. ``mesh`` is the dotted class of the adapter in use."""
    watch = _Watch(reached)
    seams: dict[str, list[Point]] = {}
    for point in POINTS:
        if not (point.real_only and mesh.startswith("tests.")):
            seams.setdefault(point.function.format(mesh=mesh), []).append(point)
    with ExitStack() as stack:
        for dotted, points in seams.items():
            owner, name = _located(dotted)
            wrapped = watch.wrap(getattr(owner, name), name=name, points=points)
            stack.enter_context(patch.object(owner, name, wrapped))
        yield


class _Watch:
    """Knows in which stage of which rollout this process is."""

    def __init__(self, reached: Reached) -> None:
        self._reached = reached
        self._stage, self._rollout = "", 0

    def wrap(self, function: Callable[..., Any], *, name: str, points: list[Point]) -> Callable[..., Any]:
        before = [point for point in points if point.when == "before"]
        after = [point for point in points if point.when == "after"]

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if name == "lease":
                self._rollout, self._stage = args[0], upcoming(args[0], now=kwargs["now"])
            for point in before:
                self._reached(point, self._stage, self._rollout)
            result = function(*args, **kwargs)
            if name == "decide":
                self._stage = _stage_of(result, facts=args[0]) or self._stage
            for point in after:
                self._reached(point, self._stage, self._rollout)
            return result

        return wrapped


def upcoming(rollout_id: int, *, now: datetime) -> str:
    """Say what the next pass is about to do, before anybody has decided it."""
    rollout = Rollout.objects.get(pk=rollout_id)
    run = rollout.step_runs.order_by("-position").first()
    if rollout.state == State.ROLLING_BACK:
        return "roll_back"
    if run is None or run.desired is None:
        return "shift:0"
    last = len(rollout.plan_value.steps) - 1
    if run.written != run.desired:
        return _write(run.position, last=last)
    if run.bake_until and run.bake_until > now:
        return f"bake:{run.position}"
    return _write(run.position + 1, last=last)


def _write(position: int, *, last: int) -> str:
    return "promote" if position > last else f"shift:{position}"


def _stage_of(action: Action, *, facts: Facts) -> str:
    match action:
        case Measure() if facts.run:
            return f"bake:{facts.run.position}"
        case Shift(position=position):
            return f"shift:{position}"
        case Promote() | Complete():
            return "promote"
        case RollBack():
            return "roll_back"
        case _:
            return ""


def _located(dotted: str) -> tuple[Any, str]:
    """Return the module or class that holds a function, and the function's name."""
    path, _, name = dotted.rpartition(".")
    try:
        return import_module(path), name
    except ModuleNotFoundError:
        module, _, owner = path.rpartition(".")
        return getattr(import_module(module), owner), name
