"""What ``decide`` may know about a rollout, as frozen values. ``flow/facts.py`` fills them from rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from releases.domain.calendar import Effect
from releases.domain.evidence import Outcome
from releases.domain.plan import Plan
from releases.domain.queue import Queue
from releases.domain.reasons import Reason
from releases.domain.states import State
from releases.domain.train import Turn


@dataclass(frozen=True, slots=True)
class Opening:
    """What the calendar says at this moment: closed by what, and until when as far as it knows.

    ``effect`` is what the freeze that holds does to a rollout that is running. A calendar bars forward writes only: a smaller
    weight, a pause and a rollback never ask it.
    """

    is_open: bool = True
    code: Reason = Reason.WAITING_FOR_WINDOW
    name: str = ""
    next_open: datetime | None = None
    effect: Effect = Effect.HOLD

    def bars(self, *, begun: bool) -> bool:
        """Say whether a forward write must wait. ``begun``: it only finishes the step that was begun."""
        finishes = begun and self.code is Reason.HELD_BY_FREEZE and self.effect is Effect.FINISH_STEP
        return not self.is_open and not finishes

    @property
    def rolls_back(self) -> bool:
        return not self.is_open and self.code is Reason.HELD_BY_FREEZE and self.effect is Effect.ROLL_BACK


@dataclass(frozen=True, slots=True)
class Run:
    """The current step as it is being carried out; the position after the last planned step is the promotion.

    ``desired`` and ``written`` are percent for the candidate. ``bake_until`` is None while it is not baking.
    ``last_measured_at`` is the end of the last window that was judged, or when the step began. ``metrics_away``: Prometheus
    did not answer then. ``evidence_accepted``: a person lets the step be left on unclear evidence. ``mismatch`` holds the numbers when the observed split contradicts the written one, and nobody has
    accepted it yet.
    """

    position: int
    desired: int
    written: int | None
    bake_until: datetime | None
    last_measured_at: datetime | None = None
    outcome: Outcome | None = None
    verdict_params: Mapping[str, Any] = field(default_factory=dict)
    metrics_away: bool = False
    evidence_accepted: bool = False
    mismatch: Mapping[str, Any] | None = None

    @property
    def is_written(self) -> bool:
        return self.written is not None and self.written == self.desired

    @property
    def goes_down(self) -> bool:
        """Whether the weight is being made smaller, which nothing may bar."""
        return self.written is not None and self.desired < self.written


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything ``decide`` may know.

    ``approval_problem`` is empty while the votes hold, and None while nobody has looked: rendering and hashing the
    content again is asked for (``Verify``) only when a forward write is due. ``due_at`` is when this look was due,
    ``grace`` how late it may come and still take a step. ``expires_at`` ends a request or an approval that is not used.
    ``train`` is what the rollout's release train lets it do; without one, everything. ``queue`` is asked of an approved one only.
    """

    state: State
    plan: Plan
    start_at: datetime | None
    run: Run | None
    drifted: bool = False
    promote_requested: bool = False
    gates_passed: int = 0
    approval_problem: str | None = ""
    version_problem: str = ""
    calendar: Opening = field(default_factory=Opening)
    due_at: datetime | None = None
    grace: timedelta = timedelta(hours=1)
    expires_at: datetime | None = None
    train: Turn = field(default_factory=Turn)
    queue: Queue = field(default_factory=Queue)
