"""A change towards the candidate: asked for, voted on, written once, recorded once."""

from __future__ import annotations

from releases.models import AuditEvent, TrafficVote
from services.models import Service
from tests.admin.world import World
from tests.flow.traffic_change.by_hand import (
    TESTERS,
    applied,
    apply,
    ask,
    live,
    split,
    writes,
)


def test_a_change_is_asked_for_voted_on_and_written_once(world: World) -> None:
    change = applied(world, 20)
    assert (change.state, split(world)) == ("applied", {"v1": 80, "v2": 20})
    assert len(writes(world)) == 1
    events = AuditEvent.objects.filter(object_type="trafficchange", object_id=str(change.pk))
    assert [event.action for event in events.order_by("seq")] == [
        "request_traffic_change",
        "approve_traffic_change",
        "mesh_write",  # the candidate's subset, before any route names it
        "apply_traffic_change",
        "mesh_write",
        "done_traffic_change",
    ]
    assert {event.service_id for event in events} == {change.service_id}
    assert {event.fingerprint for event in events} == {change.fingerprint}


def test_the_event_of_the_write_has_both_objects_with_their_versions(world: World) -> None:
    applied(world, 20)
    event = AuditEvent.objects.filter(action="mesh_write").latest("seq")
    assert event.before
    assert event.after
    assert event.before["metadata"]["resourceVersion"] != event.after["metadata"]["resourceVersion"]
    after = dict(event.after)
    authority = after.pop("authorised_by")
    assert after == live(world)
    vote = TrafficVote.objects.get()
    assert authority == {"change": str(vote.change), "votes": [vote.pk]}


def test_the_object_names_the_change(world: World) -> None:
    change = applied(world, 20)
    marks = live(world)["metadata"]["annotations"]
    assert marks["weir.dev/rollout"] == str(change)
    assert marks["weir.dev/fingerprint"] == change.fingerprint


def test_rules_sticky_users_and_a_mirror_are_written_and_taken_out_again(world: World) -> None:
    change = applied(
        world, 0, rules=[TESTERS], sticky={"header": "x-user-id", "percent": 10}, mirror={"percent": 5}
    )
    names = [route["name"] for route in live(world)["spec"]["http"]]
    assert names == ["weir-primary.testers", "weir-primary.sticky", "primary"]
    assert live(world)["spec"]["http"][-1]["mirrors"]
    back = ask(world, 0)
    assert not back.needs_vote
    apply(world, back)
    assert [route["name"] for route in live(world)["spec"]["http"]] == ["primary"]
    assert "mirrors" not in live(world)["spec"]["http"][0]
    change.refresh_from_db()
    assert change.in_force_until is not None


def test_a_larger_sticky_percent_keeps_the_users_it_had(world: World) -> None:
    first = applied(world, 0, sticky={"header": "x-user-id", "percent": 10})
    second = ask(world, 0, sticky={"header": "x-user-id", "percent": 30})
    assert second.needs_vote
    few, more = first.spec_value.sticky, second.spec_value.sticky
    assert few
    assert more
    assert few.chosen_endings < more.chosen_endings


def test_all_to_the_candidate_makes_it_the_stable_version_and_leaves_nothing_of_weir(world: World) -> None:
    change = applied(world, 100)
    service = Service.objects.get(pk=change.service_id)
    assert service.stable == change.candidate
    assert not live(world)["metadata"].get("annotations")
    assert split(world) == {"v1": 0, "v2": 100}


def test_a_rule_to_the_candidate_does_not_make_it_the_stable_version(world: World) -> None:
    change = applied(world, 0, rules=[TESTERS])
    assert Service.objects.get(pk=change.service_id).stable == change.stable


def test_what_is_there_already_is_not_written_again(world: World) -> None:
    applied(world, 20)
    before = len(writes(world))
    again = apply(world, ask(world, 20))
    assert again.state == "applied"
    assert len(writes(world)) == before + 1  # the marks name another change; the traffic is the same
    assert split(world) == {"v1": 80, "v2": 20}
