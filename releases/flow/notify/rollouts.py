"""What a rollout's own moves tell: an approval asked, an emergency, a rollback by itself, every other change of its state."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from releases.domain.states import Event, State
from releases.flow.notify.deciders import who_may_decide
from releases.flow.notify.outbox import page, people, tell
from releases.flow.notify.trains import notify_train
from releases.models import AuditEvent, Role, Rollout, User
from releases.notifications.message import Message
from releases.sentences import audit_sentence, why


def notify(rollout: Rollout, event: AuditEvent) -> None:
    """Tell every channel of the service that the rollout moved. Call it where the event was recorded.

    A release train is asked for once, when its last member is submitted; what starts without a vote asks nobody for one.
    """
    kind = _kind(rollout, event)
    member = getattr(rollout, "train_member", None)
    if kind == "approval_asked" and member is not None:
        notify_train(member.train, event)
    elif kind:
        groups = {rollout.service.owners_id}
        tell(
            f"event:{event.seq}",
            kind=kind,
            groups=groups,
            message=lambda: _message(rollout, event, kind=kind),
            now=event.at,
            rollout=rollout,
        )


def _kind(rollout: Rollout, event: AuditEvent) -> str:
    if event.action == Event.APPROVE and "emergency" in (event.after or {}):
        return "emergency"
    if event.action == Event.SUBMIT:
        return "" if rollout.standard_change_id else "approval_asked"
    if event.action == Event.VOID and rollout.state == State.PENDING:
        return "approval_asked"
    return "rolled_back" if event.action == Event.ROLL_BACK and event.user_id is None else "state"


def _message(rollout: Rollout, event: AuditEvent, *, kind: str) -> Message:
    told: Iterable[User] = []
    if kind == "approval_asked":
        told = who_may_decide(rollout)
        text = _("%(person)s asks to release %(candidate)s: %(reason)s") % {
            "person": rollout.requested_by,
            "candidate": rollout.candidate.name,
            "reason": rollout.reason,
        }
    else:
        text = "\n".join(part for part in (audit_sentence(event), event.reason, why(rollout)) if part)
    title = _("%(rollout)s %(service)s %(candidate)s: %(state)s") % {
        "rollout": rollout,
        "service": rollout.service.name,
        "candidate": rollout.candidate.name,
        "state": rollout.get_state_display(),
    }
    if kind == "emergency":
        told = _everyone(rollout)
        title = _("Emergency release %(rollout)s of %(service)s %(candidate)s") % {
            "rollout": rollout,
            "service": rollout.service.name,
            "candidate": rollout.candidate.name,
        }
        text = _emergency_text(rollout, event)
    if kind == "state":
        told = [rollout.requested_by]
    return Message(
        kind=kind,
        title=title,
        text=text,
        url=page("rollout", rollout.pk),
        service=rollout.service.name,
        rollout=str(rollout),
        event=event.action,
        seq=event.seq,
        occurred_at=event.at.isoformat(),
        **people(told),
    )


def _emergency_text(rollout: Rollout, event: AuditEvent) -> str:
    return _(
        "%(incident)s, declared by %(person)s without votes: %(reason)s Somebody else reviews it within a day."
    ) % {
        "incident": (event.after or {}).get("incident", ""),
        "person": event.actor,
        "reason": event.reason,
    }


def _everyone(rollout: Rollout) -> list[User]:
    """Everybody with a role on the service, whatever it is."""
    here = Role.objects.filter(group=None) | Role.objects.filter(group=rollout.service.owners_id)
    users = User.objects.filter(is_active=True, belongs_to=None, pk__in=here.values("user"))
    return list(users.order_by("username"))
