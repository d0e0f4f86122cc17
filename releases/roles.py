"""Which roles a person has on a service: read by flow and selectors alike."""

from __future__ import annotations

from releases.domain.roles import RoleName
from releases.models import Role, User
from services.models import Service


def roles_of(user: User, service: Service | None) -> set[RoleName]:
    """Return the roles that hold on this service: those of its owning group and those that hold everywhere.

    Without a service: every role the person has anywhere. A superuser who was given no role has none.
    """
    held = Role.objects.filter(user=user)
    if service is not None:
        held = (
            held.filter(group=None) | held.filter(group=service.owners_id)
            if service.owners_id
            else held.filter(group=None)
        )
    return {RoleName(name) for name in held.values_list("name", flat=True)}


def roles_everywhere(user: User) -> set[RoleName]:
    """Return the roles that hold on every service: those without an owning group."""
    held = Role.objects.filter(user=user, group=None)
    return {RoleName(name) for name in held.values_list("name", flat=True)}
