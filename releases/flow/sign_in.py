"""Log-in and log-out as acts: each is an event, failed ones are summed per address and minute, and guessing is slowed down.

A typed user name that belongs to nobody is not kept: people type passwords into the wrong field.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Sum

from releases.domain.actor import Actor, Channel
from releases.flow.record import record
from releases.models import AuditEvent, FailedLogIn, User

NOBODY = "?"
_WINDOW = timedelta(minutes=10)
_KEPT = timedelta(days=1)


@transaction.atomic
def record_log_in(user: User, *, by: Actor, how: str) -> None:
    """Write that a person came in; ``how`` is ``password`` or ``oidc``."""
    record("log_in", by=by, obj=user, after={"how": how})


@transaction.atomic
def record_log_out(user: User, *, by: Actor) -> None:
    """Write that a person left."""
    record("log_out", by=by, obj=user)


def note_failed_log_in(*, address: str, name: str, now: datetime) -> None:
    """Count one failed log-in. The event follows when the minute is over."""
    minute = now.replace(second=0, microsecond=0)
    known = User.objects.filter(username=name).values_list("username", flat=True).first() or NOBODY
    with transaction.atomic():
        try:
            with transaction.atomic():
                row, _created = FailedLogIn.objects.get_or_create(address=address or NOBODY, minute=minute)
        except IntegrityError:
            row = FailedLogIn.objects.get(address=address or NOBODY, minute=minute)
        names = {**row.names, known: row.names.get(known, 0) + 1}
        FailedLogIn.objects.filter(pk=row.pk).update(count=F("count") + 1, names=names)


def wait_before_log_in(*, address: str, name: str, now: datetime) -> int:
    """Return the seconds until this address may try this name again, 0 when it may now.

    Two limits over ten minutes: of one address for one name, which nobody else can use up for its owner, and of one address.
    """
    lately = FailedLogIn.objects.filter(minute__gt=now - _WINDOW, address=address or NOBODY)
    total = lately.aggregate(total=Sum("count"))["total"] or 0
    if total < settings.LOG_IN_TRIES_PER_NAME:
        return 0
    rows = list(lately.order_by("minute"))
    of_name = sum(row.names.get(name, 0) for row in rows)
    if of_name < settings.LOG_IN_TRIES_PER_NAME and total < settings.LOG_IN_TRIES_PER_ADDRESS:
        return 0
    return max(int((rows[0].minute + _WINDOW - now).total_seconds()), 1)


def record_failed_log_ins(*, now: datetime) -> int:
    """Write one event for each address and minute that is over; return how many. Old counts go."""
    over = FailedLogIn.objects.filter(recorded=False, minute__lt=now.replace(second=0, microsecond=0))
    written = 0
    for row in over.order_by("minute"):
        with transaction.atomic():
            if not FailedLogIn.objects.filter(pk=row.pk, recorded=False).update(recorded=True):
                continue
            after = {"count": row.count, "names": row.names, "minute": row.minute.isoformat()}
            by = Actor(name=NOBODY, channel=Channel.ADMIN, ip="" if row.address == NOBODY else row.address)
            record("log_in", by=by, obj=row, outcome=AuditEvent.Outcome.REFUSED, after=after)
            written += 1
    FailedLogIn.objects.filter(recorded=True, minute__lt=now - _KEPT).delete()
    return written
