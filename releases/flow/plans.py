"""Plans: checked as a whole before a row is written, since a plan that fails at step three fails in production."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from releases.domain import BadPlan, IllegalMove
from releases.domain.actor import Actor
from releases.domain.hold_back import with_hold_back
from releases.domain.plan import Plan
from releases.domain.roles import Action
from releases.domain.states import LIVE
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may
from releases.flow.record import record
from releases.models import PlanStep, RolloutPlan


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
) -> RolloutPlan:
    """Create a plan, or change one for the rollouts to come. Raises NotAllowed, BadPlan with the field at fault."""
    check_may(Action.EDIT_PLANS, by=by, service=None)
    if not name.strip():
        raise BadPlan(_("A plan has a name."), field="name")
    others = RolloutPlan.objects.exclude(pk=plan.pk) if plan else RolloutPlan.objects.all()
    if others.filter(name=name).exists():
        raise BadPlan(_("There is already a plan called %(name)s.") % {"name": name}, field="name")
    if plan is None:
        evidence = with_hold_back(evidence, strategy=strategy, weights=[step.get("weight") for step in steps])
    value = Plan.from_json({"strategy": strategy, "steps": list(steps), "evidence": evidence})
    before = plan.written().as_json() if plan and plan.steps.exists() else None
    row = plan or RolloutPlan(created_by_id=by.user_id)
    row.name, row.title, row.strategy, row.evidence = (
        name,
        title,
        value.strategy.value,
        value.evidence.as_json(),
    )
    row.save()
    row.steps.all().delete()
    PlanStep.objects.bulk_create(
        PlanStep(plan=row, position=position, **_columns(step.as_json()))
        for position, step in enumerate(value.steps)
    )
    record("change_plan" if plan else "create_plan", by=by, obj=row, before=before, after=value.as_json())
    return row


@attempt("delete_plan")
@transaction.atomic
def delete_plan(plan: RolloutPlan, *, by: Actor) -> None:
    """Delete a plan that no live rollout was made from. Rollouts keep their frozen copy."""
    check_may(Action.EDIT_PLANS, by=by, service=None)
    if plan.rollouts.filter(state__in=LIVE).exists():
        raise IllegalMove(_("Plan %(plan)s is used by a live rollout; end that first.") % {"plan": plan})
    record("delete_plan", by=by, obj=plan, before=plan.written().as_json())
    plan.delete()


def _columns(step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: step[name]
        for name in ("weight", "bake_seconds", "gate", "not_before", "rules", "sticky", "mirror")
    }
