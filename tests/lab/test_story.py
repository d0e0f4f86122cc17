"""The whole lab: Weir against real parts, told as a story. Takes minutes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.portal import Json, Portal
from tests.lab.lab import REPOSITORY, RunningLab

pytestmark = [pytest.mark.lab, pytest.mark.enable_socket, pytest.mark.timeout(420)]

ROLES = {"requester", "approver", "second_approver", "operator", "auditor", "admin"}
PROCESSES = {"worker", "beat", "web", "envoy", "prometheus", "redis", "api_server", "mesh_controller"}
STORY_SECONDS = 300.0
WEIGHTS = (10, 50)
BAKE_SECONDS = 12
STEP_SECONDS = 90.0
"""A step may take so long on a machine that is busy with other things."""


@pytest.fixture
def rollout(weir: RunningLab, portal: Portal) -> Iterator[Json]:
    """Return an approved release of payment, which nobody else of this story touches."""
    if not portal.get("versions/", service="payment", name="v2")["results"]:
        containers = weir.live("deployment", "payment-v2")["spec"]["template"]["spec"]["containers"]
        portal.post("versions/", by="requester", service="payment", name="v2", image=containers[0]["image"])
    plan = portal.plan("drill", steps=[(weight, BAKE_SECONDS) for weight in WEIGHTS])
    rollout = portal.approve(portal.ask("payment", plan=plan))
    yield rollout
    portal.end(rollout)


def test_lab_json_is_what_outside_programs_need(weir: RunningLab) -> None:
    facts = weir.facts
    assert (weir.state / "ready").read_text() == f"ready: {facts['portal']}\n"
    assert set(facts["accounts"]) == ROLES
    assert set(facts["processes"]) >= PROCESSES
    assert httpx.get(f"{facts['portal']}/healthz", trust_env=False).status_code == 200
    for role, account in facts["accounts"].items():
        answer = httpx.get(
            f"{facts['portal']}/api/v1/me/",
            headers={"authorization": f"Bearer {account['token']}"},
            trust_env=False,
        )
        assert answer.json()["username"] == role


def test_secrets_are_readable_by_their_owner_only(weir: RunningLab) -> None:
    assert weir.state.stat().st_mode & 0o077 == 0
    for name in ("lab.json", "accounts.json", "secret-key", "kubeconfig"):
        assert (weir.state / name).stat().st_mode & 0o077 == 0, name


def test_the_story_ends_well(weir: RunningLab, portal: Portal) -> None:
    stable = portal.get("services/", name="product")["results"][0]["stable"]["name"]
    candidate = "v2" if stable == "v1" else "v1"
    told = subprocess.run(
        [sys.executable, "-m", "deploy.lab", "--state", str(weir.state), "story"],
        cwd=REPOSITORY,
        check=False,
        capture_output=True,
        text=True,
        timeout=STORY_SECONDS,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "rolled back by itself: weight 0 in the mesh" in told.stdout
    assert told.stdout.rstrip().endswith("both releases ended as they should")
    again = weir.manage("recompute_verdicts")
    assert again.returncode == 0, again.stdout + again.stderr
    assert int(again.stdout.split()[0]) >= 10
    assert again.stdout.rstrip().endswith("verdicts recomputed, 0 judged by an earlier version, 0 differ.")
    product = weir.live("virtualservice", "product")["spec"]["http"][-1]["route"]
    assert {one["destination"]["subset"]: one.get("weight", 100) for one in product}[candidate] == 100


def test_a_worker_killed_in_the_middle_of_a_step_skips_and_repeats_nothing(
    weir: RunningLab, portal: Portal, rollout: Json
) -> None:
    portal.until_step(rollout, step=1, seconds=2 * STEP_SECONDS)
    killed = weir.facts["processes"]["worker"]
    os.kill(killed, signal.SIGKILL)
    restarted = weir.run("restart", "worker")
    assert restarted.returncode == 0, restarted.stdout + restarted.stderr
    assert weir.facts["processes"]["worker"] != killed
    ended = portal.until(rollout, states={"completed", "rolled_back", "paused"}, seconds=2 * STEP_SECONDS)
    assert ended["state"] == "completed", ended["why"]
    assert payment_weights(weir, rollout=rollout) == [*WEIGHTS, 100]


def test_without_prometheus_a_rollout_waits_and_goes_on_when_it_is_back(
    weir: RunningLab, portal: Portal, rollout: Json
) -> None:
    portal.until_step(rollout, step=0, seconds=STEP_SECONDS)
    os.kill(weir.facts["processes"]["prometheus"], signal.SIGKILL)
    try:
        # Well beyond the end of its bake: this is where it must not go on.
        waiting = portal.until_waiting(
            rollout, code="metrics_unreachable", after_seconds=BAKE_SECONDS + 8, seconds=STEP_SECONDS
        )
        assert (waiting["state"], waiting["current_step"]) == ("running", 0), waiting["why"]
        assert payment_weights(weir, rollout=rollout) == [WEIGHTS[0]]
    finally:
        restarted = weir.run("restart", "prometheus")
    assert restarted.returncode == 0, restarted.stdout + restarted.stderr
    ended = portal.until(rollout, states={"completed", "rolled_back", "paused"}, seconds=3 * STEP_SECONDS)
    assert ended["state"] == "completed", ended["why"]
    assert payment_weights(weir, rollout=rollout) == [*WEIGHTS, 100]


def test_a_weight_edited_with_kubectl_stops_a_rollout(
    weir: RunningLab, portal: Portal, rollout: Json
) -> None:
    portal.until_step(rollout, step=0, seconds=STEP_SECONDS)
    routes = len(weir.live("virtualservice", "payment")["spec"]["http"]) - 1
    edit = [
        {"op": "replace", "path": f"/spec/http/{routes}/route/{place}/weight", "value": 50}
        for place in (0, 1)
    ]
    weir.kubectl("patch", "virtualservice", "payment", "--type", "json", "-p", json.dumps(edit))
    paused = portal.until(rollout, states={"paused", "completed", "rolled_back"}, seconds=STEP_SECONDS)
    assert (paused["state"], paused["reason_code"]) == ("paused", "drifted"), paused["why"]
    portal.post(f"rollouts/{rollout['id']}/rollback/", by="operator", reason="Somebody else is at it.")
    portal.until(rollout, states={"rolled_back"}, seconds=STEP_SECONDS)
    assert payment_weights(weir, rollout=rollout)[-1] == 0


def payment_weights(lab: RunningLab, *, rollout: Json) -> list[int]:
    """Return the candidate's weight after each write of Weir's to payment's routes since the rollout's first, oldest first."""
    query = "verb=update&kind=VirtualService"
    records: list[Any] = httpx.get(f"{lab.facts['writes']}?{query}", timeout=15, trust_env=False).json()
    changes = [
        record["body"]
        for record in records
        if record["name"] == "payment" and record["before"] != record["after"] and not record["dry_run"]
    ]
    marks = [(body["metadata"].get("annotations") or {}).get("weir.dev/rollout") for body in changes]
    return [
        int(one.get("weight", 100))
        for body in changes[marks.index(rollout["number"]) :]
        for one in body["spec"]["http"][-1]["route"]
        if one["destination"]["subset"] == rollout["candidate"]["name"]
    ]
