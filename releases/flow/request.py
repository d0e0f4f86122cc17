"""Asking for a release: draft, edit, submit, withdraw, cancel, and asking again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from istio.checks import Finding, Severity
from istio.documents import TrafficError
from istio.sentence import message_of
from releases.clock import database_now
from releases.domain import BadPlan, Blocked, NotAllowed
from releases.domain.actor import Actor
from releases.domain.plan import Plan
from releases.domain.reasons import Reason
from releases.domain.states import Event
from releases.flow.allowed import STATEMENTS, check_event, check_pair, check_ready
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may, person_of
from releases.flow.checking import baseline_of, findings_for
from releases.flow.content import fingerprint_of
from releases.flow.expiry import lasts_until
from releases.flow.move import change, move
from releases.flow.quorum import terms_of
from releases.flow.readiness import check_measured, rehearse_roll_back
from releases.flow.record import record
from releases.flow.rehearse import rehearse_before_vote
from releases.flow.shared_object import claim_object
from releases.flow.standard import approve_in_advance, matching_standard
from releases.flow.unfit import refuse_unfit
from releases.models import Approval, Rollout, RolloutEdit, RolloutPlan
from releases.said import said_of
from services.models import Service, Version

EDITABLE = frozenset(
    {*STATEMENTS, "candidate", "plan", "start_at", "ticket", "changes_data", "compatibility_note"}
)


@attempt("create", about="service")
@transaction.atomic
def create(
    *,
    service: Service,
    candidate: Version,
    plan: RolloutPlan,
    by: Actor,
    reason: str,
    impact: str,
    test_evidence: str,
    rollback_note: str,
    start_at: datetime | None = None,
    ticket: str = "",
    changes_data: bool = False,
    compatibility_note: str = "",
    retry_of: Rollout | None = None,
) -> Rollout:
    """Make a draft. Raises NotAllowed, BadPlan when the versions or the plan can not make a rollout."""
    check_may(Event.RETRY if retry_of else Event.SUBMIT, by=by, service=service)
    if by.user_id is None:
        raise NotAllowed(_("A rollout is asked for by a person."))
    stable = service.stable
    if stable is None:
        raise BadPlan(
            _("Service %(service)s has no stable version yet; run discovery or set one.")
            % {"service": service},
            field="service",
        )
    check_pair(service, candidate=candidate, stable=stable)
    rollout = Rollout(
        service=service,
        stable=stable,
        candidate=candidate,
        plan=plan,
        plan_name=plan.name,
        frozen_plan=frozen(plan, service=service).as_json(),
        requested_by_id=by.user_id,
        reason=reason,
        impact=impact,
        test_evidence=test_evidence,
        rollback_note=rollback_note,
        start_at=start_at,
        ticket=ticket,
        changes_data=changes_data,
        compatibility_note=compatibility_note,
        retry_of=retry_of,
        reason_code=Reason.WAITING_FOR_SUBMIT,
    )
    rollout.save()
    record(
        "create",
        by=by,
        obj=rollout,
        why=reason,
        after={"candidate": candidate.name, "stable": stable.name, "plan": rollout.frozen_plan},
    )
    return rollout


@attempt("edit")
@transaction.atomic
def edit(rollout: Rollout, *, by: Actor, changes: Mapping[str, Any]) -> Rollout:
    """Change a draft. Whoever edits it cannot approve it. Raises IllegalMove, NotAllowed, BadPlan."""
    check_event(rollout, Event.EDIT, by=by, now=database_now())
    unknown = sorted(set(changes) - EDITABLE)
    if unknown:
        raise BadPlan(
            _("These fields of a rollout can not be edited: %(fields)s.") % {"fields": ", ".join(unknown)},
            field=unknown[0],
        )
    columns: dict[str, Any] = {name: value for name, value in changes.items() if name != "plan"}
    if "candidate" in changes:
        check_pair(rollout.service, candidate=changes["candidate"], stable=rollout.stable)
    if "plan" in changes:
        plan: RolloutPlan = changes["plan"]
        columns |= {
            "plan": plan,
            "plan_name": plan.name,
            "frozen_plan": frozen(plan, service=rollout.service).as_json(),
        }
    before = {name: str(getattr(rollout, name)) for name in columns}
    after = {name: str(value) for name, value in columns.items()}
    RolloutEdit.objects.create(
        rollout=rollout, by_id=person_of(by), changes={"before": before, "after": after}
    )
    change(rollout, event=Event.EDIT, **columns)
    move(rollout, Event.EDIT, by=by, reason=Reason.WAITING_FOR_SUBMIT, after=after)
    return rollout


def submit(rollout: Rollout, *, by: Actor, why: str = "") -> None:
    """Ask for approval: read the baseline, run the checks, fix the fingerprint. Network first, then one transaction.

    A plan that was approved in advance goes on at once. Raises BadPlan for a missing statement, Blocked with the findings,
    MeshError, IllegalMove when another rollout is live.
    """
    check_event(rollout, Event.SUBMIT, by=by, now=database_now())
    ask(rollout, by=by, why=why, measured=True)
    approve_in_advance(rollout)


def ask(rollout: Rollout, *, by: Actor, why: str, measured: bool) -> None:
    """Do what ``submit`` says, whoever may: an emergency (``measured`` False) does not wait for metrics."""
    check_ready(rollout)
    if measured:
        check_measured(rollout, now=database_now())
    baseline = baseline_of(rollout.service)
    rollout.standard_change = matching_standard(rollout, now=database_now())
    rollout.policy_terms = terms_of(rollout.service.policy).as_json()
    try:
        refuse_unfit(rollout, virtual_service=baseline["virtual_service"])
        fingerprint = fingerprint_of(rollout, baseline=baseline)
    except TrafficError as error:
        path = f"{rollout.service.virtual_service_ref}"
        finding = Finding(code=error.code, severity=Severity.ERROR, path=path, message=message_of(error))
        raise Blocked(
            _("The traffic of this plan can not be written: %(error)s") % {"error": said_of(error)},
            findings=[finding],
        ) from error
    blocking = [
        finding for finding in findings_for(rollout, baseline=baseline) if finding.severity is Severity.ERROR
    ]
    if blocking:
        raise Blocked(
            _("%(count)d checks stand against this rollout.") % {"count": len(blocking)}, findings=blocking
        )
    rehearse_roll_back(rollout, virtual_service=baseline["virtual_service"])
    now = database_now()
    with transaction.atomic():
        claim_object(rollout.service)
        move(
            rollout,
            Event.SUBMIT,
            by=by,
            why=why or rollout.reason,
            reason=Reason.WAITING_FOR_APPROVAL,
            baseline=baseline,
            last_written=None,
            fingerprint=fingerprint,
            policy_number=rollout.service.policy.number,
            policy_terms=rollout.policy_terms,
            standard_change=rollout.standard_change,
            submitted_at=now,
            wake=lasts_until(now, start_at=rollout.start_at),
            is_told=measured,  # an emergency is declared with the next move, and asks nobody for a vote
        )
    rehearse_before_vote(rollout, now=database_now())


@transaction.atomic
def withdraw(rollout: Rollout, *, by: Actor, why: str) -> None:
    """Take a request back to draft. Its votes are voided and stay visible."""
    check_event(rollout, Event.WITHDRAW, by=by, now=database_now())
    void_votes(rollout, by=by, why=why or "withdrawn")
    move(
        rollout,
        Event.WITHDRAW,
        by=by,
        why=why,
        reason=Reason.WAITING_FOR_SUBMIT,
        fingerprint="",
        approved_at=None,
        standard_change=None,
    )


def cancel(rollout: Rollout, *, by: Actor, why: str) -> None:
    """End a rollout that has not begun."""
    check_event(rollout, Event.CANCEL, by=by, now=database_now())
    move(rollout, Event.CANCEL, by=by, why=why, reason=Reason.ENDED_BY_PERSON, ended_at=database_now())


@transaction.atomic
def retry(rollout: Rollout, *, by: Actor, why: str) -> Rollout:
    """Make a new draft from the same plan. It needs fresh approval; the trail of the ended rollout says what came of it."""
    check_event(rollout, Event.RETRY, by=by, now=database_now())
    assert rollout.plan is not None  # noqa: S101 - checked with the event
    draft = create(
        service=rollout.service,
        candidate=rollout.candidate,
        plan=rollout.plan,
        by=by,
        reason=why or rollout.reason,
        impact=rollout.impact,
        test_evidence=rollout.test_evidence,
        rollback_note=rollout.rollback_note,
        ticket=rollout.ticket,
        changes_data=rollout.changes_data,
        compatibility_note=rollout.compatibility_note,
        retry_of=rollout,
    )
    record("retry", by=by, obj=rollout, why=why, after={"rollout": draft.pk})
    return draft


def frozen(plan: RolloutPlan, *, service: Service) -> Plan:
    """Return the plan as it will be carried out. Raises BadPlan when the service's policy does not accept it."""
    value = plan.frozen()
    if value.evidence.policy == "guard" and not service.policy.guard_allowed:
        raise BadPlan(
            _("The policy of %(service)s does not accept plans with the evidence policy 'guard'.")
            % {"service": service},
            field="plan",
        )
    return value


def void_votes(rollout: Rollout, *, by: Actor, why: str) -> None:
    """Void every vote that still counts. They are kept, with the reason."""
    Approval.objects.filter(rollout=rollout, voided_at=None).update(
        voided_at=database_now(), voided_by=by.name, voided_why=why
    )
