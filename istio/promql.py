"""Every question Weir asks Prometheus: pure functions from names to PromQL. Nothing here talks to a server.

The mesh's metrics, units and labels are Istio's standard ones
(https://istio.io/latest/docs/reference/config/metrics/): ``istio_requests_total`` counts requests, and
``istio_request_duration_milliseconds`` is a histogram in milliseconds. Both carry ``reporter``,
``destination_service_name``, ``destination_service_namespace``, ``destination_version``, ``response_code``
and, for gRPC, ``grpc_response_status``. ``reporter="source"`` is the caller's view and includes what never
arrived.

Business counters are named ``<prefix>payments_attempted_total`` and so on (deploy/shop/README.md), with the
labels ``service``, ``version`` and ``variant`` and, where a service asked for the payment, ``caller`` and
``caller_version``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from istio.telemetry import Target

REQUESTS = "istio_requests_total"
LATENCY = "istio_request_duration_milliseconds"
MESH_LABELS = ("destination_service_namespace", "destination_service_name", "destination_version")
STATUS_LABELS = ("response_code", "grpc_response_status")
BUSINESS_LABELS = ("namespace", "service", "version", "variant", "caller", "caller_version")

SERVER_ERROR = "5.."
# UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS: the server's fault.
GRPC_SERVER_ERROR = "2|4|12|13|14|15"

LONGEST_NAME_LIST = 300
"""Characters of service names in a selector. Above it only namespaces are named: proxies cut long URLs."""

LEAST_GRACE_SECONDS = 5.0


def increase(selector: str, *, by: Collection[str], seconds: float) -> str:
    """Return how much the counters grew over the last ``seconds``, exactly, summed by the labels.

    ``rate()`` and ``increase()`` extrapolate to the window's edges and need two samples in it; this is the
    difference of the samples that stood at both ends, so consecutive windows add up. Per series:

    - no sample inside the window, or stale at its end: left out, because nothing new is known;
    - grown: the difference; fallen: a restart, so what was counted after it and what is known from before;
    - no sample at the window's start: all of it, if the scrape target was up then (Envoy creates an error
      series with its first error), else left out, because the counter's whole life may be in it.

    A sample stands for the window's start if it is at most max(``seconds``, 5 s) older. Relies on the
    labels ``job`` and ``instance`` that Prometheus gives to every series and to ``up``.
    """
    ago = f"offset {_duration(seconds)}"
    # One millisecond less, because a range includes its left edge up to Prometheus 2 and excludes it from 3.
    inside = f"[{_duration(seconds - 0.001)}]"
    before = f"[{_duration(max(seconds, LEAST_GRACE_SECONDS))}] {ago}"
    now = f"({selector} and present_over_time({selector}{inside}))"
    then = f"({selector} {ago} and present_over_time({selector}{before}))"
    grown = f"({now} - {then} >= 0)"
    restarted = f"({now} + clamp_min(max_over_time({selector}{inside}) - {then}, 0) and {now} < {then})"
    was_up = f"(up {ago} == 1 and present_over_time(up{before}))"
    appeared = f"(({now} unless {selector} {ago}) and on (job, instance) {was_up})"
    return f"sum by ({', '.join(by)}) ({grown} or {restarted} or {appeared})"


def requests(targets: Collection[Target], *, reporter: str, seconds: float) -> str:
    """Count requests by version and status, so that requests and errors come from one and the same answer."""
    selector = REQUESTS + _braces(_mesh_matchers(targets, reporter=reporter))
    return increase(selector, by=(*MESH_LABELS, *STATUS_LABELS), seconds=seconds)


def latency_buckets(targets: Collection[Target], *, reporter: str, seconds: float) -> str:
    """Count requests by version and upper edge ``le`` in milliseconds, cumulative as in every histogram."""
    selector = f"{LATENCY}_bucket" + _braces(_mesh_matchers(targets, reporter=reporter))
    return increase(selector, by=(*MESH_LABELS, "le"), seconds=seconds)


def latency_sum(targets: Collection[Target], *, reporter: str, seconds: float) -> str:
    """Sum the milliseconds that requests took, by version."""
    selector = f"{LATENCY}_sum" + _braces(_mesh_matchers(targets, reporter=reporter))
    return increase(selector, by=MESH_LABELS, seconds=seconds)


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


def scrape_count(target: Target, *, reporter: str, seconds: float) -> str:
    """Count the samples of a service's best-sampled series in the last ``seconds``."""
    selector = REQUESTS + _braces(_mesh_matchers([target], reporter=reporter))
    return f"max(count_over_time({selector}[{_duration(seconds)}]))"


def figures(target: Target, *, reporter: str, seconds: float) -> dict[str, str]:
    """Return the query of each of the mesh's figures for charts, by ``destination_version``.

    Ratios are 0-1, latencies milliseconds, ``rps`` requests per second, as rates over ``seconds``, which
    should span four scrapes. A version without requests has no ratio: 0/0 is NaN, which readers leave out.
    """
    matchers = _mesh_matchers([target], reporter=reporter)
    span = f"[{_duration(seconds)}]"
    by = "sum by (destination_version)"
    total = f"{by} (rate({REQUESTS}{_braces(matchers)}{span}))"
    failed_http = _braces([*matchers, f'response_code=~"{SERVER_ERROR}"'])
    failed_grpc = _braces(
        [*matchers, f'response_code!~"{SERVER_ERROR}"', f'grpc_response_status=~"{GRPC_SERVER_ERROR}"']
    )
    failed = f"{by} (rate({REQUESTS}{failed_http}{span}) or rate({REQUESTS}{failed_grpc}{span}))"
    # No error series yet means no errors, not no answer.
    error_ratio = f"({failed} or 0 * {total}) / {total}"
    buckets = f"sum by (destination_version, le) (rate({LATENCY}_bucket{_braces(matchers)}{span}))"
    return {
        "success_ratio": f"1 - {error_ratio}",
        "error_ratio": error_ratio,
        "p50_ms": f"histogram_quantile(0.5, {buckets})",
        "p95_ms": f"histogram_quantile(0.95, {buckets})",
        "p99_ms": f"histogram_quantile(0.99, {buckets})",
        "rps": total,
    }


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
    span = f"[{_duration(seconds)}]"

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


def _mesh_matchers(targets: Collection[Target], *, reporter: str) -> list[str]:
    matchers = [
        f'reporter="{_escaped(reporter)}"',
        f'destination_service_namespace=~"{_alternatives(target.namespace for target in targets)}"',
    ]
    names = _alternatives(target.service for target in targets)
    if len(names) <= LONGEST_NAME_LIST:
        matchers.append(f'destination_service_name=~"{names}"')
    return matchers


def _namespaces(targets: Iterable[Target]) -> str:
    """Match the namespaces, or none: outside Kubernetes no scrape adds the label."""
    return f'namespace=~"{_alternatives(target.namespace for target in targets)}|"'


def _alternatives(names: Iterable[str]) -> str:
    return _escaped("|".join(re.escape(name) for name in sorted(set(names))))


def _braces(matchers: Iterable[str]) -> str:
    return "{" + ", ".join(matchers) + "}"


def _escaped(text: str) -> str:
    """Escape a value for PromQL's double quotes. Names come from people; a quote must not end the string."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _duration(seconds: float) -> str:
    return f"{max(round(seconds * 1000), 1)}ms"
