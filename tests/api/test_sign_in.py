"""Coming in and staying in: events of log-in and log-out, guessing, old sessions and decisions, single sign-on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import oidc_provider_mock
import pytest
import requests
from django.test import Client
from django.urls import clear_url_caches, reverse
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from releases import flow
from releases.clock import database_now
from releases.domain.states import Event, State
from releases.models import AuditEvent, FailedLogIn, Rollout, User
from tests.api.conftest import World, actor_for, approved, pending

Session = Callable[[User], APIClient]
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def approver(world: World) -> User:
    world.approver.set_password(PASSWORD)
    world.approver.save()
    return world.approver


def log_in(client: Client, name: str, password: str) -> int:
    return client.post(reverse("admin:login"), {"username": name, "password": password}).status_code


def test_log_in_and_log_out_are_events(approver: User) -> None:
    client = Client()
    assert log_in(client, "approver", PASSWORD) == 302
    client.post(reverse("admin:logout"))
    events = AuditEvent.objects.filter(actor="approver").order_by("seq")
    assert [(event.action, event.ip) for event in events] == [
        ("log_in", "127.0.0.1"),
        ("log_out", "127.0.0.1"),
    ]


def test_people_who_are_not_staff_come_in_too(approver: User) -> None:
    assert not approver.is_staff
    assert log_in(Client(), "approver", PASSWORD) == 302


def test_failed_log_ins_are_summed_per_address_and_minute(approver: User) -> None:
    for name in ("approver", "approver", "my secret password"):
        log_in(Client(), name, "wrong")
    later = timezone.now() + timedelta(minutes=1)
    assert flow.record_failed_log_ins(now=later) in {1, 2}  # a minute may end between two of them
    assert flow.record_failed_log_ins(now=later) == 0
    events = AuditEvent.objects.filter(action="log_in", outcome="refused")
    assert sum((event.after or {})["count"] for event in events) == 3
    assert not [event for event in events if "secret password" in event.text]


def test_guessing_is_slowed_down_and_ends_by_itself(approver: User, settings: Settings) -> None:
    for _ in range(settings.LOG_IN_TRIES_PER_NAME):
        log_in(Client(), "approver", "wrong")
    client = Client()
    assert log_in(client, "approver", PASSWORD) == 200
    assert "_auth_user_id" not in client.session
    assert log_in(Client(REMOTE_ADDR="10.0.0.9"), "approver", PASSWORD) == 302, "another address is free"
    FailedLogIn.objects.update(minute=timezone.now() - timedelta(minutes=11))
    assert log_in(Client(), "approver", PASSWORD) == 302


def test_an_address_that_tries_many_names_waits(world: World, settings: Settings) -> None:
    for number in range(settings.LOG_IN_TRIES_PER_ADDRESS):
        flow.note_failed_log_in(address="127.0.0.1", name=f"name {number}", now=timezone.now())
    assert flow.wait_before_log_in(address="127.0.0.1", name="approver", now=timezone.now()) > 0
    assert flow.wait_before_log_in(address="127.0.0.2", name="approver", now=timezone.now()) == 0


def make_old(client: APIClient) -> None:
    session = client.session
    session["weir.confirmed_at"] = timezone.now().timestamp() - 16 * 60
    session.save()


def test_an_old_session_gives_the_password_before_it_decides(
    world: World, approver: User, session: Session
) -> None:
    rollout = pending(world)
    client = session(approver)
    make_old(client)
    url = f"/api/v1/rollouts/{rollout.pk}/approve/"
    vote = {"reason": "Read it.", "fingerprint": rollout.fingerprint}
    refused = client.post(url, vote)
    assert (refused.status_code, refused.json()["code"]) == (403, "password_needed")
    assert AuditEvent.objects.latest("seq").outcome == "refused"
    assert client.post("/api/v1/me/confirm/", {"password": "wrong"}).status_code == 403
    assert client.post(url, vote).status_code == 403
    assert client.post("/api/v1/me/confirm/", {"password": PASSWORD}).status_code == 204
    assert client.post(url, vote).status_code == 200


def test_an_old_session_rolls_back_at_once(world: World, session: Session) -> None:
    rollout = approved(world)
    flow.perform(rollout, Event.START, by=actor_for(world.operator), why="Now.")
    client = session(world.operator)
    make_old(client)
    answer = client.post(f"/api/v1/rollouts/{rollout.pk}/rollback/", {"reason": "Too slow."})
    assert answer.status_code == 200
    assert Rollout.objects.get(pk=rollout.pk).state == State.ROLLED_BACK


def test_a_token_is_not_asked_for_a_password(world: World, bearer: Callable[..., APIClient]) -> None:
    rollout = approved(world)
    answer = bearer(world.operator).post(f"/api/v1/rollouts/{rollout.pk}/start/", {"reason": "Now."})
    assert answer.status_code == 200


def test_the_page_leads_to_the_password_and_back(world: World, approver: User, session: Session) -> None:
    approver.is_staff = True
    approver.save()
    rollout = pending(world)
    client = Client()
    client.force_login(approver)
    old = client.session
    old["weir.confirmed_at"] = 0
    old.save()
    page = reverse("admin:releases_rollout_change", args=[rollout.pk])
    given = {"reason": "Read it.", "fingerprint": rollout.fingerprint}
    asked = client.post(reverse("admin:releases_rollout_event", args=[rollout.pk, "approve"]), given)
    assert asked["Location"].startswith(reverse("confirm"))
    assert client.get(asked["Location"]).status_code == 200
    wrong = client.post(asked["Location"], {"password": "wrong", "next": page})
    assert wrong.status_code == 200
    right = client.post(asked["Location"], {"password": PASSWORD, "next": page})
    assert right["Location"] == page
    client.post(reverse("admin:releases_rollout_event", args=[rollout.pk, "approve"]), given)
    assert Rollout.objects.get(pk=rollout.pk).state == State.APPROVED


def test_the_way_back_does_not_lead_elsewhere(approver: User) -> None:
    client = Client()
    client.force_login(approver)
    answer = client.post(reverse("confirm"), {"password": PASSWORD, "next": "https://elsewhere.example/"})
    assert answer["Location"] == "/"


# Single sign-on, against a provider that runs. It stands on a library that is about to change, which is no fault of ours.
providers_library_warns = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def provider(settings: Settings) -> Iterator[str]:
    with oidc_provider_mock.run_server_in_thread() as server:
        issuer = f"http://127.0.0.1:{server.server_port}"
        settings.OIDC_ENABLED = True
        settings.OIDC_RP_CLIENT_ID, settings.OIDC_RP_CLIENT_SECRET = "weir", "secret of a test"
        settings.OIDC_OP_AUTHORIZATION_ENDPOINT = f"{issuer}/oauth2/authorize"
        settings.OIDC_OP_TOKEN_ENDPOINT = f"{issuer}/oauth2/token"
        settings.OIDC_OP_USER_ENDPOINT = f"{issuer}/userinfo"
        settings.OIDC_OP_JWKS_ENDPOINT = f"{issuer}/jwks"
        settings.OIDC_RP_SIGN_ALGO, settings.OIDC_RP_SCOPES = "RS256", "openid profile email"
        settings.OIDC_USERNAME_CLAIM = "sub"
        settings.OIDC_VERIFY_KID = False  # this provider's keys have no name
        settings.AUTHENTICATION_BACKENDS = [
            "django.contrib.auth.backends.ModelBackend",
            "releases.oidc.PersonBackend",
        ]
        settings.ROOT_URLCONF = "tests.api.oidc_urls"
        clear_url_caches()
        yield issuer
    clear_url_caches()


def sign_on(client: Client, subject: str) -> None:
    """Do what a browser does: to the provider, type the name, and back with the code."""
    there = client.get("/oidc/authenticate/?next=/api/v1/me/")["Location"]
    back = requests.post(there, data={"sub": subject}, allow_redirects=False, timeout=5).headers["Location"]
    answer = client.get(back.replace("http://testserver", ""))
    assert answer.status_code == 302, answer.content


@providers_library_warns
def test_single_sign_on_makes_an_account_without_a_role(world: World, provider: str) -> None:
    client = Client()
    sign_on(client, "newcomer")
    me = client.get("/api/v1/me/").json()
    assert (me["username"], me["roles"]) == ("newcomer", [])
    newcomer = User.objects.get(username="newcomer")
    assert (newcomer.is_staff, newcomer.is_superuser, newcomer.has_usable_password()) == (False, False, False)
    assert AuditEvent.objects.filter(action="create_user", actor="oidc").count() == 1
    event = AuditEvent.objects.get(action="log_in", actor="newcomer")
    assert event.after == {"how": "oidc"}


@providers_library_warns
def test_single_sign_on_finds_the_person_who_is_known(world: World, provider: str) -> None:
    client = Client()
    sign_on(client, world.operator.username)
    assert client.get("/api/v1/me/").json()["id"] == world.operator.pk
    assert database_now() > timezone.now() - timedelta(minutes=1)


@providers_library_warns
def test_a_person_who_was_switched_off_does_not_come_in(world: World, provider: str) -> None:
    User.objects.filter(pk=world.operator.pk).update(is_active=False)
    client = Client()
    sign_on(client, world.operator.username)
    assert client.get("/api/v1/me/").status_code in {401, 403}
