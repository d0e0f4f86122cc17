"""What says who must agree: changing it takes two people. It is proposed, and stays as it is until somebody else agrees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from releases.domain.actor import Actor
from releases.flow.four_eyes import propose
from releases.models import Proposal
from services.models import Policy, Service

GUARDED: Mapping[type[models.Model], frozenset[str]] = {
    Policy: frozenset(
        {
            "name",
            "approvals_needed",
            "signing",
            "signers",
            "required_groups",
            "guard_allowed",
            "token_approval_allowed",
        }
    ),
    Service: frozenset({"policy", "owners"}),
}


def guarded(instance: models.Model, *, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes of a row that is there which take two people, and are changes at all."""
    names = GUARDED.get(type(instance), frozenset()) if instance.pk else frozenset()
    found = {name: value for name, value in changes.items() if name in names}
    return {name: value for name, value in found.items() if _stored(instance, name) != _key(value)}


def propose_guarded(
    instance: models.Model, *, by: Actor, changes: Mapping[str, Any], why: str = ""
) -> Proposal:
    """Propose guarded changes of a policy or a service. Raises NotAllowed."""
    before = {name: _stored(instance, name) for name in changes}
    after = {name: _key(value) for name, value in changes.items()}
    reason = why or _("changed in the catalogue")
    if isinstance(instance, Policy):
        after["number"] = instance.number
        return propose(
            Proposal.Kind.CHANGE_POLICY, by=by, why=reason, policy=instance, before=before, after=after
        )
    assert isinstance(instance, Service)  # noqa: S101 - nothing else is guarded
    after = {f"{name}_id": value for name, value in after.items()}
    return propose(
        Proposal.Kind.CHANGE_SERVICE, by=by, why=reason, service=instance, before=before, after=after
    )


def _stored(instance: models.Model, name: str) -> Any:
    value = getattr(instance, name)
    return sorted(row.pk for row in value.all()) if hasattr(value, "all") else _key(value)


def _key(value: Any) -> Any:
    """Rows as their keys, so that what is stored and what is given compare, and JSON keeps both."""
    if isinstance(value, models.Model):
        return value.pk
    if isinstance(value, models.QuerySet | list | tuple | set):
        return sorted(_key(item) for item in value)
    return value
