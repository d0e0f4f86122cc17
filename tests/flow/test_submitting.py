"""What a request must show before anybody is asked to decide."""

from __future__ import annotations

import pytest

from releases import flow
from releases.domain import BadPlan, Blocked
from releases.domain.states import Event
from releases.models import Rollout
from tests.admin.world import STATEMENTS, World, actor


@pytest.mark.parametrize("field", STATEMENTS)
def test_a_request_that_does_not_say_what_it_is_is_not_submitted(shop: World, field: str) -> None:
    rollout = shop.draft()
    Rollout.objects.filter(pk=rollout.pk).update(**{field: " "})
    with pytest.raises(BadPlan) as refused:
        flow.perform(rollout, Event.SUBMIT, by=actor(shop.requester))
    assert refused.value.field == field


def test_a_change_of_data_needs_a_compatibility_note(shop: World) -> None:
    rollout = shop.draft()
    Rollout.objects.filter(pk=rollout.pk).update(changes_data=True)
    with pytest.raises(BadPlan) as refused:
        flow.perform(rollout, Event.SUBMIT, by=actor(shop.requester))
    assert refused.value.field == "compatibility_note"


def test_what_nobody_measured_in_the_last_hour_is_not_submitted(shop: World) -> None:
    rollout = shop.draft()
    shop.telemetry.forget(rollout.service.target)
    with pytest.raises(Blocked) as refused:
        flow.perform(rollout, Event.SUBMIT, by=actor(shop.requester))
    assert [finding.code for finding in refused.value.findings] == ["WEIR0003"]


def test_the_rollback_is_rehearsed_before_anybody_is_asked(shop: World) -> None:
    shop.pending()
    (rehearsed,) = shop.mesh.log
    assert rehearsed.dry_run
    assert rehearsed.manifest["spec"]["http"][0]["route"][0]["weight"] == 100
