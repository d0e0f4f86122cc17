"""A change by hand whose writer ends at any moment: each write is told once, and whoever comes next brings it to its end."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from importlib import import_module
from typing import Any, Literal
from unittest.mock import patch

import pytest

from istio.mesh import VIRTUAL_SERVICE, Manifest, Ref
from istio.weights import weights_of
from releases import flow, selectors
from releases.clock import database_now
from releases.domain import DomainError
from releases.domain.traffic_change import ChangeEvent, ChangeState
from releases.models import AuditEvent, TrafficChange
from tests.admin.world import WORKER, World, actor
from tests.fakes.mesh import FakeMesh

pytestmark = [pytest.mark.faults, pytest.mark.django_db]

Moment = tuple[Literal["before", "after"], str]
WRITE = "releases.flow.traffic_change.write"
BACK = "releases.flow.traffic_change.back"
PUT = "tests.fakes.mesh.FakeMesh.put"
MOMENTS: list[tuple[Moment, int]] = [
    *(((when, PUT), nth) for when in ("before", "after") for nth in (1, 2)),
    (("after", f"{WRITE}.tell_write"), 1),
    (("after", f"{WRITE}.tell_write"), 2),
    (("before", f"{WRITE}.move_change"), 1),
    (("after", f"{WRITE}.move_change"), 1),
    (("after", f"{WRITE}.move_change"), 2),
    (("before", f"{WRITE}.done"), 1),
    (("after", f"{WRITE}.done"), 1),
]
BACK_MOMENTS: list[Moment] = [
    ("before", f"{BACK}.settle_given_up"),
    ("before", f"{BACK}.back_document"),
    ("after", f"{BACK}.store"),
    ("before", PUT),
    ("after", PUT),
    ("before", f"{BACK}.finish"),
    ("after", f"{WRITE}.tell_write"),
    ("after", f"{BACK}.finish"),
]


class Ended(BaseException):
    """The process is gone: nothing below catches this."""


@contextmanager
def ending_at(moment: Moment, *, nth: int = 1) -> Iterator[list[str]]:
    """End whoever comes by the moment for the nth time. The list tells that it happened."""
    when, dotted = moment
    path, _, name = dotted.rpartition(".")
    owner: Any = _owner(path)
    function = getattr(owner, name)
    passed: list[str] = []
    happened: list[str] = []

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        passed.append(when)
        ends = len(passed) == nth
        if ends and when == "before":
            happened.append(dotted)
            raise Ended(dotted)
        result = function(*args, **kwargs)
        if ends and when == "after":
            happened.append(dotted)
            raise Ended(dotted)
        return result

    with ExitStack() as stack:
        stack.enter_context(patch.object(owner, name, wrapped))
        yield happened


def check_told(world: World) -> None:
    """Each write that changed the mesh has exactly one event, with the versions before and after."""
    written = sorted((write.before, write.after) for write in world.mesh.log if write.before != write.after)
    events = AuditEvent.objects.filter(action="mesh_write")
    told = [
        (event.before["metadata"]["resourceVersion"], event.after["metadata"]["resourceVersion"])
        for event in events
        if event.before and event.after
    ]
    assert sorted(told) == written
    assert flow.verify_chain().is_sound


def worker_passes(by: timedelta = timedelta(minutes=5)) -> None:
    """What the worker does once the write is old enough to be an interrupted one."""
    for change_id in selectors.unfinished_changes(now=database_now() + by):
        flow.finish_change(change_id, by=WORKER, clock=database_now)


def approved(world: World, *, weight: int = 20) -> TrafficChange:
    change = flow.request_change(
        service=world.service("product"),
        spec={"candidate_weight": weight},
        reason="Try it on a few.",
        by=actor(world.requester),
    )
    return flow.perform_change(
        change, ChangeEvent.APPROVE, by=actor(world.approver), fingerprint=change.fingerprint, why="read it"
    )


def click(world: World, change: TrafficChange) -> None:
    flow.perform_change(change, ChangeEvent.APPLY, by=actor(world.operator), why="now")


def weight_of(world: World) -> float:
    live = world.mesh.get(Ref(VIRTUAL_SERVICE, "shop", "product"))
    return weights_of(live, host="product", namespace="shop").get("v2", 0)


@pytest.mark.parametrize("comes_next", ["the worker", "a click"])
@pytest.mark.parametrize(("moment", "nth"), MOMENTS)
def test_a_change_that_ends_anywhere_is_written_and_told_once(
    world: World, moment: Moment, nth: int, comes_next: str
) -> None:
    change = approved(world)
    with ending_at(moment, nth=nth) as happened, suppress(Ended):
        click(world, change)
    assert happened, f"nobody came {moment} for the {nth}. time"
    if comes_next == "the worker":
        worker_passes()
        check_told(world)
    change.refresh_from_db()
    if change.state != ChangeState.APPLIED:
        click(world, change)
    change.refresh_from_db()
    assert (change.state, weight_of(world)) == ("applied", 20)
    assert [write.ref.kind for write in world.mesh.log] == ["DestinationRule", "VirtualService"]
    check_told(world)


@pytest.mark.parametrize("moment", BACK_MOMENTS)
def test_all_back_that_ends_anywhere_is_brought_to_its_end(world: World, moment: Moment) -> None:
    click(world, approved(world))
    with ending_at(moment) as happened, suppress(Ended):
        flow.all_back(world.service("product"), by=actor(world.operator))
    assert happened, f"nobody came {moment}"
    worker_passes()
    assert weight_of(world) == 0
    assert not TrafficChange.objects.filter(state=ChangeState.WRITING).exists()
    check_told(world)


@pytest.mark.parametrize(("moment", "nth"), MOMENTS)
def test_all_back_over_an_ended_change_tells_its_write_too(world: World, moment: Moment, nth: int) -> None:
    change = approved(world)
    with ending_at(moment, nth=nth), suppress(Ended):
        click(world, change)
    flow.all_back(world.service("product"), by=actor(world.operator))
    worker_passes()
    assert weight_of(world) == 0
    check_told(world)


def test_a_change_given_up_in_the_middle_of_its_put_tells_the_write(world: World) -> None:
    change = approved(world)
    put = FakeMesh.put
    waiting = [change]

    def overtaken(mesh: FakeMesh, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        stored = put(mesh, manifest, dry_run=dry_run)
        if manifest["kind"] == VIRTUAL_SERVICE and waiting:
            waiting.clear()
            flow.all_back(world.service("product"), by=actor(world.operator))
        return stored

    with patch.object(FakeMesh, "put", overtaken), suppress(DomainError):
        click(world, change)
    assert weight_of(world) == 0
    check_told(world)


def test_a_write_that_somebody_wrote_over_is_told(world: World) -> None:
    change = approved(world)
    with ending_at(("before", f"{WRITE}.done")), suppress(Ended):
        click(world, change)

    def edit(document: Any) -> None:
        for entry in document["spec"]["http"][0]["route"]:
            entry["weight"] = 35 if entry["destination"]["subset"] == "v2" else 65

    ours = world.mesh.log[-1].after
    world.mesh.edit(Ref(VIRTUAL_SERVICE, "shop", "product"), edit)
    worker_passes()
    change.refresh_from_db()
    assert change.state == ChangeState.APPROVED
    last = AuditEvent.objects.filter(action="mesh_write").latest("seq")
    assert last.before is not None
    assert last.before["metadata"]["resourceVersion"] == world.mesh.log[-1].before
    assert last.after is not None
    assert last.after["metadata"]["resourceVersion"] != ours, "nobody read what the server stored"
    assert "wrote the object since" in last.reason


def _owner(path: str) -> Any:
    try:
        return import_module(path)
    except ModuleNotFoundError:
        module, _, owner = path.rpartition(".")
        return getattr(import_module(module), owner)
