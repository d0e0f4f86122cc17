"""Writing a change to the mesh, so that a crash between any two lines leads to the same write or to none.

Order: read the live object, compare it with what was approved, commit ``before`` and ``desired`` by compare-and-set,
write with the resourceVersion read, commit what came back with the one audit event of the write. A change that is left
in ``writing`` is finished by the next click or by the worker, whichever comes first. ``landing`` tells each write once.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from istio.documents import TrafficError
from istio.mesh import Conflict, Manifest, Mesh, NotFound, Rejected
from istio.sentence import message_of
from istio.traffic import has_drifted
from releases.clock import Clock
from releases.domain import Blocked, DomainError, LostRace, Stale
from releases.domain.actor import Actor
from releases.domain.traffic_change import ChangeEvent, ChangeState, change_target, settled_on
from releases.flow.content import pair_of, with_candidate_subset
from releases.flow.traffic_change.content import document_of, leads_back
from releases.flow.traffic_change.landing import landed, settle_untold, tell_if_landed, tell_write
from releases.flow.traffic_change.move import move_change, store
from releases.flow.traffic_change.request import refuse_blocked
from releases.flow.traffic_change.situation import refuse_outdated
from releases.models import TrafficChange
from services.connections import mesh_of
from services.models import Service


def write_change(change: TrafficChange, *, by: Actor, why: str, clock: Clock) -> None:
    """Write it now. Raises IllegalMove, Stale, Blocked before the mesh was touched, LostRace, MeshError.

    After an Unreachable nobody knows whether the write arrived: the change stays in ``writing``.
    """
    change_target(ChangeState(change.state), ChangeEvent.APPLY)
    if change.state == ChangeState.WRITING:
        finish_writing(change, by=by, clock=clock)
        return
    refuse_outdated(change, now=clock())
    mesh = mesh_of(change.service.cluster)
    settle_untold(change, mesh=mesh, by=by)
    live = mesh.get(change.service.virtual_service_ref)
    _refuse_drift(change, live=live)
    if not change.needs_vote and not leads_back(change, live=live):
        _ask_for_votes(change, by=by)
    if change.needs_vote:
        _ensure_subset(change, mesh=mesh, by=by, clock=clock)
    try:
        document = document_of(change, live)
    except TrafficError as error:
        raise Blocked(message_of(error)) from error
    if change.needs_vote:
        refuse_blocked(change, document=document)
    move_change(
        change,
        ChangeEvent.APPLY,
        by=by,
        why=why,
        after={"weight": change.weight},
        before=live,
        desired=document,
        writing_since=clock(),
        problem="",
    )
    _put(change, document=document, mesh=mesh, by=by, clock=clock)


def finish_writing(change: TrafficChange, *, by: Actor, clock: Clock) -> None:
    """Bring a change that was left in ``writing`` to its end: the same write, or none. Raises LostRace, MeshError.

    A write that is still to be done asks votes, rollouts and calendar again: time passed since it was begun.
    """
    mesh = mesh_of(change.service.cluster)
    live = mesh.get(change.service.virtual_service_ref)
    before, desired = change.before or {}, change.desired or {}
    if landed(change, live=live):
        done(change, before=before, stored=live, by=by, clock=clock)
    elif live["metadata"].get("resourceVersion") == before["metadata"].get("resourceVersion"):
        try:
            refuse_outdated(change, now=clock())
        except DomainError as error:
            give_up(change, problem=str(error), by=by)
            return
        _put(change, document=desired, mesh=mesh, by=by, clock=clock)
    else:
        tell_if_landed(change, live=live, by=by)
        problem = _("somebody else wrote the object meanwhile; read the difference and decide again")
        give_up(change, problem=problem, by=by)


def done(
    change: TrafficChange, *, before: Manifest, stored: Manifest, by: Actor, clock: Clock, note: str = ""
) -> None:
    """Record what the mesh has now: the write's event, the change's end, and the stable version, in one transaction."""
    at = clock()
    with transaction.atomic():
        tell_write(change, before=before, after=stored, by=by, why=note)
        TrafficChange.objects.filter(service=change.service, in_force_until=None).exclude(
            pk=change.pk
        ).filter(state=ChangeState.APPLIED).update(in_force_until=at)
        stable = _settle(change)
        move_change(
            change,
            ChangeEvent.DONE,
            by=by,
            why=note,
            after={"weight": change.weight, "stable": stable},
            written=stored,
            ended_at=at,
            problem="",
        )


def finish(
    change: TrafficChange, *, before: Manifest, stored: Manifest, by: Actor, clock: Clock, note: str = ""
) -> None:
    """End the change with what was just stored. Who lost the change meanwhile tells the write all the same. Raises LostRace."""
    try:
        done(change, before=before, stored=stored, by=by, clock=clock, note=note)
    except LostRace:
        tell_write(change, before=before, after=stored, by=by, why=note)
        raise


def give_up(change: TrafficChange, *, problem: str, by: Actor) -> None:
    """Take the intent back where it is sure that nothing was written; it may be applied again."""
    move_change(change, ChangeEvent.GIVE_UP, by=by, why=problem, problem=problem, writing_since=None)


def _put(change: TrafficChange, *, document: Manifest, mesh: Mesh, by: Actor, clock: Clock) -> None:
    before = change.before or {}
    if document == before:
        done(change, before=before, stored=before, by=by, clock=clock)
        return
    try:
        stored = mesh.put(document)
    except (Conflict, Rejected, NotFound) as error:
        give_up(change, problem=str(error), by=by)
        raise
    finish(change, before=before, stored=stored, by=by, clock=clock)


def _settle(change: TrafficChange) -> str:
    """Make the version that got everything the service's stable one, and return the stable one's name."""
    service = change.service
    winner = {"stable": change.stable, "candidate": change.candidate}.get(settled_on(change.spec_value))
    if winner is not None and winner.pk != service.stable_id:
        Service.objects.filter(pk=service.pk).update(stable=winner)
        service.stable = winner
    return service.stable.name if service.stable else ""


def _refuse_drift(change: TrafficChange, *, live: Manifest) -> None:
    """Compare the parts Weir renders with those that were approved. What leads back is not held up by drift."""
    expected = (change.baseline or {}).get("virtual_service")
    if not change.needs_vote or expected is None or not has_drifted(live, expected, **pair_of(change)):
        return
    problem = _("the mesh changed since this was asked for; ask again, to see what it would do now")
    store(change, problem=problem)
    raise Stale(_("%(change)s can not be applied: %(problem)s.") % {"change": change, "problem": problem})


def _ask_for_votes(change: TrafficChange, *, by: Actor) -> None:
    """A change that led back when it was asked for leads forward by now: it waits for votes. Raises Stale."""
    problem = _("traffic moved meanwhile, so that this would give the candidate more: it needs a vote now")
    move_change(
        change, ChangeEvent.VOID, by=by, why=problem, needs_vote=True, problem=problem, approved_at=None
    )
    raise Stale(_("%(change)s can not be applied: %(problem)s.") % {"change": change, "problem": problem})


def _ensure_subset(change: TrafficChange, *, mesh: Mesh, by: Actor, clock: Clock) -> None:
    """Add the candidate's subset to the DestinationRule before the VirtualService names it. Nothing to add: no write."""
    if not change.spec_value.reaches_candidate:
        return
    rule = mesh.get(change.service.destination_rule_ref)
    try:
        complete = with_candidate_subset(rule, rollout=change)
    except TrafficError as error:
        raise Blocked(message_of(error)) from error
    if complete != rule:
        store(change, before=rule, desired=complete, writing_since=clock())
        stored = mesh.put(complete)
        tell_write(change, before=rule, after=stored, by=by)
