"""The judge: reads what the API server stored, the audit trail and the rows, and says what does not hold.

It knows nothing of how the engine works; it is the same for the fake mesh, the real API server and every fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from istio.mesh import Manifest
from istio.weights import weights_of
from releases import flow
from releases.domain.states import LIVE, State
from releases.models import AuditEvent, Rollout, StepRun
from tests.fakes.mesh import FakeMesh

STEP_MARK = "weir.dev/step"
CLOCKS_MAY_DIFFER = timedelta(milliseconds=100)
"""The API server and the database round their clocks differently."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One write that changed an object: resourceVersions before and after, and what was sent."""

    kind: str
    name: str
    before: str
    after: str
    document: Manifest
    at: datetime | None = None


def stored_by_fake(mesh: FakeMesh) -> list[Stored]:
    """Return every write of Weir's that changed something, oldest first."""
    return [
        Stored(write.ref.kind, write.ref.name, write.before, write.after, write.manifest)
        for write in mesh.log
        if not write.dry_run and write.before != write.after
    ]


def step_of(document: Manifest) -> int | None:
    """Return the position of the step that an object names, or None: the end names none."""
    mark = (document["metadata"].get("annotations") or {}).get(STEP_MARK)
    return None if mark is None else int(mark) - 1


def weight_in(document: Manifest, *, rollout: Rollout) -> int:
    """Return the candidate's percent in a VirtualService."""
    service = rollout.service
    weights = weights_of(
        document,
        host=service.host,
        routes=service.routes,
        namespace=service.namespace,
        stable=rollout.stable.subset,
    )
    return round(weights.get(rollout.candidate.subset, 0))


def weights_written(rollout: Rollout, *, stored: Sequence[Stored]) -> list[int]:
    """Return the candidate's percent of each write to the service's VirtualService, oldest first."""
    return [weight_in(write.document, rollout=rollout) for write in _of_service(rollout, stored)]


def check_end(rollout: Rollout, *, stored: Sequence[Stored], state: State) -> None:
    """Check a rollout that has ended, whatever was killed on the way: the writes are those of an undisturbed one."""
    rollout = Rollout.objects.get(pk=rollout.pk)
    assert rollout.state == state, (rollout.state, rollout.reason_code, rollout.reason_params)
    planned = [step.weight for step in rollout.plan_value.steps]
    written = weights_written(rollout, stored=stored)
    if state is State.COMPLETED:
        assert written == [*planned, 100], f"not each step once, in order: {written}"
    else:
        assert written[-1] == 0, f"the last write is not the rollback: {written}"
        assert written[:-1] == planned[: len(written) - 1], f"not each step once, in order: {written}"
    check_now(rollout, stored=stored)
    report = flow.verify_chain()
    assert report.is_sound, report.problem
    check_no_early_step(rollout, stored=stored)
    outcomes = set(rollout.step_runs.values_list("outcome", flat=True))
    assert not outcomes & {StepRun.Outcome.WRITING, StepRun.Outcome.BAKING}, outcomes
    assert rollout.writing is None


def check_now(rollout: Rollout, *, stored: Sequence[Stored]) -> None:
    """Check what holds at every moment, also in the middle of a rollout."""
    check_bounds(rollout, stored=stored)
    check_events(rollout, stored=stored)
    check_database(rollout)


def check_bounds(rollout: Rollout, *, stored: Sequence[Stored]) -> None:
    """I2: no write is above the approved weight of the step it carries out."""
    planned = [step.weight for step in rollout.plan_value.steps]
    position = -1
    for write in _of_service(rollout, stored):
        step = step_of(write.document)
        weight = weight_in(write.document, rollout=rollout)
        if step is None:
            assert weight in {0, 100}, f"a write of {weight} % names no step"
            continue
        assert step in {position, position + 1}, f"step {step + 1} after step {position + 1}"
        position = step
        assert weight <= planned[position], f"{weight} % in step {step + 1} is above {planned[position]} %"


def check_events(rollout: Rollout, *, stored: Sequence[Stored]) -> None:
    """I5: each write that changed the mesh has exactly one event with its before and after, and no event is made up.

    A write whose intent still stands on the row may not have its event yet.
    """
    events = AuditEvent.objects.filter(rollout=rollout, action="mesh_write").order_by("seq")
    told = [(_version(event.before), _version(event.after)) for event in events]
    assert len(set(told)) == len(told), f"a write was recorded twice: {told}"
    happened = [(write.before, write.after) for write in _of_service(rollout, stored, every_kind=True)]
    made_up = [pair for pair in told if pair not in happened]
    assert not made_up, f"events without a write: {made_up}; written: {happened}"
    missing = [pair for pair in happened if pair not in told]
    pending = Rollout.objects.get(pk=rollout.pk).writing
    allowed = [_version(pending["before"])] if pending else []
    assert [before for before, _after in missing] in ([], allowed), f"writes without an event: {missing}"


def check_no_early_step(rollout: Rollout, *, stored: Sequence[Stored]) -> None:
    """I6: by the API server's own clock a step stands for its whole bake before the next is written."""
    steps = rollout.plan_value.steps
    forward = [write for write in _of_service(rollout, stored) if weight_in(write.document, rollout=rollout)]
    for step, (this, following) in zip(steps, pairwise(forward), strict=False):
        if this.at and following.at:
            stood = following.at - this.at
            due = timedelta(seconds=step.bake_seconds)
            assert stood >= due - CLOCKS_MAY_DIFFER, f"{step.weight} % stood {stood}, not {due}"


def check_database(rollout: Rollout) -> None:
    """I1 and the chain: one live rollout per service, moves that follow each other, nothing changed afterwards."""
    live = Rollout.objects.filter(service=rollout.service, state__in=sorted(LIVE)).count()
    assert live <= 1, f"{live} live rollouts of {rollout.service}"
    state = State.DRAFT.value
    moves = AuditEvent.objects.filter(rollout=rollout, outcome="done").exclude(before=None).order_by("seq")
    for event in moves:
        if isinstance(event.before, dict) and set(event.before) == {"state"}:
            assert event.before["state"] == state, f"event {event.seq} begins in another state than {state}"
            state = (event.after or {})["state"]
    now = Rollout.objects.get(pk=rollout.pk).state
    assert state == now, f"the trail ends in {state}, the row says {now}"


def _of_service(rollout: Rollout, stored: Sequence[Stored], *, every_kind: bool = False) -> list[Stored]:
    names = {rollout.service.virtual_service} | ({rollout.service.destination_rule} if every_kind else set())
    kinds = {"VirtualService", "DestinationRule"} if every_kind else {"VirtualService"}
    return [write for write in stored if write.name in names and write.kind in kinds]


def _version(document: Any) -> str:
    return str(document["metadata"]["resourceVersion"])
