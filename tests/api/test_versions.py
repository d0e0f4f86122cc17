"""A build pipeline registers versions; a name stands for one image."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from services.models import Version
from tests.api.conftest import World, add_service

Bearer = Callable[..., APIClient]
VERSIONS = "/api/v1/versions/"
V3 = {"service": "order", "name": "v3", "image": "weir-demo/order:3.0.0", "commit": "c0ffee"}


def test_a_new_version_is_201_and_the_same_again_200(world: World, bearer: Bearer) -> None:
    client = bearer(world.requester)
    first, second = client.post(VERSIONS, V3), client.post(VERSIONS, V3)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert first.json()["subset"] == "v3"
    assert first.json()["registered_by"]["name"] == "requester"
    assert Version.objects.filter(name="v3").count() == 1


def test_the_same_name_with_another_image_is_409(world: World, bearer: Bearer) -> None:
    client = bearer(world.requester)
    client.post(VERSIONS, V3)
    answer = client.post(VERSIONS, {**V3, "image": "weir-demo/order:3.0.1"})
    assert answer.status_code == 409
    assert answer.json()["code"] == "version_conflict"
    assert Version.objects.get(name="v3").image == "weir-demo/order:3.0.0"


def test_a_viewer_registers_nothing(world: World, bearer: Bearer) -> None:
    assert bearer(world.viewer).post(VERSIONS, V3).status_code == 403


@pytest.mark.parametrize("missing", ["service", "name", "image"])
def test_a_version_without_its_essentials_is_refused(world: World, bearer: Bearer, missing: str) -> None:
    answer = bearer(world.requester).post(
        VERSIONS, {key: value for key, value in V3.items() if key != missing}
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0] == {
        "code": "required",
        "detail": "This field is required.",
        "attr": missing,
    }


def test_versions_are_found_by_service_and_name(world: World, bearer: Bearer) -> None:
    add_service("product", cluster=world.cluster, policy=world.policy)
    client = bearer(world.viewer)

    def found(query: str) -> set[tuple[str, str]]:
        rows = client.get(f"{VERSIONS}?{query}").json()["results"]
        return {(row["service"]["name"], row["name"]) for row in rows}

    assert (
        found("service=order") == found(f"service={world.service.pk}") == {("order", "v1"), ("order", "v2")}
    )
    assert found("service=product&name=v2") == {("product", "v2")}
    assert found("service=nothing") == set()


def test_a_name_that_fits_two_services_asks_for_the_id(world: World, bearer: Bearer) -> None:
    world.service.pk, world.service.namespace = None, "other"
    world.service.save(force_insert=True)
    answer = bearer(world.requester).post(VERSIONS, V3)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "ambiguous"
