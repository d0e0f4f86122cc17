"""``me/``: who asks, and what this person may do anywhere."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from releases import selectors
from releases.api.actors import user_of
from releases.api.base import Door
from releases.api.fields import Text
from releases.api.permissions import TokenScope
from releases.domain import NotAllowed
from releases.domain.roles import Action, RoleName, allows
from releases.domain.states import OPERATOR_EVENTS
from releases.models import ApiToken
from releases.sessions import check_password


class HeldRoleSerializer(serializers.Serializer[Any]):
    role = serializers.CharField(source="name")
    group = serializers.CharField(source="group.name", default="", help_text="Empty: on every service.")


class MeSerializer(serializers.Serializer[Any]):
    """``permissions`` are events and actions that a role grants somewhere; a rollout's ``allowed_events`` say
    it exactly.
    """

    id = serializers.IntegerField()
    name = serializers.CharField()
    username = serializers.CharField()
    language = serializers.CharField()
    roles = HeldRoleSerializer(many=True)
    permissions = serializers.ListField(child=serializers.CharField())
    is_superuser = serializers.BooleanField()
    channel = serializers.ChoiceField(choices=["session", "token"])
    waiting_approvals = serializers.IntegerField(help_text="Rollouts that wait for this person's vote.")
    csrf_token = serializers.CharField(
        required=False, help_text="Sent back as X-CSRFToken with every write; sessions only."
    )


class MeView(Door):
    """Open to everybody who is signed in, so that a page can say "you have no role yet"."""

    permission_classes = [IsAuthenticated, TokenScope]

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        user = user_of(request)
        held = list(user.roles.select_related("group").order_by("id"))
        names = {RoleName(role.name) for role in held}
        by_token = isinstance(request.auth, ApiToken)
        me: dict[str, Any] = {
            "id": user.pk,
            "name": str(user),
            "username": user.get_username(),
            "language": request.LANGUAGE_CODE,
            "roles": held,
            "permissions": [what.value for what in (*OPERATOR_EVENTS, *Action) if allows(names, what)],
            "is_superuser": user.is_superuser,
            "channel": "token" if by_token else "session",
            "waiting_approvals": len(selectors.waiting_for(user)),
        }
        if not by_token:
            me["csrf_token"] = get_token(request._request)
        return Response(MeSerializer(me).data)


class PasswordSerializer(serializers.Serializer[Any]):
    password = Text(trim_whitespace=False, style={"input_type": "password"})


class ConfirmView(Door):
    """Give the password again, so that this session may decide about production for a while."""

    permission_classes = [IsAuthenticated, TokenScope]

    @extend_schema(request=PasswordSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        given = PasswordSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            check_password(request._request, user_of(request), given.validated_data["password"])
        except ValidationError as error:
            raise NotAllowed(" ".join(error.messages)) from error
        return Response(status=status.HTTP_204_NO_CONTENT)
