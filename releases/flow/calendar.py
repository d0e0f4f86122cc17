"""The calendar's doors: freezes that may take two people, windows, holidays, and other calendars' files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from releases.clock import database_now
from releases.domain import BadPlan, IllegalMove
from releases.domain.actor import Actor
from releases.domain.calendar.ical import Imported, read_events
from releases.domain.roles import Action
from releases.domain.states import FINISHED, State
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may_everywhere
from releases.flow.four_eyes import propose
from releases.flow.freezes import (
    FREEZE_FIELDS,
    as_json,
    check_entry,
    check_may_on,
    create_freeze,
    store_freeze,
    takes_two,
)
from releases.flow.record import record
from releases.models import Freeze, Holiday, Proposal, ReleaseWindow, Rollout
from services.models import Cluster, Service

WINDOW_FIELDS = tuple(name for name in FREEZE_FIELDS if name != "effect")


@attempt("change_freeze")
@transaction.atomic
def change_freeze(
    freeze: Freeze, *, by: Actor, fields: Mapping[str, Any], why: str = ""
) -> tuple[Freeze, Proposal | None]:
    """Change a freeze, or propose it where there would be less of an active one. Raises NotAllowed, BadPlan, IllegalMove."""
    for where in {freeze.service, fields.get("service", freeze.service)}:
        check_may_on(Action.EDIT_CALENDAR, by=by, service=where)
    before = as_json(freeze, names=tuple(fields))
    if takes_two(freeze, fields=fields, now=database_now()):
        tried = Freeze.objects.get(pk=freeze.pk)
        for name, value in fields.items():
            setattr(tried, name, value)
        check_entry(tried)
        after = as_json(tried, names=tuple(fields))
        after |= {f"{name}_id": after.pop(name) for name in ("cluster", "service") if name in after}
        proposal = propose(
            Proposal.Kind.CHANGE_FREEZE, by=by, why=why, freeze=freeze, before=before, after=after
        )
        return freeze, proposal
    stored = store_freeze(freeze, fields=fields)
    record(
        "change_freeze", by=by, obj=stored, why=why, before=before, after=as_json(stored, names=tuple(fields))
    )
    return stored, None


@attempt("lift_freeze")
@transaction.atomic
def lift_freeze(freeze: Freeze, *, by: Actor, why: str = "") -> tuple[Freeze, Proposal | None]:
    """End a freeze for good: at once while it has not begun, by two people while it is active."""
    check_may_on(Action.EDIT_CALENDAR, by=by, service=freeze.service)
    if freeze.lifted_at is not None:
        raise IllegalMove(_("Freeze %(freeze)s was lifted already.") % {"freeze": freeze})
    if freeze.is_active(database_now()):
        return freeze, propose(Proposal.Kind.LIFT_FREEZE, by=by, why=why, freeze=freeze)
    stored = store_freeze(freeze, fields={"lifted_at": database_now(), "lifted_by": by.name})
    record("lift_freeze", by=by, obj=stored, why=why)
    return stored, None


@attempt("ask_override")
def ask_override(rollout: Rollout, *, freeze: Freeze, by: Actor, why: str) -> Proposal:
    """Ask that one rollout may go on in spite of one freeze; somebody else has to agree."""
    if State(rollout.state) in FINISHED:
        raise IllegalMove(_("Rollout %(rollout)s has ended.") % {"rollout": rollout})
    return propose(Proposal.Kind.OVERRIDE_FREEZE, by=by, why=why, freeze=freeze, rollout=rollout)


@attempt("save_window")
@transaction.atomic
def save_window(
    window: ReleaseWindow, *, by: Actor, fields: Mapping[str, Any], why: str = ""
) -> ReleaseWindow:
    """Make a window (an unsaved row) or change one. Raises NotAllowed, BadPlan."""
    created = window.pk is None
    new_home = fields.get("service", window.service)
    for where in {new_home} if created else {window.service, new_home}:
        check_may_on(Action.EDIT_CALENDAR, by=by, service=where)
    before = None if created else as_json(window, names=tuple(fields))
    for name, value in fields.items():
        setattr(window, name, value)
    if window.ends_at is None:
        raise BadPlan(_("A release window ends."), field="ends_at")
    if created:
        window.created_by_id = by.user_id
    check_entry(window)
    window.save()
    after = as_json(window, names=WINDOW_FIELDS)
    record(
        "create_window" if created else "change_window",
        by=by,
        obj=window,
        why=why,
        before=before,
        after=after,
    )
    return window


@attempt("delete_window")
@transaction.atomic
def delete_window(window: ReleaseWindow, *, by: Actor, why: str = "") -> None:
    """Take a window away. The last one of a service opens all times: that is what no window means."""
    check_may_on(Action.EDIT_CALENDAR, by=by, service=window.service)
    record("delete_window", by=by, obj=window, why=why, before=as_json(window, names=WINDOW_FIELDS))
    window.delete()


@attempt("save_holiday")
@transaction.atomic
def save_holiday(*, day: date, name: str, working: bool, by: Actor) -> Holiday:
    """Put a day on the operator's own list, or change it there."""
    check_may_everywhere(Action.EDIT_CALENDAR, by=by)
    if not name.strip():
        raise BadPlan(_("A holiday has a name."), field="name")
    row, _created = Holiday.objects.update_or_create(day=day, defaults={"name": name, "working": working})
    record("save_holiday", by=by, obj=row, after={"day": day.isoformat(), "name": name, "working": working})
    return row


@attempt("delete_holiday")
@transaction.atomic
def delete_holiday(row: Holiday, *, by: Actor) -> None:
    """Take a day off the operator's own list."""
    check_may_everywhere(Action.EDIT_CALENDAR, by=by)
    record("delete_holiday", by=by, obj=row, before={"day": row.day.isoformat(), "name": row.name})
    row.delete()


@attempt("import_freezes")
@transaction.atomic
def import_freezes(
    text: str,
    *,
    by: Actor,
    service: Service | None = None,
    cluster: Cluster | None = None,
    time_zone: str = "Asia/Shanghai",
) -> list[Freeze]:
    """Make a freeze of each event of an iCalendar file. All or none; what is known by its UID is left as it is.

    Raises NotAllowed, BadPlan naming the first event that can not be kept.
    """
    check_may_on(Action.EDIT_CALENDAR, by=by, service=service)
    events = read_events(text, zone=time_zone)
    known = set(Freeze.objects.filter(uid__in=[event.uid for event in events]).values_list("uid", flat=True))
    where = {"service": service, "cluster": None if service else cluster}
    return [
        create_freeze(by=by, fields={**_fields(event), **where}) for event in events if event.uid not in known
    ]


def _fields(event: Imported) -> dict[str, Any]:
    schedule = event.schedule
    return {
        "uid": event.uid,
        "name": event.name,
        "reason": event.description,
        "starts_at": schedule.begins,
        "ends_at": schedule.ends,
        "time_zone": schedule.zone,
        "rule": schedule.rule,
    }
