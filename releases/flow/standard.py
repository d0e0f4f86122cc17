"""Standard changes: a plan that two people approved in advance, within bounds, needs no vote, and is audited the same."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from releases.clock import database_now
from releases.domain import BadPlan, IllegalMove
from releases.domain.actor import Actor, Channel
from releases.domain.fingerprint import digest
from releases.domain.plan import Plan
from releases.domain.reasons import Reason
from releases.domain.roles import Action
from releases.domain.states import Event
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may
from releases.flow.four_eyes import propose
from releases.flow.move import move
from releases.flow.record import record
from releases.models import Proposal, Rollout, RolloutPlan, StandardChange
from services.models import Service

LONGEST = timedelta(days=366)


@attempt("propose_standard")
def propose_standard(
    plan: RolloutPlan, *, service: Service, max_weight: int, valid_until: datetime, by: Actor, why: str
) -> Proposal:
    """Ask that this plan, as it is now, may be carried out on this service without a vote. Raises NotAllowed, BadPlan."""
    if not 1 <= max_weight <= 100:
        raise BadPlan(_("The highest weight is from 1 to 100."), field="max_weight")
    if not timedelta(0) < valid_until - database_now() <= LONGEST:
        raise BadPlan(_("An approval in advance ends in the future, within a year."), field="valid_until")
    value = plan.frozen()
    if _highest(value) > max_weight:
        raise BadPlan(_("The plan goes above %(weight)s %%.") % {"weight": max_weight}, field="max_weight")
    after = {
        "plan_digest": digest(value.as_json()),
        "plan": value.as_json(),
        "max_weight": max_weight,
        "valid_until": valid_until.isoformat(),
    }
    return propose(Proposal.Kind.STANDARD_CHANGE, by=by, why=why, plan=plan, service=service, after=after)


@attempt("revoke_standard")
@transaction.atomic
def revoke_standard(standard: StandardChange, *, by: Actor, why: str) -> StandardChange:
    """Take an approval in advance back. It takes one person, and pauses what runs by it."""
    check_may(Action.EDIT_POLICIES, by=by, service=standard.service)
    if not why.strip():
        raise BadPlan(_("Taking an approval back says why."), field="reason")
    open_ones = StandardChange.objects.filter(pk=standard.pk, revoked_at=None)
    if not open_ones.update(revoked_at=database_now(), revoked_by=by.name):
        raise IllegalMove(_("%(standard)s was taken back already.") % {"standard": standard})
    record("revoke_standard_change", by=by, obj=standard, why=why)
    standard.refresh_from_db()
    return standard


def matching_standard(rollout: Rollout, *, now: datetime) -> StandardChange | None:
    """Return the approval in advance that covers this rollout. A change of schema or data is never covered."""
    if rollout.changes_data:
        return None
    highest = _highest(rollout.plan_value)
    found = StandardChange.objects.filter(
        service=rollout.service,
        plan_digest=digest(rollout.frozen_plan),
        max_weight__gte=highest,
        valid_until__gt=now,
        revoked_at=None,
    )
    return found.select_related("proposal__asked_by", "proposal__decided_by").order_by("pk").first()


def approve_in_advance(rollout: Rollout) -> None:
    """Let a rollout that is covered go on without a vote, in the name of the two who approved it."""
    standard = rollout.standard_change
    if standard is None:
        return
    asked, agreed = standard.proposal.asked_by, standard.proposal.decided_by
    by = Actor(
        name=f"standard-change@{standard}",
        channel=Channel.SCHEDULER,
        on_behalf_of=f"{asked.get_username()}, {agreed.get_username() if agreed else ''}",
    )
    now = database_now()
    move(
        rollout,
        Event.APPROVE,
        by=by,
        why=_("approved in advance by %(standard)s") % {"standard": standard},
        reason=Reason.WAITING_FOR_START if rollout.start_at else Reason.STARTING,
        params={"at": rollout.start_at.isoformat()} if rollout.start_at else {},
        wake=rollout.start_at or now,
        approved_at=now,
        after={"standard_change": str(standard)},
    )


def _highest(plan: Plan) -> int:
    return max(step.weight for step in plan.steps)
