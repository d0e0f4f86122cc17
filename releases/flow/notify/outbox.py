"""The outbox itself: which channels are told of a subject, who of the people can act, and one row per message and channel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import override

from releases.domain.roles import Action
from releases.domain.states import Event
from releases.flow.authorize import covers
from releases.models import Delivery, NotificationChannel, Role, Rollout, User
from releases.notifications.message import Message

_DECISIONS = frozenset(
    {"approval_asked", "second_person_asked", "rolled_back", "emergency", "review_due", "review_overdue"}
)


def tell(
    key: str,
    *,
    kind: str,
    groups: Collection[int | None],
    message: Callable[[], Message],
    now: datetime,
    rollout: Rollout | None = None,
) -> int:
    """Put one message into every channel of these owning groups, in its language; return how many are new.

    ``key`` names what is told, so that the same is told once whoever asks for it. None among the groups: also what belongs to
    no group, which only channels for every service are told.
    """
    put = 0
    for channel in _channels(groups, kind=kind):
        if Delivery.objects.filter(channel=channel, key=key).exists():
            continue
        with override(channel.language):
            written = message().as_json()
        defaults = {"rollout": rollout, "message": written, "next_try_at": now}
        put += Delivery.objects.get_or_create(channel=channel, key=key, defaults=defaults)[1]
    return put


def who_may(
    grants: Sequence[Action | Event], *, concerned: Collection[int | None], besides: Iterable[int] = ()
) -> list[User]:
    """Return the people whose roles grant any of it on all that is concerned, but for the persons ``besides``.

    Service accounts are left out: their person is told.
    """
    held: dict[int, list[tuple[str, int | None]]] = {}
    active = Role.objects.filter(user__is_active=True, user__belongs_to=None).exclude(user__in=set(besides))
    for user, name, group in active.values_list("user", "name", "group_id"):
        held.setdefault(user, []).append((name, group))
    able = [user for user, roles in held.items() if covers(roles, grants, concerned=concerned)]
    return list(User.objects.filter(pk__in=able).order_by("username"))


def people(told: Iterable[User]) -> Mapping[str, Any]:
    """Return a message's fields that say who can act: names for everybody, addresses for mail."""
    listed = list(told)
    return {
        "people": tuple(str(person) for person in listed),
        "addresses": tuple(person.email for person in listed if person.email),
    }


def page(name: str, pk: int) -> str:
    """Return the address of a row's page in the operators' face."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{reverse(f'admin:releases_{name}_change', args=[pk])}"


def _channels(groups: Collection[int | None], *, kind: str) -> list[NotificationChannel]:
    mine = Q(group=None) | Q(group__in=[group for group in groups if group is not None])
    subjects = [NotificationChannel.Subject.ALL.value]
    if kind in _DECISIONS:
        subjects.append(NotificationChannel.Subject.DECISIONS.value)
    found = NotificationChannel.objects.filter(mine, is_active=True, subject__in=subjects)
    # An account's tokens are its person's business: no group's chat is told of them.
    return list(found.filter(kind=NotificationChannel.Kind.EMAIL) if kind == "token_expires" else found)
