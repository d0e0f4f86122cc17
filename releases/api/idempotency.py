"""``Idempotency-Key``: a POST that is sent again, because the first answer got lost, is answered and not done
again.

The key belongs to a person. Only answers of success are kept: whatever was refused has changed nothing and
may be tried again with the same key.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from releases.api.actors import user_of
from releases.api.errors import Refusal
from releases.models.idempotency import IdempotencyKey

HEADER = "Idempotency-Key"
KEPT = timedelta(days=1)
MAX_LENGTH = 200
WHILE_ANSWERING = timedelta(minutes=1)
"""A process that died while answering blocks its key for this long."""


class Replay(Exception):
    """The request was answered before. ``response`` is that answer."""

    def __init__(self, response: Response) -> None:
        super().__init__("answered before")
        self.response = response


def claim(request: Request, *, now: datetime) -> IdempotencyKey | None:
    """Take the request's key, if it brings one. Raises Replay, or Refusal (422 another request, 409 still
    being answered).
    """
    key = request.headers.get(HEADER, "")
    if not key:
        return None
    if len(key) > MAX_LENGTH:
        raise ValidationError(
            {HEADER: [_("The key is longer than %(limit)s characters.") % {"limit": MAX_LENGTH}]}
        )
    IdempotencyKey.objects.filter(expires_at__lte=now).delete()
    digest = _digest(request)
    row, is_new = IdempotencyKey.objects.get_or_create(
        user=user_of(request),
        key=key,
        defaults={"request_digest": digest, "expires_at": now + WHILE_ANSWERING},
    )
    if is_new:
        return row
    if row.request_digest != digest:
        detail = _("This Idempotency-Key was used for another request; take a new key for a new request.")
        raise Refusal(
            status_code=status.HTTP_422_UNPROCESSABLE_ENTITY, code="idempotency_key_reused", detail=detail
        )
    if row.status is None:
        detail = _(
            "The first request with this Idempotency-Key is still being answered; ask again in a moment."
        )
        raise Refusal(status_code=status.HTTP_409_CONFLICT, code="idempotency_key_in_use", detail=detail)
    raise Replay(Response(row.answer, status=row.status, headers={"Idempotent-Replayed": "true"}))


def keep(row: IdempotencyKey, response: Response, *, now: datetime) -> None:
    """Keep the answer for a day, or give the key back when nothing was done."""
    if not status.is_success(response.status_code):
        row.delete()
        return
    row.answer = json.loads(JSONRenderer().render(response.data) or b"null")
    row.status, row.expires_at = response.status_code, now + KEPT
    row.save(update_fields=["answer", "status", "expires_at"])


def _digest(request: Request) -> str:
    whole = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    whole.update(request._request.body)
    return whole.hexdigest()
