"""The one way a rollout changes: guard, compare-and-set, audit, all in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from istio.sentence import with_parts
from releases.domain import IllegalMove, LostRace
from releases.domain.actor import Actor
from releases.domain.reasons import Reason
from releases.domain.states import Event, State, target
from releases.domain.words import word
from releases.flow.notify import notify
from releases.flow.record import record
from releases.models import Rollout
from releases.said import said


def move(
    rollout: Rollout,
    event: Event,
    *,
    by: Actor,
    why: str = "",
    reason: Reason | str,
    params: Mapping[str, Any] | None = None,
    wake: datetime | None = None,
    to: State | None = None,
    after: dict[str, Any] | None = None,
    is_told: bool = True,
    **columns: Any,
) -> None:
    """Change the state by the table, and write the audit event in the same transaction; messages go out unless ``is_told`` is False.

    ``to`` keeps the state for an event that has not its full effect yet (a vote before the quorum). Raises IllegalMove,
    LostRace when the row changed since it was read.
    """
    before, stored = State(rollout.state), with_parts(params or {})
    reached = to or target(before, event)
    target(before, event)
    fields = {
        "state": reached.value,
        "reason_code": str(reason),
        "reason_params": stored,
        "next_wake_up": wake,
        "leased_until": None,
        **columns,
    }
    try:
        with transaction.atomic():
            change(rollout, event=event, **fields)
            told = record(
                event.value,
                by=by,
                obj=rollout,
                why=why,
                before={"state": before.value},
                after={"state": reached.value, "reason": str(reason), **stored, **(after or {})},
            )
            if is_told:
                notify(rollout, told)
    except IntegrityError as error:
        if "one_live_rollout_per_service" in str(error) or "releases_rollout.service_id" in str(error):
            raise IllegalMove(
                _("Service %(service)s already has a live rollout; end it before another begins.")
                % {"service": rollout.service}
            ) from error
        raise


def note(
    rollout: Rollout,
    *,
    reason: Reason | str,
    params: Mapping[str, Any] | None = None,
    wake: datetime,
    **columns: Any,
) -> None:
    """Say why the rollout is where it is and when it is looked at again, and give the lease back. No state changes."""
    fields = {
        "reason_code": str(reason),
        "reason_params": with_parts(params or {}),
        "next_wake_up": wake,
        "leased_until": None,
        **columns,
    }
    change(rollout, event=None, **fields)


def change(rollout: Rollout, *, event: Event | None, **fields: Any) -> None:
    """Compare-and-set on the revision, which goes up by one, or to ``revision``. Raises LostRace and leaves the instance as it was."""
    unchanged = Rollout.objects.filter(pk=rollout.pk, revision=rollout.revision)
    following = fields.pop("revision", rollout.revision + 1)
    if not unchanged.update(revision=following, **fields):
        text = _(
            "Rollout %(rollout)s changed while this was being done (%(what)s); look at it again and decide again."
        )
        what = said(word(event)) if event else _("note")
        raise LostRace(text % {"rollout": rollout, "what": what})
    rollout.revision = following
    for name, value in fields.items():
        setattr(rollout, name, value)


def lease(rollout_id: int, *, now: datetime) -> Rollout | None:
    """Take the row for one pass, or return None when another worker has it or it is not due any more."""
    rollout = (
        Rollout.objects.select_related(
            "service__cluster", "service__policy", "stable", "candidate", "train_member__train"
        )
        .filter(pk=rollout_id)
        .first()
    )
    if rollout is None:
        return None
    free = Rollout.objects.filter(
        Q(leased_until__isnull=True) | Q(leased_until__lte=now),
        pk=rollout_id,
        revision=rollout.revision,
        next_wake_up__lte=now,
    )
    until = now + timedelta(seconds=settings.LEASE_SECONDS)
    if not free.update(leased_until=until, revision=F("revision") + 1):
        return None
    rollout.leased_until, rollout.revision = until, rollout.revision + 1
    return rollout
