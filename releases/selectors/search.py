"""Finding audit events by what somebody remembers of them: a name, a word of the reason, an address, a fingerprint."""

from __future__ import annotations

import ipaddress
import re

from django.db.models import Q, QuerySet

from releases.models import AuditEvent

_WORDY = ("actor", "action", "object_id", "reason")
"""The columns of the index ``audit_of_words``."""
_HEX = re.compile(r"[0-9a-f]{8,64}")
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


def _of_content(beginning: str) -> Q:
    """As a range, which an ordinary index serves on both databases; LIKE would need one of its own."""
    return Q(fingerprint__gte=beginning, fingerprint__lt=beginning + _AFTER_HEX)


def _is_address(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True
