"""The worker reads the chain back: what is new, the whole of it in parts, and a break that is told once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from releases import flow, selectors
from releases.clock import database_now
from releases.flow import chain_checks
from releases.models import AuditEvent, ChainCheck, Delivery, NotificationChannel, guards
from releases.tasks import worker
from tests.admin.conftest import plain_settings, world
from tests.admin.world import World, actor

__all__ = ["plain_settings", "world"]


def read(*, whole: bool, seconds: float = 60.0) -> bool:
    flow.start_chain_check(clock=database_now, whole=whole)
    return flow.carry_on_chain_check(clock=database_now, by=worker(), seconds=seconds)


def act(world: World, number: int) -> None:
    steps = [{"weight": 5, "bake_seconds": 60}]
    flow.save_plan(name=f"plan {number}", steps=steps, by=actor(world.requester))


def test_what_is_new_is_read_from_where_the_last_reading_ended(world: World) -> None:
    world.approved()
    assert not read(whole=True)
    whole = ChainCheck.objects.get()
    act(world, 1)
    read(whole=False)
    newest = ChainCheck.objects.latest("pk")
    assert (newest.first, newest.seq) == (whole.seq + 1, whole.seq + 1)
    assert newest.events == whole.events + 1 == AuditEvent.objects.count()
    state = selectors.chain()
    assert (state.valid, state.shown, state.whole) == (True, newest, whole)


def test_a_long_chain_is_read_in_parts_and_tells_how_far_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_checks, "PART", 2)
    world.approved()
    assert read(whole=True, seconds=-1.0), "some of it is left"
    running = selectors.chain().running
    assert running is not None
    assert (running.seq, running.until) == (2, AuditEvent.objects.count())
    while flow.carry_on_chain_check(clock=database_now, by=worker(), seconds=-1.0):
        pass
    state = selectors.chain()
    assert (state.valid, state.running) == (True, None)
    assert state.shown is not None
    assert state.shown.events == AuditEvent.objects.count()


def test_a_break_is_told_once_and_stays_until_the_whole_chain_holds(world: World) -> None:
    NotificationChannel.objects.create(name="all", kind="webhook", subject="all", url_env="HOOK")
    world.approved()
    read(whole=True)
    known = Delivery.objects.count()
    guards.remove(connection)
    honest = AuditEvent.objects.get(seq=3)
    AuditEvent.objects.filter(seq=3).update(reason="quietly changed")
    guards.install(connection)
    act(world, 1)
    read(whole=False)
    assert selectors.chain().valid, "what is new holds; the old is read with the whole"
    for _ in range(2):
        read(whole=True)
    state = selectors.chain()
    assert state.shown is not None
    assert (state.valid, state.shown.first_bad) == (False, 3)
    (event,) = AuditEvent.objects.filter(action="verify_audit")
    assert (event.outcome, event.reason) == ("failed", state.shown.problem)
    told = [row.message["text"] for row in Delivery.objects.order_by("pk")[known:]]
    assert told.count(state.shown.problem) == 1
    read(whole=False)
    assert not selectors.chain().valid, "new events that hold do not mend the old"
    guards.remove(connection)
    AuditEvent.objects.filter(seq=3).update(reason=honest.reason)
    guards.install(connection)
    read(whole=True)
    assert selectors.chain().valid
    assert AuditEvent.objects.filter(action="verify_audit").latest("seq").outcome == "done"


def test_a_cut_end_is_seen_without_any_head(world: World, settings: Settings) -> None:
    settings.AUDIT_SIGNING_KEY = ""
    world.approved()
    read(whole=True)
    guards.remove(connection)
    AuditEvent.objects.latest("seq").delete()
    guards.install(connection)
    read(whole=False)
    assert "the end was cut off" in selectors.chain().shown.problem  # type: ignore[union-attr]  # None fails, too


def test_the_whole_is_due_once_a_day_and_soon_again_after_a_break(world: World, settings: Settings) -> None:
    now = database_now()
    assert flow.due_chain_check(now=now) is True
    read(whole=True)
    assert flow.due_chain_check(now=database_now()) is None, "one just ended"
    assert flow.due_chain_check(now=now + timedelta(minutes=5)) is False
    settings.AUDIT_READ_WHOLE_SECONDS = 3600
    assert flow.due_chain_check(now=now + timedelta(hours=2)) is True
    flow.start_chain_check(clock=database_now, whole=True)
    assert flow.due_chain_check(now=now + timedelta(hours=2)) is None, "one is under way"
