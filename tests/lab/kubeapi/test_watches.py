"""Watches over raw requests: what is told, from where on, when history is gone; and the store behind."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.lab.kubeapi import store as store_module
from deploy.lab.kubeapi.crds import istio_kinds
from deploy.lab.kubeapi.failures import ApiFailure
from deploy.lab.kubeapi.journal import Journal
from deploy.lab.kubeapi.kinds import Catalogue
from deploy.lab.kubeapi.store import Store
from tests.lab.kubeapi import manifests
from tests.lab.kubeapi.process import DEADLINE_SECONDS, KubeApi

COLLECTION = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices"
MERGE = "application/merge-patch+json"
CATALOGUE = Catalogue(istio_kinds())
KIND = CATALOGUE["virtualservices.networking.istio.io"]


@contextmanager
def watching(
    shop: KubeApi, query: str, *, accept: str = "application/json"
) -> Iterator[Iterator[dict[str, Any]]]:
    """Open a watch; its events are read by iterating."""
    request = urllib.request.Request(
        f"{shop.server}{COLLECTION}?watch=true&{query}", headers={"Accept": accept}
    )
    request.add_header("Authorization", f"Bearer {(shop.state / 'kubeapi.token').read_text()}")
    trust = ssl.create_default_context(cafile=str(shop.state / "tls" / "ca.crt"))
    with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS, context=trust) as stream:
        yield (json.loads(line) for line in stream)


def told(event: dict[str, Any]) -> tuple[str, str]:
    """Return type and name of an event."""
    return event["type"], event["object"]["metadata"].get("name", "")


@pytest.mark.enable_socket
def test_an_object_that_leaves_or_enters_the_selection_is_told_as_gone_or_new(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service())
    since = shop.api("GET", COLLECTION).body["metadata"]["resourceVersion"]
    path = f"{COLLECTION}/product"

    with watching(shop, f"resourceVersion={since}&labelSelector=team%3Dshop") as events:
        for team in ("shop", "other", None, "shop"):
            shop.api("PATCH", path, {"metadata": {"labels": {"team": team}}}, media_type=MERGE)
        shop.api("PATCH", path, {"spec": {"hosts": ["a"]}}, media_type=MERGE)
        shop.api("DELETE", path)
        seen = [told(next(events))[0] for _ in range(5)]

    assert seen == ["ADDED", "DELETED", "ADDED", "MODIFIED", "DELETED"]


@pytest.mark.enable_socket
def test_initial_events_end_with_a_marked_bookmark(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service())

    with watching(shop, "sendInitialEvents=true&allowWatchBookmarks=true") as events:
        first, mark = next(events), next(events)
        shop.create(manifests.virtual_service("order"))
        third = next(events)

    assert [told(first), told(third)] == [("ADDED", "product"), ("ADDED", "order")]
    assert mark["type"] == "BOOKMARK"
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(mark["object"]["metadata"]["resourceVersion"]) < int(
        third["object"]["metadata"]["resourceVersion"]
    )


@pytest.mark.enable_socket
def test_a_watch_of_one_namespace_is_silent_about_others(shop: KubeApi) -> None:
    since = shop.api("GET", COLLECTION).body["metadata"]["resourceVersion"]
    shop.create(manifests.virtual_service("elsewhere", "default"))
    shop.create(manifests.virtual_service())

    with watching(shop, f"resourceVersion={since}") as events:
        assert told(next(events)) == ("ADDED", "product")

    shop.api("DELETE", COLLECTION.replace("shop", "default") + "/elsewhere")


@pytest.mark.enable_socket
def test_a_watch_ends_when_its_time_is_up(shop: KubeApi) -> None:
    shop.create(manifests.virtual_service())

    with watching(shop, "timeoutSeconds=1") as events:
        assert [told(event) for event in events] == [("ADDED", "product")]


@pytest.mark.enable_socket
def test_a_watch_for_a_table_tells_rows_and_the_header_once(shop: KubeApi) -> None:
    for name in ("order", "product"):
        shop.create(manifests.virtual_service(name))

    with watching(shop, "", accept="application/json;as=Table;v=v1;g=meta.k8s.io") as events:
        first, second = next(events)["object"], next(events)["object"]

    assert [column["name"] for column in first["columnDefinitions"]] == ["Name", "Gateways", "Hosts", "Age"]
    assert second["columnDefinitions"] is None
    assert [table["rows"][0]["cells"][0] for table in (first, second)] == ["order", "product"]


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """Open the store in a folder as a process does, with what the one before left there."""
    found = Store(CATALOGUE, Journal(folder / "objects.jsonl"))
    yield found
    found.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return an empty store."""
    with opened(tmp_path) as found:
        yield found


def test_history_that_is_gone_is_told_and_the_rest_is_complete(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(store_module, "HISTORY", 5)
    small: Store = request.getfixturevalue("store")
    revisions = [
        int(small.put(KIND, manifests.virtual_service(f"n{number}"))["metadata"]["resourceVersion"])
        for number in range(8)
    ]

    with pytest.raises(ApiFailure) as caught:
        small.watch(KIND, since=revisions[1])
    missed, _ = small.watch(KIND, since=revisions[2])

    assert caught.value.status == 410
    assert [change.revision for change in missed] == revisions[3:]


def test_compaction_keeps_every_object_and_the_counter(store: Store, tmp_path: Path) -> None:
    for weight in range(50):
        store.put(KIND, manifests.virtual_service(weight=weight))
    gone = store.put(KIND, manifests.virtual_service("order"))
    store.remove(KIND, gone)
    before = store.select(KIND, namespace="")

    store.compact()

    assert len((tmp_path / "objects.jsonl").read_text().splitlines()) == 2
    with opened(tmp_path) as again:
        assert again.select(KIND, namespace="") == before
        assert again.revision == store.revision


def test_a_long_journal_is_compacted_by_itself(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(store_module, "COMPACT_FROM", 20)

    for weight in range(90):
        store.put(KIND, manifests.virtual_service(weight=weight))

    assert len((tmp_path / "objects.jsonl").read_text().splitlines()) <= 21
    with opened(tmp_path) as again:
        assert again.revision == store.revision
