"""What an audit event is about, in the reader's language: the kind of thing and its name."""

from __future__ import annotations

from collections.abc import Mapping

from django.apps import apps

from releases.models import AuditEvent

_NAMES = ("number", "name", "username", "title")


def kind_word(object_type: str) -> str:
    """Return what a row of this table is called; the table's name where it is none of ours."""
    found = next((model for model in apps.get_models() if model._meta.model_name == object_type), None)
    return str(found._meta.verbose_name) if found else object_type


def about(event: AuditEvent) -> str:
    """Return "rollout plan demo canary", or the kind with the row's id where the event holds no name."""
    held = [value for value in (event.after, event.before) if isinstance(value, Mapping)]
    names = (value.get(name) for value in held for name in _NAMES)
    name = next((said for said in names if isinstance(said, str) and said), event.object_id)
    return f"{kind_word(event.object_type)} {name}".strip()
