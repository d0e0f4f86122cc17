"""Release trains as pages show them: their rows, what this person may do to the whole, and what was done."""

from __future__ import annotations

from dataclasses import replace

from django.db.models import Prefetch, Q, QuerySet

from releases.domain import DomainError
from releases.domain.actor import Actor
from releases.domain.states import Event, State
from releases.domain.train import TRAIN_EVENTS, train_state
from releases.flow.allowed import check_permission
from releases.flow.authorize import asker_of
from releases.models import AuditEvent, Rollout, Train, TrainMember
from releases.said import said_of
from releases.selectors.events import AllowedEvent, allowed_events
from releases.selectors.rows import rollouts


def trains() -> QuerySet[Train]:
    """Return release trains with their rollouts, in a fixed number of queries."""
    members = TrainMember.objects.order_by("position").prefetch_related(Prefetch("rollout", rollouts()))
    return Train.objects.select_related("created_by").prefetch_related(Prefetch("members", members))


def allowed_train_events(train: Train, by: Actor) -> list[AllowedEvent]:
    """Return the events that the state of the train knows. One refusal refuses for all, as ``flow.perform_train`` does."""
    rows = [member.rollout for member in train.members.all()]
    heard = [(row, {one.event: one.why for one in allowed_events(row, by)}) for row in rows]
    found = []
    for event in TRAIN_EVENTS[train_state(State(row.state) for row in rows)]:
        answers = (why[event] if event in why else _role_missing(row, event, by=by) for row, why in heard)
        reason = next(filter(None, answers), "")
        found.append(AllowedEvent(event=event, allowed=not reason, why=reason))
    return found


def _role_missing(row: Rollout, event: Event, *, by: Actor) -> str:
    """A member whose state does not know the event still asks for the role: one refusal refuses for all."""
    try:
        check_permission(row, event, asker=asker_of(replace(by, is_fresh=True), service=row.service))
    except DomainError as error:
        return said_of(error)
    return ""


def train_timeline(train: Train) -> QuerySet[AuditEvent]:
    """Return what was done or refused to the train or to one of its rollouts."""
    own = Q(object_type="train", object_id=str(train.pk))
    theirs = Q(rollout__in=TrainMember.objects.filter(train=train).values("rollout"))
    return AuditEvent.objects.filter(own | theirs).select_related("service__cluster", "rollout").defer("text")
