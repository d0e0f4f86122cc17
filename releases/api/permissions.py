"""Who may come in: everybody with a role may read; a token needs the scope. What may be written, ``flow``
decides.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from releases.domain.roles import Action
from releases.models import ApiToken, User
from releases.selectors import may_in


class HasRole(BasePermission):
    """Any role opens every read. A superuser without a role may look, and may do nothing."""

    message = _("You have no role yet; ask a user administrator for one.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        return isinstance(user, User) and (user.is_superuser or user.roles.exists())


class TokenScope(BasePermission):
    """A token needs ``read`` for reads, and for the rest the scope its view names (``write`` unless it says
    otherwise).
    """

    code = "scope_missing"

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, ApiToken):
            return True
        scope = "read" if request.method in SAFE_METHODS else getattr(view, "scope", "write")
        self.message = _("This token does not have the scope '%(scope)s'.") % {"scope": scope}
        return scope in request.auth.scopes


class MayReadAudit(BasePermission):
    """Reading the whole chain takes a role that grants it everywhere."""

    message = _("The whole audit trail takes a role that may read it, such as auditor, approver or operator.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        return isinstance(user, User) and (
            user.is_superuser or may_in(user, Action.READ_AUDIT, group_id=None)
        )
