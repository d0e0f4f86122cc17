"""Plans: checked as a whole before a row is written, since a plan that fails at step three fails in production."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext as _

from releases.domain import BadPlan, IllegalMove, NotAllowed
from releases.domain.actor import Actor
from releases.domain.hold_back import with_hold_back
from releases.domain.plan import Plan
from releases.domain.roles import Action, RoleName, allows
from releases.domain.states import LIVE
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may, check_may_in, person_behind, why_not
from releases.flow.record import record
from releases.models import PlanStep, Proposal, Role, RolloutPlan


class Owners(Enum):
    """What a caller says who does not name the owning group: it stays, or is the maker's."""

    UNSAID = "unsaid"


@attempt("save_plan", about="plan")
@transaction.atomic
def save_plan(
    *,
    name: str,
    steps: Sequence[Mapping[str, Any]],
    by: Actor,
    title: str = "",
    strategy: str = "canary",
    evidence: Mapping[str, Any] | None = None,
    plan: RolloutPlan | None = None,
    owners: Group | Owners | None = Owners.UNSAID,
) -> RolloutPlan:
    """Create a plan, or change one for the rollouts to come. Raises NotAllowed, BadPlan with the field at fault."""
    owning = _owners(owners, plan=plan, by=by)
    if not name.strip():
        raise BadPlan(_("A plan has a name."), field="name")
    others = RolloutPlan.objects.exclude(pk=plan.pk) if plan else RolloutPlan.objects.all()
    if others.filter(name=name).exists():
        raise BadPlan(_("There is already a plan called %(name)s.") % {"name": name}, field="name")
    if plan is None:
        evidence = with_hold_back(evidence, strategy=strategy, weights=[step.get("weight") for step in steps])
    value = Plan.from_json({"strategy": strategy, "steps": list(steps), "evidence": evidence})
    before = None
    if plan and plan.steps.exists():
        before = {**plan.written().as_json(), "owners": plan.owners.name if plan.owners else None}
    row = plan or RolloutPlan(created_by_id=by.user_id)
    row.name, row.title, row.strategy, row.evidence, row.owners = (
        name,
        title,
        value.strategy.value,
        value.evidence.as_json(),
        owning,
    )
    row.save()
    row.steps.all().delete()
    PlanStep.objects.bulk_create(
        PlanStep(plan=row, position=position, **_columns(step.as_json()))
        for position, step in enumerate(value.steps)
    )
    after = {**value.as_json(), "owners": owning.name if owning else None}
    record("change_plan" if plan else "create_plan", by=by, obj=row, before=before, after=after)
    return row


@attempt("delete_plan")
@transaction.atomic
def delete_plan(plan: RolloutPlan, *, by: Actor) -> None:
    """Delete a plan that no live rollout was made from. Rollouts keep their frozen copy."""
    check_keeps(plan, by=by)
    waiting = plan.proposals.filter(state=Proposal.State.OPEN).first()
    if waiting:
        raise IllegalMove(
            _("%(proposal)s is about plan %(plan)s; decide that first.") % {"proposal": waiting, "plan": plan}
        )
    if plan.rollouts.filter(state__in=LIVE).exists():
        raise IllegalMove(_("Plan %(plan)s is used by a live rollout; end that first.") % {"plan": plan})
    record("delete_plan", by=by, obj=plan, before=plan.written().as_json())
    plan.delete()


def check_keeps(plan: RolloutPlan, *, by: Actor) -> None:
    """Refuse who may not change this plan: another group's, or a shared one of somebody else. Raises NotAllowed."""
    if by.user_id is None:
        return
    if plan.owners_id is not None:
        check_may_in(Action.EDIT_PLANS, by=by, group_id=plan.owners_id)
    elif plan.created_by is not None and plan.created_by.person_id == person_behind(by.user_id):
        check_may(Action.EDIT_PLANS, by=by, service=None)
    else:
        check_may_in(Action.EDIT_CATALOGUE, by=by, group_id=None)


def _owners(said: Group | Owners | None, *, plan: RolloutPlan | None, by: Actor) -> Group | None:
    """Return whose plan it will be. Raises NotAllowed, BadPlan when somebody of several groups does not say."""
    if plan is not None:
        check_keeps(plan, by=by)
        owning = plan.owners if said is Owners.UNSAID else said
        if owning != plan.owners:
            check_may_in(Action.EDIT_PLANS, by=by, group_id=owning.pk if owning else None)
        return owning
    owning = _groups_own(by) if said is Owners.UNSAID else said
    check_may_in(Action.EDIT_PLANS, by=by, group_id=owning.pk if owning else None)
    return owning


def _groups_own(by: Actor) -> Group | None:
    """Return the only group for which this person makes plans; None where the role holds everywhere. Raises as above."""
    if by.user_id is None:
        return None
    held = Role.objects.filter(user=by.user_id, user__is_active=True).select_related("group")
    granting = [role for role in held if allows([RoleName(role.name)], Action.EDIT_PLANS)]
    if not granting:
        raise NotAllowed(why_not(Action.EDIT_PLANS, service=None))
    groups = {role.group for role in granting}
    if None in groups:
        return None
    if len(groups) > 1:
        raise BadPlan(_("You make plans for several groups: say whose this one is."), field="owners")
    return groups.pop()


def _columns(step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: step[name]
        for name in ("weight", "bake_seconds", "gate", "not_before", "rules", "sticky", "mirror")
    }
