"""The mesh half with its real parts: what the Istio objects ask for is what a client of Envoy gets."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.lab.conftest import SHOP
from tests.lab.lab import RunningLab, until

pytestmark = [pytest.mark.lab, pytest.mark.enable_socket]

ANSWER_SECONDS = 1.0
"""Usually below 0.1 s; a machine that runs other tests at the same time is slower."""
MERGE = ("patch", "virtualservice", "product", "--type", "json", "-p")


def example(name: str) -> str:
    return (SHOP / "examples" / f"{name}.yaml").read_text()


def product_with(**fields: Any) -> str:
    """Return the shop's own product VirtualService, its one route with these fields."""
    objects = list(yaml.safe_load_all((SHOP / "product.yaml").read_text()))
    found = next(one for one in objects if one["kind"] == "VirtualService")
    found["spec"]["http"][0] |= fields
    return yaml.safe_dump(found)


def set_weights(lab: RunningLab, *, candidate: int) -> None:
    change = [
        {"op": "replace", "path": f"/spec/http/0/route/{index}/weight", "value": weight}
        for index, weight in enumerate((100 - candidate, candidate))
    ]
    lab.kubectl(*MERGE, json.dumps(change))
    until(lab.follows, what=f"Envoy uses weight {candidate}")


@pytest.mark.parametrize("candidate", [0, 5, 50, 100])
def test_the_measured_split_is_the_weight_that_was_set(lab: RunningLab, candidate: int) -> None:
    requests = 1000
    set_weights(lab, candidate=candidate)

    counted = lab.split(requests)

    assert counted.total() == requests == counted["v1"] + counted["v2"]
    deviation = math.sqrt(requests * candidate * (100 - candidate)) / 100
    # five standard deviations: a false alarm about once in two million runs, and exact at 0 and 100
    assert abs(counted["v2"] - requests * candidate / 100) <= 5 * deviation


def test_envoys_answer_to_a_change_stands_in_the_objects_status_at_once(lab: RunningLab) -> None:
    log = lab.facts["writes"]
    begin = httpx.get(log, trust_env=False).json()[-1]["seq"]
    set_weights(lab, candidate=5)
    set_weights(lab, candidate=0)

    query = {"since": str(begin), "verb": "patch", "kind": "VirtualService"}
    rows = httpx.get(log, params=query, trust_env=False).json()

    writes = [row for row in rows if row["before"] != row["after"]]
    changes = [datetime.fromisoformat(row["time"]) for row in writes if not row["path"].endswith("/status")]
    answers = [datetime.fromisoformat(row["time"]) for row in writes if row["path"].endswith("/status")]
    assert len(changes) == len(answers) == 2
    for changed, answered in zip(changes, answers, strict=True):
        assert 0 < (answered - changed).total_seconds() < ANSWER_SECONDS


def test_chosen_users_reach_the_candidate_by_header_and_by_cookie(lab: RunningLab) -> None:
    lab.apply(example("header"))

    assert lab.get().headers["x-version"] == "v1"
    assert lab.get(x_tester="true").headers["x-version"] == "v2"
    assert lab.get(x_tester="false").headers["x-version"] == "v1"
    assert lab.get(cookie="a=1; beta=on; b=2").headers["x-version"] == "v2"
    assert lab.get(cookie="a=1; beta=only").headers["x-version"] == "v1"


def test_a_user_always_sees_the_same_group(lab: RunningLab) -> None:
    lab.apply(example("ab-by-user-id"))

    for user, version in (("100049", "v1"), ("100050", "v2"), ("100099", "v2"), ("100100", "v1")):
        assert lab.split(10, headers={"x-user-id": user}) == {version: 10}
    assert lab.get().headers["x-version"] == "v1"


def test_mirrored_requests_reach_the_candidate_and_no_user_sees_it(lab: RunningLab) -> None:
    def mirrored() -> int:
        stats = httpx.get(f"{lab.facts['envoy_admin']}/stats?filter=v2.product.*upstream_rq_total")
        return sum(int(line.rpartition(":")[2]) for line in stats.text.splitlines())

    before, requests = mirrored(), 500
    lab.apply(example("mirror").replace("value: 10", "value: 50"))

    assert lab.split(requests) == {"v1": requests}

    until(lambda: mirrored() - before >= requests * 0.35, what="half of the requests are mirrored")
    assert mirrored() - before <= requests * 0.65


def test_a_route_timeout_is_kept(lab: RunningLab) -> None:
    lab.apply(product_with(timeout="0.2s"))
    done = lab.run("fault", "product", "v1", "--latency-ms", "2000")
    assert done.returncode == 0, done.stderr

    begun = time.monotonic()
    answer = lab.get()
    seconds = time.monotonic() - begun

    assert (answer.status_code, "x-version" in answer.headers) == (504, False)
    assert 0.2 <= seconds < 1.5
    assert lab.run("fault", "product", "v1", "--clear").returncode == 0
    assert lab.get().status_code == 200


def test_an_injected_fault_hits_its_share_of_requests(lab: RunningLab) -> None:
    requests = 400
    lab.apply(product_with(fault={"abort": {"httpStatus": 503, "percentage": {"value": 25}}}))

    counted = lab.split(requests)

    assert requests * 0.25 - 45 <= counted["-"] <= requests * 0.25 + 45
    assert counted["v1"] == requests - counted["-"]


def test_a_refused_object_keeps_the_old_routes_and_says_why(lab: RunningLab) -> None:
    set_weights(lab, candidate=100)

    lab.kubectl("apply", "-f", "-", stdin=example("header").replace("^(.*;", "^(.*;("))

    def condition() -> dict[str, Any]:
        found: dict[str, Any] = lab.live("virtualservice", "product")["status"]["conditions"][0]
        return found

    until(lambda: condition()["reason"] == "EnvoyNack", what="the refusal is reported")
    assert "RE2" in condition()["message"]
    assert lab.split(50) == {"v2": 50}


def test_prometheus_knows_istio_metrics_and_the_shops_own(lab: RunningLab) -> None:
    def asked(query: str) -> float:
        answer = httpx.get(f"{lab.facts['prometheus']}/api/v1/query", params={"query": query})
        found = answer.json()["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0

    lab.get(x_user_id="100001")
    host = "product.shop.svc.cluster.local"
    requests = (
        f'sum(istio_requests_total{{reporter="source",destination_service="{host}",response_code="200"}})'
    )
    buckets = f'sum(istio_request_duration_milliseconds_count{{destination_service="{host}"}})'

    until(lambda: asked(requests) > 0, what="Istio's request counter is there")
    until(lambda: asked(buckets) > 0, what="Istio's duration histogram is there")
    until(
        lambda: asked('sum(shop_assignments_total{variant="v1"})') > 0, what="the shop's counters are there"
    )


def ready(lab: RunningLab, deployment: str) -> int:
    replicas: int = lab.live("deployment", deployment)["status"].get("readyReplicas", 0)
    return replicas


def test_a_killed_process_stays_dead_until_it_is_restarted(lab: RunningLab) -> None:
    assert ready(lab, "product-v2") == 2
    killed = lab.facts["processes"]["product-v2"]

    os.kill(killed, signal.SIGKILL)

    until(lambda: ready(lab, "product-v2") == 0, what="the Deployment has no ready replicas")
    assert lab.run("status").returncode == 1
    assert f"{killed}  ended (signal 9)" in lab.run("status").stdout

    assert lab.run("restart", "product-v2").returncode == 0
    until(lambda: ready(lab, "product-v2") == 2, what="the Deployment is ready again")
    assert lab.facts["processes"]["product-v2"] not in (killed, None)
    assert lab.run("status").returncode == 0


def test_a_version_without_endpoints_is_ready_and_answers_nobody(lab: RunningLab) -> None:
    set_weights(lab, candidate=100)

    assert lab.run("fault", "product", "v2", "--no-endpoints").returncode == 0
    until(lambda: lab.get().status_code == 503, what="the mesh finds no endpoint")
    assert ready(lab, "product-v2") == 2

    assert lab.run("fault", "product", "v2", "--clear").returncode == 0
    until(lambda: lab.get().status_code == 200, what="the mesh finds the endpoint again")


def test_routes_survive_a_restart_of_envoy_and_of_the_controller(lab: RunningLab) -> None:
    set_weights(lab, candidate=100)

    for process in ("envoy", "mesh_controller"):
        assert lab.run("restart", process).returncode == 0

    assert lab.split(50) == {"v2": 50}
    set_weights(lab, candidate=0)
    assert lab.split(50) == {"v1": 50}


def test_more_shoppers_come_for_a_while(lab: RunningLab) -> None:
    done = lab.run("load", "--rps", "100", "--seconds", "3")

    assert done.returncode == 0
    last = done.stdout.splitlines()[-1]
    assert last.endswith("failed: none")
    assert "order v1" in last
    assert "product v1" in last
    # half a second's worth may come at once
    assert 85 <= int(last.partition(" ")[0]) <= 125


def test_nonsense_is_refused_with_a_sentence(lab: RunningLab, tmp_path: Path) -> None:
    for verb, said in (
        (("restart", "nobody"), "There is no process 'nobody'"),
        (("fault", "product", "v9", "--errors", "1"), "The shop has no product v9"),
        (("fault", "product", "v1"), "Give either --clear or at least one fault"),
        (("fault", "product", "v1", "--errors", "2"), "error_ratio must lie between 0 and 1"),
        (("up", "--without-portal"), "A lab already runs in"),
    ):
        done = lab.run(*verb)
        assert done.returncode == 2
        assert said in done.stderr
