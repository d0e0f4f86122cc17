"""``docs/states.md``: the table of states and events as a page, so that nobody draws it a second time."""

from __future__ import annotations

from collections.abc import Mapping

from releases.domain.states import CARRYING, FINISHED, LIVE, OPERATOR_EVENTS, TRANSITIONS, Event, State

_HEAD = """# States and events

Generated from `releases/domain/states.py` by `manage.py write_docs`. A state drives; a reason code beside it explains to people
why a rollout is where it is. Events in *italics* are the engine's own, the others are caused by people; in URLs an underscore
is a hyphen, and `roll_back` is written `rollback`.

| State | Live | May carry traffic | Events |
|---|---|---|---|
"""
_DIAGRAM = """
At most one rollout of a service is live. What ends a rollout leaves its state for good.

```mermaid
stateDiagram-v2
    [*] --> draft
"""


def as_markdown() -> str:
    """Return the page: one row per state, and a diagram of every change of state."""
    rows = "".join(f"| {_row(state)} |\n" for state in TRANSITIONS)
    arrows = "".join(
        f"    {state} --> {reached}: {', '.join(events)}\n"
        for state, targets in TRANSITIONS.items()
        for reached, events in _grouped(targets).items()
        if reached is not state
    )
    ends = "".join(f"    {state} --> [*]\n" for state in TRANSITIONS if state in FINISHED)
    return f"{_HEAD}{rows}{_DIAGRAM}{arrows}{ends}```\n"


def _row(state: State) -> str:
    events = ", ".join(
        f"{event if event in OPERATOR_EVENTS else f'*{event}*'}"
        + (f" → {reached}" if reached is not state else "")
        for event, reached in TRANSITIONS[state].items()
    )
    live = "yes" if state in LIVE else ""
    return " | ".join([f"`{state}`", live, "yes" if state in CARRYING else "", events])


def _grouped(targets: Mapping[Event, State]) -> dict[State, list[str]]:
    found: dict[State, list[str]] = {}
    for event, reached in targets.items():
        found.setdefault(reached, []).append(event)
    return found
