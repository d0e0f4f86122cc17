"""Changes of traffic by hand: the rows, who may do what to them, what one would write, where a request goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from istio.checks import Finding, Severity
from istio.difference import unified_difference
from istio.documents import TrafficError
from istio.effective import Decision, RequestLike, destination_of, effective_split
from istio.mesh import Manifest
from istio.sentence import message_of
from releases.clock import database_now
from releases.domain import Blocked, DomainError
from releases.domain.actor import Actor
from releases.domain.roles import RoleName, allows
from releases.domain.states import Event
from releases.domain.traffic_change import (
    CHANGE_TRANSITIONS,
    PEOPLE_CAUSE,
    ChangeEvent,
    ChangeState,
)
from releases.flow.allowed import has_voted
from releases.flow.authorize import Asker, asker_of
from releases.flow.checking import baseline_of
from releases.flow.closed import closed_sentence
from releases.flow.shared_object import taken_by
from releases.flow.traffic_change.allowed import check_change_event
from releases.flow.traffic_change.content import (
    findings_of_change,
    fingerprint_of_change,
    leads_back,
    objects_of,
)
from releases.flow.traffic_change.request import CARRYING, live_rollout, within_bound
from releases.flow.traffic_change.situation import check_apply
from releases.models import Role, Rollout, TrafficChange, TrafficVote, User
from releases.said import said_of
from services.connections import mesh_of
from services.models import Service

INTERRUPTED_AFTER = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class AllowedChangeEvent:
    """One event that the state knows; ``why`` is empty when it is allowed."""

    event: ChangeEvent
    allowed: bool
    why: str


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """What a change would write, and who would have to agree.

    ``before`` and ``effective`` are percent of ordinary requests by version name. ``refusal`` says why it could not
    be asked for as it is; ``within`` is the live rollout whose approval covers it; ``closed`` what the calendar says.
    """

    stable: str
    candidate: str
    needs_vote: bool
    approvals_needed: int
    groups: tuple[str, ...]
    within: Rollout | None
    fingerprint: str
    before: dict[str, float]
    effective: dict[str, float]
    objects: tuple[Manifest, ...]
    difference: str
    findings: tuple[Finding, ...]
    sticky_percent: float | None
    refusal: str
    closed: str


def changes() -> QuerySet[TrafficChange]:
    """Return changes with everything joined that a list or a page shows."""
    return TrafficChange.objects.select_related(
        "service__cluster",
        "service__policy",
        "service__stable",
        "stable",
        "candidate",
        "requested_by",
        "rollout",
    ).prefetch_related(Prefetch("approvals", TrafficVote.objects.select_related("by").order_by("id")))


def unfinished_changes(*, now: datetime) -> list[int]:
    """Return the changes whose write was interrupted: no door takes so long. One query; the worker asks."""
    return list(
        TrafficChange.objects.filter(ended_at=None, writing_since__lt=now - INTERRUPTED_AFTER)
        .order_by("writing_since")
        .values_list("pk", flat=True)
    )


def changes_waiting_for(user: User) -> list[TrafficChange]:
    """Return the changes that wait for a decision this person may take now: two queries, whatever their number."""
    roles = list(Role.objects.filter(user=user).values_list("name", "group_id"))
    if not roles or not user.is_active:
        return []
    voted = TrafficVote.objects.filter(by__in=user.logins(), voided_at=None)
    pending = (
        changes()
        .filter(state=ChangeState.PENDING)
        .exclude(requested_by__in=user.logins())
        .exclude(approvals__in=voted)
    )
    return [
        row
        for row in pending
        if allows(
            (RoleName(name) for name, group in roles if group in {None, row.service.owners_id}), Event.APPROVE
        )
    ]


def allowed_change_events(change: TrafficChange, by: Actor) -> list[AllowedChangeEvent]:
    """Return the events of a person that the state knows, in the order in which buttons stand: what ``flow`` would say."""
    asker = asker_of(replace(by, is_fresh=True), service=change.service)
    known = CHANGE_TRANSITIONS[ChangeState(change.state)]
    refusals = {event: _refusal(change, event, asker=asker) for event in PEOPLE_CAUSE if event in known}
    return [AllowedChangeEvent(event=event, allowed=not why, why=why) for event, why in refusals.items()]


def preview_change(change: TrafficChange) -> ChangePreview:
    """Render a change that may not be stored. What can not be rendered is a finding. Raises MeshError."""
    service = change.service
    stored = change.baseline if change.pk else None
    baseline = stored or baseline_of(service)
    live = baseline["virtual_service"]
    findings: tuple[Finding, ...] = ()
    after, fingerprint = dict(baseline), change.fingerprint
    try:
        after = objects_of(change, baseline=baseline)
        findings = tuple(findings_of_change(change, document=after["virtual_service"]))
        fingerprint = fingerprint or fingerprint_of_change(change, baseline=baseline)
    except Blocked as error:
        findings = error.findings
    except TrafficError as error:
        findings = (Finding(error.code, Severity.ERROR, "spec", message_of(error)),)
    needs_vote = change.needs_vote if change.pk else not leads_back(change, live=live)
    within, refusal = _beside_rollout(change, needs_vote=needs_vote)
    sticky = change.spec_value.sticky
    return ChangePreview(
        stable=change.stable.name,
        candidate=change.candidate.name,
        needs_vote=needs_vote and within is None,
        approvals_needed=service.policy.approvals_needed,
        groups=tuple(service.policy.required_groups.values_list("name", flat=True)),
        within=within,
        fingerprint=fingerprint,
        before=split_of(service, live),
        effective=split_of(service, after["virtual_service"]),
        objects=tuple(after.values()),
        difference="\n".join(
            filter(None, (unified_difference(baseline[kind], after[kind]) for kind in sorted(after)))
        ),
        findings=findings,
        sticky_percent=sticky.exact_percent if sticky else None,
        refusal=refusal,
        closed=closed_sentence(service, now=database_now()) if needs_vote else "",
    )


def split_of(service: Service, document: Manifest) -> dict[str, float]:
    """Return the percent of ordinary requests by version name; a subset that is no version keeps its name."""
    try:
        split = effective_split(
            document,
            host=service.host,
            routes=service.routes,
            namespace=service.namespace,
            stable=service.stable.subset if service.stable else None,
        )
    except TrafficError:
        return {}
    names = _names(service)
    return {names.get(subset, subset): share for subset, share in split.items()}


def route_of(
    service: Service, request: RequestLike, *, change: TrafficChange | None = None
) -> tuple[Decision, dict[str, float]]:
    """Say where a request goes now, or would go after a change: the decision, and its shares by version name.

    Raises MeshError, TrafficError for an object that can not be read, Blocked for a change that can not be rendered.
    """
    if change is None:
        document = mesh_of(service.cluster).get(service.virtual_service_ref)
    else:
        document = objects_of(change, baseline=baseline_of(service))["virtual_service"]
    decision = destination_of(request, document, namespace=service.namespace)
    names = _names(service)
    shares: dict[str, float] = {}
    for share in decision.shares:
        name = names.get(share.subset or "", share.subset or share.host)
        shares[name] = shares.get(name, 0.0) + share.percent
    return decision, shares


def _names(service: Service) -> dict[str, str]:
    return {version.subset: version.name for version in service.versions.all()}


def _beside_rollout(change: TrafficChange, *, needs_vote: bool) -> tuple[Rollout | None, str]:
    """Return the live rollout that covers the change, and the sentence that stands against it."""
    if change.pk:
        return change.rollout, change.problem
    rollout = live_rollout(change.service)
    if rollout is None:
        return None, taken_by(change.service) if needs_vote else ""
    if rollout.state in CARRYING:
        try:
            within_bound(change, rollout=rollout)
        except DomainError as error:
            return None, said_of(error)
        return rollout, ""
    text = _("Rollout %(rollout)s of %(service)s is live; end it, or change the traffic within its bound.")
    return None, text % {"rollout": rollout, "service": change.service} if needs_vote else ""


def _refusal(change: TrafficChange, event: ChangeEvent, *, asker: Asker) -> str:
    """Say why this person may not cause it now, or return an empty text."""
    try:
        check_change_event(change, event, asker=asker)
        if event is ChangeEvent.APPLY:
            check_apply(change, asker=asker, now=database_now())
    except DomainError as error:
        return said_of(error)
    voted = has_voted(change, person=asker.person, fingerprint=change.fingerprint)
    return _("You have voted already.") if voted and event is ChangeEvent.APPROVE else ""
