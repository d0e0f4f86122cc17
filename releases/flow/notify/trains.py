"""What a release train tells: that it waits for approval as a whole."""

from __future__ import annotations

from django.utils.translation import gettext as _

from releases.domain.states import State
from releases.flow.notify.deciders import who_may_decide
from releases.flow.notify.outbox import page, people, tell
from releases.flow.train_turn import rollouts_of
from releases.models import AuditEvent, Train
from releases.notifications.message import Message


def notify_train(train: Train, event: AuditEvent) -> None:
    """Tell once that a whole train waits for its votes: when no member is a draft any more. Later moves are the members' own."""
    rows = rollouts_of(train)
    if any(row.state == State.DRAFT for row in rows):
        return
    services = ", ".join(row.service.name for row in rows)

    def message() -> Message:
        title = _("Release train %(name)s waits for approval") % {"name": train.name}
        text = _("%(person)s asks to release %(services)s together: %(reason)s") % {
            "person": rows[0].requested_by,
            "services": services,
            "reason": rows[0].reason,
        }
        deciding = {user.pk: user for row in rows for user in who_may_decide(row)}
        return Message(
            kind="approval_asked",
            title=title,
            text=text,
            url=page("rollout", rows[0].pk),
            service=services,
            rollout=", ".join(map(str, rows)),
            event=event.action,
            seq=event.seq,
            occurred_at=event.at.isoformat(),
            about="train",
            number=str(train),
            **people(deciding.values()),
        )

    groups = {row.service.owners_id for row in rows}
    tell(f"event:{event.seq}", kind="approval_asked", groups=groups, message=message, now=event.at)
