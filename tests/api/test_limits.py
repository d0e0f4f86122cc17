"""``limits/``: how many rollouts run at once, set by those who keep the catalogue."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from releases.models import AuditEvent
from tests.api.conftest import World

Bearer = Callable[..., APIClient]
LIMITS = "/api/v1/limits/"


def test_a_limit_is_set_changed_and_told(world: World, bearer: Bearer) -> None:
    client = bearer(world.policy_administrator)
    made = client.post(LIMITS, {"cluster": world.cluster.pk, "rollouts": 3})
    assert made.status_code == 201, made.json()
    assert made.json() == {
        "id": made.json()["id"],
        "cluster": world.cluster.pk,
        "group": None,
        "rollouts": 3,
    }
    changed = client.patch(f"{LIMITS}{made.json()['id']}/", {"rollouts": 5})
    assert changed.json()["rollouts"] == 5
    actions = AuditEvent.objects.filter(object_type="rolloutlimit").order_by("seq")
    assert [event.action for event in actions] == ["create_rolloutlimit", "change_rolloutlimit"]


@pytest.mark.parametrize("given", [{"rollouts": 3}, {"rollouts": 0, "cluster": True}, {"rollouts": -1}])
def test_a_limit_of_nothing_or_for_nothing_is_refused(
    world: World, bearer: Bearer, given: dict[str, object]
) -> None:
    if given.get("cluster"):
        given = {**given, "cluster": world.cluster.pk}
    answer = bearer(world.policy_administrator).post(LIMITS, given)
    assert answer.status_code == 400
    assert answer.json()["type"] == "validation_error"


def test_a_requester_sets_no_limit(world: World, bearer: Bearer) -> None:
    answer = bearer(world.requester).post(LIMITS, {"cluster": world.cluster.pk, "rollouts": 3})
    assert answer.status_code == 403
