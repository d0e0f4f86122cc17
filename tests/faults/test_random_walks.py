"""Random interleavings of workers, people, faults and time; after each move the invariants I1-I10 are checked.

A second worker, a person or a kill comes in the *middle* of a pass, at the points of ``points``. Every walk ends with all
faults healed: then a rollback that was asked for must be done.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django.fixtures import Settings

from istio.telemetry import TelemetryUnreachable
from releases.domain.states import Event, State
from releases.models import Verdict
from services import connections
from services.models import Policy, Version
from tests.admin import world as worlds
from tests.faults.judge import check_now, step_of, weight_in
from tests.faults.points import EVERY_STEP
from tests.faults.walk import FAILURES, INTERRUPTIBLE, LEASE, Ended, Walk, calendar_of

pytestmark = [pytest.mark.faults, pytest.mark.django_db, pytest.mark.timeout(10_800 if EVERY_STEP else 400)]

HANDS = (Event.PAUSE, Event.RESUME, Event.ROLL_BACK, Event.PROMOTE, Event.REVOKE, Event.APPROVE)
AFTER_DRIFT = (Event.RESTORE, Event.ADOPT, Event.RESUME)
ENOUGH = ("pass", "inconclusive")


class Walks(RuleBasedStateMachine):
    """Everything that can happen to a rollout, in any order."""

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        self.stack.enter_context(transaction.atomic())
        world = worlds.build()
        self.stack.enter_context(connections.use(mesh=world.mesh, telemetry=world.telemetry))
        self.walk = Walk(world)
        self.stack.enter_context(calendar_of(self.walk))

    def teardown(self) -> None:
        if hasattr(self, "walk"):
            try:
                self._heal()
                self._check_rollback_gets_done()
                event(f"{self.walk.rollout.state} at step {self.walk.rollout.current_step}")
            finally:
                transaction.set_rollback(True)
                self.stack.close()

    # What workers do

    @rule(seconds=st.sampled_from([1, 5, 10, 15]), times=st.integers(1, 4))
    def pulses(self, seconds: int, times: int) -> None:
        for _ in range(times):
            self.walk.tick(seconds)
            self._pass(self.walk.advance)

    @rule()
    def a_quiet_minute(self) -> None:
        """Nothing is wrong for a while, so that walks get further than their first step."""
        self._heal()
        self.walk.tick(1)
        for _ in range(6):
            self.walk.tick(10)
            self._pass(self.walk.advance)

    @rule(point=st.sampled_from(INTERRUPTIBLE), wait=st.sampled_from([1, 31]))
    def worker_is_killed(self, point: str, wait: int) -> None:
        def kill() -> None:
            raise Ended

        self.walk.tick(6)
        self._pass(lambda: self.walk.advance_with(point, kill))
        self.walk.tick(wait)

    @rule(point=st.sampled_from(INTERRUPTIBLE), late=st.booleans())
    def second_worker_comes_in_between(self, point: str, late: bool) -> None:
        def second() -> None:
            self.walk.tick(LEASE.total_seconds() if late else 1)
            self._pass(self.walk.advance)

        self.walk.tick(6)
        self._pass(lambda: self.walk.advance_with(point, second), passes=2)

    @rule(point=st.sampled_from(INTERRUPTIBLE), hand=st.sampled_from(HANDS), freeze=st.booleans())
    def person_comes_in_between(self, point: str, hand: Event, freeze: bool) -> None:
        def person() -> None:
            self.walk.tick(
                LEASE.total_seconds()
            )  # a pause waits for the lease, and nobody here lets time pass
            self._by_hand(hand)
            self.walk.open = self.walk.open and not freeze

        self.walk.tick(6)
        self._pass(lambda: self.walk.advance_with(point, person))

    @rule(hours=st.integers(1, 48))
    def outage(self, hours: int) -> None:
        """Nobody looks for a long time; overdue steps do not pile up (I8): ``_pass`` allows one."""
        self.walk.tick(hours * 3600)
        self._pass(self.walk.advance)

    # What people do

    @rule(hand=st.sampled_from(HANDS))
    def person(self, hand: Event) -> None:
        self.walk.tick(1)
        self._by_hand(hand)

    @rule(weight=st.integers(0, 60))
    def set_weight(self, weight: int) -> None:
        self.walk.perform(Event.SET_WEIGHT, weight=weight)

    @rule(hand=st.sampled_from(AFTER_DRIFT))
    def after_drift(self, hand: Event) -> None:
        self.walk.perform(hand)

    @rule()
    def second_request(self) -> None:
        """I1: another live rollout of the same service is refused."""
        if not self.walk.ended:
            draft = self.walk.world.draft(self.walk.rollout.service.name)
            assert self.walk.refused(draft, Event.SUBMIT)

    @precondition(lambda self: self.walk.ended)
    @rule(revert=st.booleans())
    def next_release(self, revert: bool) -> None:
        if revert and self.walk.rollout.state == State.COMPLETED:
            self.walk.perform(Event.REVERT)
        self._heal()
        self.walk.begin()

    # What the world does

    @rule(
        kind=st.sampled_from(sorted(FAILURES)),
        on=st.sampled_from(["get", "list", "put"]),
        times=st.integers(1, 3),
    )
    def mesh_fails(self, kind: str, on: str, times: int) -> None:
        self.walk.world.mesh.fail_next(FAILURES[kind], on=on, times=times)  # type: ignore[arg-type]  # a literal by construction

    @rule()
    def answer_is_lost(self) -> None:
        self.walk.world.mesh.fail_next(FAILURES["timeout"], on="put", after=True)

    @rule()
    def mesh_heals(self) -> None:
        self.walk.world.mesh.forgive()

    @rule(kind=st.sampled_from(["away", "back", "once", "silent", "heard"]))
    def prometheus(self, kind: str) -> None:
        telemetry = self.walk.world.telemetry
        match kind:
            case "away" | "back":
                telemetry.unreachable = kind == "away"
            case "once":
                telemetry.fail_next(TelemetryUnreachable("Prometheus did not answer."))
            case "silent":
                telemetry.silence(since=self.walk.world.now)
            case _:
                telemetry.end_silence(at=self.walk.world.now)

    @rule()
    def candidate_fails(self) -> None:
        self.walk.split.error_ratio = 0.4
        self.walk.split.follow()

    @rule(is_open=st.booleans())
    def freeze(self, is_open: bool) -> None:
        self.walk.open = is_open

    @rule(weight=st.integers(0, 100))
    def somebody_edits_the_mesh(self, weight: int) -> None:
        self.walk.drift(weight)

    @rule(back=st.booleans())
    def image_changes(self, back: bool) -> None:
        """The registered version is not what was approved any more, or is again."""
        image = f"shop/{self.walk.rollout.service.name}:v2" + ("" if back else "-rebuilt")
        Version.objects.filter(pk=self.walk.rollout.candidate_id).update(image=image)
        self.walk.content_changed = not back

    @rule(needed=st.integers(1, 2))
    def policy_changes(self, needed: int) -> None:
        Policy.objects.filter(pk=self.walk.world.policy.pk).update(approvals_needed=needed)
        self.walk.policy_changed = needed != 1

    # What must hold

    @invariant()
    def nothing_is_broken(self) -> None:
        if hasattr(self, "walk"):
            check_now(self.walk.rollout, stored=self.walk.stored())

    @invariant()
    def an_end_is_an_end(self) -> None:
        """I4: after the write that ends a rollout no step of it is written any more."""
        if not hasattr(self, "walk"):
            return
        ended = False
        for write in self.walk.writes():
            marked = step_of(write.document) is not None
            assert not (ended and marked), "a step was written after the end"
            ended = ended or not marked

    def _pass(self, go: object, *, passes: int = 1) -> None:
        """One pass: what it wrote must have been allowed when it began (I3, I6, I8, I9, I10)."""
        walk = self.walk
        allowed = (
            walk.open
            and not walk.content_changed
            and not walk.policy_changed
            and walk.rollout.state in {State.APPROVED, State.RUNNING}
        )
        before = len(walk.writes())
        weight = walk.weight()
        assert callable(go)
        go()
        fresh = walk.writes()[before:]
        forward = [write for write in fresh if weight_in(write.document, rollout=walk.rollout) > weight]
        assert not forward or allowed, "a forward write without a valid approval, or while closed or paused"
        steps = [step_of(write.document) for write in fresh]
        assert len({step for step in steps if step is not None}) <= passes, f"steps piled up: {steps}"
        for write in forward:
            self._check_due(step_of(write.document))

    def _check_due(self, step: int | None) -> None:
        """The step before had its whole bake while running, and evidence."""
        walk = self.walk
        planned = walk.rollout.plan_value.steps
        before = len(planned) - 1 if step is None else step - 1
        if before < 0 or walk.promoted_by_hand:
            return
        stood = walk.baked.get(before, timedelta())
        due = timedelta(seconds=planned[before].bake_seconds)
        assert stood >= due, f"step {before + 1} stood {stood} of {due}"
        seen = Verdict.objects.filter(rollout=walk.rollout, step=before, outcome__in=ENOUGH)
        assert seen.exists(), f"step {before + 1} was left without evidence"

    def _by_hand(self, hand: Event) -> None:
        """I4: a rollback is done in one go whenever the mesh answers. I10: a pause leaves the traffic alone."""
        walk = self.walk
        weight, state = walk.weight(), State(walk.rollout.state)
        by = walk.world.approver if hand in {Event.REVOKE, Event.APPROVE} else walk.world.operator
        if hand is Event.ROLL_BACK:
            walk.world.mesh.forgive()
        refusal = walk.perform(hand, by=by)
        if hand is Event.ROLL_BACK and state in {State.RUNNING, State.PAUSED, State.ROLLING_BACK}:
            assert walk.rollout.state == State.ROLLED_BACK, refusal
            assert walk.weight() == 0
        elif hand is Event.PAUSE:
            assert walk.weight() == weight

    def _heal(self) -> None:
        walk = self.walk
        walk.world.mesh.forgive()
        walk.world.telemetry.unreachable = False
        walk.open = True
        Policy.objects.filter(pk=walk.world.policy.pk).update(approvals_needed=1)
        walk.policy_changed = False

    def _check_rollback_gets_done(self) -> None:
        walk = self.walk
        for _ in range(4):
            walk.tick(LEASE.total_seconds())
            walk.advance()
        assert walk.rollout.state != State.ROLLING_BACK, walk.rollout.reason_params
        if walk.rollout.state == State.ROLLED_BACK and not walk.drifted:
            assert walk.weight() == 0
        check_now(walk.rollout, stored=walk.stored())


def test_random_walks_keep_every_invariant(settings_for_walks: None) -> None:
    run_state_machine_as_test(
        Walks,
        settings=settings(
            max_examples=400 if EVERY_STEP else 3,
            stateful_step_count=60 if EVERY_STEP else 16,
            deadline=None,
            derandomize=not EVERY_STEP,  # the suite tries the same walks each time, the soak others
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def settings_for_walks(settings: Settings) -> None:
    """Cheap passwords, a cache that nothing outlives, and no second of waiting in a rollback's door."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
