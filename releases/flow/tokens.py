"""API tokens: they belong to a person, have scopes and an end, and are shown once."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from releases.clock import database_now
from releases.domain import BadPlan, NotAllowed
from releases.domain.actor import Actor
from releases.domain.roles import Action
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may_everywhere
from releases.flow.record import record
from releases.models import ApiToken, User

SCOPES = ("read", "write", "approve")


@attempt("issue_token", about="user")
@transaction.atomic
def issue_token(
    *, user: User, name: str, scopes: Sequence[str], expires_at: datetime, by: Actor
) -> tuple[ApiToken, str]:
    """Make a token and return it with its secret, which is stored nowhere. A person makes tokens for nobody else."""
    if by.user_id is not None and by.user_id != user.pk:
        raise NotAllowed(_("A token belongs to a person, who makes it; nobody makes one for somebody else."))
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise BadPlan(
            _("A token has some of these scopes: %(scopes)s.") % {"scopes": ", ".join(SCOPES)}, field="scopes"
        )
    if expires_at <= database_now():
        raise BadPlan(_("A token ends in the future."), field="expires_at")
    secret = f"weir_{secrets.token_urlsafe(32)}"
    token = ApiToken.objects.create(
        user=user, name=name, scopes=list(scopes), digest=ApiToken.digest_of(secret), expires_at=expires_at
    )
    record(
        "issue_token",
        by=by,
        obj=token,
        after={
            "user": user.username,
            "name": name,
            "scopes": list(scopes),
            "expires_at": expires_at.isoformat(),
        },
    )
    return token, secret


@attempt("revoke_token")
@transaction.atomic
def revoke_token(token: ApiToken, *, by: Actor) -> None:
    """End a token now: one's own, or anybody's by a user administrator."""
    if by.user_id != token.user_id:
        check_may_everywhere(Action.EDIT_USERS, by=by)
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=database_now())
    record("revoke_token", by=by, obj=token, after={"user": token.user.username, "name": token.name})
