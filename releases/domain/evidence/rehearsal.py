"""A plan played over a service's recorded past, by the judge that will watch the release.

The past has one version. A pseudo candidate is drawn from it by thinning: each recorded request, error, slow request, payment and
dwell time goes to the candidate with the step's share, so both are equally good and every rollback is a false alarm. Thinning
keeps what befalls both versions (load, shocks, clumps in time) and knows nothing of the noise between pods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import median

import numpy as np

from istio.sentence import Sentence
from releases.domain.evidence.averaging import Moments
from releases.domain.evidence.forecast import MetricForecast, known_of, smallest_of
from releases.domain.evidence.judge import Judge
from releases.domain.evidence.judgement import Decision, Judgement
from releases.domain.evidence.look import NOTHING, Look, Tally
from releases.domain.evidence.settings import Settings
from releases.domain.evidence.state import PlannedStep

LEARNING = 20
"""Windows before the pseudo candidate starts, in which the judge learns."""
_SHORTEST_STEP = 4
_LOOKS = 16_000
_MOST_RUNS, _FEWEST_RUNS = 20, 3


class TooShort(Exception):
    """The recorded past is shorter than the judge's learning and a few looks per step."""


@dataclass(frozen=True, slots=True)
class StepForecast:
    """What a step can count on. ``smallest_rise`` of the error ratio (0-1) it sees within its bake; None: nothing at all.

    ``verdict_seconds`` is the median time until the gate opened in the runs that reached the step, None if it did not;
    ``metrics`` says the same of each metric by itself.
    """

    weight: float
    bake_seconds: float
    rps: float
    requests: float
    smallest_rise: float | None
    verdict_seconds: float | None
    false_alarms: int
    metrics: tuple[MetricForecast, ...] = ()


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The outcome: ``false_alarms`` of ``runs``, by metric, and what each step can see.

    ``compressed`` is below 1 where the past was shorter than the plan and each bake was played shorter by this factor.
    """

    windows: int
    interval_seconds: float
    runs: int
    false_alarms: int
    by_metric: Mapping[str, int]
    error_ratio: float
    compressed: float
    steps: tuple[StepForecast, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    """``heard`` maps a metric the gate asks to the seconds until it had heard enough of it, per step; None: not in time."""

    rolled_back_in: int | None
    metric: str
    opened_after: tuple[float | None, ...]
    heard: tuple[Mapping[str, float | None], ...]


def rehearse(
    past: Sequence[Tally],
    steps: Sequence[PlannedStep],
    *,
    settings: Settings,
    seed: int = 1,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> Rehearsed:
    """Play the plan several times over the past, from different beginnings. Raises TooShort.

    ``past`` are the stable version's windows of ``settings.interval_seconds``, oldest first. The same seed gives the same
    answer. ``on_progress`` is told the share done, 0-1, after each run.
    """
    lengths, compressed = _lengths(steps, windows=len(past) - LEARNING, seconds=settings.interval_seconds)
    slack = len(past) - LEARNING - sum(lengths)
    number = max(min(_LOOKS // (LEARNING + sum(lengths)), _MOST_RUNS), _FEWEST_RUNS)
    runs = []
    for turn in range(number):
        begin = round(slack * turn / max(number - 1, 1))
        rng = np.random.default_rng([seed, turn])
        runs.append(_play(past[begin:], steps, lengths=lengths, settings=settings, rng=rng))
        on_progress((turn + 1) / number)
    alarms = [run for run in runs if run.rolled_back_in is not None]
    requests = sum(tally.requests for tally in past)
    errors = (sum(tally.errors for tally in past) + 0.5) / (requests + 1)
    rps = median(tally.requests for tally in past) / settings.interval_seconds
    return Rehearsed(
        windows=len(past),
        interval_seconds=settings.interval_seconds,
        runs=number,
        false_alarms=len(alarms),
        by_metric={
            metric: sum(run.metric == metric for run in alarms) for metric in {run.metric for run in alarms}
        },
        error_ratio=errors,
        compressed=compressed,
        steps=_forecasts(steps, past=past, runs=runs, rps=rps, settings=settings),
    )


def thinned(whole: Tally, *, share: float, rng: np.random.Generator) -> tuple[Tally, Tally]:
    """Split one window in two at random: the part with this share (0-1), and the rest."""

    def part(number: float) -> float:
        return float(rng.binomial(round(number), share))

    buckets, below, kept = {}, 0.0, 0.0
    for edge, number in sorted(whole.buckets.items()):
        kept += part(max(number - below, 0.0))
        buckets[edge], below = kept, number
    requests = kept if whole.buckets and round(below) == round(whole.requests) else part(whole.requests)
    mine = Tally(
        requests=requests,
        errors=min(part(whole.errors), requests),
        buckets=buckets,
        latency_sum_ms=whole.latency_sum_ms * (kept / below if below else 0.0),
        ratios={name: _thinned_ratio(pair, part) for name, pair in whole.ratios.items()},
        means={name: _thinned_mean(moments, share=share, rng=rng) for name, moments in whole.means.items()},
    )
    return mine, _minus(whole, mine)


def _lengths(steps: Sequence[PlannedStep], *, windows: int, seconds: float) -> tuple[list[int], float]:
    """Return how many windows each step is played, and by which factor that is shorter than planned."""
    planned = [max(ceil(step.seconds / seconds), _SHORTEST_STEP) for step in steps]
    if sum(planned) <= windows:
        return planned, 1.0
    if windows < _SHORTEST_STEP * len(steps):
        raise TooShort(
            Sentence(
                "{windows} windows after {learning} to learn from are too few for {steps} steps.",
                windows=max(windows, 0),
                learning=LEARNING,
                steps=len(steps),
            )
        )
    spare = windows - _SHORTEST_STEP * len(steps)
    factor = spare / sum(planned)
    return [_SHORTEST_STEP + int(length * factor) for length in planned], windows / sum(planned)


def _play(
    past: Sequence[Tally],
    steps: Sequence[PlannedStep],
    *,
    lengths: Sequence[int],
    settings: Settings,
    rng: np.random.Generator,
) -> _Run:
    judge, seconds = Judge(settings), settings.interval_seconds
    state = judge.start(steps)
    for whole in past[:LEARNING]:
        look = Look(seconds=seconds, weight=0, step=None, stable=whole, candidate=None)
        state, _judgement = judge.observe(state, look)
    opened: list[float | None] = [None] * len(steps)
    heard: list[dict[str, float | None]] = [{} for _ in steps]
    at = LEARNING
    for position, (step, length) in enumerate(zip(steps, lengths, strict=True)):
        for number, whole in enumerate(past[at : at + length], start=1):
            mine, rest = thinned(whole, share=step.weight / 100, rng=rng)
            stable = rest if step.weight < 100 else NOTHING
            look = Look(seconds=seconds, weight=step.weight, step=position, stable=stable, candidate=mine)
            state, judgement = judge.observe(state, look)
            if judgement.decision is Decision.ROLL_BACK:
                return _Run(position, judgement.because, tuple(opened), tuple(heard))
            _hear(heard[position], judgement, after=number * seconds)
            if opened[position] is None and judgement.decision in {Decision.GO_ON, Decision.PROMOTE}:
                opened[position] = number * seconds
        at += length
    return _Run(None, "", tuple(opened), tuple(heard))


def _hear(known: dict[str, float | None], judgement: Judgement, *, after: float) -> None:
    """Note when the gate heard enough of each metric that it asks, for the first time."""
    for metric in judgement.metrics:
        if metric.limit is not None and known.get(metric.metric) is None:
            known[metric.metric] = after if metric.satisfies else None


def _forecasts(
    steps: Sequence[PlannedStep],
    *,
    past: Sequence[Tally],
    runs: Sequence[_Run],
    rps: float,
    settings: Settings,
) -> tuple[StepForecast, ...]:
    known = known_of(past, settings=settings)
    first = next((position for position, step in enumerate(steps) if step.weight > 0), 0)
    found = []
    for position, step in enumerate(steps):
        seen = list(smallest_of(known, step, is_first=position == first, settings=settings))
        metrics = tuple(
            _of_metric(metric, change, relative, edge_ms=known[metric].edge_ms, position=position, runs=runs)
            for metric, relative, change in seen
        )
        opened = [seconds for run in runs if (seconds := run.opened_after[position]) is not None]
        found.append(
            StepForecast(
                weight=step.weight,
                bake_seconds=step.seconds,
                rps=rps * step.weight / 100,
                requests=rps * step.weight / 100 * step.seconds,
                smallest_rise=next((change for metric, _, change in seen if metric == "errors"), None),
                verdict_seconds=median(opened) if len(opened) * 2 > len(runs) else None,
                false_alarms=sum(run.rolled_back_in == position for run in runs),
                metrics=metrics,
            )
        )
    return tuple(found)


def _of_metric(
    metric: str,
    change: float | None,
    is_relative: bool,
    *,
    edge_ms: float | None,
    position: int,
    runs: Sequence[_Run],
) -> MetricForecast:
    asked = [run.heard[position] for run in runs if metric in run.heard[position]]
    heard = [seconds for run in asked if (seconds := run[metric]) is not None]
    blamed = {metric, "sample_ratio_low"} if metric == "sample_ratio_high" else {metric}
    blamed |= {"baseline"} if metric == "errors" else set()
    return MetricForecast(
        metric=metric,
        edge_ms=edge_ms,
        is_relative=is_relative,
        smallest_change=change,
        is_gated=bool(asked),
        verdict_seconds=median(heard) if len(heard) * 2 > len(runs) else None,
        false_alarms=sum(run.rolled_back_in == position and run.metric in blamed for run in runs),
    )


def _thinned_ratio(pair: tuple[float, float], part: Callable[[float], float]) -> tuple[float, float]:
    events = part(pair[0])
    return events, events + part(max(pair[1] - pair[0], 0.0))


def _thinned_mean(moments: Moments, *, share: float, rng: np.random.Generator) -> Moments:
    """The drawn part's sum scatters around its share as a sample of this variance does."""
    if moments.count <= 0:
        return Moments(0.0, 0.0, 0.0)
    count = float(rng.binomial(round(moments.count), share))
    mean = moments.total / moments.count
    variance = max(moments.squares / moments.count - mean * mean, 0.0)
    total = count * mean + sqrt(count * variance * (1 - share)) * float(rng.standard_normal())
    return Moments(count, max(total, 0.0), moments.squares * count / moments.count)


def _minus(whole: Tally, mine: Tally) -> Tally:
    return Tally(
        requests=max(whole.requests - mine.requests, 0.0),
        errors=max(whole.errors - mine.errors, 0.0),
        buckets={
            edge: max(number - mine.buckets.get(edge, 0.0), 0.0) for edge, number in whole.buckets.items()
        },
        latency_sum_ms=max(whole.latency_sum_ms - mine.latency_sum_ms, 0.0),
        ratios={
            name: (max(x - mine.ratios[name][0], 0.0), max(a - mine.ratios[name][1], 0.0))
            for name, (x, a) in whole.ratios.items()
        },
        means={
            name: Moments(
                max(of.count - mine.means[name].count, 0.0),
                max(of.total - mine.means[name].total, 0.0),
                max(of.squares - mine.means[name].squares, 0.0),
            )
            for name, of in whole.means.items()
        },
    )
