"""What is told because time passed: reviews of emergencies that are due or overdue, tokens that are about to end."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from releases.flow.notify.deciders import who_may_review
from releases.flow.notify.outbox import page, people, tell
from releases.models import ApiToken, EmergencyRelease
from releases.notifications.message import Message

REVIEW_SOON = timedelta(hours=4)
TOKEN_SOON = timedelta(days=7)


def remind(*, now: datetime) -> int:
    """Tell once of each review that is due soon, each that is overdue, each token that ends soon; return how many messages were put."""
    waiting = EmergencyRelease.objects.filter(due_at__lt=now + REVIEW_SOON, reviewed_at=None)
    rows = waiting.select_related("rollout__service", "rollout__requested_by", "declared_by")
    ending = ApiToken.objects.filter(
        revoked_at=None, expires_at__gt=now, expires_at__lt=now + TOKEN_SOON, user__is_active=True
    ).select_related("user__belongs_to")
    return sum(_review(row, now=now) for row in rows) + sum(_token(row, now=now) for row in ending)


def _review(release: EmergencyRelease, *, now: datetime) -> int:
    rollout = release.rollout
    kind = "review_overdue" if release.due_at < now else "review_due"

    def message() -> Message:
        title = _("%(rollout)s %(service)s: the review of the emergency release is due soon")
        text = _("Somebody else than %(person)s has to review it by %(due)s.")
        if kind == "review_overdue":
            title = _("%(rollout)s %(service)s: the review of the emergency release is overdue")
            text = _("Somebody else than %(person)s has to review it; until then the next one is blocked.")
        due = date_format(timezone.localtime(release.due_at), "Y-m-d H:i")
        return Message(
            kind=kind,
            title=title % {"rollout": rollout, "service": rollout.service.name},
            text=text % {"person": release.declared_by, "due": due},
            url=page("rollout", rollout.pk),
            service=rollout.service.name,
            rollout=str(rollout),
            event=kind,
            seq=0,
            occurred_at=release.due_at.isoformat(),
            **people(who_may_review(release)),
        )

    key = f"review:{release.pk}" if kind == "review_overdue" else f"review-due:{release.pk}"
    groups = {rollout.service.owners_id}
    return tell(key, kind=kind, groups=groups, message=message, now=now, rollout=rollout)


def _token(token: ApiToken, *, now: datetime) -> int:
    """By mail to the person whose token it is, and to nobody else."""
    owner = token.user.belongs_to or token.user

    def message() -> Message:
        ends = date_format(timezone.localtime(token.expires_at), "Y-m-d H:i")
        return Message(
            kind="token_expires",
            title=_("Your API token %(name)s ends on %(ends)s") % {"name": token.name, "ends": ends},
            text=_("What uses it is refused from then on. Make another one and take this one away."),
            url=f"{settings.PUBLIC_URL.rstrip('/')}/admin/releases/apitoken/",
            service="",
            rollout="",
            event="token_expires",
            seq=0,
            occurred_at=token.expires_at.isoformat(),
            about="token",
            number=token.name,
            **people([owner]),
        )

    return tell(f"token:{token.pk}", kind="token_expires", groups={None}, message=message, now=now)
