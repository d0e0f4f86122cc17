"""The story believes what it sees in the mesh, not what a portal says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from deploy.lab.folder import LabFolder
from deploy.lab.kube import KubeApi
from deploy.lab.story.api import StoryError, Weir
from deploy.lab.story.bad import bad_release
from deploy.lab.story.good import good_release
from deploy.lab.story.rollout import Cast
from tests.lab.lab import RunningLab
from tests.lab.naive_portal import NaivePortal, serving

pytestmark = [pytest.mark.lab, pytest.mark.enable_socket]


def told(lab: RunningLab, portal: NaivePortal, *, release: Callable[[Cast], Awaitable[None]]) -> list[str]:
    """Play one release at a portal; return what was said."""
    said: list[str] = []

    async def play() -> None:
        folder = LabFolder(lab.state)
        async with Weir(portal.url, token="t") as weir, KubeApi(folder.kubeconfig) as api:
            await release(
                Cast(folder, requester=weir, approver=weir, api=api, mesh=lab.facts["mesh"], say=said.append)
            )

    with serving(portal):
        asyncio.run(play())
    return said


def test_a_good_release_is_believed_and_measured_at_each_weight(lab: RunningLab) -> None:
    portal = NaivePortal(lab, weights=(20, 50), outcome="completed", final=100)
    said = told(lab, portal, release=good_release)
    measured = [line.split()[1] for line in said if "answered" in line]
    assert measured == ["20", "50", "100"]
    assert said[-1] == "product v2 is the stable version now, with all the traffic."


def test_a_version_weir_does_not_know_is_registered_with_the_image_that_runs(lab: RunningLab) -> None:
    portal = NaivePortal(lab, weights=(50,), outcome="completed", final=100)
    told(lab, portal, release=good_release)
    containers = lab.live("deployment", "product-v2")["spec"]["template"]["spec"]["containers"]
    assert portal.registered == {"v2": containers[0]["image"]}


def test_a_release_that_is_said_to_be_complete_and_is_not_is_found_out(lab: RunningLab) -> None:
    portal = NaivePortal(lab, weights=(20,), outcome="completed", final=50)
    with pytest.raises(StoryError, match=r"has 50 % after its release, not 100 %\."):
        told(lab, portal, release=good_release)


def test_a_good_release_that_is_rolled_back_is_no_success(lab: RunningLab) -> None:
    portal = NaivePortal(lab, weights=(20,), outcome="rolled_back", final=0)
    with pytest.raises(StoryError, match=r"ended rolled_back; it should have been completed\."):
        told(lab, portal, release=good_release)


def test_a_rollback_is_timed_and_the_fault_ended(lab: RunningLab) -> None:
    portal = NaivePortal(lab, weights=(5,), outcome="rolled_back", final=0)
    said = told(lab, portal, release=bad_release)
    assert any("weight 0 in the mesh" in line for line in said)
    assert "the audit trail says: Weir rolled back. Errors." in said
    assert healthy(lab)


def test_a_bad_release_that_is_completed_is_found_out_and_the_fault_ended(lab: RunningLab) -> None:
    portal = NaivePortal(lab, weights=(5,), outcome="completed", final=100)
    with pytest.raises(StoryError, match=r"ended completed; it should have been rolled back\."):
        told(lab, portal, release=bad_release)
    assert healthy(lab)


def healthy(lab: RunningLab) -> bool:
    fault: dict[str, float] = httpx.get(f"{lab.facts['services']['order-v2']}/admin/fault").json()
    return set(fault.values()) == {0.0}
