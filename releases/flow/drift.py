"""What a person does about drift: write Weir's part again, or take the mesh as it is as the new baseline."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from istio.checks import Finding, Severity
from istio.documents import WEIR_ANNOTATION, TrafficError, annotations_of
from istio.marks import FENCE, with_annotations
from istio.mesh import Manifest, MeshError
from istio.sentence import Sentence, message_of
from istio.traffic import TrafficSpec
from istio.weights import weights_of
from releases.clock import Clock
from releases.domain import Blocked, IllegalMove, LostRace
from releases.domain.actor import Actor
from releases.domain.reasons import Reason
from releases.domain.states import Event
from releases.flow.allowed import check_event
from releases.flow.approve import approval_problem
from releases.flow.checking import baseline_of
from releases.flow.closed import closed_sentence
from releases.flow.content import fingerprint_of, owned_parts, render_spec, restored
from releases.flow.look import drift_of, expected_of, shared_surroundings, version_problem
from releases.flow.mesh_write import fence_for, put, settle
from releases.flow.move import change, move
from releases.flow.request import void_votes
from releases.flow.waiting import wait_for_lease
from releases.models import Rollout
from releases.said import said, said_of
from services.connections import mesh_of

_TELL_TRIES = 20


def restore(rollout: Rollout, *, by: Actor, why: str, clock: Clock) -> None:
    """After drift: write again what Weir last wrote. The rollout stays paused until somebody resumes it.

    Where that gives the candidate more than the mesh does now, it is a step forward: image, votes and calendar are asked.
    """
    check_event(rollout, Event.RESTORE, by=by, now=clock())
    wait_for_lease(rollout, clock=clock)
    check_event(rollout, Event.RESTORE, by=by, now=clock())  # whoever had the lease may have rolled back
    change(rollout, event=None, leased_until=clock() + timedelta(seconds=settings.LEASE_SECONDS))
    mesh = mesh_of(rollout.service.cluster)
    settle(rollout, mesh=mesh, by=by, clock=clock)
    live = mesh.get(rollout.service.virtual_service_ref)
    from_live = {"written_over": drift_of(rollout, live=live)}
    document = _ours(rollout, live=live)
    try:
        if _gives_more(document, live=live, rollout=rollout):
            _check_forward(rollout, clock=clock)
    except (IllegalMove, MeshError):
        change(rollout, event=None, leased_until=None)  # refused: the worker's guards look on at once
        raise
    put(rollout, mesh=mesh, live=live, document=document, by=by, clock=clock)
    _tell_restored(rollout, by=by, why=why, after=from_live, clock=clock)


def _gives_more(document: Manifest, *, live: Manifest, rollout: Rollout) -> bool:
    """Say whether the document gives the candidate more than the live object; in doubt, and with rules, it does."""
    try:
        more = _weight_in(document, rollout=rollout) > _weight_in(live, rollout=rollout)
    except TrafficError:
        return True
    steps, position = rollout.plan_value.steps, rollout.current_step
    if more or position is None or position >= len(steps):
        return more
    return replace(steps[position].traffic, candidate_weight=0) != TrafficSpec(0)


def _check_forward(rollout: Rollout, *, clock: Clock) -> None:
    """Ask what every forward write asks. Raises IllegalMove with what stands against it."""
    around = shared_surroundings(rollout.service, now=clock())
    problem = version_problem(rollout, around=around) or approval_problem(rollout)
    problem = problem or closed_sentence(rollout.service, now=clock(), rollout=rollout)
    if problem:
        text = _("What Weir last wrote gives the candidate more than the mesh does now: %(problem)s")
        raise IllegalMove(text % {"problem": said(problem)})


def _tell_restored(
    rollout: Rollout, *, by: Actor, why: str, after: dict[str, Any] | None, clock: Clock
) -> None:
    """Record what is on the mesh by now, also when a worker looked at the row after the lease ran out.

    Raises IllegalMove if it was rolled back meanwhile, LostRace if the row keeps changing.
    """
    for _attempt in range(_TELL_TRIES):
        try:
            move(
                rollout,
                Event.RESTORE,
                by=by,
                why=why,
                reason=Reason.PAUSED_BY_PERSON,
                wake=clock(),
                after=after,
            )
        except LostRace:
            rollout.refresh_from_db()
        else:
            return
    raise LostRace(
        _("What was there before is on the mesh again; look at %(rollout)s.") % {"rollout": rollout}
    )


def _ours(rollout: Rollout, *, live: Manifest) -> Manifest:
    """Return the live object with Weir's part as it was last written; what else its owner changed stays.

    Where Weir's part can not be found in it any more, the service's routes are put back whole.
    """
    expected = expected_of(rollout) or live
    run = rollout.step_runs.exclude(written=None).order_by("-position").first()
    steps = rollout.plan_value.steps
    spec = TrafficSpec()
    if run is not None:
        planned = steps[run.position].traffic if run.position < len(steps) else spec
        spec = replace(planned, candidate_weight=run.written or 0)
    try:
        document = render_spec(spec, live, rollout=rollout)
        if owned_parts(document, rollout=rollout) != owned_parts(expected, rollout=rollout):
            document = restored(expected, live, service=rollout.service)
    except TrafficError:
        document = restored(expected, live, service=rollout.service)
    if document == live:
        return live
    ours = {
        name: value for name, value in annotations_of(expected).items() if name.startswith(WEIR_ANNOTATION)
    }
    return with_annotations(document, changes={**ours, FENCE: fence_for(rollout, live=live)})


def adopt(rollout: Rollout, *, by: Actor, why: str, clock: Clock) -> None:
    """After drift: take the mesh as it is as the new baseline. New fingerprint, so it must be approved again."""
    check_event(rollout, Event.ADOPT, by=by, now=clock())
    baseline = baseline_of(rollout.service)
    live = baseline["virtual_service"]
    try:
        fingerprint = fingerprint_of(rollout, baseline=baseline)
        weight = _weight_in(live, rollout=rollout)
    except TrafficError as error:
        path = str(rollout.service.virtual_service_ref)
        finding = Finding(code=error.code, severity=Severity.ERROR, path=path, message=message_of(error))
        text = _("The plan can not be carried out from the mesh as it is: %(error)s")
        raise Blocked(text % {"error": said_of(error)}, findings=[finding]) from error
    with transaction.atomic():
        void_votes(rollout, by=by, why=_("the mesh was adopted as the new baseline"))
        if rollout.current_step is not None:
            # What is there now is what the next vote is about: the step holds that weight until it goes on.
            rollout.step_runs.filter(position=rollout.current_step).update(desired=weight, written=weight)
        move(
            rollout,
            Event.ADOPT,
            by=by,
            why=why,
            reason=Reason.APPROVAL_VOID,
            params={"problem": Sentence("it was adopted from the mesh, which nobody has approved yet")},
            wake=clock(),
            drift=None,
            baseline=baseline,
            last_written=live,
            fingerprint=fingerprint,
            approved_at=None,
        )


def _weight_in(live: Manifest, *, rollout: Rollout) -> int:
    """Return the candidate's percent in the live object. Raises TrafficError."""
    service = rollout.service
    shares = weights_of(
        live,
        host=service.host,
        routes=service.routes,
        namespace=service.namespace,
        stable=rollout.stable.subset,
    )
    return round(shares.get(rollout.candidate.subset, 0))
