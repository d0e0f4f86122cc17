"""Schemathesis sends what the schema allows and what it forbids: no crash, no undocumented answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from releases.models import User
from tests.api.conftest import World, approved, secret_of

EXAMPLES = 6
"""Per operation. There are about seventy, and the suite has two minutes."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def described() -> Any:
    out = StringIO()
    call_command("spectacular", stdout=out)
    # A stream never ends, so it has tests of its own: test_stream.
    return schemathesis.openapi.from_dict(yaml.safe_load(out.getvalue())).exclude(path="/api/v1/stream/")


SCHEMA = described()


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Keep the test's transaction: a real request ends by closing the connection, as Django's test client knows."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def call(world: World, one_connection: None) -> Callable[[Any], None]:
    """Send a case as somebody who may do everything, to a portal that has something of everything."""
    rollout = approved(world)
    root = User.objects.create_superuser("root")
    for role in ("requester", "approver", "operator", "policy_administrator"):
        root.roles.create(name=role)
    application, secret = get_wsgi_application(), secret_of(root)

    def send(case: Any) -> None:
        for name, value in (case.path_parameters or {}).items():
            if isinstance(value, int) and value % 2:  # half of the good ones meet a row that is there
                case.path_parameters[name] = rollout.pk
        case.operation.app = application
        headers = {"Authorization": f"Bearer {secret}"}
        case.call_and_validate(headers=headers, checks=CHECKS)

    return send


@SCHEMA.parametrize()  # type: ignore[untyped-decorator]  # schemathesis leaves its decorator untyped
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
def test_every_operation_answers_as_it_says(case: Any, call: Callable[[Any], None]) -> None:
    call(case)
