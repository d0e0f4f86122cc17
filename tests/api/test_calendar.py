"""Freezes, windows, proposals and the calendar by the API: one person closes, two open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import icalendar
import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from releases.domain.roles import RoleName
from releases.models import AuditEvent, Freeze, FreezeOverride, Proposal, Role, Rollout, User
from services.models import Policy
from tests.api.conftest import World, add_person, approved, pending

Bearer = Callable[..., APIClient]
URL = "/api/v1/"


@pytest.fixture
def manager(world: World, bearer: Bearer) -> APIClient:
    return bearer(person(RoleName.CALENDAR_MANAGER))


@pytest.fixture
def approver(world: World, bearer: Bearer) -> APIClient:
    return bearer(world.approver)


def person(role: RoleName) -> User:
    return User.objects.get(username=role.value)


def in_hours(hours: float) -> str:
    return (timezone.now() + timedelta(hours=hours)).isoformat()


def freeze_now(client: APIClient, **changes: Any) -> dict[str, Any]:
    body = {
        "name": "双十一封网",
        "starts_at": in_hours(-1),
        "ends_at": in_hours(10),
        "reason": "大促",
        **changes,
    }
    answer = client.post(f"{URL}freezes/", body, format="json")
    assert answer.status_code == 201, answer.content
    data: dict[str, Any] = answer.json()
    return data


def test_a_calendar_manager_freezes_and_the_trail_says_so(world: World, manager: APIClient) -> None:
    made = freeze_now(manager, service="order", effect="roll_back")
    assert made["service"]["name"] == "order"
    assert made["active"]
    event = AuditEvent.objects.get(action="create_freeze")
    assert (event.after or {})["effect"] == "roll_back"
    assert event.service == world.service


def test_who_has_no_role_for_it_freezes_nothing(world: World, bearer: Bearer) -> None:
    body = {"name": "x", "starts_at": in_hours(0), "ends_at": in_hours(1)}
    for somebody in (world.viewer, world.requester, world.auditor):
        assert bearer(somebody).post(f"{URL}freezes/", body, format="json").status_code == 403
    assert not Freeze.objects.exists()


def test_a_local_time_is_read_on_the_wall_of_its_zone(world: World, manager: APIClient) -> None:
    made = freeze_now(
        manager, starts_at="2026-11-11T00:00", ends_at="2026-11-12T00:00", time_zone="Asia/Shanghai"
    )
    assert (made["starts_at"], made["starts_local"]) == ("2026-11-10T16:00:00Z", "2026-11-11T00:00:00")


def test_the_hour_that_does_not_exist_is_refused_and_the_one_that_exists_twice_is_asked_about(
    world: World, manager: APIClient
) -> None:
    body = {"name": "clocks", "ends_at": "2026-12-01T00:00", "time_zone": "America/New_York"}
    gap = manager.post(f"{URL}freezes/", {**body, "starts_at": "2026-03-08T02:30"}, format="json")
    assert (gap.status_code, gap.json()["errors"][0]["attr"]) == (400, "starts_at")
    twice = {**body, "starts_at": "2026-11-01T01:30"}
    assert manager.post(f"{URL}freezes/", twice, format="json").status_code == 400
    chosen = manager.post(f"{URL}freezes/", {**twice, "starts_fold": 1}, format="json")
    assert chosen.json()["starts_at"] == "2026-11-01T06:30:00Z"


@pytest.mark.parametrize(
    ("changes", "attr"),
    [
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
        ({"rule": "FREQ=HOURLY"}, "rule"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"effect": "explode"}, "effect"),
        ({"starts_at": "soon"}, "starts_at"),
        ({"starts_at": 12}, "starts_at"),
        ({"service": "order", "cluster": "lab"}, "service"),
        ({"starts_at": "1066-10-14T09:00:00Z"}, "starts_at"),
    ],
)
def test_what_can_not_be_kept_is_named_by_its_field(
    world: World, manager: APIClient, changes: dict[str, Any], attr: str
) -> None:
    body = {"name": "x", "starts_at": in_hours(1), "ends_at": in_hours(2), **changes}
    answer = manager.post(f"{URL}freezes/", body, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == attr


def test_lifting_an_active_freeze_takes_two(world: World, manager: APIClient, approver: APIClient) -> None:
    freeze = freeze_now(manager)
    asked = manager.post(f"{URL}freezes/{freeze['id']}/lift/", {"reason": "over early"}, format="json")
    assert asked.status_code == 202
    assert asked.json()["lifted_at"] is None
    proposal = asked.json()["open_proposals"][0]
    alone = manager.post(f"{URL}proposals/{proposal['id']}/approve/", {}, format="json")
    assert alone.status_code == 403
    assert AuditEvent.objects.filter(outcome="refused", action="agree").count() == 1
    agreed = approver.post(f"{URL}proposals/{proposal['id']}/approve/", {"reason": "yes"}, format="json")
    assert (agreed.status_code, agreed.json()["state"]) == (200, "agreed")
    assert Freeze.objects.get().lifted_at is not None
    again = approver.post(f"{URL}proposals/{proposal['id']}/approve/", {}, format="json")
    assert again.status_code == 409


def test_a_service_account_of_the_same_person_is_not_a_second_person(
    world: World, manager: APIClient, bearer: Bearer
) -> None:
    asker = person(RoleName.CALENDAR_MANAGER)
    robot = add_person(RoleName.APPROVER, name="robot")
    User.objects.filter(pk=robot.pk).update(belongs_to=asker)
    freeze = freeze_now(manager)
    asked = manager.delete(f"{URL}freezes/{freeze['id']}/").json()["open_proposals"][0]
    assert bearer(robot).post(f"{URL}proposals/{asked['id']}/approve/", {}, format="json").status_code == 403


def test_the_database_refuses_one_person_as_both(world: World, manager: APIClient) -> None:
    freeze = freeze_now(manager)
    proposal_id = manager.delete(f"{URL}freezes/{freeze['id']}/").json()["open_proposals"][0]["id"]
    with pytest.raises(IntegrityError), transaction.atomic():
        Proposal.objects.filter(pk=proposal_id).update(
            state="agreed", decided_by=person(RoleName.CALENDAR_MANAGER)
        )


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"ends_at": in_hours(1)}, 202),
        ({"ends_at": in_hours(100)}, 200),
        ({"effect": "finish_step"}, 202),
        ({"effect": "roll_back"}, 200),
        ({"service": "order"}, 202),
        ({"name": "another name"}, 200),
        ({"starts_at": in_hours(5)}, 202),
    ],
)
def test_less_of_an_active_freeze_takes_two_and_more_takes_one(
    world: World, manager: APIClient, changes: dict[str, Any], status: int
) -> None:
    freeze = freeze_now(manager)
    answer = manager.patch(f"{URL}freezes/{freeze['id']}/", {**changes, "reason": "why"}, format="json")
    assert answer.status_code == status
    changed = Freeze.objects.get()
    assert (changed.name != "双十一封网") == ("name" in changes)
    assert bool(answer.json()["open_proposals"]) == (status == 202)


def test_shortening_happens_when_the_second_person_agrees(
    world: World, manager: APIClient, approver: APIClient
) -> None:
    freeze = freeze_now(manager)
    sooner = in_hours(1)
    asked = manager.patch(
        f"{URL}freezes/{freeze['id']}/", {"ends_at": sooner, "reason": "quiet"}, format="json"
    )
    proposal = asked.json()["open_proposals"][0]["id"]
    approver.post(f"{URL}proposals/{proposal}/approve/", {}, format="json")
    assert Freeze.objects.get().ends_at == datetime.fromisoformat(sooner)


def test_a_freeze_that_has_not_begun_is_lifted_by_one(world: World, manager: APIClient) -> None:
    freeze = freeze_now(manager, starts_at=in_hours(5), ends_at=in_hours(6))
    assert manager.delete(f"{URL}freezes/{freeze['id']}/").status_code == 200
    assert Freeze.objects.get().lifted_by == RoleName.CALENDAR_MANAGER.value


def test_a_refusal_says_why_and_changes_nothing(
    world: World, manager: APIClient, approver: APIClient
) -> None:
    freeze = freeze_now(manager)
    proposal = manager.delete(f"{URL}freezes/{freeze['id']}/").json()["open_proposals"][0]["id"]
    assert approver.post(f"{URL}proposals/{proposal}/reject/", {}, format="json").status_code == 400
    answer = approver.post(f"{URL}proposals/{proposal}/reject/", {"reason": "not yet"}, format="json")
    assert answer.json()["state"] == "refused"
    assert Freeze.objects.get().lifted_at is None


@pytest.mark.parametrize("where", [{"service": "order"}, {"cluster": "lab"}, {}])
def test_the_red_button_stops_a_service_a_cluster_or_everything(
    world: World, approver: APIClient, where: dict[str, str]
) -> None:
    rollout = approved(world)
    Rollout.objects.filter(pk=rollout.pk).update(next_wake_up=timezone.now() + timedelta(days=1))
    answer = approver.post(f"{URL}freezes/red-button/", {"reason": "payment is down", **where}, format="json")
    assert answer.status_code == 201
    assert (answer.json()["ends_at"], answer.json()["red_button"]) == (None, True)
    rollout.refresh_from_db()
    assert rollout.next_wake_up is not None
    assert rollout.next_wake_up <= timezone.now(), "the worker looks at it at once"
    found = approver.get(f"{URL}calendar/").json()["services"]
    assert [row["closed"] for row in found if row["service"]["name"] == "order"] == [True]


def test_an_override_takes_a_permission_a_reason_and_a_second_person(
    world: World, manager: APIClient, approver: APIClient, bearer: Bearer
) -> None:
    freeze, rollout = freeze_now(manager), pending(world)
    url, body = f"{URL}freezes/{freeze['id']}/override/", {"rollout": rollout.pk, "reason": "the fix itself"}
    assert bearer(world.requester).post(url, body, format="json").status_code == 403
    operator = bearer(world.operator)
    assert operator.post(url, {**body, "reason": ""}, format="json").status_code == 400
    asked = operator.post(url, body, format="json")
    assert asked.status_code == 202
    assert not FreezeOverride.objects.exists()
    agree = f"{URL}proposals/{asked.json()['id']}/approve/"
    assert approver.post(agree, {}, format="json").status_code == 403, "the policy accepts no token"
    Policy.objects.update(token_approval_allowed=True)
    approver.post(agree, {}, format="json")
    assert FreezeOverride.objects.get().agreed_by == world.approver


def test_windows_are_made_changed_and_taken_away(world: World, manager: APIClient) -> None:
    body = {
        "name": "工作日白天", "service": "order", "time_zone": "Asia/Shanghai", "rule": "FREQ=DAILY", "days": "working",
        "starts_at": "2026-11-02T10:00", "ends_at": "2026-11-02T17:00",
    }  # fmt: skip
    made = manager.post(f"{URL}release-windows/", body, format="json")
    assert made.status_code == 201, made.content
    url = f"{URL}release-windows/{made.json()['id']}/"
    changed = manager.patch(url, {"ends_at": "2026-11-02T18:00"}, format="json")
    assert changed.json()["ends_local"] == "2026-11-02T18:00:00"
    assert manager.delete(url).status_code == 204
    actions = list(AuditEvent.objects.filter(action__endswith="_window").values_list("action", flat=True))
    assert sorted(actions) == ["change_window", "create_window", "delete_window"]


def test_the_calendar_shows_freezes_windows_rollouts_and_what_it_does_not_know(
    world: World, manager: APIClient, django_assert_max_num_queries: Any
) -> None:
    freeze_now(manager)
    manager.post(f"{URL}holidays/", {"day": "2027-02-17", "name": "春节"}, format="json")
    approved(world)
    with django_assert_max_num_queries(12):
        answer = manager.get(
            f"{URL}calendar/", {"since": in_hours(-24), "until": "2027-03-01T00:00:00Z", "service": "order"}
        )
    shown = answer.json()
    assert [row["name"] for row in shown["freezes"]] == ["双十一封网"]
    assert 2027 in shown["unknown_years"]
    assert "2027" in shown["unknown"]
    assert {"day": "2027-02-17", "working": False, "name": "春节"} in shown["days"]
    assert shown["services"][0]["closed"]
    assert shown["rollouts"][0]["steps"][0]["planned"]
    begins = shown["rollouts"][0]["steps"][0]["begins"]
    assert begins >= shown["services"][0]["next_open"][:19], "a planned step waits for the freeze to end"


@pytest.mark.parametrize(
    "query",
    [{"since": "yesterday"}, {"since": "2026-01-01"}, {"until": "2020-01-01T00:00:00Z"}, {"time_zone": "x"}],
)
def test_a_question_that_makes_no_sense_is_refused(
    world: World, manager: APIClient, query: dict[str, str]
) -> None:
    assert manager.get(f"{URL}calendar/", query).status_code == 400


def test_the_calendar_goes_out_and_comes_in_as_a_file(world: World, manager: APIClient) -> None:
    freeze_now(manager, rule="FREQ=YEARLY", starts_at="2026-11-11T00:00", ends_at="2026-11-12T00:00")
    answer = manager.get(f"{URL}calendar.ics", HTTP_ACCEPT="text/calendar")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/calendar")
    events = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert [str(event["summary"]) for event in events] == ["Freeze: 双十一封网"]
    Freeze.objects.update(uid="gone")
    body = {"ics": answer.content.decode(), "service": "order"}
    first = manager.post(f"{URL}freezes/import/", body, format="json")
    assert first.status_code == 201, first.content
    assert [(row["starts_local"], row["rule"]) for row in first.json()] == [
        ("2026-11-11T00:00:00", "FREQ=YEARLY")
    ]
    assert manager.post(f"{URL}freezes/import/", body, format="json").json() == [], "known by its UID"


@pytest.mark.parametrize(
    "ics", ["", "no calendar", "BEGIN:VCALENDAR\nEND:VCALENDAR", "BEGIN:VEVENT\nEND:VEVENT"]
)
def test_a_file_that_is_no_calendar_is_refused(world: World, manager: APIClient, ics: str) -> None:
    assert manager.post(f"{URL}freezes/import/", {"ics": ics}, format="json").status_code == 400


def test_a_role_on_another_group_freezes_nothing_here(world: World, bearer: Bearer) -> None:
    other = add_person(RoleName.VIEWER, name="other")
    Role.objects.filter(user=other).delete()
    assert bearer(other).get(f"{URL}freezes/").status_code == 403
