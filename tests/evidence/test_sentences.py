"""Verdicts as the operator reads them, from the numbers as they are stored."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from releases.domain.evidence import (
    Judge,
    Look,
    MeanRule,
    Moments,
    PlannedStep,
    Settings,
    Tally,
    with_metrics,
)
from releases.flow.judging import numbers_of
from releases.verdicts import judgement_sentence
from tests.domain.evidence.test_judge import before, look, play


@pytest.mark.parametrize(
    ("language", "begins"),
    [
        ("en", "Nothing larger while evidence against the candidate is building up. Errors: candidate "),
        ("zh-hans", "对候选版不利的证据正在累积，暂不扩大流量。"),
    ],
)
def test_a_gate_that_evidence_keeps_closed_says_which_and_how_much(language: str, begins: str) -> None:
    told = play([*before(), *[look()] * 40, *[look(errors=(8, 19))] * 5])[-1]
    assert told.suspected

    with override(language):
        said = judgement_sentence(told.decision.value, numbers_of(told))

    assert said.startswith(begins)
    assert ("Evidence 1 in 40." if language == "en" else "证据为 40 分之一。") in said
    assert " of about " not in said


def test_a_service_s_own_mean_is_told_as_a_mean() -> None:
    """A basket of 40 is 40.0, not 4,000 %."""
    settings = with_metrics(Settings(), means=[MeanRule("basket", 0.05, 0.02, 0.002)])
    judge = Judge(settings)
    state = judge.start([PlannedStep(50, 600)])
    tally = Tally(1000, 2, means={"basket": Moments(300, 12_000, 600_000)})
    for step in (*[None] * 20, *[0] * 5):
        candidate = None if step is None else tally
        state, told = judge.observe(state, Look(15, 50 if candidate else 0, step, tally, candidate))
    numbers = numbers_of(told)
    numbers["decisive"] = next(one for one in numbers["metrics"] if one["metric"] == "basket")

    with override("en"):
        said = judgement_sentence("wait", numbers)

    assert "basket: candidate 40.0, stable 40.0: worse by " in said
