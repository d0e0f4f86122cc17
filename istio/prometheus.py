"""The telemetry port's adapter: the only importer of ``prometheus_api_client``. Every query is in promql.py.

Every call has a deadline over all its queries, nothing is retried (the next pulse is the retry), and every
exception of the client becomes a TelemetryError. What an answer does not say stays unsaid: it is absent or
None, never 0.
"""

from __future__ import annotations

import math
import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests import RequestException, Session
from urllib3.util.retry import Retry

from istio import promql
from istio.credit import NO_VERSION, Row, credited, splits_users
from istio.telemetry import Counts, QueryRejected, Series, Target, TelemetryError, TelemetryUnreachable

SCRAPE_PROBES_SECONDS = (20.0, 120.0)
ENOUGH_SCRAPES = 3
USUAL_SCRAPE_SECONDS = 15.0
SCRAPES_PER_RATE = 4
LONGEST_QUOTE = 300

BUSINESS_COUNTS = {
    "payments_attempted": "payments_attempted_total",
    "payments_succeeded": "payments_succeeded_total",
    "conversions": "conversions_total",
    "dwell_count": "dwell_seconds_count",
    "dwell_sum": "dwell_seconds_sum",
    "dwell_sum_sq": "dwell_seconds_squared_total",
}


@dataclass(slots=True)
class _Tally:
    """What the mesh's answers say about one version, while they are read."""

    requests: float = 0.0
    errors: float = 0.0
    latency_bucket: dict[float, float] = field(default_factory=dict)
    latency_sum_ms: float | None = None


class PrometheusTelemetry:
    """Reads one Prometheus, or anything that speaks its query API.

    ``timeout_seconds`` limits each call as a whole. ``reporter`` is whose view of the mesh counts:
    ``source`` sees requests that never arrived; ``destination`` also works without sidecars at the callers.
    ``window()`` needs a sample in the window, so ``seconds`` should be at least the scrape interval.
    """

    def __init__(
        self,
        url: str,
        timeout_seconds: float,
        headers: Mapping[str, str] | None = None,
        *,
        reporter: str = "source",
        business_prefix: str = "shop_",
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._reporter = reporter
        self._prefix = business_prefix
        address = urlsplit(url)
        self._name = f"Prometheus at {address.hostname}" + (f":{address.port}" if address.port else "")
        self._client = PrometheusConnect(
            url=url.rstrip("/"),
            headers=dict(headers or {}),
            session=Session(),
            retry=Retry(total=0),
            timeout=timeout_seconds,
        )

    def window(
        self, targets: Collection[Target], *, end: datetime, seconds: float
    ) -> Mapping[Target, Mapping[str, Counts]]:
        """Return each version's counts over the window; see :class:`istio.telemetry.Telemetry`.

        A version that Istio calls ``unknown`` (no endpoint was reached) is listed under that name. Business
        counts are credited as istio/credit.py says. A version whose payments never once succeeded has no
        such series: if its attempts are there and the service's other successes are, that reads as 0.
        """
        if not targets:
            return {}
        deadline = self._deadline()
        tallies = self._tallies(targets, end=end, seconds=seconds, deadline=deadline)
        ask = self._instant(end, deadline=deadline)
        splitting = ask(promql.splitting_services(self._prefix, targets))
        business = {
            name: ask(promql.business(self._prefix + metric, targets, seconds=seconds))
            for name, metric in BUSINESS_COUNTS.items()
        }
        found: defaultdict[Target, dict[str, Counts]] = defaultdict(dict)
        for target in {target for target, _version in tallies}:
            by_variant = splits_users(target, splitting)
            credit = {
                name: credited(rows, target=target, by_variant=by_variant) for name, rows in business.items()
            }
            for (of, version), tally in tallies.items():
                if of == target:
                    found[target][version] = _counts(tally, credit=credit, version=version)
        return dict(found)

    def series(
        self, target: Target, *, start: datetime, end: datetime, step_seconds: float
    ) -> Sequence[Series]:
        """Return every figure of every version; see :class:`istio.telemetry.Telemetry`.

        Rates span four scrapes or one step, whichever is longer. Points lie on multiples of the step, so
        that a chart that is drawn again does not wobble.
        """
        deadline = self._deadline()
        ask = self._instant(end, deadline=deadline)
        span = max(step_seconds, SCRAPES_PER_RATE * self._scrape_seconds(target, ask=ask))
        splitting = ask(promql.splitting_services(self._prefix, [target]))
        queries = promql.figures(target, reporter=self._reporter, seconds=span) | promql.business_figures(
            target, prefix=self._prefix, splits_users=splits_users(target, splitting), seconds=span
        )
        first = math.floor(start.timestamp() / step_seconds) * step_seconds
        found: list[Series] = []
        for figure, query in queries.items():
            rows = self._range(query, first=first, end=end, step_seconds=step_seconds, deadline=deadline)
            found += [self._line(figure, row) for row in rows]
        return [line for line in found if line.points and line.version not in NO_VERSION]

    def ping(self) -> float:
        """Return the age in seconds of the newest sample by the server's clock. Raises TelemetryError."""
        rows = self._instant(None, deadline=self._deadline())(promql.newest_sample_age())
        if not rows:
            raise TelemetryUnreachable(
                f"{self._name} answers but holds no sample of the last minutes. Check what it scrapes."
            )
        return max(rows[0].value, 0.0)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _tallies(
        self, targets: Collection[Target], *, end: datetime, seconds: float, deadline: float
    ) -> dict[tuple[Target, str], _Tally]:
        """Read the mesh's own metrics; a version is there if its requests are."""
        ask = self._instant(end, deadline=deadline)
        wanted = set(targets)
        tallies: defaultdict[tuple[Target, str], _Tally] = defaultdict(_Tally)
        for row in ask(promql.requests(targets, reporter=self._reporter, seconds=seconds)):
            key = _key(row)
            if key[0] in wanted and key[1]:
                tallies[key].requests += row.value
                tallies[key].errors += row.value if _is_error(row.labels) else 0.0
        for row in ask(promql.latency_buckets(targets, reporter=self._reporter, seconds=seconds)):
            if _key(row) in tallies:
                tallies[_key(row)].latency_bucket[float(row.labels["le"])] = row.value
        for row in ask(promql.latency_sum(targets, reporter=self._reporter, seconds=seconds)):
            if _key(row) in tallies:
                tallies[_key(row)].latency_sum_ms = row.value
        return dict(tallies)

    def _scrape_seconds(self, target: Target, *, ask: Callable[[str], Sequence[Row]]) -> float:
        """Estimate the scrape interval from the samples at hand, from few first: series may be young."""
        for seconds in SCRAPE_PROBES_SECONDS:
            rows = ask(promql.scrape_count(target, reporter=self._reporter, seconds=seconds))
            if rows and rows[0].value >= ENOUGH_SCRAPES:
                return seconds / rows[0].value
        return USUAL_SCRAPE_SECONDS

    def _deadline(self) -> float:
        return time.monotonic() + self._timeout_seconds

    def _instant(self, at: datetime | None, *, deadline: float) -> Callable[[str], Sequence[Row]]:
        """Return a function that evaluates a query at one instant; None is the server's now."""
        moment = {} if at is None else {"time": at.timestamp()}

        def ask(query: str) -> Sequence[Row]:
            rows = self._send(
                lambda limit: self._client.custom_query(query, params=moment | _limits(limit), timeout=limit),
                deadline=deadline,
            )
            return [row for row in map(self._row, rows) if math.isfinite(row.value)]

        return ask

    def _range(
        self, query: str, *, first: float, end: datetime, step_seconds: float, deadline: float
    ) -> list[Any]:
        def call(limit: float) -> Any:
            # The client rounds its own start and end to whole seconds; ours are passed beside them and win.
            params = {"start": first, "end": end.timestamp(), **_limits(limit)}
            return self._client.custom_query_range(
                query, end, end, f"{step_seconds:g}", params=params, timeout=limit
            )

        return self._send(call, deadline=deadline)

    def _row(self, raw: Any) -> Row:
        """Read one line of an instant answer. Raises TelemetryUnreachable."""
        try:
            return Row(dict(raw["metric"]), float(raw["value"][1]))
        except (LookupError, TypeError, ValueError) as error:
            raise TelemetryUnreachable(f"{self._name} answered a row that cannot be read.") from error

    def _line(self, figure: str, raw: Any) -> Series:
        """Read one line of a range answer; what is no number is a gap. Raises TelemetryUnreachable."""
        try:
            labels = raw["metric"]
            points = [(float(at), float(value)) for at, value in raw["values"]]
            version = labels.get("destination_version") or labels.get("version", "")
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise TelemetryUnreachable(f"{self._name} answered a series that cannot be read.") from error
        return Series(figure, version, tuple(point for point in points if math.isfinite(point[1])))

    def _send(self, call: Callable[[float], Any], *, deadline: float) -> list[Any]:
        """Make one call with what is left of the time and return its rows. Raises TelemetryError."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TelemetryUnreachable(f"{self._name} took longer than {self._timeout_seconds:g} s.")
        try:
            rows = call(left)
        except PrometheusApiClientException as error:
            raise _refusal(self._name, str(error)) from error
        except RequestException as error:
            raise TelemetryUnreachable(f"{self._name} did not answer: {type(error).__name__}.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise TelemetryUnreachable(f"{self._name} answered something that is no result.") from error
        if not isinstance(rows, list):
            raise TelemetryUnreachable(f"{self._name} answered something that is no list of rows.")
        return rows


def _limits(seconds: float) -> dict[str, str]:
    """Ask the server to give up when we do, and Thanos to fail rather than answer with a part."""
    return {"timeout": f"{max(round(seconds * 1000), 1)}ms", "partial_response": "false"}


def _refusal(name: str, text: str) -> TelemetryError:
    """Tell a refused query from a server in trouble; the client puts the status into its message."""
    status = re.search(r"HTTP Status Code (\d+)", text)
    code = int(status.group(1)) if status else 0
    if code in (400, 401, 403, 404, 422):
        return QueryRejected(f"{name} refused the query with {code}: {text[:LONGEST_QUOTE]}")
    return TelemetryUnreachable(f"{name} answered {code}, try again later: {text[:LONGEST_QUOTE]}")


def _key(row: Row) -> tuple[Target, str]:
    namespace, service, version = (row.labels.get(label, "") for label in promql.MESH_LABELS)
    return Target(namespace, service), version


def _is_error(labels: Mapping[str, str]) -> bool:
    return bool(
        re.fullmatch(promql.SERVER_ERROR, labels.get("response_code", ""))
        or re.fullmatch(promql.GRPC_SERVER_ERROR, labels.get("grpc_response_status", ""))
    )


def _counts(tally: _Tally, *, credit: Mapping[str, Mapping[str, float]], version: str) -> Counts:
    business = {name: by_version.get(version) for name, by_version in credit.items()}
    if business["payments_attempted"] is not None and credit["payments_succeeded"]:
        business["payments_succeeded"] = credit["payments_succeeded"].get(version, 0.0)
    timed = tally.latency_sum_ms is not None and bool(tally.latency_bucket)
    return Counts(
        requests=tally.requests,
        errors=tally.errors,
        latency_bucket=dict(sorted(tally.latency_bucket.items())) if timed else {},
        latency_sum_ms=tally.latency_sum_ms or 0.0 if timed else 0.0,
        **business,
    )
