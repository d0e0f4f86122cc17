"""Finding audit events by what somebody remembers of them: a name, a word of the reason, an address, a fingerprint."""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime

from django.db.models import Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from releases.domain.verifier import CLOCK_TOLERANCE
from releases.models import AuditEvent

_WORDY = ("actor", "action", "object_id", "reason")
"""The columns of the index ``audit_of_words``."""
_HEX = re.compile(r"[0-9a-f]{8,64}")
MAX_NUMBER = 2**63 - 1
_AFTER_HEX = "g"
"""Comes after every hexadecimal digit, in every collation."""


def events_that_mention(rows: QuerySet[AuditEvent], words: str) -> QuerySet[AuditEvent]:
    """Narrow to events that hold every word, each in any column: within actor, action, object and reason; as the whole
    address or request id; as the beginning of the fingerprint, from eight digits on.
    """
    for word in words.split():
        found = Q(*((f"{column}__icontains", word) for column in _WORDY), _connector=Q.OR)
        found |= Q(request_id=word)
        if _is_address(word):
            found |= Q(ip=word)
        if _HEX.fullmatch(word.lower()):
            found |= _of_content(word.lower())
        rows = rows.filter(found)
    return rows


def events_of_content(rows: QuerySet[AuditEvent], fingerprint: str) -> QuerySet[AuditEvent]:
    """Narrow to events of the content whose fingerprint begins so; to none when that is no beginning of a fingerprint."""
    beginning = fingerprint.strip().lower()
    return rows.filter(_of_content(beginning)) if re.fullmatch("[0-9a-f]{1,64}", beginning) else rows.none()


def events_since(rows: QuerySet[AuditEvent], moment: datetime) -> QuerySet[AuditEvent]:
    """Narrow to events from this moment on."""
    earlier = AuditEvent.objects.filter(at__lt=moment - CLOCK_TOLERANCE).order_by("-at").values("seq")[:1]
    return rows.filter(at__gte=moment, seq__gt=Coalesce(Subquery(earlier), 0))


def events_until(rows: QuerySet[AuditEvent], moment: datetime) -> QuerySet[AuditEvent]:
    """Narrow to events before this moment.

    Times rise with the numbers but for the tolerance of the chain's guard. So a bound of the number, found by the index of times,
    spares walking back over a year of newer events.
    """
    later = AuditEvent.objects.filter(at__gt=moment + CLOCK_TOLERANCE).order_by("at").values("seq")[:1]
    return rows.filter(at__lt=moment, seq__lt=Coalesce(Subquery(later), MAX_NUMBER))


def _of_content(beginning: str) -> Q:
    """As a range, which an ordinary index serves on both databases; LIKE would need one of its own."""
    return Q(fingerprint__gte=beginning, fingerprint__lt=beginning + _AFTER_HEX)


def _is_address(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True
