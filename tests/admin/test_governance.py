"""Emergencies, the red button, standard changes and the auditor's buttons, as a person meets them in the admin."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from releases import flow
from releases.clock import database_now
from releases.domain.roles import RoleName
from releases.domain.states import State
from releases.models import AuditEvent, EmergencyRelease, Freeze, Proposal, Role, Rollout, StandardChange
from tests.admin.conftest import SignIn
from tests.admin.world import World, actor, person

pytestmark = pytest.mark.django_db

DECLARED = {
    "service_name": "product",
    "incident": "INC-7",
    "reason": "Payments fail for every tenth customer.",
}


def text_of(client: Client, name: str, *args: Any) -> str:
    return client.get(reverse(name, args=args)).content.decode()


def declared(world: World, client: Client, **given: str) -> Rollout:
    draft = world.draft()
    client.post(reverse("admin:releases_rollout_emergency", args=[draft.pk]), {**DECLARED, **given})
    draft.refresh_from_db()
    return draft


def test_an_operator_releases_a_draft_in_an_emergency(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.operator)
    assert "ask-emergency" in text_of(client, "admin:releases_rollout_change", world.draft().pk)
    Rollout.objects.update(state=State.CANCELLED)
    rollout = declared(world, client)
    assert (rollout.state, rollout.emergency_release.incident) == (State.APPROVED, "INC-7")
    for name, args in (("admin:releases_rollout_change", [rollout.pk]), ("admin:index", [])):
        assert "INC-7" in text_of(client, name, *args), "the banner stands on the page and the board"


@pytest.mark.parametrize("wrong", [{"service_name": "order"}, {"incident": " "}, {"reason": "Too short."}])
def test_what_is_missing_of_an_emergency_is_said_and_nothing_starts(
    world: World, sign_in: SignIn, wrong: dict[str, str]
) -> None:
    assert declared(world, sign_in(world.operator), **wrong).state == State.DRAFT
    assert not EmergencyRelease.objects.exists()


def test_who_has_no_role_for_it_sees_no_dialog_and_is_refused(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.requester)
    assert "ask-emergency" not in text_of(client, "admin:releases_rollout_change", world.draft().pk)
    Rollout.objects.update(state=State.CANCELLED)
    assert declared(world, client).state == State.DRAFT


def test_somebody_else_reviews_it_on_the_page(world: World, sign_in: SignIn) -> None:
    rollout = declared(world, sign_in(world.operator))
    page = "admin:releases_rollout_change"
    assert "ask-review" not in text_of(sign_in(world.operator), page, rollout.pk)
    reviewer = sign_in(world.approver)
    assert "ask-review" in text_of(reviewer, page, rollout.pk)
    url = reverse("admin:releases_rollout_review", args=[rollout.pk])
    reviewer.post(url, {"outcome": "justified", "findings": "The incident was real."})
    release = EmergencyRelease.objects.get()
    assert (release.outcome, release.reviewed_by) == ("justified", world.approver)


@pytest.mark.parametrize("where", ["", "service", "cluster"])
def test_the_red_button_stops_what_was_chosen(world: World, sign_in: SignIn, where: str) -> None:
    row = {"": None, "service": world.service("product"), "cluster": world.cluster}[where]
    client = sign_in(world.operator)
    assert "ask-stop" in text_of(client, "admin:releases_freeze_changelist")
    client.post(
        reverse("admin:releases_freeze_red_button"),
        {"where": f"{where}-{row.pk}" if row else "", "reason": "It fails."},
    )
    freeze = Freeze.objects.get()
    assert freeze.red_button
    assert (freeze.service or freeze.cluster) == row


def test_the_red_button_of_one_group_stops_no_other(world: World, sign_in: SignIn) -> None:
    world.service("product")
    client = sign_in(world.viewer)
    assert "ask-stop" not in text_of(client, "admin:releases_freeze_changelist")
    client.post(reverse("admin:releases_freeze_red_button"), {"where": "", "reason": "It fails."})
    assert not Freeze.objects.exists()
    assert client.post(reverse("admin:releases_freeze_red_button"), {"where": "x-1"}).status_code == 404


def test_a_standard_change_is_proposed_and_waits_on_the_board_of_a_second_person(
    world: World, sign_in: SignIn
) -> None:
    service = world.service("product")
    given = {
        "plan": world.plan.pk,
        "service": service.pk,
        "max_weight": 100,
        "valid_until": f"{database_now() + timedelta(days=30):%Y-%m-%dT%H:%M:%S}",
        "why": "The same every week.",
    }
    url = reverse("admin:releases_proposal_add")
    asker = sign_in(world.requester)
    assert asker.post(url, {**given, "max_weight": 20}).status_code == 200, "the plan goes above it"
    assert not Proposal.objects.exists()
    assert asker.post(url, given).status_code == 302
    proposal = Proposal.objects.get()
    link = reverse("admin:releases_proposal_change", args=[proposal.pk])
    assert link in text_of(sign_in(world.approver), "admin:index")
    assert link not in text_of(asker, "admin:index"), "who asked does not decide"
    assert link not in text_of(sign_in(world.viewer), "admin:index")


def standard_change(world: World) -> StandardChange:
    proposal = flow.propose_standard(
        world.plan,
        service=world.service("product"),
        max_weight=100,
        valid_until=database_now() + timedelta(days=30),
        by=actor(world.requester),
        why="The same every week.",
    )
    flow.agree(proposal, by=actor(world.approver))
    return StandardChange.objects.get()


def test_a_standard_change_is_taken_back_on_its_page_with_a_reason(world: World, sign_in: SignIn) -> None:
    url = reverse("admin:releases_standardchange_change", args=[standard_change(world).pk])
    client = sign_in(world.administrator)
    assert "Take it back" in client.get(url).content.decode()
    assert client.post(url, {"why": ""}).status_code == 200, "a reason is needed"
    assert StandardChange.objects.get().revoked_at is None
    client.post(url, {"why": "The plan was wrong."})
    assert StandardChange.objects.get().revoked_by == world.administrator.username
    event = AuditEvent.objects.get(action="revoke_standard_change")
    assert (event.reason, event.outcome) == ("The plan was wrong.", "done")
    assert "Take it back" not in client.get(url).content.decode(), "once is enough"


def test_who_does_not_keep_policies_takes_no_standard_change_back(world: World, sign_in: SignIn) -> None:
    url = reverse("admin:releases_standardchange_change", args=[standard_change(world).pk])
    client = sign_in(world.operator)
    assert "Take it back" not in client.get(url).content.decode()
    assert client.post(url, {"why": "I want to."}).status_code == 403
    assert StandardChange.objects.get().revoked_at is None


def test_an_old_session_is_led_to_the_password_and_back_to_the_proposal(
    world: World, sign_in: SignIn, settings: Settings
) -> None:
    proposal = flow.propose_standard(
        world.plan,
        service=world.service("product"),
        max_weight=100,
        valid_until=database_now() + timedelta(days=30),
        by=actor(world.requester),
        why="The same every week.",
    )
    url = reverse("admin:releases_proposal_change", args=[proposal.pk])
    settings.REAUTHENTICATE_AFTER_SECONDS = -1
    answer = sign_in(world.approver).post(url, {"decision": "agree", "answer": "yes"})
    assert (answer.status_code, answer["Location"]) == (
        302,
        f"{reverse('confirm')}?{urlencode({'next': url})}",
    )
    assert not StandardChange.objects.exists()


def test_a_change_of_data_is_asked_for_with_its_note(world: World, sign_in: SignIn) -> None:
    service = world.service("product")
    given = {
        "service": service.pk,
        "candidate": service.versions.get(name="v2").pk,
        "plan": world.plan.pk,
        **dict.fromkeys(("reason", "impact", "test_evidence", "rollback_note"), "said"),
        "changes_data": "on",
    }
    client = sign_in(world.requester)
    assert client.post(reverse("admin:releases_rollout_add"), given).status_code == 200
    assert not Rollout.objects.exists()
    client.post(reverse("admin:releases_rollout_add"), {**given, "compatibility_note": "Both read it."})
    made = Rollout.objects.get()
    assert (made.changes_data, made.compatibility_note) == (True, "Both read it.")
    assert "Both read it." in text_of(client, "admin:releases_rollout_change", made.pk)


def test_an_auditor_verifies_the_chain_and_takes_it_away(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.auditor)
    answer = client.post(reverse("admin:releases_auditevent_verify"), follow=True)
    assert "The chain holds" in answer.content.decode()
    lines = client.get(reverse("admin:releases_auditevent_export", args=["jsonl"])).getvalue().decode()
    events = [json.loads(line) for line in lines.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["action"] == "export_audit", "who took it is told before it leaves"
    table = client.get(reverse("admin:releases_auditevent_export", args=["csv"])).getvalue().decode()
    assert table.startswith("\ufeff")
    assert client.get(reverse("admin:releases_auditevent_export", args=["heads"])).status_code == 200
    assert AuditEvent.objects.filter(action="export_audit").count() == 3


def test_the_whole_trail_leaves_with_an_auditor_only(world: World, sign_in: SignIn) -> None:
    url = reverse("admin:releases_auditevent_export", args=["jsonl"])
    taken = sign_in(world.operator).get(url).getvalue().decode()
    assert all(json.loads(line)["service"] for line in taken.splitlines()), "only what is about a service"
    heads = reverse("admin:releases_auditevent_export", args=["heads"])
    assert sign_in(world.operator).get(heads).status_code == 403
    assert sign_in(world.viewer).post(reverse("admin:releases_auditevent_verify")).status_code == 403
    nobody = person("nobody", RoleName.VIEWER)
    client = sign_in(nobody)
    Role.objects.filter(user=nobody).delete()
    assert client.get(url).status_code == 403
