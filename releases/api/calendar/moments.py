"""Instants in bodies: with an offset, or as a wall-clock time in the zone that the body names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from releases.domain.calendar import instant_of


@extend_schema_field({"type": "string", "examples": ["2026-11-11T00:00:00+08:00", "2026-11-11T00:00"]})
class Moment(serializers.Field[datetime | None, Any, Any, Any]):
    """ISO 8601. Without an offset it is read on the wall of ``time_zone``: what does not exist there is refused, and of
    what exists twice the body chooses by ``…_fold``.
    """

    default_error_messages = {
        "moment": _("Give a time such as 2026-11-11T00:00 or 2026-11-11T00:00:00+08:00.")
    }

    def to_internal_value(self, data: object) -> Any:
        """Return the time as it was given, naive or not. Raises ValidationError."""
        try:
            return datetime.fromisoformat(str(data)) if isinstance(data, str) else self.fail("moment")
        except ValueError:
            self.fail("moment")

    def to_representation(self, value: datetime | None) -> str | None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None


def resolved(given: Mapping[str, Any], *, zone: str) -> dict[str, Any]:
    """Return the fields with instants in place of local times, and without the folds. Raises BadPlan."""
    fields = {name: value for name, value in given.items() if not name.endswith("_fold")}
    for name in ("starts_at", "ends_at"):
        moment = fields.get(name)
        if moment is not None and moment.tzinfo is None:
            fold = given.get(f"{name.removesuffix('_at')}_fold")
            fields[name] = instant_of(moment, zone=zone, fold=fold, field=name)
    return fields
