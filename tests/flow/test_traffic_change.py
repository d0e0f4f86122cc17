"""Changing traffic by hand: asked for, voted on, written once, recorded once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django.fixtures import Settings

from istio.marks import FENCE
from istio.mesh import DEPLOYMENT, VIRTUAL_SERVICE, Conflict, Manifest, Ref, Unreachable
from istio.weights import weights_of
from releases import flow, selectors
from releases.clock import database_now
from releases.domain import BadPlan, Blocked, IllegalMove, LostRace, NotAllowed, PasswordNeeded, Stale
from releases.domain.roles import RoleName
from releases.domain.states import Event
from releases.domain.traffic_change import ChangeEvent
from releases.flow.traffic_change.move import move_change
from releases.models import AuditEvent, Freeze, Rollout, TrafficChange, TrafficVote
from services import connections
from services.models import Service
from tests.admin import world as worlds
from tests.admin.world import World, actor

REF = Ref(VIRTUAL_SERVICE, "shop", "product")
TESTERS = {"name": "testers", "header": "x-tester", "exact": "1"}


@pytest.fixture
def world(db: None, settings: Settings) -> Iterator[World]:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    built = worlds.build()
    with connections.use(mesh=built.mesh, telemetry=built.telemetry):
        yield built


def ask(world: World, weight: int = 20, *, by: Any = None, **parts: Any) -> TrafficChange:
    return flow.request_change(
        service=world.service("product"),
        spec={"candidate_weight": weight, **parts},
        reason="Try it on a few.",
        by=actor(by or world.requester),
    )


def approve(world: World, change: TrafficChange) -> TrafficChange:
    return flow.perform_change(
        change, ChangeEvent.APPROVE, by=actor(world.approver), fingerprint=change.fingerprint, why="read it"
    )


def apply(world: World, change: TrafficChange, *, by: Any = None) -> TrafficChange:
    return flow.perform_change(change, ChangeEvent.APPLY, by=actor(by or world.operator), why="now")


def applied(world: World, weight: int = 20, **parts: Any) -> TrafficChange:
    return apply(world, approve(world, ask(world, weight, **parts)))


def live(world: World) -> Manifest:
    return world.mesh.get(REF)


def split(world: World) -> dict[str, float]:
    return weights_of(live(world), host="product", namespace="shop")


def writes(world: World) -> list[Any]:
    return [write for write in world.mesh.log if write.ref == REF]


class TestForward:
    def test_a_change_is_asked_for_voted_on_and_written_once(self, world: World) -> None:
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

    def test_the_event_of_the_write_has_both_objects_with_their_versions(self, world: World) -> None:
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

    def test_the_object_names_the_change(self, world: World) -> None:
        change = applied(world, 20)
        marks = live(world)["metadata"]["annotations"]
        assert marks["weir.dev/rollout"] == str(change)
        assert marks["weir.dev/fingerprint"] == change.fingerprint

    def test_rules_sticky_users_and_a_mirror_are_written_and_taken_out_again(self, world: World) -> None:
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

    def test_a_larger_sticky_percent_keeps_the_users_it_had(self, world: World) -> None:
        first = applied(world, 0, sticky={"header": "x-user-id", "percent": 10})
        second = ask(world, 0, sticky={"header": "x-user-id", "percent": 30})
        assert second.needs_vote
        few, more = first.spec_value.sticky, second.spec_value.sticky
        assert few
        assert more
        assert few.chosen_endings < more.chosen_endings

    def test_all_to_the_candidate_makes_it_the_stable_version_and_leaves_nothing_of_weir(
        self, world: World
    ) -> None:
        change = applied(world, 100)
        service = Service.objects.get(pk=change.service_id)
        assert service.stable == change.candidate
        assert not live(world)["metadata"].get("annotations")
        assert split(world) == {"v1": 0, "v2": 100}

    def test_a_rule_to_the_candidate_does_not_make_it_the_stable_version(self, world: World) -> None:
        change = applied(world, 0, rules=[TESTERS])
        assert Service.objects.get(pk=change.service_id).stable == change.stable

    def test_what_is_there_already_is_not_written_again(self, world: World) -> None:
        applied(world, 20)
        before = len(writes(world))
        again = apply(world, ask(world, 20))
        assert again.state == "applied"
        assert len(writes(world)) == before + 1  # the marks name another change; the traffic is the same
        assert split(world) == {"v1": 80, "v2": 20}


class TestRefusals:
    @pytest.mark.parametrize("who", ["requester", "viewer", "auditor"])
    def test_who_asked_and_who_has_no_role_can_not_vote(self, world: World, who: str) -> None:
        change = ask(world)
        with pytest.raises(NotAllowed):
            flow.perform_change(
                change, ChangeEvent.APPROVE, by=actor(getattr(world, who)), fingerprint=change.fingerprint
            )
        assert AuditEvent.objects.filter(action="approve_traffic_change", outcome="refused").count() == 1

    def test_the_database_refuses_the_requesters_vote_too(self, world: World) -> None:
        change = ask(world)
        vote = TrafficVote(
            change=change, by=world.requester, decision="approve", fingerprint=change.fingerprint
        )
        with pytest.raises(IntegrityError), transaction.atomic():
            vote.save()

    def test_a_service_account_of_the_requester_is_the_requester(self, world: World) -> None:
        robot = worlds.person("robot", RoleName.APPROVER, belongs_to=world.requester)
        change = ask(world)
        with pytest.raises(NotAllowed, match="You asked"):
            flow.perform_change(
                change, ChangeEvent.APPROVE, by=actor(robot), fingerprint=change.fingerprint, why="mine"
            )
        shown = {item.event: item for item in selectors.allowed_change_events(change, robot)}
        assert not shown[ChangeEvent.APPROVE].allowed
        assert selectors.changes_waiting_for(robot) == []
        with pytest.raises(IntegrityError, match="does not decide"), transaction.atomic():
            TrafficVote.objects.create(
                change=change, by=robot, decision="approve", fingerprint=change.fingerprint
            )

    def test_one_person_votes_once_not_one_log_in_once(self, world: World) -> None:
        world.policy.approvals_needed = 2
        world.policy.save()
        robot = worlds.person("robot", RoleName.APPROVER, belongs_to=world.approver)
        change = approve(world, ask(world))
        again = flow.perform_change(
            change, ChangeEvent.APPROVE, by=actor(robot), fingerprint=change.fingerprint, why="again"
        )
        assert (again.state, TrafficVote.objects.count()) == ("pending", 1)
        assert [row.pk for row in selectors.changes_waiting_for(robot)] == []
        flow.perform_change(change, ChangeEvent.REJECT, by=actor(robot), why="I misread it")
        given = [(vote.decision, vote.voided_at is None) for vote in TrafficVote.objects.order_by("pk")]
        assert given == [("approve", False), ("reject", True)], "the later word of the person counts"

    def test_an_old_session_gives_the_password_before_it_writes_forward(self, world: World) -> None:
        change = approve(world, ask(world))
        old = replace(actor(world.operator), is_fresh=False)
        with pytest.raises(PasswordNeeded):
            flow.perform_change(change, ChangeEvent.APPLY, by=old)
        assert writes(world) == []
        apply(world, change)
        back = ask(world, 0)
        assert flow.perform_change(back, ChangeEvent.APPLY, by=old).state == "applied", "back asks nobody"

    def test_somebody_elses_service_account_may_vote(self, world: World) -> None:
        robot = worlds.person("robot", RoleName.APPROVER, belongs_to=world.approver)
        change = ask(world)
        decided = flow.perform_change(
            change, ChangeEvent.APPROVE, by=actor(robot), fingerprint=change.fingerprint, why="read it"
        )
        assert decided.state == "approved"

    def test_a_vote_is_never_changed_or_deleted(self, world: World) -> None:
        change = approve(world, ask(world))
        with pytest.raises(IntegrityError), transaction.atomic():
            change.approvals.update(decision="reject")
        with pytest.raises(IntegrityError), transaction.atomic():
            change.approvals.all().delete()

    @pytest.mark.parametrize(("fingerprint", "error"), [("", BadPlan), ("0" * 64, Stale)])
    def test_a_vote_is_for_exactly_this_content(
        self, world: World, fingerprint: str, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            flow.perform_change(
                ask(world), ChangeEvent.APPROVE, by=actor(world.approver), fingerprint=fingerprint
            )

    def test_it_is_not_written_before_the_quorum_is_full(self, world: World) -> None:
        world.policy.approvals_needed = 2
        world.policy.save()
        change = approve(world, ask(world))
        assert change.state == "pending"
        with pytest.raises(IllegalMove):
            apply(world, change)
        assert writes(world) == []

    def test_one_rejection_ends_it_and_says_why(self, world: World) -> None:
        change = ask(world)
        with pytest.raises(BadPlan):
            flow.perform_change(change, ChangeEvent.REJECT, by=actor(world.approver))
        rejected = flow.perform_change(change, ChangeEvent.REJECT, by=actor(world.approver), why="not today")
        assert rejected.state == "rejected"

    @pytest.mark.parametrize(
        "spec",
        [
            {"candidate_weight": 101},
            {"candidate_weight": 0.5},
            {"candidate_weight": True},
            {"rules": [{"header": "x", "regex": "(?=a)"}]},
            {"weights": 5},
            {"mirror": {"percent": 0}},
        ],
    )
    def test_bad_traffic_is_refused_when_it_is_asked_for(self, world: World, spec: dict[str, Any]) -> None:
        with pytest.raises(BadPlan):
            flow.request_change(
                service=world.service("product"), spec=spec, reason="x", by=actor(world.requester)
            )

    def test_a_change_says_why(self, world: World) -> None:
        with pytest.raises(BadPlan, match="says why"):
            flow.request_change(
                service=world.service("product"), spec={}, reason=" ", by=actor(world.requester)
            )

    def test_what_the_route_can_not_carry_is_refused_with_the_code(self, world: World) -> None:
        world.service("product")
        world.mesh.edit(REF, lambda item: item["spec"]["http"].append(dict(item["spec"]["http"][0])))
        with pytest.raises(Blocked) as refused:
            ask(world)
        assert [finding.code for finding in refused.value.findings] == ["AmbiguousRoutes"]

    def test_a_candidate_without_pods_is_refused(self, world: World) -> None:
        world.service("product")
        world.mesh.remove(Ref(DEPLOYMENT, "shop", "product-v2"))
        with pytest.raises(Blocked) as refused:
            ask(world)
        assert "WEIR0103" in {finding.code for finding in refused.value.findings}

    def test_a_mesh_that_changed_since_is_not_overwritten(self, world: World) -> None:
        change = approve(world, ask(world, 20))
        world.mesh.edit(
            REF,
            lambda item: item["spec"]["http"][0]["route"].append(
                {"destination": {"host": "product", "subset": "v3"}, "weight": 50}
            ),
        )
        before = live(world)
        with pytest.raises(Stale, match="the mesh changed"):
            apply(world, change)
        assert live(world) == before

    def test_what_the_owner_may_change_meanwhile_is_kept(self, world: World) -> None:
        change = approve(world, ask(world, 20))
        world.mesh.edit(REF, lambda item: item["spec"]["http"][0].update(timeout="9s"))
        apply(world, change)
        assert live(world)["spec"]["http"][0]["timeout"] == "9s"
        assert split(world) == {"v1": 80, "v2": 20}

    def test_a_changed_policy_voids_the_approval(self, world: World) -> None:
        change = approve(world, ask(world))
        world.policy.approvals_needed = 2
        world.policy.save()
        with pytest.raises(Stale):
            apply(world, change)
        assert writes(world) == []

    def test_an_approver_who_left_does_not_count(self, world: World) -> None:
        change = approve(world, ask(world))
        world.approver.is_active = False
        world.approver.save()
        with pytest.raises(Stale, match="0 of 1"):
            apply(world, change)

    def test_an_approval_gets_old(self, world: World) -> None:
        change = approve(world, ask(world))
        later = database_now() + timedelta(days=4)
        with pytest.raises(Stale, match="older than"):
            flow.perform_change(change, ChangeEvent.APPLY, by=actor(world.operator), clock=lambda: later)

    def test_what_led_back_when_it_was_asked_for_needs_a_vote_once_it_leads_forward(
        self, world: World
    ) -> None:
        applied(world, 20)
        back = ask(world, 10)
        assert (back.needs_vote, back.state) == (False, "approved")
        apply(world, ask(world, 0))
        with pytest.raises(Stale, match="needs a vote"):
            apply(world, back)
        back.refresh_from_db()
        assert (back.needs_vote, back.state, split(world)["v2"]) == (True, "pending", 0)


class TestInAFreeze:
    def test_forward_waits(self, world: World) -> None:
        change = approve(world, ask(world))
        freeze(world)
        with pytest.raises(IllegalMove, match="双十一封网"):
            apply(world, change)
        assert writes(world) == []

    def test_an_interrupted_write_waits_too(self, world: World) -> None:
        change = _with_subset(world)
        world.mesh.fail_next(Unreachable("gone"), on="put")
        with pytest.raises(Unreachable):
            apply(world, change)
        freeze(world)
        flow.finish_change(change.pk, by=worlds.WORKER, clock=database_now)
        change.refresh_from_db()
        assert (change.state, split(world)["v2"]) == ("approved", 10)
        assert "双十一封网" in change.problem

    def test_back_does_not(self, world: World) -> None:
        applied(world, 20)
        freeze(world)
        apply(world, ask(world, 5))
        flow.all_back(world.service("product"), by=actor(world.operator))
        assert split(world) == {"v1": 100, "v2": 0}


class TestBesideARollout:
    def test_a_forward_change_is_refused(self, world: World) -> None:
        world.pending()
        with pytest.raises(IllegalMove, match="is live"):
            ask(world)

    def test_one_that_was_approved_before_the_rollout_began_is_refused(self, world: World) -> None:
        change = approve(world, ask(world))
        world.pending()
        with pytest.raises(IllegalMove, match="is live"):
            apply(world, change)

    def test_within_the_approved_bound_the_rollout_takes_the_weight(self, world: World) -> None:
        rollout = world.running()
        change = ask(world, 3)
        assert (change.state, change.rollout_id, change.needs_vote) == ("approved", rollout.pk, False)
        assert apply(world, change).state == "applied"
        rollout = world.pulse(rollout, times=2)
        assert split(world)["v2"] == 3
        assert rollout.state == "running"

    @pytest.mark.parametrize("beyond", [{"weight": 6}, {"weight": 5, "rules": [TESTERS]}])
    def test_beyond_the_bound_it_is_refused(self, world: World, beyond: dict[str, Any]) -> None:
        world.running()
        with pytest.raises(BadPlan, match="approved up to 5"):
            ask(world, beyond.pop("weight"), **beyond)

    def test_a_change_for_a_rollout_that_is_over_is_refused(self, world: World) -> None:
        rollout = world.running()
        change = ask(world, 3)
        flow.perform(rollout, Event.ROLL_BACK, by=actor(world.operator))
        with pytest.raises(IllegalMove, match="is over"):
            apply(world, change)


class TestCrashes:
    def test_a_lost_answer_is_finished_by_the_worker_with_one_write_and_one_event(self, world: World) -> None:
        change = approve(world, ask(world, 20))
        world.mesh.fail_next(Unreachable("gone"), on="put", after=True)  # the subset was written, unheard
        with pytest.raises(Unreachable):
            apply(world, change)
        world.mesh.fail_next(Unreachable("gone"), on="put", after=True)
        with pytest.raises(Unreachable):
            apply(world, change)
        change.refresh_from_db()
        assert (change.state, split(world)["v2"], len(writes(world))) == ("writing", 20, 1)
        for _ in range(2):
            flow.finish_change(change.pk, by=worlds.WORKER, clock=database_now)
        change.refresh_from_db()
        assert (change.state, len(writes(world))) == ("applied", 1)
        event = AuditEvent.objects.get(action="mesh_write", after__kind=VIRTUAL_SERVICE)
        assert event.before["spec"]["http"][0]["route"][0]["weight"] == 100  # type: ignore[index]

    def test_a_write_that_did_not_arrive_is_written_by_the_worker(self, world: World) -> None:
        change = _with_subset(world)
        world.mesh.fail_next(Unreachable("gone"), on="put")
        with pytest.raises(Unreachable):
            apply(world, change)
        assert split(world).get("v2", 0) == 10
        flow.finish_change(change.pk, by=worlds.WORKER, clock=database_now)
        change.refresh_from_db()
        assert (change.state, split(world)["v2"]) == ("applied", 20)

    def test_somebody_elses_write_meanwhile_is_not_overwritten(self, world: World) -> None:
        change = _with_subset(world)
        world.mesh.fail_next(Unreachable("gone"), on="put")
        with pytest.raises(Unreachable):
            apply(world, change)
        world.mesh.edit(REF, lambda item: item["spec"]["http"][0].update(timeout="9s"))
        flow.finish_change(change.pk, by=worlds.WORKER, clock=database_now)
        change.refresh_from_db()
        assert (change.state, split(world)["v2"]) == ("approved", 10)
        assert change.problem

    def test_a_stale_write_is_refused_and_may_be_tried_again(self, world: World) -> None:
        change = _with_subset(world)
        stale = TrafficChange.objects.get(pk=change.pk)
        apply(world, change)
        with pytest.raises(IllegalMove):
            apply(world, stale)
        assert split(world)["v2"] == 20

    def test_two_stale_copies_have_one_winner(self, world: World) -> None:
        change = approve(world, ask(world))
        other = TrafficChange.objects.get(pk=change.pk)
        move_change(change, ChangeEvent.APPLY, by=actor(world.operator))
        with pytest.raises(LostRace):
            move_change(other, ChangeEvent.APPLY, by=actor(world.operator))
        assert AuditEvent.objects.filter(action="apply_traffic_change").count() == 1


class TestAllBack:
    def test_one_click_is_one_write_without_a_vote(self, world: World) -> None:
        applied(world, 20, rules=[TESTERS])
        before = len(writes(world))
        back = flow.all_back(world.service("product"), by=actor(world.requester))
        assert isinstance(back, TrafficChange)
        assert (back.state, len(writes(world)) - before) == ("applied", 1)
        assert split(world) == {"v1": 100, "v2": 0}
        assert [route["name"] for route in live(world)["spec"]["http"]] == ["primary"]
        assert list(live(world)["metadata"]["annotations"]) == [FENCE]

    def test_it_is_written_even_when_everything_is_there_already(self, world: World) -> None:
        flow.all_back(world.service("product"), by=actor(world.operator))
        assert len(writes(world)) == 1

    def test_after_a_change_of_the_stable_version_back_is_the_one_before(self, world: World) -> None:
        change = applied(world, 100)
        service = Service.objects.get(pk=change.service_id)
        assert flow.back_target(service) == change.stable
        flow.all_back(service, by=actor(world.operator))
        service.refresh_from_db()
        assert service.stable == change.stable
        assert split(world) == {"v1": 100, "v2": 0}
        assert flow.back_target(service) == change.stable  # and not forward again to what was left

    def test_a_live_rollout_is_rolled_back(self, world: World) -> None:
        rollout = world.running()
        back = flow.all_back(rollout.service, by=actor(world.operator), why="it burns")
        assert isinstance(back, Rollout)
        assert back.state == "rolled_back"
        assert split(world) == {"v1": 100, "v2": 0}

    def test_checks_drift_and_missing_pods_do_not_stop_it(self, world: World) -> None:
        applied(world, 20)
        world.mesh.remove(Ref(DEPLOYMENT, "shop", "product-v1"))
        world.mesh.edit(REF, lambda item: item["spec"]["http"][0]["route"].reverse())
        flow.all_back(world.service("product"), by=actor(world.operator))
        assert split(world) == {"v1": 100, "v2": 0}

    def test_a_stable_version_that_was_taken_out_of_the_route_is_put_in_again(self, world: World) -> None:
        applied(world, 20)

        def only_candidate(item: Manifest) -> None:
            route = item["spec"]["http"][0]
            route["route"] = [entry for entry in route["route"] if entry["destination"]["subset"] == "v2"]

        world.mesh.edit(REF, only_candidate)
        flow.all_back(world.service("product"), by=actor(world.operator))
        assert split(world) == {"v1": 100, "v2": 0}

    def test_an_object_that_can_not_be_edited_is_restored_and_the_trail_says_so(self, world: World) -> None:
        applied(world, 20)
        world.mesh.edit(REF, lambda item: item["spec"].update(http=[]))
        flow.all_back(world.service("product"), by=actor(world.operator))
        assert split(world) == {"v1": 100}
        assert "restored" in AuditEvent.objects.filter(action="mesh_write").latest("seq").reason

    def test_its_write_says_that_it_leads_back(self, world: World) -> None:
        applied(world, 20)
        back = flow.all_back(world.service("product"), by=actor(world.operator))
        event = AuditEvent.objects.filter(action="mesh_write").latest("seq")
        told = {"change": str(back), "votes": [], "leads_back": True}
        assert (event.after or {})["authorised_by"] == told

    def test_conflicts_are_read_again_and_written_over(self, world: World) -> None:
        applied(world, 20)
        world.mesh.fail_next(Conflict("changed"), on="put", times=3)
        flow.all_back(world.service("product"), by=actor(world.operator))
        assert split(world) == {"v1": 100, "v2": 0}

    def test_a_mesh_that_is_away_is_tried_by_the_worker_until_it_answers(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("releases.flow.traffic_change.back._DOOR_SECONDS", 0.0)
        applied(world, 20)
        world.mesh.fail_next(Unreachable("gone"), on="get", times=2)
        back = flow.all_back(world.service("product"), by=actor(world.operator))
        assert isinstance(back, TrafficChange)
        assert (back.state, back.problem) == ("writing", "gone")
        with pytest.raises(Unreachable):
            flow.finish_change(back.pk, by=worlds.WORKER, clock=database_now)
        flow.finish_change(back.pk, by=worlds.WORKER, clock=database_now)
        back.refresh_from_db()
        assert (back.state, split(world)) == ("applied", {"v1": 100, "v2": 0})

    def test_it_stops_a_change_that_is_being_written(self, world: World) -> None:
        change = _with_subset(world)
        world.mesh.fail_next(Unreachable("gone"), on="put")
        with pytest.raises(Unreachable):
            apply(world, change)
        flow.all_back(world.service("product"), by=actor(world.operator))
        change.refresh_from_db()
        assert change.state == "approved"
        flow.finish_change(change.pk, by=worlds.WORKER, clock=database_now)
        assert split(world) == {"v1": 100, "v2": 0}

    def test_it_leads_to_no_version_that_nobody_voted_for(self, world: World) -> None:
        service = world.service("product")
        with pytest.raises(BadPlan, match="Back leads to v1"):
            flow.all_back(service, by=actor(world.operator), to=service.versions.get(name="v2"))
        assert writes(world) == []

    @pytest.mark.parametrize("who", ["viewer", "auditor"])
    def test_it_takes_the_right_to_roll_back(self, world: World, who: str) -> None:
        service = world.service("product")
        with pytest.raises(NotAllowed):
            flow.all_back(service, by=actor(getattr(world, who)))
        assert AuditEvent.objects.filter(outcome="refused", object_type="service").count() == 1


def freeze(world: World) -> None:
    """Freeze everything for the hour around now."""
    at, hour = database_now(), timedelta(hours=1)
    Freeze.objects.create(
        name="双十一封网", reason="Sales.", starts_at=at - hour, ends_at=at + hour, created_by=world.operator
    )


def _with_subset(world: World) -> TrafficChange:
    """An approved change to 20 % on a service that is at 10 %, so that its next write is the VirtualService's."""
    applied(world, 10)
    return approve(world, ask(world, 20))
