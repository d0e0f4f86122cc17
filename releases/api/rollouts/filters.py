"""How lists of rollouts are narrowed."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from releases.api.filters import SomeOf, YesNo
from releases.api.references import named
from releases.domain.states import LIVE
from releases.models import Rollout
from releases.models.rollout import STATE_LABELS


class RolloutFilter(django_filters.FilterSet):
    """``?service=`` and ``?requested_by=`` take an id or a name; ``?state=`` may be given several times."""

    service = django_filters.CharFilter(method="of_service", label=_("service, by id or name"))
    state = SomeOf(choices=STATE_LABELS)
    requested_by = django_filters.CharFilter(method="of_requester", label=_("requester, by id or user name"))
    active = YesNo(method="that_is_live", label=_("not ended and not a draft"))

    class Meta:
        model = Rollout
        fields = ["service", "state", "requested_by", "active"]

    def of_service(self, rows: QuerySet[Rollout], name: str, value: str) -> QuerySet[Rollout]:
        return rows.filter(named(value, prefix=f"{name}__"))

    def of_requester(self, rows: QuerySet[Rollout], name: str, value: str) -> QuerySet[Rollout]:
        return rows.filter(named(value, by="username", prefix=f"{name}__"))

    def that_is_live(self, rows: QuerySet[Rollout], name: str, value: bool) -> QuerySet[Rollout]:
        return rows.filter(state__in=LIVE) if value else rows.exclude(state__in=LIVE)
