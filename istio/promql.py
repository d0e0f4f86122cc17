"""Every question Weir asks Prometheus: pure functions from names to PromQL. Nothing here talks to a server.

Names and labels of requests and latencies come from a ``Source`` (istio/presets.py): Istio's standard metrics unless a
service says otherwise. ``reporter="source"`` there is the caller's view and includes what never arrived.

Business counters are named ``<prefix>payments_attempted_total`` and so on (deploy/shop/README.md), with the
labels ``service``, ``version`` and ``variant`` and, where a service asked for the payment, ``caller`` and
``caller_version``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from istio.presets import Source
from istio.telemetry import Target

BUSINESS_LABELS = ("namespace", "service", "version", "variant", "caller", "caller_version")

LONGEST_NAME_LIST = 300
"""Characters of service names in a selector. Above it only namespaces are named: proxies cut long URLs."""

LEAST_GRACE_SECONDS = 5.0
REMEMBERED_SECONDS = 900.0
"""A version that had a sample this long ago and has none now is stale; one that had none is no data."""


def increase(selector: str, *, by: Collection[str], seconds: float) -> str:
    """Return how much the counters grew over the last ``seconds``, exactly, summed by the labels; see ``growth``."""
    return f"sum by ({', '.join(by)}) {growth(selector, seconds=seconds)}"


def growth(selector: str, *, seconds: float) -> str:
    """Return how much each counter grew over the last ``seconds``, exactly, as an expression in brackets.

    ``rate()`` and ``increase()`` extrapolate to the window's edges and need two samples in it; this is the
    difference of the samples that stood at both ends, so consecutive windows add up. Per series:

    - no sample inside the window, or stale at its end: left out, because nothing new is known;
    - grown: the difference; fallen: a restart, so what was counted after it and what is known from before;
    - no sample at the window's start: all of it, if the scrape target was up then (Envoy creates an error
      series with its first error), else left out, because the counter's whole life may be in it.

    A sample stands for the window's start if it is at most max(``seconds``, 5 s) older. Relies on the
    labels ``job`` and ``instance`` that Prometheus gives to every series and to ``up``.
    """
    ago = f"offset {duration(seconds)}"
    # One millisecond less, because a range includes its left edge up to Prometheus 2 and excludes it from 3.
    inside = f"[{duration(seconds - 0.001)}]"
    before = f"[{duration(max(seconds, LEAST_GRACE_SECONDS))}] {ago}"
    now = f"({selector} and present_over_time({selector}{inside}))"
    then = f"({selector} {ago} and present_over_time({selector}{before}))"
    grown = f"({now} - {then} >= 0)"
    restarted = f"({now} + clamp_min(max_over_time({selector}{inside}) - {then}, 0) and {now} < {then})"
    was_up = f"(up {ago} == 1 and present_over_time(up{before}))"
    appeared = f"(({now} unless {selector} {ago}) and on (job, instance) {was_up})"
    return f"({grown} or {restarted} or {appeared})"


def requests(targets: Collection[Target], *, source: Source, seconds: float) -> str:
    """Count requests by version and status, so that requests and errors come from one and the same answer."""
    return increase(
        _selector(source.requests, targets, source=source),
        by=(*source.labels, *source.failed),
        seconds=seconds,
    )


def latency_buckets(targets: Collection[Target], *, source: Source, seconds: float) -> str:
    """Count requests by version and upper edge ``le`` in the source's unit, cumulative as in every histogram."""
    selector = _selector(f"{source.latency}_bucket", targets, source=source)
    return increase(selector, by=(*source.labels, "le"), seconds=seconds)


def latency_sum(targets: Collection[Target], *, source: Source, seconds: float) -> str:
    """Sum the time that requests took, by version, in the source's unit."""
    selector = _selector(f"{source.latency}_sum", targets, source=source)
    return increase(selector, by=source.labels, seconds=seconds)


def remembered(targets: Collection[Target], *, source: Source) -> str:
    """Name the versions that had any sample lately, whether or not they have one now."""
    selector = _selector(source.requests, targets, source=source)
    span = duration(REMEMBERED_SECONDS)
    return f"group by ({', '.join(source.labels)}) (present_over_time({selector}[{span}]))"


def business(metric: str, targets: Collection[Target], *, seconds: float) -> str:
    """Count one business metric by everything that may be credited with it."""
    return increase(metric + _braces([_namespaces(targets)]), by=BUSINESS_LABELS, seconds=seconds)


def splitting_services(prefix: str, targets: Collection[Target]) -> str:
    """Name the services that users are split on: those that export ``<prefix>assignments_total``.

    The label ``variant`` of every business counter is a version of theirs.
    """
    return f"group by (namespace, service) ({prefix}assignments_total{_braces([_namespaces(targets)])})"


def newest_sample_age() -> str:
    """Return the age in seconds of the newest sample of any scrape target."""
    return "time() - max(timestamp(up))"


def scrape_count(target: Target, *, source: Source, seconds: float) -> str:
    """Count the samples of a service's best-sampled series in the last ``seconds``."""
    return f"max(count_over_time({_selector(source.requests, [target], source=source)}[{duration(seconds)}]))"


def figures(target: Target, *, source: Source, seconds: float) -> dict[str, str]:
    """Return the query of each of the mesh's figures for charts, by the source's label of the version.

    Ratios are 0-1, latencies milliseconds, ``rps`` requests per second, as rates over ``seconds``, which
    should span four scrapes. A version without requests has no ratio: 0/0 is NaN, which readers leave out.
    """
    span = f"[{duration(seconds)}]"
    by = f"sum by ({source.version})"

    def rate(*more: str) -> str:
        return f"rate({_selector(source.requests, [target], source=source, more=more)}{span})"

    total = f"{by} ({rate()})"
    failed = f"{by} ({' or '.join(rate(*matchers) for matchers in _failures(source))})"
    # No error series yet means no errors, not no answer.
    error_ratio = f"({failed} or 0 * {total}) / {total}"
    bucket = _selector(f"{source.latency}_bucket", [target], source=source)
    buckets = f"sum by ({source.version}, le) (rate({bucket}{span}))"
    quantiles = {
        f"p{percent}_ms": f"histogram_quantile({percent / 100:g}, {buckets}) * {source.ms:g}"
        for percent in (50, 95, 99)
    }
    return {"success_ratio": f"1 - {error_ratio}", "error_ratio": error_ratio, **quantiles, "rps": total}


def business_figures(target: Target, *, prefix: str, splits_users: bool, seconds: float) -> dict[str, str]:
    """Return the query of each business figure for charts, by ``version``; istio/credit.py says whose."""

    def rate(name: str) -> str:
        return _credited_rate(f"{prefix}{name}", target, splits_users=splits_users, seconds=seconds)

    succeeded, attempted = rate("payments_succeeded_total"), rate("payments_attempted_total")
    return {
        "payment_success_ratio": f"({succeeded} or 0 * {attempted}) / {attempted}",
        "conversions_per_second": rate("conversions_total"),
        "dwell_mean_seconds": f"{rate('dwell_seconds_sum')} / {rate('dwell_seconds_count')}",
    }


def _credited_rate(metric: str, target: Target, *, splits_users: bool, seconds: float) -> str:
    namespace = _namespaces([target])
    span = f"[{duration(seconds)}]"

    def by(label: str, *matchers: str) -> str:
        summed = f"sum by ({label}) (rate({metric}{_braces([namespace, *matchers])}{span}))"
        if label == "version":
            return summed
        return f'sum by (version) (label_replace({summed}, "version", "$1", "{label}", "(.*)"))'

    if splits_users:
        return f"({by('variant')})"
    own = by("version", f'service="{_escaped(target.service)}"')
    asked_for = by("caller_version", f'caller="{_escaped(target.service)}"')
    return f"({own} or {asked_for})"


def _failures(source: Source) -> list[list[str]]:
    """Return the matchers of each way to fail, so that no request is in two of them."""
    ways: list[list[str]] = []
    before: list[str] = []
    for label, expression in source.failed.items():
        ways.append([*before, f'{label}=~"{expression}"'])
        before.append(f'{label}!~"{expression}"')
    return ways


def _selector(metric: str, targets: Collection[Target], *, source: Source, more: Iterable[str] = ()) -> str:
    matchers = [
        *source.matchers,
        f'{source.namespace}=~"{alternatives(target.namespace for target in targets)}"',
    ]
    names = alternatives(target.service for target in targets)
    if len(names) <= LONGEST_NAME_LIST:
        matchers.append(f'{source.service}=~"{names}"')
    return metric + _braces([*matchers, *more])


def _namespaces(targets: Iterable[Target]) -> str:
    """Match the namespaces, or none: outside Kubernetes no scrape adds the label."""
    return f'namespace=~"{alternatives(target.namespace for target in targets)}|"'


def alternatives(names: Iterable[str]) -> str:
    """Return a regular expression that matches exactly these names, for PromQL's double quotes."""
    return _escaped("|".join(re.escape(name) for name in sorted(set(names))))


def _braces(matchers: Iterable[str]) -> str:
    return "{" + ", ".join(matchers) + "}"


def _escaped(text: str) -> str:
    """Escape a value for PromQL's double quotes. Names come from people; a quote must not end the string."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def duration(seconds: float) -> str:
    """Write a span of time in PromQL, in whole milliseconds."""
    return f"{max(round(seconds * 1000), 1)}ms"
