"""The whole lab: Weir against real parts, told as a story. Takes minutes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.lab.lab import REPOSITORY, RunningLab, running_lab

pytestmark = [pytest.mark.lab, pytest.mark.enable_socket, pytest.mark.timeout(420)]

ROLES = {"requester", "approver", "second_approver", "operator", "auditor", "admin"}
PROCESSES = {"worker", "beat", "web", "envoy", "prometheus", "redis", "api_server", "mesh_controller"}
STORY_SECONDS = 300.0


@pytest.fixture(scope="module")
def weir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    """Return a ready lab with a portal."""
    with running_lab(tmp_path_factory.mktemp("weir"), portal=True) as lab:
        yield lab


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


def test_the_story_ends_well(weir: RunningLab) -> None:
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
    product = weir.live("virtualservice", "product")["spec"]["http"][-1]["route"]
    assert {one["destination"]["subset"]: one.get("weight", 100) for one in product}["v2"] == 100
