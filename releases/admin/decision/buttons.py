"""The decision bar: what each event is called, what it does in a word, and how it asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from releases.domain.reasons import Reason
from releases.domain.states import Event
from releases.models import Rollout
from releases.selectors import AllowedEvent

Asking = Literal["comment", "dialog", "link"]

# Label, icon, what it does (beneath the button), how it asks: votes take the comment of the bar.
_LOOKS: dict[Event, tuple[str | Promise, str, str | Promise, Asking]] = {
    Event.EDIT: (_("Edit"), "pen", _("Whoever edits cannot approve"), "link"),
    Event.SUBMIT: (_("Submit"), "play", _("Runs the checks and asks for approval"), "dialog"),
    Event.CANCEL: (_("Cancel"), "none", _("Ends it before it begins"), "dialog"),
    Event.APPROVE: (_("Approve"), "check", _("For exactly this fingerprint"), "comment"),
    Event.REJECT: (_("Reject"), "cross", _("Needs the comment; ends this rollout"), "comment"),
    Event.WITHDRAW: (_("Withdraw"), "undo", _("Back to draft; votes are voided"), "dialog"),
    Event.START: (_("Start now"), "play", _("Does not wait for the start time"), "dialog"),
    Event.REVOKE: (_("Revoke my vote"), "lock", _("Pauses what is running"), "dialog"),
    Event.PAUSE: (_("Pause"), "pause", _("Traffic stays as it is"), "dialog"),
    Event.RESUME: (_("Resume"), "play", _("The bake goes on where it stopped"), "dialog"),
    Event.SET_WEIGHT: (_("Set weight"), "half", _("Up to the approved weight"), "dialog"),
    Event.PROMOTE: (_("Promote"), "redo", _("Skips the rest: 100 %"), "dialog"),
    Event.ROLL_BACK: (_("Roll back"), "undo", _("One write; never refused"), "dialog"),
    Event.RESTORE: (_("Restore"), "undo", _("Writes what Weir last wrote"), "dialog"),
    Event.ADOPT: (_("Adopt"), "differ", _("New baseline; needs new approval"), "dialog"),
    Event.REVERT: (_("Revert"), "undo", _("Back to the version before"), "dialog"),
    Event.RETRY: (_("Try again"), "redo", _("A new draft of the same plan"), "dialog"),
}
_RESUME_UNCLEAR = _("Accepts the unclear evidence of this step; guards still judge")
_RED = frozenset({Event.ROLL_BACK, Event.REJECT, Event.REVERT})
_REASON_NEEDED = frozenset({Event.REJECT})


@dataclass(frozen=True, slots=True)
class Button:
    """One event of the bar. ``hint`` stands beneath it: what it does, or why it is not allowed."""

    slug: str
    label: str
    icon: str
    css: str
    hint: str
    allowed: bool
    asks: Asking
    url: str
    weight: bool
    reason_needed: bool
    always: bool


def buttons_of(rollout: Rollout, events: Sequence[AllowedEvent]) -> list[Button]:
    """Return a button for each event that makes sense now; the vote, if one may, is the primary one."""
    return [_button(rollout, allowed) for allowed in events]


def _button(rollout: Rollout, allowed: AllowedEvent) -> Button:
    event = allowed.event
    label, icon, does, asks = _LOOKS[event]
    if event is Event.RESUME and rollout.reason_code == Reason.EVIDENCE_UNCLEAR:
        does = _RESUME_UNCLEAR
    css = "danger" if event in _RED else "primary" if event is Event.APPROVE and allowed.allowed else ""
    if event is Event.EDIT:
        url = reverse("admin:releases_rollout_edit", args=[rollout.pk])
    else:
        url = reverse("admin:releases_rollout_event", args=[rollout.pk, event.slug])
    return Button(
        slug=event.slug,
        label=str(label),
        icon=icon,
        css=css,
        hint=str(does) if allowed.allowed else allowed.why,
        allowed=allowed.allowed,
        asks=asks,
        url=url,
        weight=event is Event.SET_WEIGHT,
        reason_needed=event in _REASON_NEEDED,
        always=event is Event.ROLL_BACK,
    )
