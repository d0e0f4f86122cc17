"""The audit trail: found by what an auditor knows, closed to those without the role, checked as a chain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from releases import selectors
from releases.models import AuditEvent, Role, User, guards
from services.models import Service
from tests.api.conftest import World, add_service, approved, draft

Bearer = Callable[..., APIClient]
AUDIT = "/api/v1/audit/"


@pytest.fixture
def found(world: World, bearer: Bearer) -> Callable[..., list[dict[str, Any]]]:
    client = bearer(world.auditor)

    def ask(**query: object) -> list[dict[str, Any]]:
        answer = client.get(f"{AUDIT}?{urlencode(query)}")
        assert answer.status_code == 200, answer.json()
        rows: list[dict[str, Any]] = answer.json()["results"]
        return rows

    return ask


def actions(rows: list[dict[str, Any]]) -> list[str]:
    return [row["action"] for row in rows]


@pytest.mark.parametrize(
    ("person", "status"),
    [
        ("auditor", 200),
        ("approver", 200),
        ("operator", 200),
        ("policy_administrator", 200),
        ("requester", 403),
        ("viewer", 403),
    ],
)
def test_the_chain_is_read_by_those_who_may_read_the_whole_trail(
    world: World, bearer: Bearer, person: str, status: int
) -> None:
    client = bearer(getattr(world, person))
    assert client.get(f"{AUDIT}verify/").status_code == status
    assert client.get(f"{AUDIT}heads/").status_code == status


def test_everybody_reads_what_their_services_went_through(world: World, bearer: Bearer) -> None:
    ours, theirs = Group.objects.create(name="ours"), Group.objects.create(name="theirs")
    other = add_service("product", cluster=world.cluster, policy=world.policy)
    for service, group in ((world.service, ours), (other, theirs)):
        Service.objects.filter(pk=service.pk).update(owners=group)
    first, second = draft(world), draft(world, service=Service.objects.get(pk=other.pk))
    Role.objects.filter(user=world.viewer).update(group=ours)

    def seen_by(user: User) -> set[int | None]:
        rows = bearer(user).get(AUDIT).json()["results"]
        return {row["rollout"] and row["rollout"]["id"] for row in rows}

    assert seen_by(world.viewer) == {first.pk}
    assert seen_by(world.requester) == {first.pk, second.pk}, "a role everywhere, but no account's log-ins"
    assert seen_by(world.auditor) == {first.pk, second.pk, None}
    client = bearer(world.viewer)
    [about_other] = AuditEvent.objects.filter(rollout=second)
    assert client.get(f"{AUDIT}{about_other.seq}/").status_code == 404
    assert client.get(f"{AUDIT}?rollout={second.pk}").json()["results"] == []
    assert bearer(User.objects.create_user("nobody")).get(AUDIT).status_code == 403


def test_events_come_newest_first(world: World, found: Callable[..., Any]) -> None:
    approved(world)
    rows = found()
    numbers = [row["seq"] for row in rows]
    assert numbers == sorted(numbers, reverse=True)
    assert actions(rows)[:3] == ["approve", "submit", "create"]
    assert rows[0]["sentence"]


def test_events_are_found_by_what_is_known(world: World, bearer: Bearer, found: Callable[..., Any]) -> None:
    rollout = approved(world)
    bearer(world.viewer).post(f"/api/v1/rollouts/{rollout.pk}/pause/", {"reason": "Please stop."})
    assert actions(found(actor="approver", action="approve")) == ["approve"]
    assert actions(found(rollout=rollout.pk)) == actions(found(rollout=f"R-{rollout.pk}"))
    assert actions(found(rollout=rollout.pk)) == ["pause", "approve", "submit", "create"]
    assert actions(found(service="order")) == actions(found(service=world.service.pk))
    assert actions(found(outcome="refused")) == ["pause"]
    assert actions(found(ip="127.0.0.1")) == ["pause"]
    assert actions(found(fingerprint=rollout.fingerprint[:12], action="approve")) == ["approve"]
    assert actions(found(search="viewer pause")) == ["pause"]
    assert found(search="viewer zebra") == []
    assert actions(found(search="127.0.0.1 ViewER")) == ["pause"]
    assert "submit" in actions(found(search=f"{rollout.fingerprint[:12].upper()} submit"))
    assert found(search=rollout.fingerprint[1:13]) == []
    assert found(rollout="nothing") == []


def test_words_are_found_by_an_index_on_postgresql(world: World) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite, for a first look, reads the rows")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
    plan = selectors.events_that_mention(AuditEvent.objects.order_by(), "zebra").explain()
    assert plan.count("audit_of_words") == 4, plan


@pytest.mark.parametrize("column", ["outcome", "ip", "fingerprint", "actor", "action", "service", "rollout"])
def test_each_filter_has_an_index_that_gives_the_newest_first(db: None, column: str) -> None:
    indexes = [index.fields for index in AuditEvent._meta.indexes]
    assert [column, "-seq"] in indexes


def test_since_is_included_and_until_is_not(world: World, found: Callable[..., Any]) -> None:
    draft(world)
    event = AuditEvent.objects.latest("seq")
    assert actions(found(since=event.at.isoformat())) == ["create"]
    assert "create" not in actions(found(until=event.at.isoformat()))
    assert found(since=(timezone.now() + timedelta(hours=1)).isoformat()) == []


@pytest.mark.parametrize("query", ["ip=somewhere", "since=yesterday", "outcome=maybe", "until=%00"])
def test_a_filter_that_can_not_be_read_is_400(world: World, bearer: Bearer, query: str) -> None:
    assert bearer(world.auditor).get(f"{AUDIT}?{query}").status_code == 400


def test_an_event_has_an_address_of_its_own(world: World, bearer: Bearer) -> None:
    rollout = approved(world)
    event = AuditEvent.objects.latest("seq")
    shown = bearer(world.auditor).get(f"{AUDIT}{event.seq}/").json()
    assert (shown["hash"], shown["prev"]) == (event.hash, event.prev)
    assert shown["rollout"] == {"id": rollout.pk, "number": f"R-{rollout.pk}"}
    assert shown["service"]["name"] == "order"
    assert shown["after"]["state"] == "approved"


def test_a_sound_chain_is_said_to_be_sound(world: World, bearer: Bearer) -> None:
    approved(world)
    report = bearer(world.auditor).get(f"{AUDIT}verify/").json()
    assert (report["valid"], report["first_bad"], report["detail"]) == (True, None, "")
    assert report["events"] == AuditEvent.objects.count()
    assert report["head"] == AuditEvent.objects.latest("seq").hash


def test_a_changed_event_is_named(world: World, bearer: Bearer) -> None:
    approved(world)
    event = AuditEvent.objects.get(action="approve")
    guards.remove(connection)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE releases_auditevent SET actor = 'nobody' WHERE id = %s", [event.pk])
    report = bearer(world.auditor).get(f"{AUDIT}verify/").json()
    assert (report["valid"], report["first_bad"]) == (False, event.seq)
    assert str(event.seq) in report["detail"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nobody_writes_the_trail(world: World, bearer: Bearer, method: str) -> None:
    client = bearer(world.auditor)
    event = AuditEvent.objects.latest("seq")
    assert getattr(client, method)(f"{AUDIT}{event.seq}/", {}).status_code == 405
    assert AuditEvent.objects.filter(seq=event.seq, hash=event.hash).exists()
