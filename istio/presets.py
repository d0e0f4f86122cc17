"""Where the usual figures come from, as data: the names and labels of one kind of exporter each. Pure.

``ISTIO`` is what sidecars and gateways count (https://istio.io/latest/docs/reference/config/metrics/).
``SPRING_BOOT`` is what a Spring Boot service counts by Micrometer (https://docs.spring.io/spring-boot/reference/actuator/metrics.html);
it needs ``management.metrics.distribution.percentiles-histogram.http.server.requests=true`` for latencies and the common tag
``application``; ``namespace`` and ``version`` come from the pod's labels by relabelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

SERVER_ERROR = "5.."
# UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS: the server's fault.
GRPC_SERVER_ERROR = "2|4|12|13|14|15"


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of exporter of requests and latencies.

    ``failed`` maps a label to the expression whose match makes a request an error. ``latency`` is the name of a histogram
    without ``_bucket``; ``ms`` is its unit in milliseconds. ``matchers`` are written into every selector.
    """

    name: str
    title: str
    requests: str
    latency: str
    ms: float
    namespace: str
    service: str
    version: str
    failed: Mapping[str, str]
    matchers: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, str, str]:
        """The labels that name a version of a service: namespace, service, version."""
        return self.namespace, self.service, self.version


ISTIO = Source(
    name="istio",
    title="Istio",
    requests="istio_requests_total",
    latency="istio_request_duration_milliseconds",
    ms=1.0,
    namespace="destination_service_namespace",
    service="destination_service_name",
    version="destination_version",
    failed={"response_code": SERVER_ERROR, "grpc_response_status": GRPC_SERVER_ERROR},
    matchers=('reporter="source"',),
)
SPRING_BOOT = Source(
    name="spring_boot",
    title="Spring Boot (Micrometer)",
    requests="http_server_requests_seconds_count",
    latency="http_server_requests_seconds",
    ms=1000.0,
    namespace="namespace",
    service="application",
    version="version",
    failed={"status": SERVER_ERROR},
)
SOURCES: Mapping[str, Source] = {source.name: source for source in (ISTIO, SPRING_BOOT)}

BUSINESS: Mapping[str, str] = {
    "payments_attempted": "payments_attempted_total",
    "payments_succeeded": "payments_succeeded_total",
    "conversions": "conversions_total",
    "dwell_count": "dwell_seconds_count",
    "dwell_sum": "dwell_seconds_sum",
    "dwell_sum_sq": "dwell_seconds_squared_total",
}
"""A field of ``Counts`` -> the name of its counter without the prefix (deploy/shop/README.md)."""

_BY = "namespace, service, version, variant, caller, caller_version"


@dataclass(frozen=True, slots=True)
class MetricPreset:
    """A row of the catalogue's metrics, ready to be taken over. ``margin`` is in the metric's unit."""

    name: str
    title: str
    kind: Literal["ratio", "mean", "count"]
    role: Literal["guard", "kpi"]
    direction: Literal["lower_is_better", "higher_is_better"]
    unit: str
    margin: float
    numerator: str
    denominator: str = ""


def _grown(metric: str) -> str:
    return f'sum by ({_BY}) ($increase({metric}{{namespace=~"$namespaces|"}}))'


METRICS: tuple[MetricPreset, ...] = (
    MetricPreset(
        name="payment-success",
        title="支付成功率 / Payment success",
        kind="ratio",
        role="guard",
        direction="higher_is_better",
        unit="ratio",
        margin=0.01,
        numerator=_grown("shop_payments_succeeded_total"),
        denominator=_grown("shop_payments_attempted_total"),
    ),
    MetricPreset(
        name="conversion",
        title="转化率 / Conversion",
        kind="ratio",
        role="kpi",
        direction="higher_is_better",
        unit="ratio",
        margin=0.01,
        numerator=_grown("shop_conversions_total"),
        denominator=_grown("shop_assignments_total"),
    ),
    MetricPreset(
        name="dwell",
        title="停留时长 / Dwell time",
        kind="mean",
        role="kpi",
        direction="higher_is_better",
        unit="s",
        margin=0.02,
        numerator=_grown("shop_dwell_seconds_sum"),
        denominator=_grown("shop_dwell_seconds_count"),
    ),
    MetricPreset(
        name="jvm-gc-pause",
        title="GC 停顿 / Garbage collection pauses",
        kind="mean",
        role="guard",
        direction="lower_is_better",
        unit="s",
        margin=0.10,
        numerator='sum by (namespace, service, version) (label_replace($increase(jvm_gc_pause_seconds_sum{application=~"$services"}), "service", "$1", "application", "(.*)"))',
        denominator='sum by (namespace, service, version) (label_replace($increase(jvm_gc_pause_seconds_count{application=~"$services"}), "service", "$1", "application", "(.*)"))',
    ),
)
