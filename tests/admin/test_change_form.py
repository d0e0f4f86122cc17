"""Asking for a change of traffic in the admin: look first, then ask for exactly what was looked at."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from django.test import Client

from releases.domain.roles import RoleName
from releases.models import TrafficChange, User
from tests.admin.world import World, person

SignIn = Callable[[User], Client]
ADD = "/admin/releases/trafficchange/add/"


def given(world: World, **changes: object) -> dict[str, object]:
    rules = '[{"name": "testers", "header": "x-tester", "exact": "1", "to": "candidate"}]'
    return {"service": world.service("product").pk, "weight": 20, "rules": rules, "reason": "", **changes}


def looked(client: Client, body: dict[str, object]) -> tuple[str, str]:
    """The page after a preview, and what it says was looked at."""
    page = client.post(ADD, {**body, "look": "1"}).content.decode()
    found = re.search(r'name="looked" value="([^"]*)"', page)
    return page, html.unescape(found[1]) if found else ""


def test_a_preview_shows_what_would_be_written_and_stores_nothing(world: World, sign_in: SignIn) -> None:
    page, content = looked(sign_in(world.requester), given(world))
    assert "weir-primary.testers" in page
    assert re.search(r"Needs \d approval", page)
    assert content
    assert not TrafficChange.objects.exists()


def test_what_was_looked_at_is_asked_for_and_waits_for_a_vote(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.requester)
    body = given(world, reason="Testers first.")
    _, content = looked(client, body)
    answer = client.post(ADD, {**body, "looked": content, "ask": "1"})
    change = TrafficChange.objects.get()
    assert answer["Location"] == f"/admin/releases/trafficchange/{change.pk}/change/"
    assert (change.weight, change.state, change.reason) == (20, "pending", "Testers first.")


def test_what_was_changed_since_the_preview_is_shown_again_first(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.requester)
    _, content = looked(client, given(world))
    page = client.post(ADD, {**given(world, weight=60, reason="More."), "looked": content, "ask": "1"})
    assert "You changed something since the preview" in page.content.decode()
    assert not TrafficChange.objects.exists()


def test_asking_says_why(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.requester)
    body = given(world)
    _, content = looked(client, body)
    page = client.post(ADD, {**body, "looked": content, "ask": "1"}).content.decode()
    assert "A change of traffic says why." in page
    assert not TrafficChange.objects.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weight": 101}, "less than or equal to 100"),
        ({"rules": "[{"}, "valid JSON"),
        ({"sticky_header": "x-user-id"}, "both a header and a percentage"),
        ({"rules": '[{"header": "x", "exact": "1", "to": "nowhere"}]'}, "nowhere"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    world: World, sign_in: SignIn, changes: dict[str, object], said: str
) -> None:
    page, content = looked(sign_in(world.requester), given(world, **changes))
    assert "Nothing was asked for." in page
    assert said in html.unescape(page)
    assert content == ""


def test_who_may_not_change_traffic_has_no_form(world: World, sign_in: SignIn) -> None:
    assert sign_in(person("watcher", RoleName.AUDITOR)).get(ADD).status_code == 403


def test_who_may_only_lead_back_is_told_so(world: World, sign_in: SignIn) -> None:
    assert "Your roles let you lead traffic back" in sign_in(world.approver).get(ADD).content.decode()


def test_the_page_of_a_service_leads_to_its_form(world: World, sign_in: SignIn) -> None:
    service = world.service("product")
    client = sign_in(world.requester)
    page = client.get(f"/admin/services/service/{service.pk}/change/").content.decode()
    assert f'href="{ADD}?service={service.pk}"' in page
    form = client.get(f"{ADD}?service={service.pk}").content.decode()
    assert f'<option value="{service.pk}" selected>' in form
