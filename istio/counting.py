"""From the rows of all answers about one window to the counts of each version. Pure.

``questions_of`` says what has to be asked, each question under a key; ``count`` reads the answers under the same keys. So one
window now and a thousand windows of the past are read by the same code.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from istio import promql
from istio.credit import Row, credited, splits_users
from istio.presets import BUSINESS, SOURCES, Source
from istio.telemetry import Counts, Missing, Question, Series, Target
from istio.templates import render_template

Key = tuple[str, ...]
Answers = Mapping[Key, Sequence[Row]]


@dataclass(slots=True)
class _Tally:
    """What the mesh's answers say about one version, while they are read."""

    requests: float = 0.0
    errors: float = 0.0
    latency_bucket: dict[float, float] = field(default_factory=dict)
    latency_sum_ms: float | None = None


def questions_of(
    targets: Collection[Target], *, seconds: float, prefix: str, questions: Collection[Question] = ()
) -> dict[Key, str]:
    """Return every query about a window, by key: their number depends on the metrics, never on the number of targets."""
    asked: dict[Key, str] = {}
    for source in _sources(targets):
        mine = [target for target in targets if target.source == source.name]
        asked["requests", source.name] = promql.requests(mine, source=source, seconds=seconds)
        asked["buckets", source.name] = promql.latency_buckets(mine, source=source, seconds=seconds)
        asked["sum", source.name] = promql.latency_sum(mine, source=source, seconds=seconds)
        asked["remembered", source.name] = promql.remembered(mine, source=source)
    asked["splitting",] = promql.splitting_services(prefix, targets)
    for name, metric in BUSINESS.items():
        asked["business", name] = promql.business(prefix + metric, targets, seconds=seconds)
    for question in questions:
        asked["numerator", question.name] = render_template(question.numerator, targets, seconds=seconds)
        if question.denominator:
            asked["denominator", question.name] = render_template(
                question.denominator, targets, seconds=seconds
            )
    return asked


def count(
    answers: Answers, targets: Collection[Target]
) -> tuple[dict[Target, dict[str, Counts]], dict[Target, dict[str, Missing]]]:
    """Return the counts of each version that has them, and why the others that are known have none.

    A version that Istio calls ``unknown`` (no endpoint was reached) is listed under that name. Business counts are credited
    as istio/credit.py says. A version whose payments never once succeeded has no such series: if its attempts are there and
    the service's other successes are, that reads as 0.
    """
    tallies, spoiled = _tallies(answers, targets)
    counts: defaultdict[Target, dict[str, Counts]] = defaultdict(dict)
    missing: defaultdict[Target, dict[str, Missing]] = defaultdict(dict)
    for target in {target for target, _version in tallies}:
        by_variant = splits_users(target, answers.get(("splitting",), ()))
        credit = {
            key: credited(_finite(rows), target=target, by_variant=by_variant)
            for key, rows in answers.items()
            if key[0] in {"business", "numerator", "denominator"}
        }
        for (of, version), tally in tallies.items():
            if of == target:
                counts[target][version] = _counts(tally, credit=credit, version=version)
    for target, version in _remembered(answers, targets) | spoiled:
        if version not in counts.get(target, {}):
            reason = Missing.NOT_A_NUMBER if (target, version) in spoiled else Missing.STALE
            missing[target][version] = reason
    return dict(counts), dict(missing)


def own_figure(
    name: str,
    numerators: Mapping[float, Sequence[Row]],
    denominators: Mapping[float, Sequence[Row]] | None,
    *,
    target: Target,
    by_variant: bool,
    seconds: float,
) -> list[Series]:
    """Return a question's figure of every version over time, from its rows at each epoch second.

    Numerator over denominator; per second of the window of ``seconds`` where there is no denominator (None). Where nothing was counted
    below the line there is no point.
    """
    lines: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for at, rows in sorted(numerators.items()):
        above = credited(_finite(rows), target=target, by_variant=by_variant)
        below = dict.fromkeys(above, seconds)
        if denominators is not None:
            below = credited(_finite(denominators.get(at, ())), target=target, by_variant=by_variant)
        for version, value in above.items():
            if below.get(version):
                lines[version].append((at, value / below[version]))
    return [Series(name, version, tuple(points)) for version, points in lines.items()]


def _tallies(
    answers: Answers, targets: Collection[Target]
) -> tuple[dict[tuple[Target, str], _Tally], set[tuple[Target, str]]]:
    """Read requests and latencies; a version is there if its requests are. Who answered no number comes second."""
    tallies: defaultdict[tuple[Target, str], _Tally] = defaultdict(_Tally)
    spoiled: set[tuple[Target, str]] = set()
    for source in _sources(targets):
        for row, key in _rows(answers, "requests", source=source, targets=targets):
            if not math.isfinite(row.value):
                spoiled.add(key)
                continue
            tallies[key].requests += row.value
            tallies[key].errors += row.value if _is_error(row.labels, source=source) else 0.0
        for row, key in _rows(answers, "buckets", source=source, targets=targets):
            if key in tallies and math.isfinite(row.value):
                edge = float(row.labels["le"]) * source.ms
                tallies[key].latency_bucket[edge] = row.value
        for row, key in _rows(answers, "sum", source=source, targets=targets):
            if key in tallies and math.isfinite(row.value):
                tallies[key].latency_sum_ms = row.value * source.ms
    return {key: tally for key, tally in tallies.items() if key not in spoiled}, spoiled


def _rows(
    answers: Answers, kind: str, *, source: Source, targets: Collection[Target]
) -> list[tuple[Row, tuple[Target, str]]]:
    wanted = set(targets)
    found: list[tuple[Row, tuple[Target, str]]] = []
    for row in answers.get((kind, source.name), ()):
        namespace, service, version = (row.labels.get(label, "") for label in source.labels)
        target = Target(namespace, service, source.name)
        if target in wanted and version:
            found.append((row, (target, version)))
    return found


def _remembered(answers: Answers, targets: Collection[Target]) -> set[tuple[Target, str]]:
    return {
        key
        for source in _sources(targets)
        for _row, key in _rows(answers, "remembered", source=source, targets=targets)
    }


def _sources(targets: Collection[Target]) -> list[Source]:
    return [SOURCES[name] for name in sorted({target.source for target in targets})]


def _finite(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if math.isfinite(row.value)]


def _is_error(labels: Mapping[str, str], *, source: Source) -> bool:
    return any(re.fullmatch(expression, labels.get(label, "")) for label, expression in source.failed.items())


def _counts(tally: _Tally, *, credit: Mapping[Key, Mapping[str, float]], version: str) -> Counts:
    business = {name: credit.get(("business", name), {}).get(version) for name in BUSINESS}
    if business["payments_attempted"] is not None and credit.get(("business", "payments_succeeded")):
        business["payments_succeeded"] = credit["business", "payments_succeeded"].get(version, 0.0)
    custom = {
        name: (
            by_version[version],
            credit["denominator", name].get(version) if ("denominator", name) in credit else None,
        )
        for (kind, name), by_version in credit.items()
        if kind == "numerator" and version in by_version
    }
    timed = tally.latency_sum_ms is not None and bool(tally.latency_bucket)
    return Counts(
        requests=tally.requests,
        errors=tally.errors,
        latency_bucket=dict(sorted(tally.latency_bucket.items())) if timed else {},
        latency_sum_ms=tally.latency_sum_ms or 0.0 if timed else 0.0,
        **business,
        custom=custom,
    )
