"""Forms: a request, a plan, the catalogue, people, tokens. Errors stand where they belong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from releases import flow
from releases.admin.plan_forms import LengthField, PlanForm, StepForm, step_forms
from releases.admin.plan_templates import plan_templates
from releases.domain.states import Event, State
from releases.models import AuditEvent, Role, Rollout, RolloutPlan
from tests.admin.conftest import SignIn
from tests.admin.world import STATEMENTS, World, actor, person

PLAN = {
    "name": "new",
    "title": "",
    "strategy": "canary",
    "policy": "guard",
    "interval": "15 s",
    "wait_limit": "1 h",
    "when_unclear": "hold",
}


def posted(*steps: dict[str, Any], initial: int = 0, **plan: str) -> dict[str, Any]:
    """Return the plan's form as a browser posts it."""
    data: dict[str, Any] = {**PLAN, **plan, "steps-TOTAL_FORMS": len(steps), "steps-INITIAL_FORMS": initial}
    for number, step in enumerate(steps):
        data |= {f"steps-{number}-{name}": value for name, value in {"gate": "auto", **step}.items()}
    return data


def request_of(world: World, **changes: Any) -> dict[str, Any]:
    service = world.service("product")
    candidate = service.versions.get(name="v2")
    return {"service": service.pk, "candidate": candidate.pk, "plan": world.plan.pk, **STATEMENTS, **changes}


# A request for a rollout


def test_a_requester_makes_a_draft_and_comes_to_its_page(world: World, sign_in: SignIn) -> None:
    response = sign_in(world.requester).post(reverse("admin:releases_rollout_add"), request_of(world))
    rollout = Rollout.objects.get()
    assert response["Location"] == reverse("admin:releases_rollout_change", args=[rollout.pk])
    assert rollout.state == State.DRAFT
    assert rollout.requested_by == world.requester


def test_a_request_without_a_reason_says_so_beside_the_field(world: World, sign_in: SignIn) -> None:
    response = sign_in(world.requester).post(
        reverse("admin:releases_rollout_add"), request_of(world, reason="")
    )
    assert response.status_code == 200
    assert response.context["form"].errors["reason"]
    assert not Rollout.objects.exists()


def test_the_stable_version_is_no_candidate(world: World, sign_in: SignIn) -> None:
    stable = world.service("product").stable
    assert stable
    given = request_of(world, candidate=stable.pk)
    response = sign_in(world.requester).post(reverse("admin:releases_rollout_add"), given)
    assert "already the stable one" in response.context["form"].errors["candidate"][0]


def test_who_may_not_ask_is_not_shown_the_form(world: World, sign_in: SignIn) -> None:
    assert sign_in(world.approver).get(reverse("admin:releases_rollout_add")).status_code == 403


def test_editing_a_draft_changes_it_and_names_the_editor(world: World, sign_in: SignIn) -> None:
    rollout = world.draft()
    given = {
        name: value for name, value in request_of(world, reason="better words").items() if name != "service"
    }
    sign_in(world.requester).post(reverse("admin:releases_rollout_edit", args=[rollout.pk]), given)
    rollout.refresh_from_db()
    assert rollout.reason == "better words"
    assert rollout.edits.get().by == world.requester


def test_what_is_submitted_is_not_edited(world: World, sign_in: SignIn) -> None:
    rollout = world.pending()
    given = {name: value for name, value in request_of(world, reason="other").items() if name != "service"}
    response = sign_in(world.requester).post(reverse("admin:releases_rollout_edit", args=[rollout.pk]), given)
    assert response.status_code == 200
    assert response.context["form"].non_field_errors()
    rollout.refresh_from_db()
    assert rollout.reason == STATEMENTS["reason"]


# A plan


def test_a_plan_is_saved_with_its_steps(world: World, sign_in: SignIn) -> None:
    steps = ({"weight": 1, "bake": "24 h"}, {"weight": 100, "bake": "90 s", "gate": "manual"})
    sign_in(world.requester).post(reverse("admin:releases_rolloutplan_add"), posted(*steps))
    plan = RolloutPlan.objects.get(name="new")
    assert [(step.weight, step.bake_seconds, step.gate) for step in plan.steps.all()] == [
        (1, 86400, "auto"),
        (100, 90, "manual"),
    ]
    assert plan.created_by == world.requester


def test_a_plan_that_goes_down_says_so_at_the_step(world: World, sign_in: SignIn) -> None:
    steps = ({"weight": 50, "bake": "1 h"}, {"weight": 5, "bake": "1 h"})
    response = sign_in(world.requester).post(reverse("admin:releases_rolloutplan_add"), posted(*steps))
    assert response.status_code == 200
    assert "goes down from 50 % to 5 %" in response.context["steps"].forms[1].errors["weight"][0]
    assert not RolloutPlan.objects.filter(name="new").exists()


def test_a_bad_rule_is_shown_at_its_step(world: World, sign_in: SignIn) -> None:
    steps = (
        {"weight": 5, "bake": "1 h", "rules": '[{"header": "x-user-id", "regex": "(", "to": "candidate"}]'},
    )
    response = sign_in(world.requester).post(reverse("admin:releases_rolloutplan_add"), posted(*steps))
    assert response.context["steps"].forms[0].non_field_errors()


def test_a_step_that_was_taken_out_is_not_saved(world: World, sign_in: SignIn) -> None:
    steps = ({"weight": 5, "bake": "1 h"}, {"DELETE": "on"}, {"weight": 100, "bake": "1 h"})
    sign_in(world.requester).post(reverse("admin:releases_rolloutplan_add"), posted(*steps))
    assert [step.weight for step in RolloutPlan.objects.get(name="new").steps.all()] == [5, 100]


def test_changing_a_plan_leaves_the_rollouts_alone(world: World, sign_in: SignIn) -> None:
    rollout = world.draft()
    url = reverse("admin:releases_rolloutplan_change", args=[world.plan.pk])
    sign_in(world.requester).post(url, posted({"weight": 10, "bake": "1 h"}, initial=1, name="canary"))
    rollout.refresh_from_db()
    assert [step["weight"] for step in rollout.frozen_plan["steps"]] == [5, 50, 100]
    assert [step.weight for step in world.plan.steps.all()] == [10]


def test_a_viewer_reads_plans_and_saves_none(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.viewer)
    url = reverse("admin:releases_rolloutplan_change", args=[world.plan.pk])
    assert "Save the plan" not in client.get(url).content.decode()
    assert client.post(url, posted({"weight": 10, "bake": "1 h"}, name="canary")).status_code == 403


def test_another_groups_plan_is_read_and_not_saved_or_deleted(world: World, sign_in: SignIn) -> None:
    RolloutPlan.objects.update(owners=Group.objects.create(name="ours"))
    other = person("other")
    Role.objects.create(user=other, name="operator", group=Group.objects.create(name="theirs"))
    client = sign_in(other)
    url = reverse("admin:releases_rolloutplan_change", args=[world.plan.pk])
    assert "Save the plan" not in client.get(url).content.decode()
    assert client.post(url, posted({"weight": 10, "bake": "1 h"}, initial=1)).status_code == 403
    delete = reverse("admin:releases_rolloutplan_delete", args=[world.plan.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    assert RolloutPlan.objects.get().steps.count() == 3


def test_a_plan_is_given_to_a_group_on_its_page(world: World, sign_in: SignIn) -> None:
    ours = Group.objects.create(name="ours")
    step = {"weight": 10, "bake": "1 h", "gate": "auto"}
    url = reverse("admin:releases_rolloutplan_add")
    sign_in(world.requester).post(url, posted(step, owners=str(ours.pk)))
    assert RolloutPlan.objects.get(name="new").owners == ours


def test_a_plan_of_a_live_rollout_is_not_deleted(world: World, sign_in: SignIn) -> None:
    world.pending()
    sign_in(world.requester).post(
        reverse("admin:releases_rolloutplan_delete", args=[world.plan.pk]), {"post": "yes"}
    )
    assert RolloutPlan.objects.filter(pk=world.plan.pk).exists()


@pytest.mark.parametrize("number", range(4))
def test_every_template_makes_a_plan_that_is_accepted(world: World, number: int) -> None:
    template = json.loads(plan_templates()[number].data)
    data = posted(*template["steps"], strategy=template["strategy"])
    form, steps = PlanForm(data), step_forms(data)
    assert form.is_valid(), form.errors
    assert steps.is_valid(), steps.errors
    saved = flow.save_plan(
        name="from template",
        strategy=template["strategy"],
        steps=[step.as_step() for step in steps.kept()],
        evidence=form.evidence(),
        by=actor(world.requester),
    )
    assert saved.steps.count() == len(template["steps"])


def test_a_saved_step_is_shown_as_it_was_written(world: World) -> None:
    step = {
        "weight": 0,
        "bake": "36 h",
        "sticky_header": "x-user-id",
        "sticky_percent": "20",
        "mirror_percent": "5",
    }
    form = StepForm({"gate": "manual", **step})
    assert form.is_valid(), form.errors
    plan = flow.save_plan(
        name="round", steps=[form.as_step()], evidence={"policy": "guard"}, by=actor(world.requester)
    )
    shown = StepForm(initial=StepForm.initial_of(plan.steps.get()))
    assert 'value="36 h"' in str(shown["bake"])
    assert shown["sticky_percent"].value() == 20
    assert shown["mirror_percent"].value() == 5


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("24 h", 86400), ("1 d 12 h", 129600), ("5min", 300), ("90", 90), ("2 小时", 7200), ("3 天", 259200)],
)
def test_a_length_of_time_is_read_as_people_write_it(written: str, seconds: int) -> None:
    assert LengthField().clean(written) == seconds


def test_a_second_submit_is_refused_and_audited(world: World, sign_in: SignIn) -> None:
    rollout = world.pending()
    sign_in(world.operator).post(
        reverse("admin:releases_rollout_event", args=[rollout.pk, Event.SUBMIT.slug])
    )
    assert AuditEvent.objects.filter(rollout=rollout, outcome=AuditEvent.Outcome.REFUSED).count() == 1
