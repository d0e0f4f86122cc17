"""Which audit events a person reads and takes away: who reads the trail all of it, everybody else what their services went through."""

from __future__ import annotations

from django.db.models import QuerySet

from releases.domain.roles import Action
from releases.models import AuditEvent, User
from releases.selectors.events import may_in
from services.models import Service


def reads_whole_trail(user: User) -> bool:
    """Say whether nothing is left out for this person. A role for it on one group reads that group's events."""
    return user.is_superuser or may_in(user, Action.READ_AUDIT, group_id=None)


def readable_events(rows: QuerySet[AuditEvent], user: User) -> QuerySet[AuditEvent]:
    """Narrow to the events this person may read."""
    return rows if reads_whole_trail(user) else _of_services(rows, user)


def exportable_events(rows: QuerySet[AuditEvent], user: User) -> QuerySet[AuditEvent]:
    """Narrow to the events this person may take away: the auditor the whole trail, others those of their services."""
    return rows if exports_whole_trail(user) else _of_services(rows, user)


def exports_whole_trail(user: User) -> bool:
    """Say whether nothing is left out of what this person takes away."""
    return may_in(user, Action.EXPORT_AUDIT, group_id=None)


def _of_services(rows: QuerySet[AuditEvent], user: User) -> QuerySet[AuditEvent]:
    """Whatever role it is: who has one on a service reads what was done to it."""
    groups = set(user.roles.values_list("group", flat=True))
    if None in groups:
        return rows.filter(service__isnull=False)
    own = list(Service.objects.filter(owners__in=groups).values_list("pk", flat=True))
    return rows.filter(service__in=own)
