"""The shell of every page: who may enter, the strict content security policy, languages, the bar."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from releases.domain.roles import RoleName
from tests.admin.conftest import SignIn
from tests.admin.world import PASSWORD, World, person

PAGES = [
    "admin:index",
    "admin:releases_rollout_changelist",
    "admin:releases_rollout_add",
    "admin:releases_rolloutplan_add",
    "admin:releases_auditevent_changelist",
    "admin:services_service_add",
    "admin:releases_apitoken_add",
    "admin:password_change",
]


def test_nobody_is_sent_to_the_log_in(world: World) -> None:
    response = Client().get(reverse("admin:index"))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("admin:login"))


def test_the_log_in_leads_on(world: World) -> None:
    client = Client()
    assert client.get(reverse("admin:login")).status_code == 200
    given = {"username": "viewer", "password": PASSWORD, "next": "/admin/releases/rollout/"}
    response = client.post(reverse("admin:login"), given)
    assert response["Location"] == "/admin/releases/rollout/"


def test_a_wrong_password_is_said_and_lets_nobody_in(world: World) -> None:
    client = Client()
    response = client.post(reverse("admin:login"), {"username": "viewer", "password": "wrong"})
    assert response.status_code == 200
    assert 'role="alert"' in response.content.decode()
    assert client.get(reverse("admin:index")).status_code == 302


def test_who_is_not_staff_logs_in_for_the_dashboard_only(world: World) -> None:
    person("guest", RoleName.VIEWER, is_staff=False)
    client = Client()
    response = client.post(reverse("admin:login"), {"username": "guest", "password": PASSWORD, "next": "/"})
    assert response["Location"] == "/"
    assert client.get(reverse("admin:index")).status_code == 302
    said = client.get(reverse("admin:login"), {"next": "/admin/"}).content.decode()
    assert "may not open this page" in said


@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_inline_script_or_style(world: World, sign_in: SignIn, name: str) -> None:
    user = person("everything", *(role for role in RoleName if role is not RoleName.AUDITOR))
    html = sign_in(user).get(reverse(name)).content.decode()
    assert re.findall(r"<[^>]+\sstyle=", html) == []
    assert re.findall(r"<style", html) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []
    assert re.findall(r"<[^>]+\son[a-z]+=", html) == []


def test_the_decision_page_has_no_inline_script_or_style(world: World, sign_in: SignIn) -> None:
    rollout = world.running()
    html = (
        sign_in(world.operator)
        .get(reverse("admin:releases_rollout_change", args=[rollout.pk]))
        .content.decode()
    )
    assert re.findall(r"<[^>]+\s(?:style|on[a-z]+)=|<style|<script(?![^>]*\ssrc=)", html) == []


def test_the_policy_of_the_pages_allows_nothing_inline(world: World, sign_in: SignIn) -> None:
    policy = sign_in(world.operator).get(reverse("admin:index"))["Content-Security-Policy"]
    assert "unsafe" not in policy


def test_the_page_speaks_the_language_of_the_cookie(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.operator)
    assert '<html lang="en"' in client.get(reverse("admin:index")).content.decode()
    client.post(reverse("set_language"), {"language": "zh-hans", "next": "/admin/"})
    assert '<html lang="zh-hans"' in client.get(reverse("admin:index")).content.decode()


def test_the_bar_marks_the_place(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.operator)
    places = {"admin:index": "Operations", "admin:releases_rolloutplan_changelist": "Plans"}
    for name, label in places.items():
        html = client.get(reverse(name)).content.decode()
        assert re.search(rf'aria-current="page">{label}', html)
