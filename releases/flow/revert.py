"""After the end: one write back to the previous stable version, for seven days, without a vote."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from istio.marks import FENCE, with_annotations
from istio.traffic import cleaned
from releases.clock import Clock
from releases.domain import IllegalMove
from releases.domain.actor import Actor
from releases.domain.reasons import Reason
from releases.domain.states import LIVE, Event, State, target
from releases.flow.authorize import check_may
from releases.flow.content import ended
from releases.flow.mesh_write import put, settle
from releases.flow.move import move
from releases.models import Rollout
from services.connections import mesh_of
from services.models import Service

REVERT_WITHIN = timedelta(days=7)


def revert(rollout: Rollout, *, by: Actor, why: str, clock: Clock) -> None:
    """Write all traffic back to the version that was stable before. Raises IllegalMove when it is too late or too new."""
    check_may(Event.ROLL_BACK, by=by, service=rollout.service)
    target(State(rollout.state), Event.REVERT)
    if rollout.ended_at is None or clock() > rollout.ended_at + REVERT_WITHIN:
        raise IllegalMove(
            _("A completed rollout can be reverted for seven days; ask for a rollout of the older version.")
        )
    if (
        rollout.service.stable_id != rollout.candidate_id
        or rollout.service.rollouts.filter(state__in=LIVE).exists()
    ):
        raise IllegalMove(
            _("Another release of this service began or ended since; roll that one back instead.")
        )
    mesh = mesh_of(rollout.service.cluster)
    settle(rollout, mesh=mesh, by=by, clock=clock)
    live = mesh.get(rollout.service.virtual_service_ref)
    back = with_annotations(
        cleaned(ended(live, rollout=rollout, candidate_weight=0)), changes={FENCE: str(rollout.revision)}
    )
    put(rollout, mesh=mesh, live=live, document=back, by=by, clock=clock)
    with transaction.atomic():
        Service.objects.filter(pk=rollout.service_id).update(stable=rollout.stable)
        move(
            rollout,
            Event.REVERT,
            by=by,
            why=why,
            reason=Reason.ROLLED_BACK_BY_PERSON,
            ended_at=rollout.ended_at,
        )
