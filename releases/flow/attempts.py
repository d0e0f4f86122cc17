"""One event per attempt, refused ones too: the outermost decorator of what a door may call.

A refusal is written after the roll-back of what was refused, in a transaction of its own. Where a door has a transaction
around the whole request (Django's admin forms), it would be rolled back with it: then the error goes up unmarked, and the
door records it when its transaction has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import connection
from django.db.models import Model

from releases.domain import DomainError
from releases.domain.actor import Actor
from releases.flow.record import record_refusal
from releases.models import AuditEvent, User

P = ParamSpec("P")
R = TypeVar("R")


def attempt(action: str, *, about: str = "") -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Record a refusal of the decorated function. ``about`` names the argument the event is about; else it is the first row."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def attempted(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except DomainError as error:
                by = kwargs["by"]
                assert isinstance(by, Actor)  # noqa: S101 - every act of a door has one, by keyword
                tell_refusal(
                    error, action=action, by=by, obj=_subject(about, args=args, kwargs=kwargs, by=by)
                )
                raise

        return attempted

    return decorate


def tell_refusal(error: DomainError, *, action: str, by: Actor, obj: Model) -> None:
    """Record the refusal unless it is recorded already, or a transaction that will be rolled back is around us."""
    if getattr(error, "is_recorded", False) or _inside_transaction():
        return
    record_refusal(by=by, action=action, obj=obj, why=str(error))
    error.is_recorded = True


def _inside_transaction() -> bool:
    """Say whether somebody's transaction is around this call. That of Django's test case does not count, as for ``durable``."""
    return any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


def _subject(about: str, *, args: tuple[Any, ...], kwargs: dict[str, Any], by: Actor) -> Model:
    given = kwargs.get(about) if about else next((value for value in args if isinstance(value, Model)), None)
    if isinstance(given, Model):
        return given
    return (User.objects.filter(pk=by.user_id).first() if by.user_id else None) or AuditEvent()
