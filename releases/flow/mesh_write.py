"""One write to the mesh and the one audit event that answers it, whoever is killed between the two.

Order: ``announce`` commits what will be written (compare-and-set on the revision), then the put, then ``acknowledge``
commits the event and what follows from it. A worker that ends in between leaves its intent on the row; whoever comes next
calls ``settle``, which looks whether the write landed and completes the record. Only the holder of the intent records the
write, so a late worker and the one that settled for it do not both do it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from istio.documents import TrafficError, annotations_of
from istio.marks import FENCE
from istio.mesh import VIRTUAL_SERVICE, Manifest, Mesh, Ref
from releases.clock import Clock
from releases.domain.actor import Actor
from releases.domain.states import State
from releases.flow.authority import authority_of
from releases.flow.content import owned_parts, with_candidate_subset
from releases.flow.move import change
from releases.flow.record import record
from releases.flow.shared_object import sharing
from releases.models import Rollout, StepRun

_FENCE_DIGITS = 15
"""A longer number on the object is nobody's revision."""

CONFIRMING_LOOKS = 6
"""So many looks a promotion that raised the weight is watched before the candidate is called stable: the judge needs four to fail."""


def put(
    rollout: Rollout,
    *,
    mesh: Mesh,
    live: Manifest,
    document: Manifest,
    by: Actor,
    clock: Clock,
    position: int | None = None,
    weight: int | None = None,
    planned: dict[str, Any] | None = None,
    why: str = "",
) -> Manifest:
    """Write one document over the live one and return what is stored; nothing to change means no write and no event.

    ``position`` and ``weight`` name the step that this write carries out, if it does. After an error the intent stays on
    the row, since an answer that got lost does not say whether the write landed. Raises LostRace, MeshError.
    """
    announce(
        rollout,
        before=live,
        document=document,
        position=position,
        weight=weight,
        planned=planned,
        why=why,
        at=clock(),
    )
    stored = live if document == live else mesh.put(document)
    acknowledge(rollout, after=stored, by=by, at=clock())
    return stored


@transaction.atomic
def announce(
    rollout: Rollout,
    *,
    before: Manifest,
    document: Manifest,
    position: int | None,
    weight: int | None,
    planned: dict[str, Any] | None,
    why: str,
    at: datetime,
) -> None:
    """Commit the intent. Raises LostRace if anybody, a rollback above all, changed the row since it was leased."""
    intent = {
        "token": rollout.revision + 1,
        "before": before,
        "document": document,
        "position": position,
        "weight": weight,
        "why": why,
    }
    change(rollout, event=None, writing=intent)
    if position is not None:
        values = {"desired": weight, "desired_at": at, "outcome": StepRun.Outcome.WRITING}
        StepRun.objects.update_or_create(
            rollout=rollout, position=position, defaults={"planned": planned, **values}
        )


@transaction.atomic
def acknowledge(rollout: Rollout, *, after: Manifest, by: Actor, at: datetime) -> bool:
    """Commit the event of the announced write, and what it means for the step: ``started_at`` begins its bake.

    Return False when somebody else has settled it already. The revision stays: what is written here belongs to whoever
    holds the intent, and a move that came meanwhile must not undo what is a fact by now.
    """
    intent = rollout.writing or {}
    fields: dict[str, Any] = {"writing": None}
    if after["kind"] == VIRTUAL_SERVICE:
        fields |= {"last_written": after, "drift": None}
    position = intent["position"]
    if position is not None and position < len(rollout.plan_value.steps):
        fields["current_step"] = position
    held = Rollout.objects.filter(pk=rollout.pk, writing__token=intent["token"])
    mine = bool(held.update(**fields))
    if not mine:
        fields = {"writing": None}
    for name, value in fields.items():
        setattr(rollout, name, value)
    if mine and after != intent["before"]:
        told = {**after, "authorised_by": authority_of(rollout)}
        record("mesh_write", by=by, obj=rollout, why=intent["why"], before=intent["before"], after=told)
    if mine and position is not None:
        _begin_bake(rollout, position=position, weight=intent["weight"], at=at)
    return mine


def settle(rollout: Rollout, *, mesh: Mesh, by: Actor, clock: Clock) -> bool:
    """Complete what a worker that ended left behind: if its write landed, write the event; if not, leave it to be written again.

    Say whether one landed. One read of the mesh, and only when an intent stands on the row. Raises MeshError.
    """
    if rollout.writing is None:
        return False
    before = rollout.writing["before"]
    metadata = before["metadata"]
    live = mesh.get(Ref(before["kind"], metadata["namespace"], metadata["name"]))
    return landed(rollout, live=live) and acknowledge(rollout, after=live, by=by, at=clock())


def landed(rollout: Rollout, *, live: Manifest) -> bool:
    """Say whether the live object is what a write of this rollout made of the announced ``before``.

    Each write to a VirtualService leaves another fence on it, also one by a late worker; only the last one, the
    promotion, leaves no mark, and is known by its routes.
    """
    intent = rollout.writing or {}
    before, document = intent["before"], intent["document"]
    if _version(live) == _version(before):
        return False
    if live["kind"] != VIRTUAL_SERVICE:
        return _defines_candidate(live, rollout=rollout)
    if _fence(document) is None:
        return _fence(live) is None and owned_parts(live, rollout=rollout) == owned_parts(
            document, rollout=rollout
        )
    if _fence(live) in {None, _fence(before)}:
        return False
    # Where several services share the object, the other fence may be that of a neighbour who went back.
    is_alone = not sharing(rollout.service).exists()
    return is_alone or owned_parts(live, rollout=rollout) == owned_parts(document, rollout=rollout)


def _defines_candidate(live: Manifest, *, rollout: Rollout) -> bool:
    """Say whether the DestinationRule has the candidate's subset; one that somebody made another meanwhile is not ours."""
    try:
        return with_candidate_subset(live, rollout=rollout) == live
    except TrafficError:
        return False


def fence_for(rollout: Rollout, *, live: Manifest) -> str:
    """Return the row's revision, above what an earlier rollout left on the object: a fence never comes twice.

    Raises LostRace if anybody changed the row.
    """
    left = str(annotations_of(live).get(FENCE) or "")
    if left.isdecimal() and len(left) <= _FENCE_DIGITS and int(left) >= rollout.revision:
        change(rollout, event=None, revision=int(left) + 1)
    return str(rollout.revision)


def _begin_bake(rollout: Rollout, *, position: int, weight: int, at: datetime) -> None:
    """The step is on the mesh: each weight bakes from its own acknowledged write; the steps before it passed.

    A promotion is watched for a few looks if it gave the candidate more than it had. While paused the bake stands still.
    """
    runs = StepRun.objects.filter(rollout=rollout)
    seconds = _bake_seconds(rollout, position=position)
    paused = Rollout.objects.filter(pk=rollout.pk, state=State.PAUSED).exists()
    fresh = runs.filter(position=position).exclude(written=weight, started_at__isnull=False)
    fresh.update(
        started_at=at,
        bake_until=None if paused else at + timedelta(seconds=seconds),
        bake_left_seconds=seconds if paused else None,
        mismatch_accepted=False,
        evidence_accepted=False,
    )
    runs.filter(position=position).update(written=weight, outcome=StepRun.Outcome.BAKING)
    passed = runs.filter(position__lt=position, outcome=StepRun.Outcome.BAKING)
    passed.update(outcome=StepRun.Outcome.PASSED, ended_at=at)


def _bake_seconds(rollout: Rollout, *, position: int) -> int:
    plan = rollout.plan_value
    if position < len(plan.steps):
        return plan.steps[position].bake_seconds
    before = rollout.step_runs.filter(position__lt=position).order_by("-position").first()
    raised = before is None or before.written != 100
    return CONFIRMING_LOOKS * plan.evidence.interval_seconds if raised else 0


def _fence(document: Manifest) -> Any:
    return annotations_of(document).get(FENCE)


def _version(document: Manifest) -> Any:
    return document["metadata"].get("resourceVersion")
