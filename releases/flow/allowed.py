"""May this event happen to this rollout now, and may this person cause it? ``flow`` asks before it acts, pages before they offer it.

The order is the contract's: permission, state, situation. Rows only: what the mesh or Prometheus say about it is asked
when it is done, and so is what the event carries (a fingerprint, a weight, a reason).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from releases.domain import BadPlan, IllegalMove
from releases.domain.actor import Actor
from releases.domain.reasons import Reason
from releases.domain.states import LIVE, Event, State, target
from releases.flow.authorize import Asker, asker_of, check_granted, check_scope, check_vote
from releases.flow.quorum import is_exempt, is_full
from releases.flow.shared_object import refuse_taken
from releases.models import Approval, Rollout, TrafficChange
from services.models import Service, Version

STATEMENTS = ("reason", "impact", "test_evidence", "rollback_note")
DECISIONS = frozenset({Event.APPROVE, Event.REJECT})
"""These take a token's scope ``approve``, all others ``write``."""
VOTES = frozenset({Event.APPROVE, Event.REJECT, Event.REVOKE})
ABOUT_THE_APPROVAL = frozenset({Reason.APPROVAL_VOID, Reason.APPROVAL_REVOKED, Reason.APPROVAL_EXPIRED})
REVERT_WITHIN = timedelta(days=7)


def check_event(rollout: Rollout, event: Event, *, by: Actor, now: datetime) -> None:
    """Raise the first thing that stands against the event: NotAllowed, PasswordNeeded, IllegalMove, BadPlan."""
    check_asked(rollout, event, asker=asker_of(by, service=rollout.service), now=now)


def check_asked(rollout: Rollout, event: Event, *, asker: Asker, now: datetime) -> None:
    """The same for somebody who was read already, as pages do for all events at once."""
    check_permission(rollout, event, asker=asker)
    target(State(rollout.state), event)
    if situation := _SITUATIONS.get(event):
        situation(rollout, asker, now)


def check_permission(rollout: Rollout, event: Event, *, asker: Asker) -> None:
    """Ask for the role, and of who decides more. A revert is a rollback that comes late. Raises NotAllowed."""
    if event in VOTES:
        check_vote(rollout, asker=asker, what=event)
    else:
        check_granted(Event.ROLL_BACK if event is Event.REVERT else event, asker=asker)
    if event not in DECISIONS:
        check_scope(asker.by, needed="write")


def has_voted(rollout: Rollout | TrafficChange, *, person: int | None, fingerprint: str) -> bool:
    """Say whether this person's approval of exactly this content stands."""
    return any(
        vote.by.person_id == person
        and vote.voided_at is None
        and (vote.decision, vote.fingerprint) == (Approval.Decision.APPROVE, fingerprint)
        for vote in rollout.approvals.all()
    )


def repeats_vote(rollout: Rollout, *, person: int | None, fingerprint: str) -> bool:
    """Say whether an approval would only be given again: the one that stands is for this, and has not been overtaken."""
    stands = State(rollout.state) in LIVE - {State.ROLLING_BACK} and fingerprint == rollout.fingerprint
    return stands and has_voted(rollout, person=person, fingerprint=fingerprint)


def check_pair(service: Service, *, candidate: Version, stable: Version) -> None:
    """Refuse two versions between which traffic can not be moved. Raises BadPlan."""
    if candidate.service_id != service.pk:
        raise BadPlan(
            _("Version %(version)s is not a version of %(service)s.")
            % {"version": candidate, "service": service},
            field="candidate",
        )
    if candidate.pk == stable.pk:
        raise BadPlan(
            _("Version %(version)s is already the stable one.") % {"version": candidate.name},
            field="candidate",
        )
    if candidate.subset == stable.subset:
        text = _(
            "Versions %(candidate)s and %(stable)s share the subset %(subset)s, so traffic can not be split between them."
        )
        raise BadPlan(
            text % {"candidate": candidate.name, "stable": stable.name, "subset": stable.subset},
            field="candidate",
        )


def check_ready(rollout: Rollout) -> None:
    """Refuse a draft that does not say what it is, or that another release has overtaken. Raises BadPlan, IllegalMove."""
    needed = [*STATEMENTS, *(["compatibility_note"] if rollout.changes_data else [])]
    missing = [name for name in needed if not getattr(rollout, name).strip()]
    if missing:
        raise BadPlan(
            _("A rollout is not submitted without: %(fields)s.") % {"fields": ", ".join(missing)},
            field=missing[0],
        )
    # Said before the database does: its constraint refuses the second live rollout whatever happens here.
    other = Rollout.objects.filter(service=rollout.service, state__in=LIVE).exclude(pk=rollout.pk).first()
    if other:
        text = _("Service %(service)s already has a live rollout, %(other)s; end it before another begins.")
        raise IllegalMove(text % {"service": rollout.service, "other": other})
    refuse_taken(rollout.service)
    if Service.objects.values_list("stable", flat=True).get(pk=rollout.service_id) != rollout.stable_id:
        raise BadPlan(
            _("The stable version of %(service)s changed since this draft was made; make a new one.")
            % {"service": rollout.service},
            field="service",
        )


def _may_be_submitted(rollout: Rollout, _asker: Asker, _now: datetime) -> None:
    check_ready(rollout)


def _waits_for_votes(rollout: Rollout, _asker: Asker, now: datetime) -> None:
    """A paused rollout takes votes while those it had are void, or not enough of them count."""
    if State(rollout.state) is not State.PAUSED:
        return
    about_it = rollout.reason_code in ABOUT_THE_APPROVAL
    if is_exempt(rollout, now=now) or (not about_it and is_full(rollout)):
        raise IllegalMove(
            _("The approval of %(rollout)s covers what would be written; there is nothing to approve.")
            % {"rollout": rollout}
        )


def _has_vote_to_revoke(rollout: Rollout, asker: Asker, _now: datetime) -> None:
    mine = (vote for vote in rollout.approvals.all() if vote.by.person_id == asker.person)
    if not any(vote.voided_at is None and vote.decision == Approval.Decision.APPROVE for vote in mine):
        raise IllegalMove(_("You have no vote on %(rollout)s that could be revoked.") % {"rollout": rollout})


def _is_undrifted(rollout: Rollout, _asker: Asker, _now: datetime) -> None:
    if rollout.drift is not None:
        raise IllegalMove(_("The mesh is not what Weir last wrote; restore or adopt it before you resume."))


def _is_drifted(rollout: Rollout, _asker: Asker, _now: datetime) -> None:
    if rollout.drift is None:
        raise IllegalMove(_("The mesh is what Weir last wrote; there is nothing to restore or adopt."))


def _has_weight(rollout: Rollout, _asker: Asker, _now: datetime) -> None:
    step = rollout.current_step
    if step is None:
        raise IllegalMove(_("Nothing has been shifted yet; there is no weight to set."))
    if any(run.position > step for run in rollout.step_runs.all()):
        raise IllegalMove(_("The next traffic is being written already; pause first, or roll back."))


def _has_begun(rollout: Rollout, _asker: Asker, _now: datetime) -> None:
    if rollout.current_step is None:
        raise IllegalMove(
            _("Nothing has been shifted yet; a rollout is promoted from a step that carries traffic.")
        )


def _can_still_be_reverted(rollout: Rollout, _asker: Asker, now: datetime) -> None:
    if rollout.ended_at is None or now > rollout.ended_at + REVERT_WITHIN:
        raise IllegalMove(
            _("A completed rollout can be reverted for seven days; ask for a rollout of the older version.")
        )
    service = rollout.service
    if service.stable_id != rollout.candidate_id or service.rollouts.filter(state__in=LIVE).exists():
        raise IllegalMove(
            _("Another release of this service began or ended since; roll that one back instead.")
        )


def _can_be_tried_again(rollout: Rollout, _asker: Asker, _now: datetime) -> None:
    if rollout.plan is None:
        raise IllegalMove(
            _("Rollout %(rollout)s can not be tried again: its plan is gone.") % {"rollout": rollout}
        )
    if rollout.service.stable is not None:
        check_pair(rollout.service, candidate=rollout.candidate, stable=rollout.service.stable)


_SITUATIONS: Mapping[Event, Callable[[Rollout, Asker, datetime], None]] = {
    Event.SUBMIT: _may_be_submitted,
    Event.APPROVE: _waits_for_votes,
    Event.REVOKE: _has_vote_to_revoke,
    Event.RESUME: _is_undrifted,
    Event.SET_WEIGHT: _has_weight,
    Event.PROMOTE: _has_begun,
    Event.RESTORE: _is_drifted,
    Event.ADOPT: _is_drifted,
    Event.REVERT: _can_still_be_reverted,
    Event.RETRY: _can_be_tried_again,
}
