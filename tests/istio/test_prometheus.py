"""The adapter at its border: what a server in trouble says becomes one of our errors, and never a number."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from istio.prometheus import PrometheusTelemetry
from istio.telemetry import Missing, QueryRejected, Target, TelemetryUnreachable

pytestmark = pytest.mark.enable_socket

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PRODUCT = Target("shop", "product")


@pytest.fixture
def telemetry(httpserver: HTTPServer) -> Iterator[PrometheusTelemetry]:
    adapter = PrometheusTelemetry(httpserver.url_for(""), 2.0, {"Authorization": "Bearer let-me-in"})
    yield adapter
    adapter.close()


def answer(rows: object) -> Response:
    return Response(json.dumps({"status": "success", "data": {"resultType": "vector", "result": rows}}))


def row(value: str, **labels: str) -> dict[str, object]:
    mesh = {"destination_service_namespace": "shop", "destination_service_name": "product"}
    return {"metric": mesh | labels, "value": [NOW.timestamp(), value]}


def ask(telemetry: PrometheusTelemetry) -> object:
    return telemetry.window([PRODUCT], end=NOW, seconds=15)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_not_worth_repeating(
    httpserver: HTTPServer, telemetry: PrometheusTelemetry, status: int
) -> None:
    httpserver.expect_request("/api/v1/query").respond_with_data("bad_data: parse error", status=status)

    with pytest.raises(QueryRejected, match=f"refused the query with {status}: .*parse error"):
        ask(telemetry)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_in_trouble_is_asked_once_and_called_unreachable(
    httpserver: HTTPServer, telemetry: PrometheusTelemetry, status: int
) -> None:
    httpserver.expect_request("/api/v1/query").respond_with_data("busy", status=status)

    with pytest.raises(TelemetryUnreachable, match=f"answered {status}"):
        ask(telemetry)
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    "body",
    [
        "<html>Please log in</html>",
        "[]",
        '{"status": "success"}',
        '{"status": "success", "data": {"result": [1, "2"]}}',
        '{"status": "success", "data": {"result": [{"metric": {}, "value": [1, "many"]}]}}',
        '{"status": "success", "data": {"result": [{"metric": {}, "value": 3}]}}',
        '{"status": "success", "data": {"result": [{"metric": {}, "value": []}]}}',
    ],
)
def test_an_answer_that_is_none_is_called_unreachable(
    httpserver: HTTPServer, telemetry: PrometheusTelemetry, body: str
) -> None:
    httpserver.expect_request("/api/v1/query").respond_with_data(body)

    with pytest.raises(TelemetryUnreachable):
        ask(telemetry)


def test_the_time_out_holds_for_the_call_as_a_whole() -> None:
    def slowly(_request: Request) -> Response:
        time.sleep(0.15)  # real time is the subject: ten queries of 0.15 s against a limit of 0.4 s
        return answer([])

    # A server of its own: it still works on the query that was given up while other tests count theirs.
    with HTTPServer(port=0) as server:
        server.expect_request("/api/v1/query").respond_with_handler(slowly)
        telemetry = PrometheusTelemetry(server.url_for(""), 0.4)

        began = time.monotonic()
        with pytest.raises(TelemetryUnreachable):
            ask(telemetry)

        assert time.monotonic() - began < 1.0
        assert len(server.log) < 10
    telemetry.close()


def test_a_value_that_is_no_number_is_absent(httpserver: HTTPServer, telemetry: PrometheusTelemetry) -> None:
    httpserver.expect_request("/api/v1/query").respond_with_response(
        answer([row("NaN", destination_version="v1"), row("+Inf", destination_version="v2", le="+Inf")])
    )

    found = telemetry.window([PRODUCT], end=NOW, seconds=15)

    assert found.counts == {}
    assert found.of(PRODUCT, version="v1") is Missing.NOT_A_NUMBER
    assert found.of(PRODUCT, version="v2") is Missing.NOT_A_NUMBER
    assert found.of(PRODUCT, version="v3") is Missing.NO_DATA


def test_a_past_value_that_is_no_number_is_told_from_none(
    httpserver: HTTPServer, telemetry: PrometheusTelemetry
) -> None:
    at = NOW.timestamp() // 15 * 15
    past = {name: item for name, item in row("0", destination_version="v1").items() if name != "value"}
    httpserver.expect_request("/api/v1/query").respond_with_response(answer([]))
    httpserver.expect_request("/api/v1/query_range").respond_with_response(
        answer([{**past, "values": [[at, "NaN"]]}])
    )

    history = telemetry.history(PRODUCT, start=NOW - timedelta(seconds=30), end=NOW, step_seconds=15)

    assert history.windows == {}
    assert history.of(at, version="v1") is Missing.NOT_A_NUMBER
    assert history.of(at, version="v2") is Missing.NO_DATA
    assert history.of(at - 15, version="v1") is Missing.NO_DATA


def test_an_error_is_a_5xx_or_a_failed_grpc_call(
    httpserver: HTTPServer, telemetry: PrometheusTelemetry
) -> None:
    statuses = [("200", "", "8"), ("404", "", "4"), ("503", "", "2"), ("200", "13", "1"), ("200", "5", "16")]

    def respond(request: Request) -> Response:
        if "response_code" not in request.args["query"]:
            return answer([])
        return answer(
            [
                row(count, destination_version="v1", response_code=code, grpc_response_status=grpc)
                for code, grpc, count in statuses
            ]
        )

    httpserver.expect_request("/api/v1/query").respond_with_handler(respond)

    counts = telemetry.window([PRODUCT], end=NOW, seconds=15).counts[PRODUCT]["v1"]

    assert (counts.requests, counts.errors) == (31, 3)


def test_the_number_of_queries_does_not_depend_on_the_number_of_services(
    httpserver: HTTPServer, telemetry: PrometheusTelemetry
) -> None:
    httpserver.expect_request("/api/v1/query").respond_with_response(answer([]))

    telemetry.window([PRODUCT], end=NOW, seconds=15)
    for_one = len(httpserver.log)
    telemetry.window([Target("shop", f"service-{i}") for i in range(1000)], end=NOW, seconds=15)

    assert len(httpserver.log) == 2 * for_one
    assert max(len(request.url) for request, _ in httpserver.log) < 8000


def test_nothing_is_asked_about_no_service(httpserver: HTTPServer, telemetry: PrometheusTelemetry) -> None:
    assert telemetry.window([], end=NOW, seconds=15).counts == {}
    assert httpserver.log == []


def test_the_headers_and_the_exact_moment_are_sent(
    httpserver: HTTPServer, telemetry: PrometheusTelemetry
) -> None:
    httpserver.expect_request("/api/v1/query").respond_with_response(answer([]))
    httpserver.expect_request("/api/v1/query_range").respond_with_response(answer([]))
    end = NOW + timedelta(seconds=0.25)

    telemetry.series(PRODUCT, start=end - timedelta(seconds=61), end=end, step_seconds=15)

    range_request = next(request for request, _ in httpserver.log if request.path.endswith("range"))
    assert range_request.headers["Authorization"] == "Bearer let-me-in"
    assert float(range_request.args["end"]) == end.timestamp()
    assert float(range_request.args["start"]) % 15 == 0


def test_a_server_without_samples_is_not_fresh(
    httpserver: HTTPServer, telemetry: PrometheusTelemetry
) -> None:
    httpserver.expect_request("/api/v1/query").respond_with_response(answer([]))

    with pytest.raises(TelemetryUnreachable, match="no sample"):
        telemetry.ping()


def test_passwords_in_the_address_do_not_reach_the_message() -> None:
    telemetry = PrometheusTelemetry("http://reader:secret@127.0.0.1:9", 0.5)

    with pytest.raises(TelemetryUnreachable) as caught:
        telemetry.ping()

    assert "secret" not in str(caught.value)
    assert "127.0.0.1:9" in str(caught.value)
