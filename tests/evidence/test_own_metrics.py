"""What Prometheus can read about Weir's own decisions."""

from __future__ import annotations

from django.core.cache import cache
from django.test import Client

from releases.domain.states import State
from tests.evidence.conftest import Begin


def figures(client: Client) -> dict[str, float]:
    lines = client.get("/metrics").content.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#")}


def test_verdicts_rollbacks_and_live_rollouts_are_counted(begin: Begin, client: Client) -> None:
    story = begin()
    story.run(until=lambda story: story.weight == 10)
    assert figures(client)['weir_live_rollouts{reason="baking"}'] == 1
    assert figures(client)['weir_rollbacks_total{cause="guard_failed"}'] == 0
    story.behave("v2", error_ratio=0.3)
    story.run()
    assert story.rollout.state == State.ROLLED_BACK

    cache.clear()  # verdicts are counted every few seconds only
    told = figures(client)

    assert told['weir_rollbacks_total{cause="guard_failed"}'] == 1
    assert not [name for name in told if name.startswith("weir_live_rollouts")]
    assert told['weir_verdicts_total{outcome="fail"}'] == 1
    assert (
        told['weir_verdicts_total{outcome="inconclusive"}'] + told['weir_verdicts_total{outcome="pass"}'] > 1
    )
