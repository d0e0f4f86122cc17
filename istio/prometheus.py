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
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests import RequestException, Session
from urllib3.util.retry import Retry

from istio import promql
from istio.counting import Key, count, own_figure, questions_of
from istio.credit import NO_VERSION, Row, splits_users
from istio.presets import ISTIO, SOURCES
from istio.sentence import Sentence
from istio.telemetry import (
    Counts,
    History,
    Missing,
    QueryRejected,
    Question,
    Series,
    Target,
    TelemetryError,
    TelemetryUnreachable,
    Window,
)
from istio.templates import render_template

SCRAPE_PROBES_SECONDS = (20.0, 120.0)
ENOUGH_SCRAPES = 3
USUAL_SCRAPE_SECONDS = 15.0
SCRAPES_PER_RATE = 4
LONGEST_QUOTE = 300


class PrometheusTelemetry:
    """Reads one Prometheus, or anything that speaks its query API.

    ``timeout_seconds`` limits each call as a whole; ``business_prefix`` begins the names of the business counters.
    ``window()`` needs a sample in the window, so ``seconds`` should be at least the scrape interval.
    """

    def __init__(
        self,
        url: str,
        timeout_seconds: float,
        headers: Mapping[str, str] | None = None,
        *,
        business_prefix: str = "shop_",
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._prefix = business_prefix
        address = urlsplit(url)
        place = f"{address.hostname}:{address.port}" if address.port else str(address.hostname)
        self._name = Sentence("Prometheus at {place}", place=place)
        self._client = PrometheusConnect(
            url=url.rstrip("/"),
            headers=dict(headers or {}),
            session=Session(),
            retry=Retry(total=0),
            timeout=timeout_seconds,
        )

    def window(
        self,
        targets: Collection[Target],
        *,
        end: datetime,
        seconds: float,
        questions: Collection[Question] = (),
    ) -> Window:
        """Count each version over the window; see :class:`istio.telemetry.Telemetry` and istio/counting.py."""
        if not targets:
            return Window(counts={})
        ask = self._instant(end, deadline=self._deadline())
        queries = questions_of(targets, seconds=seconds, prefix=self._prefix, questions=questions)
        counts, missing = count({key: ask(query) for key, query in queries.items()}, targets)
        return Window(counts=counts, missing=missing, queries=tuple(queries.values()))

    def history(
        self,
        target: Target,
        *,
        start: datetime,
        end: datetime,
        step_seconds: float,
        questions: Collection[Question] = (),
    ) -> History:
        """Count consecutive windows of the past; see :class:`istio.telemetry.Telemetry`."""
        deadline = self._deadline()
        first = math.floor(start.timestamp() / step_seconds + 1) * step_seconds
        if first > end.timestamp():
            return History()  # not one whole window; Prometheus would refuse the range
        queries = questions_of([target], seconds=step_seconds, prefix=self._prefix, questions=questions)
        asked = tuple(queries.values())
        splitting = self._instant(end, deadline=deadline)(queries.pop(("splitting",)))
        windows: defaultdict[float, dict[Key, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for key, query in queries.items():
            for raw in self._range(query, first=first, end=end, step_seconds=step_seconds, deadline=deadline):
                for at, row in self._rows_over_time(raw):
                    windows[at][key].append(row)
        counted: dict[float, Mapping[str, Counts]] = {}
        missing: dict[float, Mapping[str, Missing]] = {}
        for at, answers in sorted(windows.items()):
            counts, lacking = count({**answers, ("splitting",): splitting}, [target])
            if target in counts:
                counted[at] = counts[target]
            if target in lacking:
                missing[at] = lacking[target]
        return History(counted, missing, queries=asked)

    def check(self, query: str) -> Collection[frozenset[str]]:
        """Have the server parse and evaluate a query; see :class:`istio.telemetry.Telemetry`."""
        rows = self._instant(None, deadline=self._deadline())(query)
        return [frozenset(row.labels) for row in rows]

    def series(
        self,
        target: Target,
        *,
        start: datetime,
        end: datetime,
        step_seconds: float,
        questions: Collection[Question] = (),
    ) -> Sequence[Series]:
        """Return every figure of every version; see :class:`istio.telemetry.Telemetry`.

        Rates span four scrapes or one step, whichever is longer; questions count what happened in each step. Points lie on multiples of the step, so
        that a chart that is drawn again does not wobble.
        """
        deadline = self._deadline()
        ask = self._instant(end, deadline=deadline)
        span = max(step_seconds, SCRAPES_PER_RATE * self._scrape_seconds(target, ask=ask))
        splitting = ask(promql.splitting_services(self._prefix, [target]))
        source = SOURCES[target.source]
        by_variant = splits_users(target, splitting)
        queries = promql.figures(target, source=source, seconds=span) | promql.business_figures(
            target, prefix=self._prefix, splits_users=by_variant, seconds=span
        )
        first = math.floor(start.timestamp() / step_seconds) * step_seconds

        def over_time(query: str) -> list[Any]:
            return self._range(query, first=first, end=end, step_seconds=step_seconds, deadline=deadline)

        found = [self._line(figure, row) for figure, query in queries.items() for row in over_time(query)]
        for question in questions:
            if question.name in queries:
                continue
            above, below = (
                self._by_instant(over_time(render_template(template, [target], seconds=step_seconds)))
                if template
                else None
                for template in (question.numerator, question.denominator)
            )
            found += own_figure(
                question.name, above or {}, below, target=target, by_variant=by_variant, seconds=step_seconds
            )
        return [line for line in found if line.points and line.version not in NO_VERSION]

    def ping(self) -> float:
        """Return the age in seconds of the newest sample by the server's clock. Raises TelemetryError."""
        rows = self._instant(None, deadline=self._deadline())(promql.newest_sample_age())
        if not rows or not math.isfinite(rows[0].value):
            raise TelemetryUnreachable(
                Sentence(
                    "{server} answers but holds no sample of the last minutes. Check what it scrapes.",
                    server=self._name,
                )
            )
        return max(rows[0].value, 0.0)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _scrape_seconds(self, target: Target, *, ask: Callable[[str], Sequence[Row]]) -> float:
        """Estimate the scrape interval from the samples at hand, from few first: series may be young."""
        for seconds in SCRAPE_PROBES_SECONDS:
            rows = ask(promql.scrape_count(target, source=SOURCES[target.source], seconds=seconds))
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
            return [self._row(row) for row in rows]

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
            raise TelemetryUnreachable(
                Sentence("{server} answered a row that cannot be read.", server=self._name)
            ) from error

    def _rows_over_time(self, raw: Any) -> list[tuple[float, Row]]:
        """Read one line of a range answer as a row per instant. Raises TelemetryUnreachable."""
        try:
            labels = dict(raw["metric"])
            return [(float(at), Row(labels, float(value))) for at, value in raw["values"]]
        except (LookupError, TypeError, ValueError) as error:
            raise TelemetryUnreachable(
                Sentence("{server} answered a series that cannot be read.", server=self._name)
            ) from error

    def _by_instant(self, answer: Sequence[Any]) -> dict[float, list[Row]]:
        """Sort the rows of a range answer by their instant. Raises TelemetryUnreachable."""
        rows: defaultdict[float, list[Row]] = defaultdict(list)
        for raw in answer:
            for at, row in self._rows_over_time(raw):
                rows[at].append(row)
        return rows

    def _line(self, figure: str, raw: Any) -> Series:
        """Read one line of a range answer; what is no number is a gap. Raises TelemetryUnreachable."""
        try:
            labels = raw["metric"]
            points = [(float(at), float(value)) for at, value in raw["values"]]
            version = labels.get(ISTIO.version) or labels.get("version", "")
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise TelemetryUnreachable(
                Sentence("{server} answered a series that cannot be read.", server=self._name)
            ) from error
        return Series(figure, version, tuple(point for point in points if math.isfinite(point[1])))

    def _send(self, call: Callable[[float], Any], *, deadline: float) -> list[Any]:
        """Make one call with what is left of the time and return its rows. Raises TelemetryError."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TelemetryUnreachable(
                Sentence(
                    "{server} took longer than {seconds} s.",
                    server=self._name,
                    seconds=f"{self._timeout_seconds:g}",
                )
            )
        try:
            rows = call(left)
        except PrometheusApiClientException as error:
            raise _refusal(self._name, str(error)) from error
        except RequestException as error:
            raise TelemetryUnreachable(
                Sentence("{server} did not answer: {error}.", server=self._name, error=type(error).__name__)
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise TelemetryUnreachable(
                Sentence("{server} answered something that is no result.", server=self._name)
            ) from error
        if not isinstance(rows, list):
            raise TelemetryUnreachable(
                Sentence("{server} answered something that is no list of rows.", server=self._name)
            )
        return rows


def _limits(seconds: float) -> dict[str, str]:
    """Ask the server to give up when we do, and Thanos to fail rather than answer with a part."""
    return {"timeout": f"{max(round(seconds * 1000), 1)}ms", "partial_response": "false"}


def _refusal(name: Sentence, text: str) -> TelemetryError:
    """Tell a refused query from a server in trouble; the client puts the status into its message."""
    status = re.search(r"HTTP Status Code (\d+)", text)
    code = int(status.group(1)) if status else 0
    if code in (400, 401, 403, 404, 422):
        return QueryRejected(
            Sentence(
                "{server} refused the query with {code}: {said}",
                server=name,
                code=code,
                said=text[:LONGEST_QUOTE],
            )
        )
    return TelemetryUnreachable(
        Sentence(
            "{server} answered {code}, try again later: {said}",
            server=name,
            code=code,
            said=text[:LONGEST_QUOTE],
        )
    )
