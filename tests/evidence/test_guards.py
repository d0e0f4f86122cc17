"""The judge at work in a rollout: what it stops, what it lets pass, and what it can say again."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils.translation import override

from releases.domain.states import State
from releases.flow.recompute import Again, recomputed, said_again
from releases.models import AuditEvent, Calibration, JudgeMemory, MetricSnapshot, Verdict
from releases.sentences import audit_sentence, verdict_sentence, why
from services.models import Metric, Service
from tests.api.conftest import World, add_service
from tests.evidence.conftest import GUARD, Begin, Story

PAID = 'sum by (service, version) ($increase(shop_payments_succeeded_total{service=~"$services"}))'
TRIED = 'sum by (service, version) ($increase(shop_payments_attempted_total{service=~"$services"}))'


def at_weight(weight: int) -> Callable[[Story], bool]:
    return lambda story: story.weight == weight


def test_a_healthy_candidate_is_promoted_and_every_verdict_can_be_said_again(begin: Begin) -> None:
    story = begin()

    story.run()

    assert story.rollout.state == State.COMPLETED
    verdicts = list(story.rollout.verdicts.all())
    assert len(verdicts) > 18
    assert not [verdict for verdict in verdicts if verdict.outcome == Verdict.Outcome.FAIL]
    assert all(said_again(verdict) is Again.SAME for verdict in verdicts)
    assert sum(verdict.state_before is not None for verdict in verdicts) < len(verdicts) / 2


def test_a_number_changed_afterwards_is_not_said_again(begin: Begin) -> None:
    story = begin()
    story.run(until=lambda story: story.rollout.snapshots.count() > 5)
    verdict = story.rollout.verdicts.order_by("-at").first()
    assert verdict is not None
    assert said_again(verdict) is Again.SAME
    snapshot = MetricSnapshot.objects.get(rollout=story.rollout, at=verdict.at)
    assert snapshot.stable is not None
    snapshot.stable = {**snapshot.stable, "errors": snapshot.stable["errors"] + 1}
    snapshot.save()

    assert said_again(verdict) is Again.DIFFERENT


def test_a_memory_changed_afterwards_does_not_follow_from_the_one_before(begin: Begin) -> None:
    story = begin()
    story.run(until=lambda story: story.rollout.verdicts.exclude(state_before=None).count() > 2)
    remembered = story.rollout.verdicts.exclude(state_before=None).order_by("-at").first()
    assert remembered is not None
    assert said_again(remembered) is Again.SAME
    state = remembered.state_before
    assert state is not None
    remembered.state_before = {**state, "requests": [state["requests"][0] + 1, state["requests"][1]]}
    remembered.save()
    remembered.numbers = recomputed(remembered)

    assert said_again(remembered) is Again.DIFFERENT


def test_a_bad_candidate_is_rolled_back_with_numbers_in_both_languages(begin: Begin) -> None:
    story = begin()
    story.run(until=at_weight(10))
    story.behave("v2", error_ratio=0.2)
    broken = story.now

    story.run()

    assert story.rollout.state == State.ROLLED_BACK
    assert story.now - broken < timedelta(seconds=90)
    verdict = story.rollout.verdicts.get(outcome="fail")
    assert verdict.metric == "errors"
    with override("en"):
        sentence = verdict_sentence(verdict)
        assert sentence.startswith("Errors: candidate ")
        assert "higher by" in sentence
        assert "Evidence " in sentence
        assert sentence.endswith("Rolled back.")
        assert sentence in why(story.rollout)
    event = AuditEvent.objects.get(rollout=story.rollout, action="roll_back")
    with override("en"):
        assert sentence in audit_sentence(event)
    assert said_again(verdict) is Again.SAME


def test_a_brown_out_of_both_versions_rolls_nothing_back(begin: Begin) -> None:
    story = begin()
    story.run(until=at_weight(10))
    for version in ("v1", "v2"):
        story.behave(version, error_ratio=0.3, latency_ms=400)

    story.run()

    assert story.rollout.state == State.COMPLETED


def test_a_slow_candidate_is_rolled_back(begin: Begin) -> None:
    story = begin()
    story.how["v2"] = story.how["v2"].__class__(rps=0, error_ratio=0.002, latency_ms=320)

    story.run()

    assert story.rollout.state == State.ROLLED_BACK
    assert story.rollout.verdicts.get(outcome="fail").metric.startswith("slow")


def test_in_shadow_mode_nothing_is_done_by_a_verdict(begin: Begin, world: World) -> None:
    Service.objects.filter(pk=world.service.pk).update(shadow=True)
    story = begin()
    story.run(until=at_weight(10))
    story.behave("v2", error_ratio=0.2)

    story.run()

    assert story.rollout.state == State.COMPLETED
    failed = story.rollout.verdicts.filter(outcome="fail").first()
    assert failed is not None
    assert failed.shadow
    with override("en"):
        assert verdict_sentence(failed).endswith("Shadow mode: nothing is done.")


@pytest.mark.parametrize(("unclear", "ends"), [("hold", State.PAUSED), ("roll_back", State.ROLLED_BACK)])
def test_a_prometheus_that_stays_away_promotes_nothing(
    begin: Begin, world: World, unclear: str, ends: State
) -> None:
    story = begin(evidence={**GUARD, "when_unclear": unclear})
    story.run(until=at_weight(10))
    world.telemetry.unreachable = True

    story.run(until=lambda story: story.rollout.state == State.PAUSED)

    assert story.rollout.state == ends
    assert story.weight <= 10
    newest = story.rollout.verdicts.order_by("-at").first()
    assert newest is not None
    assert newest.outcome == Verdict.Outcome.NO_DATA
    assert newest.reason_code == "unreachable"


def test_the_promotion_too_says_how_much_is_missing_for_a_mean(begin: Begin) -> None:
    evidence = {"policy": "gate", "interval_seconds": 15, "wait_limit_seconds": 7200}
    story = begin(evidence=evidence, steps=[{"weight": 50, "bake_seconds": 60}], rps=40)

    story.run(until=lambda story: story.rollout.reason_code == "waiting_for_evidence", pulses=60)

    with override("en"):
        said = why(story.rollout)
    assert " of about " in said
    assert " to go. Mean latency: not comparable yet." in said


def test_a_gate_waits_for_its_evidence_and_says_how_much_is_missing(begin: Begin) -> None:
    evidence = {"policy": "gate", "interval_seconds": 15, "wait_limit_seconds": 7200}
    steps = [{"weight": 5, "bake_seconds": 60}, {"weight": 50, "bake_seconds": 3600}]
    story = begin(evidence=evidence, steps=steps, rps=40)

    story.run(until=lambda story: story.rollout.reason_code == "waiting_for_evidence", pulses=60)

    with override("en"):
        assert " of about " in why(story.rollout)
        assert " to go" in why(story.rollout)


def test_windows_nobody_looked_at_are_read_afterwards(begin: Begin) -> None:
    story = begin()
    story.run(until=lambda story: story.rollout.snapshots.count() == 2)
    story.now += timedelta(seconds=75)

    story.pulse()

    ends = list(story.rollout.snapshots.order_by("at").values_list("at", flat=True))
    assert {(b - a).total_seconds() for a, b in itertools.pairwise(ends)} == {15.0}
    assert len(ends) >= 7
    assert all(said_again(verdict) is Again.SAME for verdict in story.rollout.verdicts.all())


@pytest.mark.parametrize("services", [1, 3])
def test_the_cost_of_measuring_does_not_grow_with_the_live_rollouts(
    begin: Begin, world: World, services: int
) -> None:
    others = [
        add_service(name, cluster=world.cluster, policy=world.policy)
        for name in ("product", "payment")[: services - 1]
    ]
    stories = [begin(), *(begin(service=other) for other in others)]
    for story in stories:
        story.run(until=at_weight(10))
    now = max(story.now for story in stories) + timedelta(seconds=40)
    for story in stories:
        story.now = now
        story.pulse()
    before = world.telemetry.windows_read

    for turn in range(1, 4):
        for story in stories:
            story.now = now + timedelta(seconds=15 * turn)
            story.pulse()

    assert world.telemetry.windows_read - before == 3


def test_a_business_metric_of_the_service_s_own_is_a_guard(begin: Begin, world: World) -> None:
    own = Metric.objects.create(
        name="paid",
        title="Paid",
        kind="ratio",
        direction="higher_is_better",
        margin=0.01,
        numerator=PAID,
        denominator=TRIED,
    )
    world.service.metrics.add(own)
    story = begin()
    story.behave("v1", error_ratio=0.002, payment_share=0.5)
    story.how["v2"] = story.how["v1"]
    story.run(until=at_weight(10))
    story.behave("v2", error_ratio=0.002, payment_share=0.5, payment_success_ratio=0.6)

    story.run()

    assert story.rollout.state == State.ROLLED_BACK
    failed = story.rollout.verdicts.get(outcome="fail")
    assert {"paid", "payments"} <= {metric["metric"] for metric in failed.numbers["metrics"]}
    assert failed.metric in {"paid", "payments"}


def test_a_service_s_own_noise_tempers_its_judge(begin: Begin, world: World) -> None:
    Calibration.objects.create(service=world.service, metric="errors", psi=0.9, releases=24)
    story = begin()
    story.run(until=at_weight(10))

    story.run(until=lambda story: story.rollout.snapshots.exists())

    settings = JudgeMemory.objects.get(rollout=story.rollout).settings["judge"]
    assert settings["ratios"][0]["psi"] == 0.9
    verdict = story.rollout.verdicts.first()
    assert verdict is not None
    assert verdict.settings["judge"] == settings


def test_queries_are_stored_word_for_word(begin: Begin) -> None:
    story = begin()
    story.run(until=lambda story: story.rollout.snapshots.count() == 3)

    asked = {snapshot.asked_id for snapshot in story.rollout.snapshots.all()}

    assert len(asked) == 1
    snapshot = story.rollout.snapshots.first()
    assert snapshot is not None
    assert snapshot.asked is not None
    assert snapshot.asked.queries


def test_a_window_read_later_misses_data_for_the_reason_it_was_missing(begin: Begin) -> None:
    """A version whose samples stopped is stale, also where Weir was away and reads the windows afterwards: no silent candidate."""
    story = begin()
    story.run(until=at_weight(50))
    story.pulse()
    story.world.telemetry.silence(
        since=story.now, until=story.now + timedelta(seconds=150), target=story.service.target, version="v2"
    )
    before = story.now
    story.now += timedelta(seconds=200)

    story.pulse()

    read = story.rollout.verdicts.filter(at__gt=before).order_by("at")
    assert "stale" in set(read.values_list("reason_code", flat=True))
    assert "no_candidate_data" not in set(read.values_list("reason_code", flat=True))
    assert not read.filter(outcome=Verdict.Outcome.FAIL).exists()
