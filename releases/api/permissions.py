"""Who may come in: everybody with a role may read; a token needs the scope. What may be written, ``flow``
decides.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Model
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from releases.api.references import find
from releases.domain import NotAllowed
from releases.domain.roles import Action
from releases.domain.states import Event
from releases.models import ApiToken, User
from releases.selectors import may_any, may_in, why_not
from services.models import Service

Wanted = tuple[Event | Action, ...]


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


class MayCause(BasePermission):
    """Before the input is looked at: a role that grants what the view does, on the service it is about where one is named.

    ``grants`` of the view names, per action (or method of a plain view), what of which any one does. ``flow`` asks again, exactly.
    """

    code = NotAllowed.code

    def has_permission(self, request: Request, view: APIView) -> bool:
        wanted = granted_by(view, request)
        if not wanted:
            return True
        user = request.user
        if not isinstance(user, User) or not may_any(user, wanted, concerned=()):
            self.message = why_not(wanted[0], service=_service_of(view))
            return False
        return self._allows(user, wanted, service=_service_named(request))

    def has_object_permission(self, request: Request, view: APIView, obj: Model) -> bool:
        wanted = granted_by(view, request)
        user = request.user
        return not wanted or not isinstance(user, User) or self._allows(user, wanted, service=_home_of(obj))

    def _allows(self, user: User, wanted: Wanted, *, service: Service | None) -> bool:
        if service is None:
            return True
        self.message = why_not(wanted[0], service=service)
        return may_any(user, wanted, concerned={service.owners_id})


def granted_by(view: APIView, request: Request) -> Wanted:
    """Return what of which any one lets somebody do what this request asks for; nothing for reads."""
    if request.method in SAFE_METHODS:
        return ()
    grants: Mapping[str, Wanted] = getattr(view, "grants", {})
    return grants.get(getattr(view, "action", None) or (request.method or "").lower(), ())


def _home_of(row: Model | None) -> Service | None:
    """Return the service that a row is, or belongs to."""
    home = row if isinstance(row, Service) else getattr(row, "service", None)
    return home if isinstance(home, Service) else None


def _service_of(view: APIView) -> Service | None:
    """Return the service of the row that the path names, for the sentence that says where a role is missing."""
    key = view.kwargs.get("pk")
    if key is None or not isinstance(view, GenericAPIView):
        return None
    return _home_of(view.get_queryset().filter(pk=key).first())


def _service_named(request: Request) -> Service | None:
    """Return the service that the body names, if it names one. Raises ParseError for a body that can not be read."""
    named = request.data.get("service") if isinstance(request.data, Mapping) else None
    if isinstance(named, bool) or not isinstance(named, int | str):
        return None
    try:
        service: Service = find(Service.objects.select_related("cluster"), named)
    except serializers.ValidationError:
        return None  # what is wrong with the name is said to who may
    return service


class MayReadAudit(BasePermission):
    """Reading the whole chain takes a role that grants it everywhere."""

    message = _("The whole audit trail takes a role that may read it, such as auditor, approver or operator.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        return isinstance(user, User) and (
            user.is_superuser or may_in(user, Action.READ_AUDIT, group_id=None)
        )
