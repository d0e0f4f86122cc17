"""Role x event x state, every one of them, through every door. The expectations are written here by hand.

``flow.perform`` stands behind admin, API and commands; it is tried for each of the 8 x 17 x 12 combinations, and the buttons and
``allowed_events`` that the doors show must say the same. Then each door is tried for each role and event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from istio.mesh import MeshError
from releases import flow, selectors
from releases.domain import DomainError, NotAllowed
from releases.domain.actor import Actor, Channel
from releases.domain.roles import Action, RoleName, allows
from releases.domain.states import OPERATOR_EVENTS, Event, State
from releases.models import Approval, AuditEvent, Role, Rollout, User
from tests.api.conftest import World, add_person, approved, pending, secret_of

WHO_MAY = """
event       | requester approver operator viewer calendar_manager policy_administrator auditor user_administrator
edit        |     x
submit      |     x
cancel      |     x                x
withdraw    |     x
retry       |     x                x
approve     |              x
reject      |              x
revoke      |              x
start       |                      x
pause       |     x        x       x
resume      |                      x
set_weight  |                      x
promote     |                      x
roll_back   |     x        x       x
restore     |                      x
adopt       |                      x
revert      |     x        x       x
"""
WHERE = {
    "edit": {"draft"},
    "submit": {"draft"},
    "cancel": {"draft", "approved"},
    "approve": {"pending", "paused"},
    "reject": {"pending"},
    "withdraw": {"pending"},
    "start": {"approved"},
    "revoke": {"approved", "running", "paused"},
    "pause": {"running"},
    "resume": {"paused"},
    "set_weight": {"running", "paused"},
    "promote": {"running"},
    "roll_back": {"running", "paused", "rolling_back"},
    "restore": {"paused"},
    "adopt": {"paused"},
    "revert": {"completed"},
    "retry": {"rolled_back", "rejected", "cancelled", "expired", "reverted"},
}
"""After the state table of the design."""

ACTIONS = {
    "read_audit": {"approver", "operator", "policy_administrator", "auditor"},
    "export_audit": {"auditor"},
    "edit_users": {"user_administrator"},
    "edit_policies": {"policy_administrator"},
    "edit_catalogue": {"operator", "policy_administrator"},
    "edit_calendar": {"calendar_manager"},
    "register_version": {"requester", "operator"},
    "edit_plans": {"requester", "operator"},
    "change_traffic": {"requester", "operator"},
    "press_red_button": {"approver", "operator", "calendar_manager"},
    "override_freeze": {"operator", "calendar_manager"},
    "release_in_emergency": {"operator"},
    "rehearse": {"requester", "approver", "operator"},
}


def table() -> dict[str, set[str]]:
    """Read the crosses by the columns they stand under."""
    head, *rows = WHO_MAY.strip().splitlines()
    names = head.split("|")[1].split()
    begins = [head.index(name) for name in names]
    found = {}
    for row in rows:
        event = row.split("|")[0].strip()
        crosses = [place for place, letter in enumerate(row) if letter == "x" and place > row.index("|")]
        found[event] = {
            next(
                name for name, begin in zip(names, begins, strict=True) if begin <= cross < begin + len(name)
            )
            for cross in crosses
        }
    return found


ROLES = [role.value for role in RoleName]
EVENTS = [event.value for event in OPERATOR_EVENTS]


def person_of(world: World, role: str) -> User:
    return User.objects.get(username=role)


def by(user: User) -> Actor:
    return Actor(name=user.username, channel=Channel.API, user_id=user.pk)


@contextmanager
def tried() -> Iterator[None]:
    """Whatever is done inside is undone."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def attempt(rollout: Rollout, event: str, *, user: User) -> str:
    """Return ``refused`` when the role is at fault, ``illegal`` for the state, ``done`` for whatever lies behind both."""
    with tried():
        try:
            flow.perform(
                rollout, Event(event), by=by(user), why="tried", fingerprint=rollout.fingerprint, weight=1
            )
        except NotAllowed:
            return "refused"
        except DomainError as error:
            return "illegal" if error.code == "illegal_move" else "done"
        except MeshError:
            return "done"
    return "done"


@pytest.mark.parametrize("state", [state.value for state in State])
def test_perform_asks_the_role_in_every_state(world: World, state: str) -> None:
    who = table()
    rollout = approved(world)
    Rollout.objects.filter(pk=rollout.pk).update(state=state)
    rollout.refresh_from_db()
    for role in ROLES:
        user = person_of(world, role)
        for event in EVENTS:
            if event == "edit":
                continue  # has its own function, below
            found = attempt(rollout, event, user=user)
            if role not in who[event]:
                assert found == "refused", f"{role} {event} in {state}"
            elif event == "approve" and state in {"approved", "running", "paused"}:
                assert found == "done", "the vote that stands, given again, changes nothing"
            elif state not in WHERE[event]:
                assert found in {"illegal", "refused"}, f"{role} {event} in {state}"
            else:
                assert found != "refused", f"{role} {event} in {state}"


@pytest.mark.parametrize("state", [state.value for state in State])
def test_pages_offer_what_the_table_says(world: World, state: str) -> None:
    who = table()
    rollout = approved(world)
    Rollout.objects.filter(pk=rollout.pk).update(state=state)
    for role in ROLES:
        row = selectors.rollouts().prefetch_related("edits__by").get(pk=rollout.pk)
        offered = selectors.allowed_events(row, by(person_of(world, role)))
        assert {one.event.value for one in offered} == {event for event in EVENTS if state in WHERE[event]}
        for one in offered:
            if role not in who[one.event.value]:
                assert not one.allowed, f"{role} {one.event} in {state}"
                assert one.why
        backwards = [one for one in offered if one.event is Event.ROLL_BACK]
        assert all(one.allowed is (role in who["roll_back"]) for one in backwards)


@pytest.mark.parametrize("role", ROLES)
def test_the_api_answers_403_exactly_to_the_others(world: World, role: str) -> None:
    who = table()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret_of(person_of(world, role))}")
    rollout = approved(world)
    for event in EVENTS:
        if event == "edit":
            answer = client.patch(f"/api/v1/rollouts/{rollout.pk}/", {"ticket": "T-1"})
        else:
            state = sorted(WHERE[event])[0]
            Rollout.objects.filter(pk=rollout.pk).update(state=state)
            body = {"reason": "tried", "fingerprint": rollout.fingerprint, "weight": 1}
            url = f"/api/v1/rollouts/{rollout.pk}/{Event(event).slug}/"
            given = {name: body[name] for name in _fields(event)}
            with tried():
                answer = client.post(url, given)
        if role not in who[event]:
            assert answer.status_code == 403, f"{role} {event}: {answer.json()}"
        elif event not in {"approve", "reject", "revoke"}:  # votes by token are the policy's to allow
            assert answer.status_code != 403, f"{role} {event}: {answer.json()}"


def _fields(event: str) -> tuple[str, ...]:
    return {
        "approve": ("reason", "fingerprint"),
        "set_weight": ("reason", "weight"),
    }.get(event, ("reason",))


@pytest.mark.parametrize("role", ROLES)
def test_the_admin_changes_nothing_for_the_others(world: World, role: str) -> None:
    who = table()
    user = person_of(world, role)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    rollout = approved(world)
    for event in EVENTS:
        if event == "edit" or role in who[event]:
            continue
        state = sorted(WHERE[event])[0]
        Rollout.objects.filter(pk=rollout.pk).update(state=state)
        url = reverse("admin:releases_rollout_event", args=[rollout.pk, Event(event).slug])
        client.post(url, {"reason": "tried", "fingerprint": rollout.fingerprint, "weight": "1"})
        assert Rollout.objects.get(pk=rollout.pk).state == state, f"{role} {event}"
    edited = client.post(reverse("admin:releases_rollout_edit", args=[rollout.pk]), {"ticket": "T-1"})
    assert (edited.status_code == 403) is (role not in who["edit"])


VOTES = {"approve", "reject", "revoke"}


def by_command(event: str, rollout: Rollout, *, role: str) -> str:
    """As ``attempt``, through ``manage.py rollout``."""
    weight = ["--weight", "1"] if event == "set_weight" else []
    with tried():
        try:
            call_command(
                "rollout", Event(event).slug, str(rollout), "--as", role, "--reason", "tried", *weight
            )
        except CommandError as error:
            if isinstance(error.__cause__, NotAllowed):
                return "refused"
            return "illegal" if getattr(error.__cause__, "code", "") == "illegal_move" else "done"
    return "done"


@pytest.mark.parametrize("state", [state.value for state in State])
def test_the_command_asks_the_role_in_every_state_and_gives_no_votes(world: World, state: str) -> None:
    who = table()
    rollout = approved(world)
    Rollout.objects.filter(pk=rollout.pk).update(state=state)
    for role in ROLES:
        for event in EVENTS:
            if event == "edit":
                continue  # no command edits
            found = by_command(event, rollout, role=role)
            if event in VOTES or role not in who[event]:
                assert found == "refused", f"{role} {event} in {state}"
            elif state not in WHERE[event]:
                assert found == "illegal", f"{role} {event} in {state}"
            else:
                assert found != "refused", f"{role} {event} in {state}"


def test_the_command_names_both_who_typed_and_in_whose_name(world: World) -> None:
    rollout = approved(world)
    call_command("rollout", "start", str(rollout), "--as", "operator", "--reason", "the portal is away")
    told = AuditEvent.objects.filter(rollout=rollout, action="start").latest("seq")
    assert (told.channel, told.on_behalf_of, told.user, told.reason) == (
        "cli",
        "operator",
        world.operator,
        "the portal is away",
    )
    assert told.actor.startswith("cli:")


def test_no_decision_of_any_kind_is_taken_on_the_command_line(world: World) -> None:
    waiting = pending(world)
    shell = Actor(name="cli:root", channel=Channel.CLI, user_id=world.approver.pk)
    with pytest.raises(NotAllowed, match="command line"):
        flow.perform(waiting, Event.APPROVE, by=shell, fingerprint=waiting.fingerprint)
    proposal = flow.propose_standard(
        world.plan,
        service=world.service,
        max_weight=100,
        valid_until=timezone.now() + timedelta(days=1),
        by=by(world.requester),
        why="weekly",
    )
    with pytest.raises(NotAllowed, match="command line"):
        flow.agree(proposal, by=shell)


REACHED = {
    "cancel": ("approved", "operator", "cancelled"),
    "withdraw": ("pending", "requester", "draft"),
    "retry": ("cancelled", "operator", "cancelled"),
    "approve": ("pending", "second", "approved"),
    "reject": ("pending", "second", "rejected"),
    "revoke": ("approved", "approver", "pending"),
    "start": ("approved", "operator", "running"),
    "pause": ("running", "requester", "paused"),
    "resume": ("paused", "operator", "running"),
    "roll_back": ("running", "approver", "rolled_back"),
}
"""From which state, by whom, to which: what the admin's buttons do for those who may."""


@pytest.mark.parametrize("event", sorted(REACHED))
def test_the_admin_does_it_for_those_who_may(world: World, event: str) -> None:
    state, who, reached = REACHED[event]
    rollout = approved(world)
    if who == "second":
        Approval.objects.update(voided_at=timezone.now(), voided_why="to be given again")
    Rollout.objects.filter(pk=rollout.pk).update(state=state)
    user = add_person(RoleName.APPROVER, name="second") if who == "second" else person_of(world, who)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    url = reverse("admin:releases_rollout_event", args=[rollout.pk, Event(event).slug])
    client.post(url, {"reason": "tried", "fingerprint": rollout.fingerprint})
    assert Rollout.objects.get(pk=rollout.pk).state == reached
    assert Rollout.objects.count() == (2 if event == "retry" else 1)


def test_the_command_that_rolls_back_needs_no_role_and_finds_only_what_carries_traffic(world: World) -> None:
    approved(world)
    with pytest.raises(CommandError, match="no rollout that carries traffic"):
        call_command("roll_back", "order")


def test_the_tables_name_every_action_and_every_event_of_a_person() -> None:
    assert set(ACTIONS) == {action.value for action in Action}
    assert set(table()) == set(WHERE) == set(EVENTS)


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_actions_belong_to_their_roles(action: str) -> None:
    assert {role.value for role in RoleName if allows([role], Action(action))} == ACTIONS[action]


def test_a_role_counts_on_the_services_of_its_group_only(
    world: World, bearer: Callable[..., APIClient]
) -> None:
    ours, theirs = Group.objects.create(name="ours"), Group.objects.create(name="theirs")
    world.service.owners = ours
    world.service.save()
    rollout = approved(world)
    Role.objects.filter(user=world.operator).update(group=theirs)
    url = f"/api/v1/rollouts/{rollout.pk}/start/"
    assert bearer(world.operator).post(url, {"reason": "Now."}).status_code == 403
    Role.objects.filter(user=world.operator).update(group=ours)
    assert bearer(world.operator).post(url, {"reason": "Now."}).status_code == 200


def test_a_superuser_without_a_role_causes_nothing(world: World, bearer: Callable[..., APIClient]) -> None:
    root = User.objects.create_superuser("root")
    rollout = approved(world)
    for event in ("start", "cancel"):
        answer = bearer(root).post(f"/api/v1/rollouts/{rollout.pk}/{event}/", {"reason": "I am root."})
        assert answer.status_code == 403
