"""Signed heads: every so many events or seconds, signed here and kept where the database's owner cannot write."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction

from releases.clock import Clock
from releases.domain.chain import HeadSigner
from releases.models import AuditEvent, SignedHead
from releases.notifications.post import DeliveryError, post_json


def sign_head(*, clock: Clock, at_once: bool = False) -> SignedHead | None:
    """Sign the head of the chain when it is due (or ``at_once``, for an export); None when there is nothing new or no key."""
    if not settings.AUDIT_SIGNING_KEY:
        return None
    newest = AuditEvent.objects.order_by("-seq").values_list("seq", "hash").first()
    last = SignedHead.objects.order_by("-seq").first()
    if newest is None or (last and last.seq >= newest[0]):
        return None
    now = clock()
    is_due = (
        at_once
        or last is None
        or newest[0] - last.seq >= settings.AUDIT_HEAD_EVERY_EVENTS
        or now - last.at >= timedelta(seconds=settings.AUDIT_HEAD_EVERY_SECONDS)
    )
    if not is_due:
        return None
    signer = HeadSigner.from_base64(settings.AUDIT_SIGNING_KEY)
    signature = signer.sign(seq=newest[0], hash_=newest[1], at=now)
    try:
        with transaction.atomic():
            return SignedHead.objects.create(
                seq=newest[0], hash=newest[1], at=now, key_id=signer.key_id, signature=signature
            )
    except IntegrityError:
        return None  # another worker signed the same head


def send_heads(*, clock: Clock) -> int:
    """Bring every head that has not left yet to the places of the configuration, oldest first; return how many left.

    A place that does not take it is told on the row and asked again at the next call. Network and files, no transaction.
    """
    if not (settings.AUDIT_HEADS_FILE or settings.AUDIT_HEADS_URL):
        return 0
    sent = 0
    for head in SignedHead.objects.filter(sent_at=None).order_by("seq"):
        try:
            _keep(head)
        except (OSError, DeliveryError) as error:
            SignedHead.objects.filter(pk=head.pk).update(problem=str(error))
            break
        SignedHead.objects.filter(pk=head.pk).update(sent_at=clock(), problem="")
        sent += 1
    return sent


def _keep(head: SignedHead) -> None:
    line = json.dumps(head.as_line(), sort_keys=True)
    if settings.AUDIT_HEADS_FILE:
        with Path(settings.AUDIT_HEADS_FILE).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
    if settings.AUDIT_HEADS_URL:
        post_json(settings.AUDIT_HEADS_URL, head.as_line())
