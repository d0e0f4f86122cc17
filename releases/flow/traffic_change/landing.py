"""The one audit event of each write by hand, whoever was ended between the write and its event.

A change's ``before`` and ``desired`` are its last intent, committed before the put. The API server takes a put on one
resourceVersion at most once, so ``before`` names the write: whoever looks for its event knows whether it was told.
"""

from __future__ import annotations

from django.db import transaction

from istio.documents import annotations_of
from istio.marks import FENCE
from istio.mesh import VIRTUAL_SERVICE, Manifest, Mesh, Ref
from releases.domain.actor import Actor
from releases.domain.traffic_change import ChangeState
from releases.flow.authority import authority_of_change
from releases.flow.content import owned_parts, with_candidate_subset
from releases.flow.record import record, take_chain_lock
from releases.models import AuditEvent, TrafficChange
from services.models import Service


@transaction.atomic
def tell_write(change: TrafficChange, *, before: Manifest, after: Manifest, by: Actor, why: str = "") -> None:
    """Record that a put over ``before`` was stored as ``after``, unless somebody has recorded it already."""
    take_chain_lock()
    told = AuditEvent.objects.filter(
        action="mesh_write",
        object_type=change._meta.model_name,
        object_id=str(change.pk),
        before__kind=before["kind"],
        before__metadata__resourceVersion=_version(before),
    )
    if after != before and not told.exists():
        tells = {**after, "authorised_by": authority_of_change(change)}
        record("mesh_write", by=by, obj=change, why=why, before=before, after=tells)


def settle_untold(change: TrafficChange, *, mesh: Mesh, by: Actor) -> None:
    """Tell the last write of a change if it landed. One read of the mesh. Raises MeshError."""
    before = change.before
    if before is not None and change.desired is not None:
        metadata = before["metadata"]
        tell_if_landed(
            change, live=mesh.get(Ref(before["kind"], metadata["namespace"], metadata["name"])), by=by
        )


def settle_given_up(service: Service, *, live: Manifest, by: Actor) -> None:
    """Tell the writes of changes that were given up while somebody was at them. ``live`` is the VirtualService."""
    given_up = TrafficChange.objects.filter(
        service=service, state=ChangeState.APPROVED, desired__isnull=False
    )
    for change in given_up.select_related("service", "stable", "candidate"):
        tell_if_landed(change, live=live, by=by)


def tell_if_landed(change: TrafficChange, *, live: Manifest, by: Actor) -> None:
    """Tell the last write of a change if ``live`` came of it, also if somebody else wrote over it since."""
    before, desired = change.before or {}, change.desired or {}
    if landed(change, live=live):
        tell_write(change, before=before, after=live, by=by)
    elif _was_passed(live, before=before, desired=desired):
        tell_write(change, before=before, after=desired, by=by, why="somebody else wrote the object since")


def landed(change: TrafficChange, *, live: Manifest) -> bool:
    """Say whether the live object is what the last intent wrote: the traffic, and Weir's marks on it."""
    before, desired = change.before, change.desired
    if (
        before is None
        or desired is None
        or live["kind"] != before["kind"]
        or _version(live) == _version(before)
    ):
        return False
    if live["kind"] != VIRTUAL_SERVICE:
        return with_candidate_subset(live, rollout=change) == live
    same = owned_parts(live, rollout=change) == owned_parts(desired, rollout=change)
    return same and _marks(live) == _marks(desired)


def _was_passed(live: Manifest, *, before: Manifest, desired: Manifest) -> bool:
    """Each write leaves another fence, and whoever edits the object by hand leaves the fence on it."""
    fence = annotations_of(desired).get(FENCE) if desired else None
    return fence is not None and annotations_of(live).get(FENCE) == fence != annotations_of(before).get(FENCE)


def _marks(document: Manifest) -> dict[str, object]:
    return {key: value for key, value in annotations_of(document).items() if key.startswith("weir.dev/")}


def _version(document: Manifest) -> object:
    return document["metadata"].get("resourceVersion")
