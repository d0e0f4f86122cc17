"""Filters of lists that are about the person who looks."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from releases import selectors
from releases.admin.actor import person
from releases.domain.states import FINISHED
from releases.models import Rollout


class MineFilter(SimpleListFilter):
    """What waits for my decision, and what of mine is not at its end."""

    title = _("for me")
    parameter_name = "mine"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("needs-me", _("needs my decision")), ("waiting", _("mine, not finished"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rollout]) -> QuerySet[Rollout]:
        user = person(request)
        if self.value() == "needs-me":
            return queryset.filter(pk__in=[rollout.pk for rollout in selectors.waiting_for(user)])
        if self.value() == "waiting":
            return queryset.filter(requested_by=user).exclude(state__in=FINISHED)
        return queryset
