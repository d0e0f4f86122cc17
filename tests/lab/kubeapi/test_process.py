"""The process itself: what survives a kill, who gets in, what the log says, which failures it can feign."""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path

import pytest

from tests.lab.kubeapi import manifests
from tests.lab.kubeapi.process import DEADLINE_SECONDS, KubeApi, running_kubeapi

pytestmark = pytest.mark.enable_socket

COLLECTION = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices"
PATH = f"{COLLECTION}/product"
MERGE = "application/merge-patch+json"


def test_a_killed_process_comes_back_with_its_objects_and_counts_on(tmp_path: Path) -> None:
    with running_kubeapi(tmp_path) as kubeapi:
        kubeapi.create(manifests.namespace())
        kept = kubeapi.create(manifests.virtual_service(weight=5))
        kubeapi.create(manifests.virtual_service("order"))
        kubeapi.api("DELETE", f"{COLLECTION}/order")
        server, listed = kubeapi.server, kubeapi.api("GET", COLLECTION).body
        last = kubeapi.last_seq()

        kubeapi.kill()
        kubeapi.start()

        assert kubeapi.server == server
        assert kubeapi.api("GET", COLLECTION).body == listed
        old = kubeapi.api(
            "GET", f"{COLLECTION}?watch=true&resourceVersion={kept['metadata']['resourceVersion']}"
        )
        assert (old.status, old.body["reason"]) == (410, "Expired")
        added = kubeapi.create(manifests.virtual_service("payment"))
        versions = [int(obj["metadata"]["resourceVersion"]) for obj in (kept, listed, added)]
        assert versions == sorted(set(versions))
        assert kubeapi.requests(f"since={last}")[0]["seq"] == last + 1


def test_a_line_torn_by_a_kill_costs_only_itself(tmp_path: Path) -> None:
    with running_kubeapi(tmp_path) as kubeapi:
        kubeapi.create(manifests.namespace())
        kubeapi.create(manifests.virtual_service(weight=5))
        kubeapi.kill()
        for name in ("objects.jsonl", "requests.jsonl"):
            with (tmp_path / name).open("a") as file:
                file.write('{"revision": 99, "ki')

        kubeapi.start()
        kubeapi.create(manifests.virtual_service("order"))
        kubeapi.kill()
        kubeapi.start()

        names = [item["metadata"]["name"] for item in kubeapi.api("GET", COLLECTION).body["items"]]
        assert names == ["order", "product"]


def test_a_polite_end_is_quick_even_with_a_watch_open(tmp_path: Path) -> None:
    with running_kubeapi(tmp_path) as kubeapi:
        context = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.crt"))
        request = urllib.request.Request(f"{kubeapi.server}/api/v1/namespaces?watch=true")
        request.add_header("Authorization", f"Bearer {(tmp_path / 'kubeapi.token').read_text()}")
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS, context=context) as stream:
            assert json.loads(stream.readline())["type"] == "ADDED"

            assert kubeapi.stop() == 0
            assert stream.read().endswith(b"\n")


def test_secrets_in_the_state_folder_are_the_owners_alone(kubeapi: KubeApi) -> None:
    for name in ("kubeconfig", "kubeapi.token", "tls/server.key"):
        assert (kubeapi.state / name).stat().st_mode & 0o077 == 0, name


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic YTpi"])
def test_without_the_token_nobody_gets_in(kubeapi: KubeApi, authorization: str) -> None:
    answer = kubeapi.api("GET", "/api/v1/secrets", authorization=authorization)

    assert (answer.status, answer.body["reason"]) == (401, "Unauthorized")


def test_it_listens_on_the_loopback_address_only(kubeapi: KubeApi) -> None:
    port = int(kubeapi.server.rsplit(":", 1)[1])
    listening = [
        line.split()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]

    addresses = {address.split(":")[0] for address in listening if int(address.split(":")[1], 16) == port}

    assert addresses == {"0100007F"}


def test_the_log_says_who_wrote_what_and_what_became_of_it(shop: KubeApi) -> None:
    seen = shop.last_seq()
    made = shop.create(manifests.virtual_service(weight=5))
    shop.kubectl("-n", "shop", "label", "vs", "product", "team=shop")

    create, patch = shop.requests(f"since={seen}&verb=create,patch&kind=VirtualService")

    assert (create["verb"], create["path"], create["status"]) == ("create", COLLECTION, 201)
    assert (create["before"], create["after"]) == (None, made["metadata"]["resourceVersion"])
    assert create["body"] == manifests.virtual_service(weight=5)
    assert (patch["verb"], patch["name"], patch["before"]) == ("patch", "product", create["after"])
    assert int(patch["after"]) > int(patch["before"])
    assert patch["user_agent"].startswith("kubectl/")
    assert patch["body"] == {"metadata": {"labels": {"team": "shop"}}}
    assert create["time"] < patch["time"]


def test_the_log_tells_refusals_and_writes_without_effect(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service(weight=5))
    seen = shop.last_seq()

    shop.api("POST", COLLECTION, manifests.virtual_service())
    shop.api("PATCH", PATH, {"metadata": {"labels": {"app": "product"}}}, media_type=MERGE)
    shop.api("PATCH", f"{PATH}?dryRun=All", {"spec": {"hosts": ["a"]}}, media_type=MERGE)

    taken, same, tried = shop.requests(f"since={seen}")
    assert (taken["status"], taken["after"]) == (409, None)
    assert same["before"] == same["after"]
    assert (tried["dry_run"], tried["before"]) == (True, tried["after"])


def test_the_log_keeps_the_content_of_secrets_out(shop: KubeApi) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "a"},
        "stringData": {"password": "hush"},
    }

    shop.api("POST", "/api/v1/namespaces/shop/secrets", secret)

    assert shop.requests("kind=Secret")[-1]["body"] is None
    assert "hush" not in (shop.state / "requests.jsonl").read_text()


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_a_provoked_refusal_happens_as_often_as_asked(shop: KubeApi, status: int) -> None:
    shop.create(manifests.virtual_service(weight=5))
    shop.provoke(verb="get", path_prefix=COLLECTION, status=status, times=2, retry_after_seconds=3)

    listed = shop.api("GET", "/api/v1/namespaces/shop/services")
    refused = [shop.api("GET", PATH) for _ in range(2)]
    then = shop.api("GET", PATH)

    assert (listed.status, then.status) == (200, 200)
    assert [answer.status for answer in refused] == [status, status]
    assert {answer.headers["retry-after"] for answer in refused} == {"3"}


def test_a_lost_request_has_no_effect_and_a_lost_answer_has(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service(weight=5))

    for when, hosts in (("before", ["lost"]), ("after", ["kept"])):
        shop.provoke(verb="patch", drop=True, when=when)
        with pytest.raises(OSError, match=r"."):
            shop.api("PATCH", PATH, {"spec": {"hosts": hosts}}, media_type=MERGE)

    records = shop.requests("verb=patch&kind=VirtualService")[-2:]
    assert [record["fault"] for record in records] == [True, True]
    assert [record["before"] == record["after"] for record in records] == [True, False]
    assert shop.api("GET", PATH).body["spec"]["hosts"] == ["kept"]


def test_a_delayed_answer_comes_late(shop: KubeApi) -> None:
    shop.provoke(verb="list", delay_seconds=0.2)

    shop.api("GET", COLLECTION)

    assert shop.requests("verb=list")[-1]["milliseconds"] >= 200


def test_forgiven_faults_do_not_happen(shop: KubeApi) -> None:
    shop.provoke(status=500, times=5)

    shop.forgive()

    assert shop.api("GET", COLLECTION).status == 200


@pytest.mark.parametrize(
    "fault", [{}, {"status": 500, "times": 0}, {"status": 500, "when": "later"}, {"sttus": 500}]
)
def test_a_fault_that_makes_no_sense_is_refused(kubeapi: KubeApi, fault: dict[str, object]) -> None:
    assert kubeapi.window("POST", "/lab/faults", fault).status == 400


def test_the_log_and_the_faults_are_read_as_they_were_asked(shop: KubeApi) -> None:
    seen = shop.last_seq()
    shop.create(manifests.virtual_service())
    shop.create(manifests.service())
    shop.provoke(verb="get", status=500)

    assert [record["kind"] for record in shop.requests(f"since={seen}&verb=create&kind=service")] == [
        "Service"
    ]
    assert shop.window("GET", "/lab/requests?since=yesterday").status == 400
    (waiting,) = shop.window("GET", "/lab/faults").body
    assert (waiting["verb"], waiting["status"], waiting["times"]) == ("get", 500, 1)
