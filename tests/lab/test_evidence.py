"""The judge in the whole lab, looking every two seconds: faults that must come back, one that must not, and A/B tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.portal import Json, Portal
from tests.lab.lab import REPOSITORY, RunningLab

pytestmark = [pytest.mark.lab, pytest.mark.enable_socket, pytest.mark.timeout(420)]

TRIAL_SECONDS = 300.0
EXPERIMENT_SECONDS = 180.0
LOOK_SECONDS = 2
ASSIGNED = {"weight": 0, "bake_seconds": 16, "sticky": {"header": "x-user-id", "percent": 50}}
RULE = {"kpi": "conversion", "minimum_effect": 0.0, "maximum_seconds": 24, "on_tie": "candidate"}


@pytest.mark.parametrize(
    ("trial", "bake_seconds"),
    [("2 % errors", 60), ("no endpoints", 20), ("brown-out of both: 20 % errors, +200 ms", 20)],
)
def test_each_fault_ends_as_it_should(weir: RunningLab, trial: str, bake_seconds: int) -> None:
    """A fault of the candidate takes its traffic back by itself; what befalls both versions is not the candidate's."""
    told = proof(weir, "--bake", str(bake_seconds), trial)

    assert told.returncode == 0, told.stdout + told.stderr
    row = next(line for line in told.stdout.splitlines() if f"| {trial} |" in line)
    assert ("| completed | - |" in row) == trial.startswith("brown-out")


def test_a_trial_nobody_knows_is_refused_with_those_there_are(weir: RunningLab) -> None:
    told = proof(weir, "half the errors")

    assert told.returncode != 0
    assert "no endpoints" in told.stdout + told.stderr


@pytest.fixture
def experiment(weir: RunningLab, portal: Portal) -> Iterator[Json]:
    """Return an approved A/B test of product: half of the users by their id."""
    register(weir, portal)
    name = "experiment of the lab"
    if not portal.get("plans/", name=name)["results"]:
        evidence: dict[str, Any] = {
            "policy": "guard",
            "interval_seconds": LOOK_SECONDS,
            "wait_limit_seconds": 120,
            "experiment": RULE,
        }
        portal.post(
            "plans/", by="requester", name=name, strategy="ab_test", steps=[ASSIGNED], evidence=evidence
        )
    rollout = portal.approve(portal.ask("product", plan=name))
    yield rollout
    portal.end(rollout)
    for version in ("v1", "v2"):
        assert weir.run("fault", "product", version, "--clear").returncode == 0


def test_an_experiment_is_decided_by_its_rule_and_carried_out(portal: Portal, experiment: Json) -> None:
    """Both versions convert alike, so that after the longest time the plan's rule for a tie chooses B."""
    ended = portal.until(
        experiment, states={"completed", "rolled_back", "paused"}, seconds=EXPERIMENT_SECONDS
    )

    found = portal.get(f"experiments/{experiment['id']}/")
    assert ended["state"] == "completed", ended["why"]
    assert found["choice"] == "candidate"
    assert found["assignment"]["is_sound"]
    assert found["assignment"]["share"] == pytest.approx(0.5, abs=0.1)
    kpis = {kpi["name"]: kpi for kpi in found["kpis"]}
    assert kpis["conversion"]["count_a"] > 0
    assert kpis["conversion"]["low"] < kpis["conversion"]["high"]
    stable = portal.get("services/", name="product")["results"][0]["stable"]["name"]
    assert stable == experiment["candidate"]["name"]


def test_a_broken_assignment_voids_the_experiment_and_gives_the_traffic_back(
    weir: RunningLab, portal: Portal, experiment: Json
) -> None:
    candidate = experiment["candidate"]["name"]
    portal.until_step(experiment, step=0, seconds=EXPERIMENT_SECONDS)
    broken = weir.run("fault", "product", candidate, "--broken-assignment")
    assert broken.returncode == 0, broken.stderr

    ended = portal.until(experiment, states={"completed", "rolled_back"}, seconds=EXPERIMENT_SECONDS)

    found = portal.get(f"experiments/{experiment['id']}/")
    assert ended["state"] == "rolled_back", ended["why"]
    assert found["choice"] == "void"
    assert "void" in found["sentence"]
    again = weir.manage("recompute_verdicts", "--rollout", str(experiment["id"]))
    assert again.returncode == 0, again.stdout + again.stderr


def register(weir: RunningLab, portal: Portal) -> None:
    """Let Weir know the other version of product, as a build pipeline would."""
    if portal.get("versions/", service="product", name="v2")["results"]:
        return
    containers = weir.live("deployment", "product-v2")["spec"]["template"]["spec"]["containers"]
    portal.post("versions/", by="requester", service="product", name="v2", image=containers[0]["image"])


def proof(lab: RunningLab, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Play trials through the lab."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.lab", "--state", str(lab.state), "proof", *arguments],
        cwd=REPOSITORY,
        check=False,
        capture_output=True,
        text=True,
        timeout=TRIAL_SECONDS,
    )
