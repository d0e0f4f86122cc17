"""What Prometheus can read about Weir's own decisions, and what people read of a service's own metrics."""

from __future__ import annotations

from datetime import timedelta

from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from releases.domain.states import State
from services.models import Metric
from tests.api.conftest import World, secret_of
from tests.evidence.conftest import Begin
from tests.fakes.telemetry import Traffic


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


def test_the_figures_of_a_service_hold_its_own_metrics_by_their_name(world: World) -> None:
    counter = 'sum by (service, version) ($increase(shop_payments_{}_total{{service=~"$services"}}))'
    own = Metric.objects.create(
        name="paid_share",
        kind=Metric.Kind.RATIO,
        numerator=counter.format("succeeded"),
        denominator=counter.format("attempted"),
    )
    world.service.metrics.add(own)
    traffic = Traffic(rps=50, payment_share=0.5, payment_success_ratio=0.9)
    world.telemetry.run(world.service.target, "v1", traffic, since=timezone.now() - timedelta(hours=1))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret_of(world.requester)}")

    body = client.get(f"/api/v1/services/{world.service.pk}/metrics/?seconds=600&step=60").json()

    shown = [value for _at, value in body["versions"]["v1"]["paid_share"]]
    assert len(shown) >= 9
    assert all(0.8 < value < 1.0 for value in shown)
