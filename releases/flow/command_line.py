"""Whose row it is when nobody is logged in: on the command line an account stands for whoever may use it."""

from __future__ import annotations

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext as _

from releases.domain import NotAllowed
from releases.domain.actor import Actor, Channel
from releases.flow.record import record
from releases.models import User

COMMAND_LINE = "command-line"


@transaction.atomic
def asker_of(by: Actor) -> int:
    """Return the key of the person who asks, or of the command line's account, which nobody can log in to.

    The audit trail names the actor beside it. Raises NotAllowed for a worker.
    """
    if by.user_id is not None:
        return by.user_id
    if by.channel is not Channel.CLI:
        raise NotAllowed(_("A change of traffic is asked for by a person."))
    account, made = User.objects.get_or_create(
        username=COMMAND_LINE, defaults={"is_active": False, "password": make_password(None)}
    )
    if made:
        record("create", by=by, obj=account, after={"username": COMMAND_LINE, "is_active": False})
    return account.pk
