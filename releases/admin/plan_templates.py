"""Plans that most people begin with. A button of the form fills in the steps; they are changed from there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class PlanTemplate:
    """``steps`` are fields of the step form, in their order."""

    title: str
    strategy: str
    about: str
    steps: tuple[dict[str, Any], ...]

    @property
    def data(self) -> str:
        return json.dumps({"strategy": self.strategy, "steps": self.steps})


def plan_templates() -> list[PlanTemplate]:
    """Return the templates in the reader's language."""
    return [
        PlanTemplate(
            title=_("Canary 1 / 5 / 20 / 50 / 100"),
            strategy="canary",
            about=_("A day at 1 %, then wider, each step on evidence."),
            steps=_weights((1, "24 h"), (5, "12 h"), (20, "12 h"), (50, "6 h"), (100, "1 h")),
        ),
        PlanTemplate(
            title=_("Blue-green"),
            strategy="blue_green",
            about=_("Testers by header first; a person lets everybody over at once."),
            steps=(
                {
                    "weight": 0,
                    "bake": "1 h",
                    "rules": '[{"header": "x-weir-test", "exact": "v2", "to": "candidate"}]',
                },
                {"weight": 100, "bake": "1 h", "gate": "manual"},
            ),
        ),
        PlanTemplate(
            title=_("A/B test"),
            strategy="ab_test",
            about=_("Half of the users by their id for a week, then the better version."),
            steps=(
                {"weight": 0, "bake": "168 h", "sticky_header": "x-user-id", "sticky_percent": 50},
                {"weight": 100, "bake": "1 h", "gate": "manual"},
            ),
        ),
        PlanTemplate(
            title=_("By user"),
            strategy="canary",
            about=_("The same users stay on the candidate while their share grows."),
            steps=(
                *(
                    {"weight": 0, "bake": "12 h", "sticky_header": "x-user-id", "sticky_percent": percent}
                    for percent in (1, 5, 20, 50)
                ),
                {"weight": 100, "bake": "1 h"},
            ),
        ),
    ]


def _weights(*steps: tuple[int, str]) -> tuple[dict[str, Any], ...]:
    return tuple({"weight": weight, "bake": bake} for weight, bake in steps)
