"""The schema describes everything; the page that shows it loads nothing from outside."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from rest_framework.test import APIClient

from releases.domain.states import OPERATOR_EVENTS, Event
from releases.models import User
from tests.api.conftest import World

Bearer = Callable[..., APIClient]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    read: dict[str, Any] = yaml.safe_load(out.getvalue())
    return read


def test_the_schema_is_valid_and_without_warnings(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1")


def test_every_event_is_an_operation_with_its_own_input(schema: dict[str, Any]) -> None:
    inputs = {
        event: schema["paths"][f"/api/v1/rollouts/{{id}}/{event.slug}/"]["post"]["requestBody"]
        for event in OPERATOR_EVENTS
        if event is not Event.EDIT
    }
    named = {
        event: body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for event, body in inputs.items()
    }
    fields = {
        event: set(schema["components"]["schemas"][name]["properties"]) for event, name in named.items()
    }
    assert fields[Event.PAUSE] == {"reason"}
    assert fields[Event.APPROVE] == {"reason", "fingerprint"}
    assert fields[Event.SET_WEIGHT] == {"reason", "weight"}


def test_every_operation_says_how_it_refuses(schema: dict[str, Any]) -> None:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            documented = set(operation["responses"])
            assert {"400", "401", "403", "404", "406", "429"} <= documented, (path, method)
            if method != "get":
                assert {"409", "413", "415", "422", "502"} <= documented, (path, method)
            header = "Idempotency-Key" in {parameter["name"] for parameter in operation.get("parameters", [])}
            assert header is (method == "post"), (path, method)


def test_figures_over_time_may_find_prometheus_away(schema: dict[str, Any]) -> None:
    assert "502" in schema["paths"]["/api/v1/services/{id}/metrics/"]["get"]["responses"]


def test_the_schema_is_served_to_whoever_may_read(world: World, bearer: Bearer) -> None:
    assert APIClient().get("/api/v1/schema/").status_code == 401
    answer = bearer(world.viewer).get("/api/v1/schema/?format=json")
    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "Weir"


def test_the_documentation_loads_nothing_from_outside(
    world: World, session: Callable[[User], APIClient]
) -> None:
    page = session(world.viewer).get("/api/v1/docs/")
    text = page.content.decode()
    assert page.status_code == 200
    assert all(url.startswith("/") for url in re.findall(r'(?:src|href|data-schema)="([^"]+)"', text))
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy.partition("style-src")[0]
    assert "http" not in policy


def test_the_documentation_asks_for_a_log_in(world: World) -> None:
    answer = APIClient().get("/api/v1/docs/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/admin/login/?next=/api/v1/docs/"
