"""Asking for a change of traffic: what it would do is rendered and checked before anybody is asked to decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from istio.checks import Severity
from istio.documents import BadSpec, TrafficError
from istio.mesh import Manifest
from istio.sentence import message_of
from istio.traffic import TrafficSpec
from releases.clock import database_now
from releases.domain import BadPlan, Blocked, IllegalMove, NotAllowed
from releases.domain.actor import Actor
from releases.domain.roles import Action
from releases.domain.states import LIVE, State
from releases.domain.traffic_change import ChangeState
from releases.flow.authorize import asker_of, check_may
from releases.flow.checking import baseline_of
from releases.flow.notify import notify_change
from releases.flow.quorum import terms_of
from releases.flow.record import record, record_refusal
from releases.flow.shared_object import claim_object, refuse_taken
from releases.flow.traffic_change.allowed import check_touch
from releases.flow.traffic_change.content import (
    findings_of_change,
    fingerprint_of_change,
    leads_back,
    objects_of,
    with_offset,
)
from releases.flow.traffic_change.versions import versions_of
from releases.models import Rollout, TrafficChange
from services.models import Service, Version

CARRYING = frozenset({State.RUNNING, State.PAUSED, State.ROLLING_BACK})


def draft_change(
    *,
    service: Service,
    spec: Mapping[str, Any],
    stable: Version | None = None,
    candidate: Version | None = None,
    reason: str = "",
) -> TrafficChange:
    """Return a change that is not stored: for previews, and the first half of asking. Raises BadPlan."""
    try:
        traffic = TrafficSpec.from_json(spec)
    except BadSpec as error:
        raise BadPlan(message_of(error), field="spec") from error
    left, right = versions_of(service, stable=stable, candidate=candidate)
    traffic = with_offset(traffic, service=service)
    return TrafficChange(
        service=service,
        stable=left,
        candidate=right,
        spec=traffic.as_json(),
        weight=traffic.candidate_weight,
        reason=reason.strip(),
        policy_number=service.policy.number,
        policy_terms=terms_of(service.policy).as_json(),
    )


def request_change(
    *,
    service: Service,
    spec: Mapping[str, Any],
    reason: str,
    by: Actor,
    stable: Version | None = None,
    candidate: Version | None = None,
) -> TrafficChange:
    """Ask for a change: it waits for votes, or may be applied at once when it leads back or was approved already.

    Network first, then one transaction. A refusal is written to the audit trail. Raises NotAllowed, BadPlan,
    Blocked with the findings, IllegalMove when a live rollout stands in the way, MeshError.
    """
    try:
        return _request(service=service, spec=spec, reason=reason, by=by, stable=stable, candidate=candidate)
    except (NotAllowed, BadPlan, Blocked, IllegalMove) as error:
        record_refusal(by=by, action="request_traffic_change", obj=service, why=str(error))
        raise


def _request(
    *,
    service: Service,
    spec: Mapping[str, Any],
    reason: str,
    by: Actor,
    stable: Version | None,
    candidate: Version | None,
) -> TrafficChange:
    if by.user_id is None:
        raise NotAllowed(_("A change of traffic is asked for by a person."))
    check_touch(asker_of(by, service=service))
    if not reason.strip():
        raise BadPlan(_("A change of traffic says why."), field="reason")
    change = draft_change(service=service, spec=spec, stable=stable, candidate=candidate, reason=reason)
    change.requested_by_id = by.user_id
    rollout = live_rollout(service)
    if rollout is not None and State(rollout.state) in CARRYING:
        return _stored(within_bound(change, rollout=rollout), by=by)
    baseline = baseline_of(service)
    back = leads_back(change, live=baseline["virtual_service"])
    if not back:
        check_may(Action.CHANGE_TRAFFIC, by=by, service=service)
        refuse_live(change, rollout=rollout)
        refuse_taken(service)
        refuse_blocked(change, document=objects_of(change, baseline=baseline)["virtual_service"])
    change.baseline = baseline
    change.needs_vote = not back
    change.fingerprint = fingerprint_of_change(change, baseline=baseline)
    change.state = ChangeState.PENDING if change.needs_vote else ChangeState.APPROVED
    return _stored(change, by=by)


def live_rollout(service: Service) -> Rollout | None:
    """Return the live rollout of a service, if there is one."""
    return (
        Rollout.objects.filter(service=service, state__in=sorted(LIVE))
        .select_related("service__cluster", "service__policy", "stable", "candidate")
        .first()
    )


def refuse_live(change: TrafficChange, *, rollout: Rollout | None) -> None:
    """Refuse a forward change beside a live rollout: one of them would undo the other. Raises IllegalMove."""
    if rollout is not None:
        text = _(
            "Rollout %(rollout)s of %(service)s is live; end it, or change the traffic within its bound."
        )
        raise IllegalMove(text % {"rollout": rollout, "service": change.service})


def refuse_blocked(change: TrafficChange, *, document: Manifest) -> None:
    """Raise Blocked with the findings that stand against the document."""
    try:
        found = findings_of_change(change, document=document)
    except TrafficError as error:
        raise Blocked(message_of(error)) from error
    blocking = [finding for finding in found if finding.severity is Severity.ERROR]
    if blocking:
        text = _("%(count)d checks stand against this change.") % {"count": len(blocking)}
        raise Blocked(text, findings=blocking)


def within_bound(change: TrafficChange, *, rollout: Rollout) -> TrafficChange:
    """Tie the change to the live rollout, whose approval covers it. Raises IllegalMove, BadPlan beyond its bound."""
    if State(rollout.state) is State.ROLLING_BACK or rollout.current_step is None:
        text = _("Rollout %(rollout)s has no traffic to change now: %(state)s.")
        raise IllegalMove(text % {"rollout": rollout, "state": rollout.get_state_display()})
    step = rollout.plan_value.steps[rollout.current_step].traffic
    wanted = change.spec_value
    if (change.stable_id, change.candidate_id) != (rollout.stable_id, rollout.candidate_id):
        text = _("While %(rollout)s is live, traffic moves between %(stable)s and %(candidate)s only.")
        names = {"stable": rollout.stable.name, "candidate": rollout.candidate.name}
        raise BadPlan(text % {"rollout": rollout, **names}, field="candidate")
    sticky = wanted.sticky and replace(wanted.sticky, offset=step.sticky.offset if step.sticky else 0)
    same = (wanted.rules, sticky, wanted.mirror) == (step.rules, step.sticky, step.mirror)
    if not same or wanted.candidate_weight > step.candidate_weight:
        text = _(
            "%(rollout)s is approved up to %(most)d %% with the rules of its step; more takes a new approval."
        )
        raise BadPlan(text % {"rollout": rollout, "most": step.candidate_weight}, field="spec")
    change.rollout = rollout
    change.needs_vote = False
    change.fingerprint = rollout.fingerprint
    change.state = ChangeState.APPROVED
    return change


@transaction.atomic
def _stored(change: TrafficChange, *, by: Actor) -> TrafficChange:
    if change.needs_vote:
        claim_object(change.service)
    if change.state == ChangeState.APPROVED:
        change.approved_at = database_now()
    change.save(force_insert=True)
    told = record(
        "request_traffic_change",
        by=by,
        obj=change,
        why=change.reason,
        after={
            "candidate": change.candidate.name,
            "stable": change.stable.name,
            "traffic": change.spec,
            "weight": change.weight,
            "needs_vote": change.needs_vote,
        },
    )
    notify_change(change, told)
    return change
