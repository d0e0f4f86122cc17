"""The real worker process is killed at every point of its pass; the API server's log, the trail and the rows judge.

All rollouts run at once, each with its own point, so each kill also ends the passes of the others wherever they happen to
be; the broker is restarted at every fourth kill.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pytest_django.plugin import DjangoDbBlocker

from releases.domain.states import FINISHED, State
from releases.models import Rollout
from tests.faults.judge import check_end
from tests.faults.points import EVERY_STEP, chosen
from tests.faults.rig import Rig, running_rig

pytestmark = [
    pytest.mark.faults,
    pytest.mark.enable_socket,
    pytest.mark.timeout(10_800 if EVERY_STEP else 700),
]

STAGES = ("shift:0", "shift:1", "promote", "bake:0", "roll_back")
BEFORE_DECISION = {"before_lease", "after_lease", "after_settle", "after_facts"}
"""A guard decides to roll back inside a pass; only the second such pass begins in that stage."""
CASES = [(point.name, stage) for point, stage in chosen(STAGES)]
TWICE = (("after_mesh_write", "event_not_committed"), ("after_intent", "after_mesh_write"))


@dataclass(frozen=True, slots=True)
class Campaign:
    """All rollouts of a run by what was done to them, when all have ended."""

    rig: Rig
    rollouts: dict[str, Rollout]
    kills: int


@pytest.fixture(scope="module")
def campaign(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Campaign]:
    """Run everything once; the tests read what became of each."""
    with django_db_blocker.unblock(), running_rig(tmp_path_factory.mktemp("rig")) as rig:
        rollouts = {}
        for number, (point, stage) in enumerate(CASES):
            rollout = rig.approved(f"{'bad' if stage == 'roll_back' else 'good'}{number}")
            if stage == "roll_back" and point in BEFORE_DECISION:
                rig.arm(rollout, point="before_mesh_write", stage=stage)
            rig.arm(rollout, point=point, stage=stage)
            rollouts[f"{point}-{stage}"] = rollout
        for first, second in TWICE:
            rollout = rig.approved(f"twice-{first.replace('_', '-')}")
            for point in (first, second):
                rig.arm(rollout, point=point, stage="shift:1")
            rollouts[f"{first}-{second}"] = rollout
        rig.start_worker()
        keys = [rollout.pk for rollout in rollouts.values()]
        rig.until(
            lambda: not Rollout.objects.filter(pk__in=keys).exclude(state__in=sorted(FINISHED)).exists(),
            what="every rollout has ended",
            seconds=10_000 if EVERY_STEP else 600,
        )
        yield Campaign(rig=rig, rollouts=rollouts, kills=rig.kills)


@pytest.mark.parametrize(("point", "stage"), CASES)
def test_a_killed_worker_changes_nothing_but_time(campaign: Campaign, point: str, stage: str) -> None:
    rollout = campaign.rollouts[f"{point}-{stage}"]
    assert not [line for line in campaign.rig.armed() if line.startswith(f"{rollout.pk} ")], (
        "it was not killed"
    )
    end = State.ROLLED_BACK if stage == "roll_back" else State.COMPLETED
    check_end(rollout, stored=campaign.rig.stored(), state=end)


@pytest.mark.parametrize(("first", "second"), TWICE)
def test_a_worker_killed_twice_in_one_step_changes_nothing_but_time(
    campaign: Campaign, first: str, second: str
) -> None:
    rollout = campaign.rollouts[f"{first}-{second}"]
    check_end(rollout, stored=campaign.rig.stored(), state=State.COMPLETED)


def test_every_armed_point_ended_a_process(campaign: Campaign) -> None:
    assert campaign.kills >= len(CASES)
