"""What a proposal would change, in words: field by field, as it is and as it would be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from releases.models import Freeze, Proposal, Role, StandardChange, User
from releases.templatetags.weir import clock
from services.models import Policy, Service

_ROW: dict[str, type[models.Model]] = {
    Proposal.Kind.CHANGE_POLICY: Policy,
    Proposal.Kind.CHANGE_SERVICE: Service,
    Proposal.Kind.CHANGE_FREEZE: Freeze,
    Proposal.Kind.STANDARD_CHANGE: StandardChange,
    Proposal.Kind.GIVE_ROLE: Role,
    Proposal.Kind.CHANGE_ACCOUNT: User,
}
# Kept so that the change is made to what was looked at, or so that a name outlives its row: nothing a person compares.
_BESIDE = frozenset({"number", "plan_digest", "group_name", "group_names", "belongs_to_name"})
_CALLED = {"role": "name", "added_groups": "groups"}


@dataclass(frozen=True, slots=True)
class Line:
    """One field; ``before`` is empty where there is nothing to compare with."""

    label: str
    before: str
    after: str


def lines_of(proposal: Proposal) -> list[Line]:
    """Return what differs, in the order in which the proposal holds it."""
    row = _ROW.get(proposal.kind)
    if row is None:
        return []
    found = []
    for name, value in proposal.after.items():
        if name in _BESIDE:
            continue
        plain = name.removesuffix("_id")
        field = _field(row, _CALLED.get(plain, plain))
        label = str(getattr(field, "verbose_name", "") or plain.replace("_", " "))
        kept = proposal.before.get(plain, proposal.before.get(_CALLED.get(plain, plain)))
        has_before = bool(proposal.before)
        line = Line(label, _said(kept, field=field) if has_before else "", _said(value, field=field))
        if line.before != line.after:
            found.append(line)
    return found


def as_table(proposal: Proposal) -> SafeString | str:
    """Return the lines as a table; a sentence where the kind says it all."""
    lines = lines_of(proposal)
    if not lines:
        return _("Nothing but what is said above.")
    rows = format_html_join(
        "",
        "<tr><th scope='row'>{}</th><td>{}</td><td>{}</td></tr>",
        ((x.label, x.before, x.after) for x in lines),
    )
    head = format_html(
        "<tr><th scope='col'>{}</th><th scope='col'>{}</th><th scope='col'>{}</th></tr>",
        _("Field"),
        _("As it is"),
        _("As it would be"),
    )
    return format_html("<table class='t'><thead>{}</thead><tbody>{}</tbody></table>", head, rows)


def _field(row: type[models.Model], name: str) -> models.Field[Any, Any] | None:
    try:
        field = row._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, models.Field) else None


def _said(value: Any, *, field: models.Field[Any, Any] | None) -> str:
    if value is None or value in ("", []):
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict) and "steps" in value:
        return " → ".join(f"{step['weight']} %" for step in value["steps"])
    if field is not None and field.related_model:
        return _named(value if isinstance(value, list) else [value], model=field.related_model)
    if field is not None and field.choices:
        return str(dict(field.flatchoices).get(value, value))
    moment = parse_datetime(value) if isinstance(value, str) and _is_moment(value) else None
    return clock(localtime(moment)) if moment else str(value)


def _is_moment(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _named(keys: Iterable[Any], *, model: Any) -> str:
    """Name rows by their keys; one that is gone is told by its key."""
    wanted = list(keys)
    names = {row.pk: str(row) for row in model._base_manager.filter(pk__in=wanted)}
    return ", ".join(names.get(key, f"#{key}") for key in wanted)
