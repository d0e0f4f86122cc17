"""Rehearsals: asked for by API or by submitting, carried out with progress, shown before anybody approves."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from istio.sentence import Sentence
from istio.telemetry import TelemetryUnreachable
from releases import flow
from releases.clock import database_now
from releases.models import AuditEvent, Rehearsal, User
from releases.tasks import rehearse, take_rehearsals
from tests.api.conftest import World, actor_for, secret_of
from tests.evidence.conftest import Begin
from tests.fakes.telemetry import Traffic

STEPS = [{"weight": 5, "bake_seconds": 600}, {"weight": 50, "bake_seconds": 600}]


@pytest.fixture
def client(world: World) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret_of(world.requester)}")
    return client


def plan_of(world: World, *, rps: float = 150) -> int:
    long_ago = timezone.now() - timedelta(days=2)
    world.telemetry.forget(world.service.target)
    world.telemetry.run(world.service.target, "v1", Traffic(rps=rps, error_ratio=0.002), since=long_ago)
    plan = flow.save_plan(name="rehearsed", steps=STEPS, by=actor_for(world.requester))
    return plan.pk


def ask(client: APIClient, plan: int, **body: Any) -> Any:
    return client.post(f"/api/v1/plans/{plan}/rehearse/", {"service": "order", **body})


def test_a_short_past_is_rehearsed_at_once(world: World, client: APIClient) -> None:
    answer = ask(client, plan_of(world), window=3600)

    assert answer.status_code == 200
    body = answer.json()
    assert (body["state"], body["progress"], body["windows"]) == ("done", 100, 240)
    assert body["false_alarms"] == 0
    assert body["is_blind"] is False
    assert [step["weight"] for step in body["steps"]] == [5, 50]
    assert body["steps"][0]["requests"] == pytest.approx(150 * 0.05 * 600, rel=0.05)
    assert body["steps"][1]["smallest_rise"] < body["steps"][0]["smallest_rise"]
    assert client.get(answer["Location"]).json() == body
    errors, *others = body["steps"][1]["metrics"]
    assert (errors["metric"], errors["title"], errors["is_gated"]) == ("errors", "Errors", True)
    assert errors["smallest_change"] == body["steps"][1]["smallest_rise"]
    assert {"latency", "sample_ratio_high", "slow_30"} <= {metric["metric"] for metric in others}
    said = client.get(answer["Location"], headers={"accept-language": "zh-hans"}).json()
    assert said["steps"][1]["metrics"][0]["title"] == "错误率"


def test_a_long_past_is_a_job_with_progress(world: World, client: APIClient) -> None:
    answer = ask(client, plan_of(world), window=6 * 3600)
    assert answer.status_code == 202
    assert answer.json()["state"] == "waiting"
    assert answer.json()["steps"] is None
    seen: list[int] = []
    rehearsal = Rehearsal.objects.get()
    whole = world.telemetry.history

    def watched(*args: Any, **kwargs: Any) -> Any:
        seen.append(Rehearsal.objects.get().progress)
        return whole(*args, **kwargs)

    world.telemetry.history = watched  # type: ignore[method-assign]  # looks at the row in between

    rehearse(rehearsal.pk)

    assert seen == sorted(seen)
    assert seen[-1] > 20
    done = client.get(answer["Location"]).json()
    assert (done["state"], done["progress"], done["windows"]) == ("done", 100, 1440)


def test_two_workers_carry_it_out_once(world: World, client: APIClient) -> None:
    ask(client, plan_of(world), window=6 * 3600)
    rehearsal = Rehearsal.objects.get()

    assert flow.carry_out_rehearsal(rehearsal.pk, clock=database_now) is not None
    assert flow.carry_out_rehearsal(rehearsal.pk, clock=database_now) is None
    assert flow.due_rehearsals(now=timezone.now()) == []


def test_one_whose_worker_ended_is_taken_again(world: World, client: APIClient) -> None:
    ask(client, plan_of(world), window=6 * 3600)
    Rehearsal.objects.update(state="running", started_at=timezone.now() - timedelta(minutes=11))

    assert len(flow.due_rehearsals(now=timezone.now())) == 1
    assert flow.carry_out_rehearsal(Rehearsal.objects.get().pk, clock=database_now) is not None


def test_a_quiet_service_s_plan_is_called_blind(world: World, client: APIClient) -> None:
    body = ask(client, plan_of(world, rps=2), window=3600).json()

    assert body["is_blind"] is True
    assert "first step" in body["sentence"]


def test_what_goes_wrong_is_said(world: World, client: APIClient) -> None:
    plan = plan_of(world)
    world.telemetry.fail_next(TelemetryUnreachable("Prometheus did not answer: it sleeps."))

    body = ask(client, plan, window=3600).json()

    assert body["state"] == "failed"
    assert "it sleeps" in body["sentence"]
    assert ask(client, plan, window=300).json()["state"] == "failed"
    assert ask(client, plan, window=10).status_code == 400


def test_what_went_wrong_is_said_in_the_reader_s_language(world: World, client: APIClient) -> None:
    plan, server = plan_of(world), Sentence("Prometheus at {place}", place="p:9090")
    late = Sentence("{server} took longer than {seconds} s.", server=server, seconds="5")
    world.telemetry.fail_next(TelemetryUnreachable(late))

    address = ask(client, plan, window=3600)["Location"]

    assert client.get(address).json()["problem"] == "Prometheus at p:9090 took longer than 5 s."
    told = client.get(address, headers={"accept-language": "zh-hans"}).json()
    assert "p:9090" in told["problem"]
    assert "took longer" not in told["problem"] + told["sentence"]


def test_asking_is_audited_and_needs_a_role(world: World, client: APIClient) -> None:
    plan = plan_of(world)
    ask(client, plan, window=3600)
    assert AuditEvent.objects.filter(action="rehearse").count() == 1
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret_of(world.viewer)}")

    assert ask(client, plan, window=3600).status_code == 403


def test_beat_finds_waiting_rehearsals_with_one_query(
    world: World, client: APIClient, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(client, plan_of(world), window=6 * 3600)
    sent: list[tuple[int, ...]] = []
    monkeypatch.setattr(rehearse, "apply_async", lambda args, **_options: sent.append(args))

    with django_assert_num_queries(2):  # the clock's and the row's
        take_rehearsals()

    assert sent == [(Rehearsal.objects.get().pk,)]


def test_submitting_has_the_plan_rehearsed_and_the_page_shows_it_in_red(
    world: World, begin: Begin, client: APIClient
) -> None:
    story = begin(steps=[{"weight": 1, "bake_seconds": 60}, {"weight": 50, "bake_seconds": 120}], rps=3)
    rehearsal = Rehearsal.objects.get()
    User.objects.filter(pk=world.operator.pk).update(is_staff=True)
    browser = Client()
    browser.force_login(world.operator)
    page = f"/admin/releases/rollout/{story.rollout.pk}/change/"
    assert "<progress" in browser.get(page).content.decode()
    progress = browser.get(f"/admin/releases/rollout/{story.rollout.pk}/rehearsal/").json()
    assert (progress["state"], progress["progress"]) == ("waiting", 0)

    flow.carry_out_rehearsal(rehearsal.pk, clock=database_now)

    html = browser.get(page).content.decode()
    assert "<progress" not in html
    assert re.search(r'class="note fail">.*?first step', html, re.DOTALL)
    assert "metric by metric" in html
    assert "Mean latency" in html
    mine = client.get(f"/api/v1/rehearsals/?rollout={story.rollout.pk}").json()["results"]
    assert [row["id"] for row in mine] == [rehearsal.pk]
    assert client.get("/api/v1/rehearsals/?rollout=999999").json()["results"] == []
    begin_again = browser.post(f"/admin/releases/rollout/{story.rollout.pk}/rehearse/")
    assert begin_again.status_code == 302
    assert Rehearsal.objects.count() == 2


def test_the_command_line_rehearses_a_service_too(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    plan_of(world)

    call_command("replay_trace", service="order", plan="rehearsed", seconds=3600)

    told = json.loads(capsys.readouterr().out)
    assert (told["service"], told["windows"], told["false_alarms"]) == ("order", 240, 0)
    with pytest.raises(CommandError, match="no plan"):
        call_command("replay_trace", service="order", plan="other")
