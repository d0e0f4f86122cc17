"""All traffic back to the stable version: one click, one write, refused by no check, drift, vote, freeze or rollout."""

from __future__ import annotations

import time

from django.db import transaction
from django.utils.translation import gettext as _

from istio.documents import TrafficError
from istio.marks import FENCE, with_annotations
from istio.mesh import Conflict, Manifest, MeshError
from istio.traffic import TrafficSpec, render
from releases.clock import Clock, database_now
from releases.domain import BadPlan, Blocked, LostRace, NotAllowed
from releases.domain.actor import Actor
from releases.domain.fingerprint import digest
from releases.domain.states import Event, State
from releases.domain.traffic_change import ChangeEvent, ChangeState, settled_on
from releases.flow.authorize import check_may
from releases.flow.command_line import asker_of
from releases.flow.content import pair_of, restored, without_ours
from releases.flow.perform import perform
from releases.flow.record import record, record_refusal
from releases.flow.traffic_change.content import document_of, fence_of
from releases.flow.traffic_change.landing import landed, settle_given_up
from releases.flow.traffic_change.move import move_change, store
from releases.flow.traffic_change.request import CARRYING, live_rollout
from releases.flow.traffic_change.versions import in_force, previous_stable, versions_of
from releases.flow.traffic_change.write import done, finish, give_up
from releases.models import Rollout, TrafficChange
from services.connections import mesh_of
from services.models import Service, Version

_DOOR_SECONDS = 3.0
_CONFLICTS_IN_A_ROW = 5


def back_target(service: Service) -> Version | None:
    """Return the version that "all back" leads to.

    The stable one while a rollout or a change gives another version traffic, else the one before the stable one.
    """
    rollout = live_rollout(service)
    if rollout is not None and State(rollout.state) in CARRYING:
        return rollout.stable
    current = in_force(service)
    if current is not None and not settled_on(current.spec_value):
        return service.stable
    return previous_stable(service) or service.stable


def all_back(
    service: Service, *, by: Actor, why: str = "", to: Version | None = None, clock: Clock = database_now
) -> Rollout | TrafficChange:
    """Give one version everything, now: a live rollout is rolled back, else the mesh is written by a change.

    The door tries for three seconds; what it can not write in that time the worker goes on trying. Raises NotAllowed,
    BadPlan when there is no version to go back to.
    """
    try:
        check_may(Event.ROLL_BACK, by=by, service=service)
        rollout = live_rollout(service)
        carrying = rollout if rollout and State(rollout.state) in CARRYING else None
        target = _checked_target(service, rollout=carrying, to=to)
        if carrying is not None:
            return perform(carrying, Event.ROLL_BACK, by=by, why=why, clock=clock)
        change = _begun(service, target=target, by=by, why=why, clock=clock)
    except (NotAllowed, BadPlan) as error:
        record_refusal(by=by, action="all_back", obj=service, why=str(error))
        raise
    deadline = time.monotonic() + _DOOR_SECONDS
    while change.state == ChangeState.WRITING:
        try:
            write_back(change, by=by, clock=clock)
        except MeshError as error:
            if time.monotonic() >= deadline:
                store(change, problem=str(error))
                return change
            time.sleep(0.2)
        except LostRace:
            change.refresh_from_db()
    return change


def write_back(change: TrafficChange, *, by: Actor, clock: Clock) -> None:
    """Write it, always once, with the fence. Each conflict is somebody else's write: read, render and put again.

    Raises LostRace, MeshError, Blocked when no way leads back.
    """
    mesh = mesh_of(change.service.cluster)
    for attempt in range(_CONFLICTS_IN_A_ROW):
        live = mesh.get(change.service.virtual_service_ref)
        settle_given_up(change.service, live=live, by=by)
        if landed(change, live=live):  # by a worker that ended before it could say so
            done(change, before=change.before or {}, stored=live, by=by, clock=clock)
            return
        document, note = back_document(change, live=live)
        store(change, before=live, desired=document)
        try:
            stored = mesh.put(document)
        except Conflict:
            if attempt == _CONFLICTS_IN_A_ROW - 1:
                raise
        else:
            finish(change, before=live, stored=stored, by=by, clock=clock, note=note)
            return


def back_document(change: TrafficChange, *, live: Manifest) -> tuple[Manifest, str]:
    """Return what is written, and a note when the live object could not be edited by the rules.

    Where the stable version is gone from the route it is put in again; where nothing can be edited, the object as it
    was before the change in force is restored. Raises Blocked when neither is possible.
    """
    try:
        return document_of(change, live), ""
    except TrafficError as error:
        problem = str(error)
    pair = pair_of(change) | {"stable": change.candidate.subset, "candidate": change.stable.subset}
    fence: dict[str, str | None] = {FENCE: fence_of(change)}
    try:
        back = render(TrafficSpec(100), live, **pair)
        return with_annotations(without_ours(back, service=change.service), changes=fence), ""
    except TrafficError:
        current = in_force(change.service)
    if current is None or not current.before:
        raise Blocked(problem)
    note = _(
        "The live object could not be edited (%(problem)s); it was restored as it was before %(change)s."
    )
    back = without_ours(restored(current.before, live, service=change.service), service=change.service)
    return with_annotations(back, changes=fence), note % {"problem": problem, "change": current}


def _checked_target(service: Service, *, rollout: Rollout | None, to: Version | None) -> Version:
    """Return where back is: never to a version that nobody voted for. Raises BadPlan."""
    possible = [rollout.stable] if rollout else [service.stable, previous_stable(service)]
    target = to or back_target(service)
    if target is None:
        text = _("Service %(service)s has no stable version to go back to.")
        raise BadPlan(text % {"service": service}, field="version")
    if target not in possible:
        names = ", ".join(version.name for version in possible if version)
        text = _("Back leads to %(names)s; for %(version)s ask for a rollout or a change.")
        raise BadPlan(text % {"names": names, "version": target.name}, field="version")
    return target


def _begun(service: Service, *, target: Version, by: Actor, why: str, clock: Clock) -> TrafficChange:
    """Store the intent; a change that is being written is stopped by it, as by a rollback."""
    asker = asker_of(by)
    stable, candidate = versions_of(service, stable=target, candidate=None)
    spec = TrafficSpec(0).as_json()
    for other in TrafficChange.objects.filter(service=service, state=ChangeState.WRITING):
        give_up(other, problem=_("all traffic was given back to %(stable)s") % {"stable": stable.name}, by=by)
    reason = why or _("All traffic back to %(stable)s.") % {"stable": stable.name}
    change = TrafficChange(
        service=service,
        stable=stable,
        candidate=candidate,
        spec=spec,
        weight=0,
        reason=reason,
        policy_number=service.policy.number,
        requested_by_id=asker,
        needs_vote=False,
        state=ChangeState.APPROVED,
        approved_at=clock(),
        fingerprint=digest({"service": service.pk, "stable": stable.name, "traffic": spec}),
    )
    with transaction.atomic():
        change.save(force_insert=True)
        after = {"stable": stable.name, "candidate": candidate.name, "weight": 0, "needs_vote": False}
        record("request_traffic_change", by=by, obj=change, why=reason, after=after)
        move_change(change, ChangeEvent.APPLY, by=by, why=reason, after={"weight": 0}, writing_since=clock())
    return change
