"""Back, whatever it is that moved the traffic last: a rollout, a split by hand, or a release that just ended."""

from __future__ import annotations

from django.utils.translation import gettext as _

from releases.clock import Clock, database_now
from releases.domain import IllegalMove
from releases.domain.actor import Actor
from releases.domain.states import CARRYING, Event, State
from releases.domain.traffic_change import ChangeState, settled_on
from releases.flow.allowed import REVERT_WITHIN
from releases.flow.perform import perform
from releases.flow.traffic_change.back import all_back
from releases.flow.traffic_change.versions import in_force
from releases.models import Rollout, TrafficChange
from services.models import Service


def go_back(
    service: Service, *, by: Actor, why: str = "", clock: Clock = database_now
) -> Rollout | TrafficChange:
    """Roll back the rollout that carries traffic, else give a split by hand back, else revert the release before.

    Only what moved the traffic last is undone, so that asking twice does not undo an older release as well. Raises
    IllegalMove when there is nothing to undo, MeshError.
    """
    carrying = Rollout.objects.filter(service=service, state__in=sorted(CARRYING)).first()
    if carrying is not None:
        return perform(carrying, Event.ROLL_BACK, by=by, why=why, clock=clock)
    current = in_force(service)
    is_split = current is not None and not settled_on(current.spec_value)
    if is_split or TrafficChange.objects.filter(service=service, state=ChangeState.WRITING).exists():
        return all_back(service, by=by, why=why, clock=clock)
    completed = _just_completed(service, clock=clock)
    if completed is None:
        text = _(
            "Service %(service)s has no rollout that carries traffic, no split by hand, and no release of the last "
            "%(days)d days as the last thing that moved its traffic."
        )
        raise IllegalMove(text % {"service": service, "days": REVERT_WITHIN.days})
    return perform(completed, Event.REVERT, by=by, why=why, clock=clock)


def _just_completed(service: Service, *, clock: Clock) -> Rollout | None:
    """Return the completed rollout that moved the traffic last, if it can still be reverted."""
    last = (
        service.rollouts.filter(started_at__isnull=False, ended_at__isnull=False)
        .order_by("-started_at")
        .first()
    )
    if last is None or last.state != State.COMPLETED or last.ended_at is None:
        return None
    later = service.traffic_changes.filter(
        state=ChangeState.APPLIED, ended_at__gt=last.ended_at, rollout=None
    )
    return None if later.exists() or clock() > last.ended_at + REVERT_WITHIN else last
