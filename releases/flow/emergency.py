"""Emergency releases (紧急发布): they do not wait for votes, and somebody else reviews them within a day."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from releases.clock import database_now
from releases.domain import BadPlan, IllegalMove, LostRace, NotAllowed
from releases.domain.actor import Actor
from releases.domain.reasons import Reason
from releases.domain.roles import Action
from releases.domain.states import Event
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may, check_may_vote, check_token, person_behind, person_of
from releases.flow.move import move
from releases.flow.record import record
from releases.flow.request import ask
from releases.models import EmergencyRelease, Rollout

REVIEW_WITHIN = timedelta(hours=24)
SHORTEST_REASON = 20


@attempt("release_in_emergency")
def release_in_emergency(rollout: Rollout, *, by: Actor, why: str, incident: str, typed_name: str) -> Rollout:
    """Submit a draft and let it start without a vote. Every check but the metrics' still holds, and so does every guard.

    Needs a permission of its own, the service's name typed, an incident, a reason of 20 characters, and no overdue review
    of this service or person. Raises NotAllowed, BadPlan, IllegalMove, Blocked, MeshError.
    """
    fresh = Rollout.objects.select_related("service__cluster", "service__policy", "stable", "candidate").get(
        pk=rollout.pk
    )
    _check(fresh, by=by, why=why, incident=incident, typed_name=typed_name)
    ask(fresh, by=by, why=why, measured=False)
    _declare(fresh, by=by, why=why, incident=incident)
    return fresh


@attempt("review_emergency")
@transaction.atomic
def review_emergency(rollout: Rollout, *, by: Actor, outcome: str, findings: str) -> EmergencyRelease:
    """Say afterwards whether it was justified. Neither who declared it nor who asked for the rollout may.

    What was not justified loses its right to go on: a rollout that still runs is paused by the next look.
    """
    release = EmergencyRelease.objects.filter(rollout=rollout).first()
    if release is None:
        raise IllegalMove(_("Rollout %(rollout)s was no emergency.") % {"rollout": rollout})
    check_may_vote(rollout, by=by, what=Event.APPROVE)
    if person_behind(person_of(by)) == person_behind(release.declared_by_id):
        raise NotAllowed(_("You declared this emergency, so somebody else has to review it."))
    if outcome not in EmergencyRelease.Outcome.values:
        raise BadPlan(_("A review says justified or not_justified."), field="outcome")
    if not findings.strip():
        raise BadPlan(_("A review says what was found."), field="findings")
    waiting = EmergencyRelease.objects.filter(pk=release.pk, reviewed_at=None)
    if not waiting.update(
        reviewed_by_id=person_of(by), reviewed_at=database_now(), outcome=outcome, findings=findings
    ):
        raise LostRace(_("%(rollout)s was reviewed already.") % {"rollout": rollout})
    record(
        "review_emergency",
        by=by,
        obj=rollout,
        why=findings,
        after={"outcome": outcome, "release": str(release)},
    )
    release.refresh_from_db()
    return release


def _check(rollout: Rollout, *, by: Actor, why: str, incident: str, typed_name: str) -> None:
    check_may(Action.RELEASE_IN_EMERGENCY, by=by, service=rollout.service)
    check_token(by, policy=rollout.service.policy)  # it stands for the votes that it does without
    person = person_behind(person_of(by))
    if typed_name.strip() != rollout.service.name:
        raise BadPlan(_("Type the name of the service, to be sure."), field="service_name")
    if len(why.strip()) < SHORTEST_REASON:
        raise BadPlan(
            _("An emergency says why, in %(count)d characters or more.") % {"count": SHORTEST_REASON},
            field="reason",
        )
    if not incident.strip():
        raise BadPlan(_("An emergency names its incident."), field="incident")
    overdue = EmergencyRelease.objects.filter(
        Q(rollout__service=rollout.service) | Q(declared_by=person) | Q(declared_by__belongs_to=person),
        reviewed_at=None,
        due_at__lt=database_now(),
    ).select_related("rollout")
    if late := overdue.first():
        raise IllegalMove(
            _("The review of the last emergency, %(rollout)s, is overdue; no other begins before it is done.")
            % {"rollout": late.rollout}
        )


@transaction.atomic
def _declare(rollout: Rollout, *, by: Actor, why: str, incident: str) -> None:
    now = database_now()
    release = EmergencyRelease.objects.create(
        rollout=rollout,
        declared_by_id=person_of(by),
        incident=incident.strip(),
        reason=why,
        declared_at=now,
        due_at=now + REVIEW_WITHIN,
    )
    move(
        rollout,
        Event.APPROVE,
        by=by,
        why=why,
        reason=Reason.WAITING_FOR_START if rollout.start_at else Reason.STARTING,
        params={"at": rollout.start_at.isoformat()} if rollout.start_at else {},
        wake=rollout.start_at or now,
        approved_at=now,
        after={
            "emergency": str(release),
            "incident": release.incident,
            "review_due": release.due_at.isoformat(),
        },
    )
