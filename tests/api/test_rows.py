"""A row that is read the quick way shows what it showed the slow way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework import serializers
from rest_framework.test import APIClient

from releases import selectors
from releases.api.audit import AuditEventSerializer
from releases.api.rollouts.evidence import VerdictSerializer
from releases.api.rollouts.serializers import RolloutSerializer
from releases.api.rows import RowSerializer
from releases.models import AuditEvent, Verdict
from tests.api.conftest import World, approved


def slowly(serializer: RowSerializer[Any], row: Any) -> dict[str, Any]:
    """What the base class makes of the same fields."""
    shown: dict[str, Any] = serializers.ModelSerializer.to_representation(serializer, row)
    return shown


def test_a_rollout_is_shown_as_its_fields_say(world: World) -> None:
    approved(world)
    (rollout,) = selectors.listed_rollouts()
    serializer = RolloutSerializer(context={"verdicts": {}})
    assert dict(serializer.to_representation(rollout)) == dict(slowly(serializer, rollout))


def test_an_event_is_shown_as_its_fields_say(world: World) -> None:
    approved(world)
    serializer = AuditEventSerializer(context={"addresses": True})
    for event in AuditEvent.objects.all():
        assert dict(serializer.to_representation(event)) == dict(slowly(serializer, event))


def test_a_verdict_is_shown_as_its_fields_say(world: World) -> None:
    verdict = Verdict(
        rollout=approved(world), at=timezone.now(), outcome="pass", rule="evidence", reason_code="go_on"
    )
    serializer = VerdictSerializer()
    assert dict(serializer.to_representation(verdict)) == dict(slowly(serializer, verdict))


@pytest.mark.parametrize("path", ["rollouts/?state=running", "traffic-changes/?state=pending"])
def test_a_filter_by_state_does_not_sort_the_whole_table(
    world: World, bearer: Callable[..., APIClient], path: str
) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert bearer(world.viewer).get(f"/api/v1/{path}").status_code == 200
    assert not [query["sql"] for query in asked if "SELECT DISTINCT" in query["sql"]]
