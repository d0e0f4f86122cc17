"""What happens when the second person agrees: one function per kind of proposal, in the transaction of the agreement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext as _

from releases.clock import database_now
from releases.domain import IllegalMove
from releases.domain.actor import Actor
from releases.flow.accounts import change_agreed_account, give_agreed_role
from releases.flow.freezes import store_freeze, wake_covered
from releases.models import FreezeOverride, Proposal, StandardChange
from services.models import Policy, Service


def carry_out(proposal: Proposal, *, by: Actor) -> None:
    """Make the change that was agreed to. Raises IllegalMove when the row changed since it was proposed."""
    _DOES[Proposal.Kind(proposal.kind)](proposal, by)


def _change_policy(proposal: Proposal, by: Actor) -> None:
    """The policy's number goes up: what was approved under the old one is void."""
    policy = proposal.policy
    assert policy is not None  # noqa: S101 - the kind says so
    after = dict(proposal.after)
    if policy.number != after.pop("number"):
        raise IllegalMove(
            _("Policy %(policy)s changed since this was proposed; propose it again.") % {"policy": policy}
        )
    groups = {name: after.pop(name) for name in Policy.GROUPS if name in after}
    Policy.objects.filter(pk=policy.pk).update(number=F("number") + 1, **after)
    for name, chosen in groups.items():
        getattr(policy, name).set(chosen)


def _change_service(proposal: Proposal, by: Actor) -> None:
    service = proposal.service
    assert service is not None  # noqa: S101 - the kind says so
    Service.objects.filter(pk=service.pk).update(**proposal.after)


def _change_freeze(proposal: Proposal, by: Actor) -> None:
    freeze = proposal.freeze
    assert freeze is not None  # noqa: S101 - the kind says so
    fields = {
        name: datetime.fromisoformat(value) if name in {"starts_at", "ends_at"} and value else value
        for name, value in proposal.after.items()
    }
    store_freeze(freeze, fields=fields)


def _lift_freeze(proposal: Proposal, by: Actor) -> None:
    freeze = proposal.freeze
    assert freeze is not None  # noqa: S101 - the kind says so
    store_freeze(freeze, fields={"lifted_at": database_now(), "lifted_by": by.name})


def _override_freeze(proposal: Proposal, by: Actor) -> None:
    freeze, rollout = proposal.freeze, proposal.rollout
    assert freeze is not None  # noqa: S101 - the kind says so
    assert rollout is not None  # noqa: S101 - the kind says so
    FreezeOverride.objects.get_or_create(
        freeze=freeze,
        rollout=rollout,
        defaults={
            "reason": proposal.reason,
            "asked_by": proposal.asked_by,
            "agreed_by_id": proposal.decided_by_id or 0,
        },
    )
    wake_covered(freeze)


def _standard_change(proposal: Proposal, by: Actor) -> None:
    service, after = proposal.service, proposal.after
    assert service is not None  # noqa: S101 - the kind says so
    StandardChange.objects.create(
        proposal=proposal,
        plan=proposal.plan,
        service=service,
        plan_digest=after["plan_digest"],
        max_weight=after["max_weight"],
        valid_until=datetime.fromisoformat(after["valid_until"]),
    )


def _give_role(proposal: Proposal, by: Actor) -> None:
    give_agreed_role(proposal)


def _change_account(proposal: Proposal, by: Actor) -> None:
    change_agreed_account(proposal)


_DOES: Mapping[Proposal.Kind, Callable[[Proposal, Actor], None]] = {
    Proposal.Kind.CHANGE_POLICY: _change_policy,
    Proposal.Kind.CHANGE_SERVICE: _change_service,
    Proposal.Kind.CHANGE_FREEZE: _change_freeze,
    Proposal.Kind.LIFT_FREEZE: _lift_freeze,
    Proposal.Kind.OVERRIDE_FREEZE: _override_freeze,
    Proposal.Kind.STANDARD_CHANGE: _standard_change,
    Proposal.Kind.GIVE_ROLE: _give_role,
    Proposal.Kind.CHANGE_ACCOUNT: _change_account,
}
