"""Release trains: asked for, approved and taken back as one. Each member is an ordinary rollout, carried out by the same engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from istio.mesh import MeshError
from releases.clock import Clock, database_now
from releases.domain import BadPlan, DomainError, IllegalMove, Stale
from releases.domain.actor import Actor
from releases.domain.states import Event, State, can
from releases.domain.train import TRAIN_EVENTS, Order, joint_fingerprint, train_state
from releases.domain.words import word
from releases.flow.allowed import check_permission, repeats_vote
from releases.flow.authorize import asker_of, person_behind, person_of
from releases.flow.perform import perform
from releases.flow.record import record, record_refusal
from releases.flow.request import create
from releases.flow.train_turn import rollouts_of
from releases.models import Rollout, RolloutPlan, Train, TrainMember
from releases.said import said
from services.models import Service, Version


@dataclass(frozen=True, slots=True)
class Asked:
    """One service of a train: what shall be released there, and by which plan."""

    service: Service
    candidate: Version
    plan: RolloutPlan


@dataclass(frozen=True, slots=True)
class Statements:
    """What a request says to those who decide, the same for every member."""

    reason: str
    impact: str
    test_evidence: str
    rollback_note: str
    ticket: str = ""
    start_at: datetime | None = None


@transaction.atomic
def create_train(
    *, name: str, order: Order, asked: Sequence[Asked], statements: Statements, by: Actor
) -> Train:
    """Make a draft of each member, in this order. Raises NotAllowed, BadPlan."""
    if len(asked) < 2:
        raise BadPlan(_("A release train has at least two services."), field="members")
    if len({member.service.pk for member in asked}) < len(asked):
        raise BadPlan(
            _("A service is in a release train once; two versions of it need two rollouts."), field="members"
        )
    train = Train.objects.create(name=name, order=order.value, created_by_id=person_of(by))
    for position, member in enumerate(asked):
        rollout = create(
            service=member.service,
            candidate=member.candidate,
            plan=member.plan,
            by=by,
            reason=statements.reason,
            impact=statements.impact,
            test_evidence=statements.test_evidence,
            rollback_note=statements.rollback_note,
            ticket=statements.ticket,
            start_at=statements.start_at,
        )
        TrainMember.objects.create(train=train, rollout=rollout, position=position)
    record(
        "create_train",
        by=by,
        obj=train,
        why=statements.reason,
        after={"order": order.value, "rollouts": [str(row) for row in rollouts_of(train)]},
    )
    return train


def perform_train(
    train: Train,
    event: Event,
    *,
    by: Actor,
    why: str = "",
    fingerprint: str = "",
    clock: Clock = database_now,
) -> Train:
    """Do one event to every member whose state knows it; a rollback takes the last member first. Raises DomainError, MeshError.

    What is refused for one member is refused for the train: an approval names the joint fingerprint and counts for all or none,
    and members that were submitted before another was refused are withdrawn again.
    """
    try:
        rows = _concerned(train, event, by=by, fingerprint=fingerprint)
    except DomainError as error:
        record_refusal(by=by, action=event.value, obj=train, why=str(error))
        raise
    if event is Event.SUBMIT:
        _submit(rows, by=by, why=why, clock=clock)
    elif event is Event.ROLL_BACK:
        for row in reversed(rows):
            perform(row, event, by=by, why=why, clock=clock)
    else:
        with transaction.atomic():
            for row in rows:
                perform(row, event, by=by, why=why, fingerprint=row.fingerprint, clock=clock)
    return train


def check_train_first(train: Train, event: Event, *, by: Actor) -> None:
    """Say, and record, what stands against it before a door complains about the input. Raises NotAllowed, IllegalMove."""
    rows = rollouts_of(train)
    try:
        _check_permission(rows, event, by=by)
        _check_state(train, event, rows=rows)
    except DomainError as error:
        record_refusal(by=by, action=event.value, obj=train, why=str(error))
        raise


def _concerned(train: Train, event: Event, *, by: Actor, fingerprint: str) -> list[Rollout]:
    """Check who asks, then the state, then the fingerprint, and return the members that the event is for.

    Nobody is left when this person has approved exactly this train already: a second click changes nothing.
    """
    rows = rollouts_of(train)
    _check_permission(rows, event, by=by)
    is_this = fingerprint == fingerprint_of_train(train, rows=rows)
    if event is Event.APPROVE and is_this and _have_vote_of(rows, by=by):
        return []
    _check_state(train, event, rows=rows)
    if event is Event.APPROVE and not is_this:
        raise Stale(
            _("The train is not what you looked at: its joint fingerprint is another one. Look at it again.")
        )
    return [row for row in rows if can(State(row.state), event)]


def _have_vote_of(rows: Sequence[Rollout], *, by: Actor) -> bool:
    person = person_behind(person_of(by))
    return all(repeats_vote(row, person=person, fingerprint=row.fingerprint) for row in rows)


def _check_permission(rows: Sequence[Rollout], event: Event, *, by: Actor) -> None:
    for row in rows:
        check_permission(row, event, asker=asker_of(by, service=row.service))


def _check_state(train: Train, event: Event, *, rows: Sequence[Rollout]) -> None:
    state = train_state(State(row.state) for row in rows)
    if event not in TRAIN_EVENTS[state]:
        raise IllegalMove(
            _("Release train %(train)s is %(state)s, which does not go with %(event)s.")
            % {"train": train, "state": said(word(state)), "event": said(word(event))}
        )


def _submit(rows: Sequence[Rollout], *, by: Actor, why: str, clock: Clock) -> None:
    submitted: list[Rollout] = []
    for row in rows:
        try:
            submitted.append(perform(row, Event.SUBMIT, by=by, why=why, clock=clock))
        except (DomainError, MeshError) as error:
            for done in reversed(submitted):
                perform(done, Event.WITHDRAW, by=by, why=f"{row}: {error}", clock=clock)
            raise


def fingerprint_of_train(train: Train, *, rows: Sequence[Rollout]) -> str:
    """Return what one approval of the train approves; empty before every member was submitted."""
    return joint_fingerprint(order=Order(train.order), fingerprints=[row.fingerprint for row in rows])
