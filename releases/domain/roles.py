"""Which role may do what. One table, read by every door and by the generated matrix of tests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from releases.domain.states import Event


class RoleName(StrEnum):
    """What a person can be on the services of a group."""

    VIEWER = "viewer"
    REQUESTER = "requester"
    APPROVER = "approver"
    OPERATOR = "operator"
    CALENDAR_MANAGER = "calendar_manager"
    POLICY_ADMINISTRATOR = "policy_administrator"
    AUDITOR = "auditor"
    USER_ADMINISTRATOR = "user_administrator"


class Action(StrEnum):
    """What is granted besides the events of a rollout."""

    REGISTER_VERSION = "register_version"
    EDIT_PLANS = "edit_plans"
    CHANGE_TRAFFIC = "change_traffic"
    EDIT_CATALOGUE = "edit_catalogue"
    EDIT_POLICIES = "edit_policies"
    EDIT_CALENDAR = "edit_calendar"
    PRESS_RED_BUTTON = "press_red_button"
    OVERRIDE_FREEZE = "override_freeze"
    RELEASE_IN_EMERGENCY = "release_in_emergency"
    EDIT_USERS = "edit_users"
    READ_AUDIT = "read_audit"
    EXPORT_AUDIT = "export_audit"
    REHEARSE = "rehearse"


_REQUEST = frozenset({Event.EDIT, Event.SUBMIT, Event.CANCEL, Event.WITHDRAW, Event.RETRY})
_DECIDE = frozenset({Event.APPROVE, Event.REJECT, Event.REVOKE})
_DRIVE = frozenset(
    {
        Event.START,
        Event.PAUSE,
        Event.RESUME,
        Event.SET_WEIGHT,
        Event.PROMOTE,
        Event.RESTORE,
        Event.ADOPT,
        Event.REVERT,
        Event.RETRY,
        Event.CANCEL,
    }
)
_BACK = frozenset({Event.ROLL_BACK})

GRANTS: Mapping[RoleName, frozenset[Event | Action]] = {
    RoleName.VIEWER: frozenset(),
    # Rolling back is granted more widely than going forward.
    RoleName.REQUESTER: _REQUEST
    | _BACK
    | {
        Event.PAUSE,
        Action.REGISTER_VERSION,
        Action.EDIT_PLANS,
        Action.CHANGE_TRAFFIC,
        Action.REHEARSE,
    },
    RoleName.APPROVER: _DECIDE
    | _BACK
    | {Event.PAUSE, Action.PRESS_RED_BUTTON, Action.READ_AUDIT, Action.REHEARSE},
    RoleName.OPERATOR: _DRIVE
    | _BACK
    | {
        Action.REGISTER_VERSION,
        Action.EDIT_PLANS,
        Action.EDIT_CATALOGUE,
        Action.READ_AUDIT,
        Action.CHANGE_TRAFFIC,
        Action.REHEARSE,
        Action.PRESS_RED_BUTTON,
        Action.OVERRIDE_FREEZE,
        Action.RELEASE_IN_EMERGENCY,
    },
    RoleName.CALENDAR_MANAGER: frozenset(
        {Action.EDIT_CALENDAR, Action.PRESS_RED_BUTTON, Action.OVERRIDE_FREEZE}
    ),
    RoleName.POLICY_ADMINISTRATOR: frozenset(
        {Action.EDIT_POLICIES, Action.EDIT_CATALOGUE, Action.READ_AUDIT}
    ),
    RoleName.AUDITOR: frozenset({Action.READ_AUDIT, Action.EXPORT_AUDIT}),
    RoleName.USER_ADMINISTRATOR: frozenset({Action.EDIT_USERS}),
}


_ACTING = frozenset({RoleName.APPROVER, RoleName.OPERATOR})


def are_apart(roles: Collection[RoleName]) -> bool:
    """Say whether one person may hold all of these: who checks does not act (三员分立)."""
    return RoleName.AUDITOR not in roles or _ACTING.isdisjoint(roles)


def allows(roles: Iterable[RoleName], what: Event | Action) -> bool:
    """Say whether any of the roles grants it."""
    return any(what in GRANTS[role] for role in roles)


def roles_that_allow(what: Event | Action) -> list[RoleName]:
    """Return the roles that grant it, for the sentence that says why somebody may not."""
    return [role for role in RoleName if what in GRANTS[role]]
