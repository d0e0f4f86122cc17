"""From an act to a receiver that checks: signatures and forms of each platform, failures, slowness, coming back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from threading import Event as Hold
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.db import transaction
from django.urls import reverse
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from releases import flow
from releases.clock import database_now
from releases.domain.states import Event
from releases.flow.deliver import MOST_ATTEMPTS, pause_after
from releases.models import AuditEvent, Delivery, EmergencyRelease, NotificationChannel, Rollout, User
from releases.notifications.formats import WECOM_BYTES
from tests.admin.conftest import SignIn
from tests.admin.world import World, actor

SECRET = "the secret of a test"


class Receiver:
    """A platform's end: keeps what it got, refuses what is not signed as its documentation says."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.got: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.answer: Response | None = None
        self.held: Hold | None = None

    def __call__(self, request: Request) -> Response:
        if self.held is not None:
            self.held.wait(timeout=10)
        if self.answer is not None:
            return self.answer
        body = json.loads(request.get_data())
        if request.content_type.split(";")[0] != "application/json" or not self.is_signed(request, body):
            return Response("bad signature", status=401)
        self.got.append(body)
        self.ids.append(request.headers.get("webhook-id", ""))
        said = {"slack": "ok", "webhook": "", "feishu": json.dumps({"code": 0, "msg": "success"})}
        return Response(said.get(self.kind, json.dumps({"errcode": 0, "errmsg": "ok"})))

    def is_signed(self, request: Request, body: dict[str, Any]) -> bool:
        now = database_now().timestamp()
        if self.kind == "webhook":
            id_, at = request.headers["webhook-id"], request.headers["webhook-timestamp"]
            expected = _hmac(SECRET.encode(), f"{id_}.{at}.".encode() + request.get_data())
            return abs(now - int(at)) < 60 and request.headers["webhook-signature"] == f"v1,{expected}"
        if self.kind == "feishu":
            key = f"{body['timestamp']}\n{SECRET}".encode()
            return abs(now - int(body["timestamp"])) < 60 and body["sign"] == _hmac(key, b"")
        if self.kind == "dingtalk":
            at = request.args["timestamp"]
            expected = _hmac(SECRET.encode(), f"{at}\n{SECRET}".encode())
            return abs(now * 1000 - int(at)) < 60_000 and request.args["sign"] == expected
        return True


def _hmac(key: bytes, data: bytes) -> str:
    return base64.b64encode(hmac.new(key, data, hashlib.sha256).digest()).decode()


def channel(kind: str, **columns: Any) -> NotificationChannel:
    secret = "TEST_SECRET" if kind in {"webhook", "feishu", "dingtalk"} else ""
    return NotificationChannel.objects.create(
        name=kind, kind=kind, url_env="" if kind == "email" else "TEST_URL", secret_env=secret, **columns
    )


@pytest.fixture
def receive(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes a receiver of this kind behind the variables of the channel."""

    def make(kind: str) -> Receiver:
        receiver = Receiver(kind)
        httpserver.expect_request("/hook").respond_with_handler(receiver)
        monkeypatch.setenv("TEST_URL", httpserver.url_for("/hook") + "?access_token=abc")
        monkeypatch.setenv("TEST_SECRET", SECRET)
        return receiver

    return make


def send(now: datetime | None = None) -> list[bool]:
    at = now or database_now()
    return [flow.deliver(pk, clock=lambda: at) for pk in flow.due_deliveries(now=at)]


def text_of(kind: str, body: dict[str, Any]) -> str:
    """What a person reads, where the platform's documentation puts it."""
    match kind:
        case "webhook":
            return f"{body['data']['title']} {body['data']['text']} {body['data']['url']}"
        case "feishu":
            assert body["msg_type"] == "interactive"
            card = body["card"]
            link = card["elements"][1]["actions"][0]["url"]
            return f"{card['header']['title']['content']} {card['elements'][0]['content']} {link}"
        case "dingtalk":
            assert body["msgtype"] == "markdown"
            return f"{body['markdown']['title']} {body['markdown']['text']}"
        case "wecom":
            assert body["msgtype"] == "markdown"
            assert len(body["markdown"]["content"].encode()) <= WECOM_BYTES
            return str(body["markdown"]["content"])
        case _:
            (block,) = body["blocks"]
            assert (block["type"], block["text"]["type"]) == ("section", "mrkdwn")
            return str(block["text"]["text"])


@pytest.mark.parametrize("kind", ["webhook", "feishu", "dingtalk", "wecom", "slack"])
def test_each_platform_gets_what_it_documents(world: World, receive: Any, kind: str) -> None:
    receiver = receive(kind)
    channel(kind)
    rollout = world.pending()
    assert send() == [True]
    said = text_of(kind, receiver.got[0])
    assert str(rollout) in said
    assert "Halves the lookups per page." in said
    assert f"/admin/releases/rollout/{rollout.pk}/change/" in said
    assert Delivery.objects.get().state == Delivery.State.SENT


def test_an_approval_is_asked_of_those_who_can_decide(world: World, receive: Any) -> None:
    """Not of the requester, not of editors, not of who was switched off, and each once."""
    receiver = receive("webhook")
    channel("webhook")
    User.objects.filter(pk=world.operator.pk).update(is_active=False)
    rollout = world.draft()
    flow.edit(rollout, by=actor(world.requester), changes={"ticket": "T-1"})
    flow.perform(rollout, Event.SUBMIT, by=actor(world.requester))
    send()
    asked = [body["data"] for body in receiver.got if body["type"] == "rollout.approval_asked"]
    assert [data["people"] for data in asked] == [[str(world.approver)]]
    assert "addresses" not in asked[0]


def test_mail_goes_to_those_who_can_decide_and_to_nobody_else(world: World) -> None:
    User.objects.filter(pk=world.approver.pk).update(email="approver@example.org")
    User.objects.filter(pk=world.viewer.pk).update(email="viewer@example.org")
    channel("email")
    rollout = world.pending()
    assert send() == [True]
    assert [sent.bcc for sent in mail.outbox] == [["approver@example.org"]]
    assert str(rollout) in mail.outbox[0].subject
    assert "/admin/releases/rollout/" in mail.outbox[0].body


def test_an_automatic_rollback_is_told_with_its_numbers(world: World, receive: Any) -> None:
    receiver = receive("webhook")
    channel("webhook", subject="decisions")
    rollout = world.running(error_ratio=0.4, pulses=12)
    assert AuditEvent.objects.filter(rollout=rollout, action="roll_back").exists()
    send()
    (told,) = [body["data"] for body in receiver.got if body["type"] == "rollout.rolled_back"]
    assert any(character.isdigit() for character in told["text"])
    assert [body["type"] for body in receiver.got if body["type"] == "rollout.state"] == []


def test_messages_are_in_the_language_of_the_channel(world: World, receive: Any) -> None:
    receiver = receive("webhook")
    channel("webhook", language="zh-hans")
    world.pending()
    send()
    assert "待审批" in receiver.got[0]["data"]["title"]


def test_what_is_rolled_back_is_not_told(world: World) -> None:
    channel("webhook")
    with transaction.atomic():
        world.pending()
        assert Delivery.objects.exists()
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()


def test_a_receiver_that_fails_gets_the_same_message_when_it_comes_back(world: World, receive: Any) -> None:
    receiver = receive("webhook")
    receiver.answer = Response("away", status=503)
    channel("webhook")
    world.pending()
    now = database_now()
    assert send(now) == [False]
    assert send(now + timedelta(seconds=1)) == [], "it is not asked again at once"
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == ("waiting", 1)
    assert row.problem.endswith("answered 503.")
    receiver.answer = None
    assert send(now + pause_after(1)) == [True]
    assert receiver.ids == [f"weir-{row.pk}"]


def test_pauses_grow_and_end(world: World, receive: Any) -> None:
    receiver = receive("webhook")
    receiver.answer = Response("away", status=500)
    channel("webhook")
    world.pending()
    now = database_now()
    for tried in range(1, MOST_ATTEMPTS + 1):
        assert send(now) == [False]
        now += pause_after(tried)
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == ("failed", MOST_ATTEMPTS)
    assert send(now + timedelta(days=1)) == []
    assert [pause_after(number).total_seconds() for number in (1, 2, 3, 20)] == [5, 10, 20, 3600]


def test_a_receiver_that_is_too_slow_counts_as_away(world: World, receive: Any, settings: Settings) -> None:
    receiver = receive("webhook")
    settings.NOTIFICATION_TIMEOUT_SECONDS = 0.1
    receiver.held = Hold()
    channel("webhook")
    world.pending()
    assert send() == [False]
    receiver.held.set()
    assert "no answer from localhost" in Delivery.objects.get().problem
    assert "access_token" not in Delivery.objects.get().problem


@pytest.mark.parametrize("kind", ["feishu", "dingtalk", "wecom"])
def test_a_platform_that_says_no_with_200_is_a_failure(world: World, receive: Any, kind: str) -> None:
    receiver = receive(kind)
    receiver.answer = Response(
        json.dumps({"code" if kind == "feishu" else "errcode": 45009, "errmsg": "too many"})
    )
    channel(kind)
    world.pending()
    assert send() == [False]
    assert Delivery.objects.get().state == Delivery.State.WAITING
    assert "45009" in Delivery.objects.get().problem


def test_a_signature_that_is_refused_is_given_up_at_once(
    world: World, receive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = receive("webhook")
    monkeypatch.setenv("TEST_SECRET", "another")
    channel("webhook")
    world.pending()
    assert send() == [False]
    assert Delivery.objects.get().state == Delivery.State.FAILED
    assert receiver.got == []


def test_a_channel_without_its_variable_waits_for_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_URL", raising=False)
    channel("slack")
    world.pending()
    assert send() == [False]
    assert "TEST_URL" in Delivery.objects.get().problem


def test_a_reader_is_told_in_their_language_why_a_message_did_not_arrive(
    world: World, receive: Any, sign_in: SignIn
) -> None:
    receiver = receive("dingtalk")
    receiver.answer = Response("away", status=503)
    channel("dingtalk")
    world.pending()
    assert send() == [False]
    row = Delivery.objects.get()
    assert row.problem.endswith("answered 503.")
    for url in (
        reverse("admin:releases_delivery_changelist"),
        reverse("admin:releases_delivery_change", args=[row.pk]),
    ):
        assert row.problem in sign_in(world.operator).get(url).content.decode()
        chinese = sign_in(world.operator).get(url, headers={"accept-language": "zh-hans"}).content.decode()
        assert "返回 503。" in chinese
        assert row.problem not in chinese
    receiver.answer = None
    assert send(database_now() + pause_after(1)) == [True]
    assert Delivery.objects.get().problem_parts == {}


def test_a_problem_written_before_it_was_kept_in_parts_is_shown_as_it_is(
    world: World, sign_in: SignIn
) -> None:
    channel("dingtalk")
    world.pending()
    Delivery.objects.update(problem="Nobody listens.")
    assert (
        "Nobody listens."
        in sign_in(world.operator).get(reverse("admin:releases_delivery_changelist")).content.decode()
    )


def test_two_workers_send_one_message_once(world: World, receive: Any) -> None:
    receiver = receive("webhook")
    channel("webhook")
    world.pending()
    now = database_now()
    (first,) = flow.due_deliveries(now=now)
    (second,) = flow.due_deliveries(now=now)
    assert flow.deliver(first, clock=lambda: now) is True
    assert flow.deliver(second, clock=lambda: now) is False
    assert len(receiver.got) == 1


def test_an_overdue_review_is_told_once(world: World, receive: Any) -> None:
    receiver = receive("webhook")
    channel("webhook", subject="decisions")
    rollout: Rollout = world.draft()
    now = database_now()
    declared = {
        "rollout": rollout,
        "declared_by": world.operator,
        "incident": "INC-1",
        "reason": "Orders fail.",
    }
    EmergencyRelease.objects.create(
        **declared, declared_at=now - timedelta(days=2), due_at=now - timedelta(days=1)
    )
    assert flow.remind(now=now) == 1
    assert flow.remind(now=now) == 0
    send()
    assert [body["type"] for body in receiver.got] == ["rollout.review_overdue"]
    assert receiver.got[0]["data"]["people"] == [str(world.approver)]


def test_a_channel_of_another_group_is_not_told(world: World) -> None:
    channel("webhook", group=Group.objects.create(name="somebody else's"))
    world.pending()
    assert not Delivery.objects.exists()


def test_the_outbox_is_seen_and_tried_again(world: World, sign_in: SignIn, receive: Any) -> None:
    receiver = receive("webhook")
    receiver.answer = Response("gone", status=410)
    channel("webhook")
    world.pending()
    send()
    row = Delivery.objects.get()
    client = sign_in(world.operator)
    page = client.get(reverse("admin:releases_delivery_changelist")).content.decode()
    assert "answered 410" in page
    url = reverse("admin:releases_delivery_retry", args=[row.pk])
    assert sign_in(world.viewer).post(url).status_code == 403
    assert client.post(url).status_code == 302
    receiver.answer = None
    assert send() == [True]
    assert AuditEvent.objects.filter(action="retry_notification", outcome="done").count() == 1
