"""Putting messages into the outbox, in the transaction of what they tell: told exactly when it happened, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from releases.domain.roles import RoleName, allows
from releases.domain.states import Event, State
from releases.models import AuditEvent, Delivery, EmergencyRelease, NotificationChannel, Role, Rollout, User
from releases.notifications.message import Message
from releases.sentences import audit_sentence, why

_DECISIONS = frozenset({"approval_asked", "rolled_back", "review_overdue"})


def notify(rollout: Rollout, event: AuditEvent) -> None:
    """Tell every channel of the service that the rollout moved. Call it where the event was recorded."""
    kind = _kind(rollout, event)
    for channel in _channels(rollout, kind=kind):
        with override(channel.language):
            message = _message(rollout, event, kind=kind)
        _put(channel, rollout=rollout, key=f"event:{event.seq}", message=message, now=event.at)


def notify_overdue_reviews(*, now: datetime) -> int:
    """Tell once of each emergency release whose review is overdue; return how many messages were put."""
    put = 0
    late = EmergencyRelease.objects.filter(due_at__lt=now, reviewed_by=None).select_related(
        "rollout__service", "declared_by"
    )
    for release in late:
        rollout = release.rollout
        for channel in _channels(rollout, kind="review_overdue"):
            with override(channel.language):
                title = _("%(rollout)s %(service)s: the review of the emergency release is overdue")
                text = _(
                    "Somebody else than %(person)s has to review it; until then the next one is blocked."
                )
                message = Message(
                    kind="review_overdue",
                    title=title % {"rollout": rollout, "service": rollout.service.name},
                    text=text % {"person": release.declared_by},
                    url=_page(rollout),
                    service=rollout.service.name,
                    rollout=str(rollout),
                    event="review_overdue",
                    seq=0,
                    occurred_at=release.due_at.isoformat(),
                    **_people(who_may_decide(rollout, besides={release.declared_by_id})),
                )
            put += _put(channel, rollout=rollout, key=f"review:{release.pk}", message=message, now=now)
    return put


def who_may_decide(rollout: Rollout, *, besides: Iterable[int] = ()) -> list[User]:
    """Return who may vote on this rollout now: the role, neither requester nor editor, no vote yet."""
    without = {
        rollout.requested_by_id,
        *rollout.edits.values_list("by_id", flat=True),
        *rollout.approvals.filter(voided_at=None).values_list("by_id", flat=True),
        *besides,
    }
    deciding = [role.value for role in RoleName if allows([role], Event.APPROVE)]
    held = Role.objects.filter(
        Q(group=None) | Q(group=rollout.service.owners_id), name__in=deciding, user__is_active=True
    )
    return list(User.objects.filter(pk__in=held.values("user")).exclude(pk__in=without).order_by("username"))


def _kind(rollout: Rollout, event: AuditEvent) -> str:
    if event.action == Event.SUBMIT or (event.action == Event.VOID and rollout.state == State.PENDING):
        return "approval_asked"
    if event.action == Event.ROLL_BACK and event.user_id is None:
        return "rolled_back"
    return "state"


def _channels(rollout: Rollout, *, kind: str) -> list[NotificationChannel]:
    mine = Q(group=None) | Q(group=rollout.service.owners_id)
    subjects = [NotificationChannel.Subject.ALL.value]
    if kind in _DECISIONS:
        subjects.append(NotificationChannel.Subject.DECISIONS.value)
    return list(NotificationChannel.objects.filter(mine, is_active=True, subject__in=subjects))


def _message(rollout: Rollout, event: AuditEvent, *, kind: str) -> Message:
    people = who_may_decide(rollout) if kind == "approval_asked" else []
    if kind == "approval_asked":
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
    if kind == "state":
        people = [rollout.requested_by]
    return Message(
        kind=kind,
        title=title,
        text=text,
        url=_page(rollout),
        service=rollout.service.name,
        rollout=str(rollout),
        event=event.action,
        seq=event.seq,
        occurred_at=event.at.isoformat(),
        **_people(people),
    )


def _people(people: list[User]) -> dict[str, tuple[str, ...]]:
    return {
        "people": tuple(str(person) for person in people),
        "addresses": tuple(person.email for person in people if person.email),
    }


def _page(rollout: Rollout) -> str:
    return f"{settings.PUBLIC_URL.rstrip('/')}{reverse('admin:releases_rollout_change', args=[rollout.pk])}"


def _put(channel: NotificationChannel, *, rollout: Rollout, key: str, message: Message, now: datetime) -> int:
    _row, created = Delivery.objects.get_or_create(
        channel=channel,
        key=key,
        defaults={"rollout": rollout, "message": message.as_json(), "next_try_at": now},
    )
    return int(created)
