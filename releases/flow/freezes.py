"""Making, changing and lifting freezes; the red button. What takes less of an active freeze takes two people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from releases.clock import database_now
from releases.domain import BadPlan, IllegalMove
from releases.domain.actor import Actor
from releases.domain.calendar import Effect, zone_of
from releases.domain.calendar.change import FreezeTerms, weakens
from releases.domain.roles import Action
from releases.domain.states import MOVING
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may, check_may_everywhere
from releases.flow.record import record
from releases.flow.waiting import wait_for_passes
from releases.models import Freeze, ReleaseWindow, Rollout
from services.models import Cluster, Service

YEARS = range(2000, 2100)
FREEZE_FIELDS = (
    "name",
    "reason",
    "cluster",
    "service",
    "starts_at",
    "ends_at",
    "time_zone",
    "rule",
    "days",
    "effect",
)


@attempt("create_freeze")
@transaction.atomic
def create_freeze(*, by: Actor, fields: Mapping[str, Any]) -> Freeze:
    """Make a freeze. It takes one person: closing never waits. Raises NotAllowed, BadPlan."""
    check_may_on(Action.EDIT_CALENDAR, by=by, service=fields.get("service"))
    return _made(Freeze(created_by_id=by.user_id), by=by, fields=fields, action="create_freeze")


@attempt("press_red_button")
@transaction.atomic
def press_red_button(
    *, by: Actor, why: str, service: Service | None = None, cluster: Cluster | None = None
) -> Freeze:
    """Stop everything from going forward, now and until it is lifted: on a service, a cluster, or everywhere."""
    check_may_on(Action.PRESS_RED_BUTTON, by=by, service=service)
    if not why.strip():
        raise BadPlan(_("The red button is pressed with a reason."), field="reason")
    where = service or cluster or _("everything")
    home = service.cluster if service else cluster
    fields = {
        "name": _("Red button: %(where)s") % {"where": where},
        "reason": why,
        "service": service,
        "cluster": None if service else cluster,
        "starts_at": database_now(),
        "ends_at": None,
        "time_zone": home.time_zone if home else settings.TIME_ZONE,
        "effect": Effect.HOLD.value,
    }
    row = Freeze(created_by_id=by.user_id, red_button=True)
    return _made(row, by=by, fields=fields, action="press_red_button")


def check_may_on(what: Action, *, by: Actor, service: Service | None) -> None:
    """Refuse who may not do this where an entry holds; without a service it holds for all groups. Raises NotAllowed."""
    if service is None:
        check_may_everywhere(what, by=by)
    else:
        check_may(what, by=by, service=service)


def terms_of(freeze: Freeze) -> FreezeTerms:
    """What of a freeze binds, as a value."""
    return FreezeTerms(freeze.schedule, Effect(freeze.effect), freeze.cluster_id, freeze.service_id)


def takes_two(freeze: Freeze, *, fields: Mapping[str, Any], now: datetime) -> bool:
    """Say whether this change needs a second person: the freeze is active and there would be less of it."""
    if not freeze.is_active(now):
        return False
    before = terms_of(freeze)
    schedule = replace(
        before.schedule,
        begins=fields.get("starts_at", freeze.starts_at),
        ends=fields.get("ends_at", freeze.ends_at),
        zone=fields.get("time_zone", freeze.time_zone),
        rule=fields.get("rule", freeze.rule),
        days=type(before.schedule.days)(fields.get("days", freeze.days)),
    )
    after = FreezeTerms(
        schedule,
        Effect(fields.get("effect", freeze.effect)),
        _pk(fields.get("cluster", freeze.cluster)),
        _pk(fields.get("service", freeze.service)),
    )
    return weakens(before, after)


def store_freeze(freeze: Freeze, *, fields: Mapping[str, Any]) -> Freeze:
    """Write a change that is allowed, and wake what it concerns: before and after. Raises BadPlan, IllegalMove."""
    if freeze.lifted_at is not None:
        raise IllegalMove(_("Freeze %(freeze)s was lifted already.") % {"freeze": freeze})
    wake_covered(freeze)
    for name, value in fields.items():
        setattr(freeze, name, value)
    check_entry(freeze)
    freeze.save()
    freeze.refresh_from_db()
    wake_covered(freeze)
    return freeze


def wake_covered(freeze: Freeze) -> None:
    """Let the worker look at the rollouts that a freeze covers: it may hold them, free them, or roll them back.

    Whoever changed it is answered when the passes that had begun before are over: none goes forward after that.
    """
    covered = Q()
    if freeze.service_id:
        covered = Q(service=freeze.service_id)
    elif freeze.cluster_id:
        covered = Q(service__cluster=freeze.cluster_id)
    rows = Rollout.objects.filter(covered, state__in=MOVING)
    # Never later than it was due: what is overdue stays so.
    now = database_now()
    rows.exclude(next_wake_up__lte=now).update(next_wake_up=now)
    transaction.on_commit(partial(wait_for_passes, list(rows.values_list("pk", flat=True))))


def check_entry(entry: Freeze | ReleaseWindow) -> None:
    """Check what the value objects check, and keep what stands on the wall beside the instants. Raises BadPlan."""
    if not entry.name.strip():
        raise BadPlan(_("A freeze or window has a name."), field="name")
    if entry.cluster and entry.service:
        raise BadPlan(_("Name a service or a cluster, not both; neither means everything."), field="service")
    for field, instant in (("starts_at", entry.starts_at), ("ends_at", entry.ends_at)):
        if instant is not None and instant.year not in YEARS:
            raise BadPlan(_("The year lies between 2000 and 2099."), field=field)
    entry.schedule.check()
    zone = zone_of(entry.time_zone)
    entry.starts_local = f"{entry.starts_at.astimezone(zone):%Y-%m-%dT%H:%M:%S}"
    entry.ends_local = f"{entry.ends_at.astimezone(zone):%Y-%m-%dT%H:%M:%S}" if entry.ends_at else ""


def as_json(entry: Freeze | ReleaseWindow, *, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields as the audit trail and proposals keep them."""
    values = {name: getattr(entry, name) for name in names}
    return {name: value if value is None else _plain(value) for name, value in values.items()}


def _made(row: Freeze, *, by: Actor, fields: Mapping[str, Any], action: str) -> Freeze:
    for name, value in fields.items():
        setattr(row, name, value)
    check_entry(row)
    row.save()
    wake_covered(row)
    record(action, by=by, obj=row, why=row.reason, after=as_json(row, names=FREEZE_FIELDS))
    return row


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.pk if isinstance(value, Service | Cluster) else value


def _pk(row: Any) -> int | None:
    return row.pk if row is not None else None
