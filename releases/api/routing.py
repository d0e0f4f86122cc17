"""``services/{id}/route/`` and ``services/{id}/all-back/``: where a request goes, and everything back at once."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from istio.effective import Decision, RequestLike
from releases.api.fields import Text
from releases.api.references import Key
from releases.api.traffic import Shares
from releases.api.traffic_changes import SpecSerializer, TrafficChangeSerializer

MAX_VALUES = 50


class Values(serializers.DictField):
    """Names and values of headers, cookies or query parameters."""

    child = Text(max_length=4096, allow_blank=True, trim_whitespace=False)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        values: dict[str, str] = super().to_internal_value(data)
        if len(values) > MAX_VALUES:
            raise serializers.ValidationError(
                _("At most %(count)d values are tried.") % {"count": MAX_VALUES}
            )
        return values


class RouteInput(serializers.Serializer[Any]):
    """A request that is tried, not sent. With ``spec`` it is tried on what such a change would write."""

    path = Text(max_length=2048, default="/")
    method = Text(max_length=16, default="GET")
    authority = Text(max_length=253, default="", allow_blank=True)
    headers = Values(default=dict)
    cookies = Values(default=dict)
    query = Values(default=dict)
    spec = SpecSerializer(required=False, allow_null=True, default=None)
    stable = Key(required=False, allow_null=True, default=None)
    candidate = Key(required=False, allow_null=True, default=None)


class RouteVerdictSerializer(serializers.Serializer[Any]):
    """One route in the order in which the mesh tries them. Nothing after the first hit is reached."""

    path = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    managed = serializers.BooleanField()
    matched = serializers.BooleanField()
    why = serializers.CharField()


class RouteSerializer(serializers.Serializer[Any]):
    """Where the request goes. ``version`` is null when several versions share such requests, or none answers."""

    version = serializers.CharField(allow_null=True)
    shares = Shares()
    action = serializers.CharField()
    route = serializers.CharField(allow_blank=True)
    why = serializers.CharField(allow_blank=True)
    routes = RouteVerdictSerializer(many=True)


class AllBackInput(serializers.Serializer[Any]):
    """Nothing has to be said. ``version`` is the stable one or the one before it."""

    reason = Text(max_length=4000, required=False, allow_blank=True, default="")
    version = Key(required=False, allow_null=True, default=None)


class AllBackSerializer(serializers.Serializer[Any]):
    """What went back: the live rollout that is rolled back, or the change that was written."""

    rollout = serializers.IntegerField(allow_null=True)
    traffic_change = TrafficChangeSerializer(allow_null=True)


def request_like(given: dict[str, Any]) -> RequestLike:
    """Return the request as Envoy would see it: cookies are one header."""
    headers = {str(name).lower(): value for name, value in given["headers"].items()}
    if given["cookies"]:
        pairs = [f"{name}={value}" for name, value in given["cookies"].items()]
        headers["cookie"] = "; ".join([*filter(None, [headers.get("cookie", "")]), *pairs])
    path = given["path"] if given["path"].startswith("/") else f"/{given['path']}"
    return RequestLike(
        path=path,
        method=given["method"],
        authority=given["authority"],
        headers=headers,
        query=given["query"],
    )


def routed(decision: Decision, shares: dict[str, float]) -> dict[str, Any]:
    """Return what ``RouteSerializer`` shows of a decision."""
    taken = next((verdict for verdict in decision.routes if verdict.matched), None)
    certain = [name for name, percent in shares.items() if percent >= 100]
    return {
        "version": certain[0] if certain else None,
        "shares": shares,
        "action": decision.action,
        "route": (taken.name or taken.path) if taken else "",
        "why": taken.why if taken else "",
        "routes": decision.routes,
    }
