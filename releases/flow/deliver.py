"""Emptying the outbox: each message is taken by one worker, tried again later and later, and given up in the end."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction

from istio.sentence import Sentence, message_of, parts_of
from releases.clock import Clock
from releases.domain.actor import Actor
from releases.domain.roles import Action
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may_in
from releases.flow.record import record
from releases.models import Delivery, NotificationChannel
from releases.notifications.formats import FORMATS, check_answer
from releases.notifications.message import Message
from releases.notifications.post import DeliveryError, post

MOST_ATTEMPTS = 12
_LEASE = timedelta(seconds=60)
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)


def due_deliveries(*, now: datetime, most: int = 100) -> list[int]:
    """Return the ids of messages that wait for a try, the longest waiting first."""
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING, next_try_at__lte=now)
    return list(waiting.order_by("next_try_at").values_list("pk", flat=True)[:most])


def deliver(delivery_id: int, *, clock: Clock) -> bool:
    """Try one message once; say whether it arrived. Whoever takes the row first tries it, all others leave it alone.

    A worker that dies between sending and noting sends again: the webhook's ``webhook-id`` stays the same.
    """
    now = clock()
    row = Delivery.objects.select_related("channel").filter(pk=delivery_id).first()
    if row is None or not Delivery.objects.filter(
        pk=delivery_id, state=Delivery.State.WAITING, next_try_at__lte=now, attempts=row.attempts
    ).update(next_try_at=now + _LEASE, attempts=row.attempts + 1):
        return False
    attempts = row.attempts + 1
    try:
        _send(row.channel, message=Message.from_json(row.message), id_=f"weir-{row.pk}", now=now)
    except DeliveryError as error:
        is_over = error.is_final or attempts >= MOST_ATTEMPTS
        Delivery.objects.filter(pk=row.pk).update(
            problem=str(error),
            problem_parts=parts_of(message_of(error)),
            state=Delivery.State.FAILED if is_over else Delivery.State.WAITING,
            next_try_at=clock() + pause_after(attempts),
        )
        return False
    Delivery.objects.filter(pk=row.pk).update(
        state=Delivery.State.SENT, sent_at=clock(), problem="", problem_parts={}
    )
    return True


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after this many failures: 5 s, doubled each time, an hour at most."""
    doublings = min(attempts - 1, 20)
    return min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)


@attempt("retry_notification")
@transaction.atomic
def retry_delivery(delivery: Delivery, *, by: Actor, clock: Clock) -> None:
    """Try a message again now, also one that was given up. Raises NotAllowed."""
    check_may_in(Action.EDIT_CATALOGUE, by=by, group_id=delivery.channel.group_id)
    Delivery.objects.filter(pk=delivery.pk).exclude(state=Delivery.State.SENT).update(
        state=Delivery.State.WAITING, attempts=0, next_try_at=clock()
    )
    record(
        "retry_notification",
        by=by,
        obj=delivery,
        after={"channel": delivery.channel.name, "key": delivery.key},
    )


def _send(channel: NotificationChannel, *, message: Message, id_: str, now: datetime) -> None:
    if channel.kind == NotificationChannel.Kind.EMAIL:
        _mail(message)
        return
    url = os.environ.get(channel.url_env, "")
    if not url:
        raise DeliveryError(
            Sentence("The environment has no {name}: no address to send to.", name=channel.url_env)
        )
    secret = os.environ.get(channel.secret_env, "") if channel.secret_env else ""
    if channel.secret_env and not secret:
        raise DeliveryError(
            Sentence("The environment has no {name}: nothing to sign with.", name=channel.secret_env)
        )
    posting = FORMATS[channel.kind](message, url=url, secret=secret, id_=id_, seconds=int(now.timestamp()))
    check_answer(channel.kind, post(posting.url, posting.body, headers=posting.headers))


def _mail(message: Message) -> None:
    """One mail, addresses hidden from one another. Nobody with an address is no failure: nobody is to be told."""
    if not message.addresses:
        return
    mail = EmailMessage(
        subject=message.title.replace("\n", " "),
        body=f"{message.text}\n\n{message.url}\n",
        from_email=settings.DEFAULT_FROM_EMAIL,
        bcc=list(message.addresses),
    )
    try:
        mail.send()
    except OSError as error:  # smtplib's errors are OSErrors
        raise DeliveryError(Sentence("The mail server did not take it: {error}", error=str(error))) from error
