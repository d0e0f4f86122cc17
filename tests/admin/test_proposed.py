"""What a proposal would change is read in words, by the field's own name and the row's own name."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import translation

from releases.admin.proposed import Line, lines_of
from releases.models import Proposal
from services.models import Policy
from tests.admin.conftest import SignIn
from tests.admin.world import World

pytestmark = pytest.mark.django_db


def test_a_policy_s_change_is_told_field_by_field() -> None:
    owners = Group.objects.create(name="payments")
    proposal = Proposal(
        kind=Proposal.Kind.CHANGE_POLICY,
        before={"approvals_needed": 2, "required_groups": [owners.pk], "guard_allowed": False},
        after={"approvals_needed": 1, "required_groups": [], "guard_allowed": False, "number": 4},
    )
    assert lines_of(proposal) == [
        Line("approvals needed", "2", "1"),
        Line("required groups", "payments", "–"),
    ]
    with translation.override("zh-hans"):
        assert lines_of(proposal)[0].label == "所需批准数"


def test_a_service_s_new_policy_is_named() -> None:
    old, new = Policy.objects.create(name="two"), Policy.objects.create(name="one")
    proposal = Proposal(
        kind=Proposal.Kind.CHANGE_SERVICE, before={"policy": old.pk}, after={"policy_id": new.pk}
    )
    assert lines_of(proposal) == [Line("policy", "two", "one")]


def test_a_role_a_name_that_is_gone_and_a_plan_are_told() -> None:
    role = Proposal(
        kind=Proposal.Kind.GIVE_ROLE, before={}, after={"role": "approver", "group": 999, "group_name": "x"}
    )
    assert [line.after for line in lines_of(role)] == ["approver", "#999"]
    plan = {"steps": [{"weight": 5}, {"weight": 100}]}
    standard = Proposal(
        kind=Proposal.Kind.STANDARD_CHANGE,
        before={},
        after={
            "plan_digest": "ab",
            "plan": plan,
            "max_weight": 100,
            "valid_until": "2026-12-01T08:00:00+00:00",
        },
    )
    said = [line.after for line in lines_of(standard)]
    assert said[:2] == ["5 % → 100 %", "100"]
    assert "2026" not in said[2] or "T08" not in said[2]


def test_the_page_shows_the_table_and_no_raw_json(world: World, sign_in: SignIn) -> None:
    proposal = Proposal.objects.create(
        kind=Proposal.Kind.CHANGE_POLICY,
        policy=Policy.objects.create(name="two"),
        before={"approvals_needed": 2},
        after={"approvals_needed": 1},
        reason="Fewer people on call.",
        asked_by=world.requester,
    )
    page = sign_in(world.approver).get(reverse("admin:releases_proposal_change", args=[proposal.pk]))
    html = page.content.decode()
    assert "As it would be" in html
    assert "{&#x27;approvals_needed" not in html
    assert "{&quot;approvals_needed" not in html
