"""Stored verdicts said again: the same, judged by an earlier version of the judge, or different. Only the last is an alarm."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from releases.domain.evidence import JUDGE_VERSION
from releases.flow import measure
from releases.flow.recompute import Again, said_again
from releases.models import MetricSnapshot, Verdict
from tests.evidence.conftest import Begin, Story

LOOKS = 8


@pytest.fixture
def judged(begin: Begin) -> Story:
    """A release with some verdicts, between two stored memories of the judge."""
    story = begin()
    story.run(until=lambda story: story.rollout.verdicts.count() >= LOOKS)
    return story


def newest(story: Story) -> Verdict:
    return story.rollout.verdicts.order_by("-at")[0]


def changed(verdict: Verdict, **columns: object) -> Verdict:
    Verdict.objects.filter(pk=verdict.pk).update(**columns)
    return Verdict.objects.get(pk=verdict.pk)


def another(verdict: Verdict) -> dict[str, object]:
    return {**verdict.numbers, "requests": verdict.numbers["requests"] + 1}


def test_each_verdict_names_the_judge_that_made_it(judged: Story) -> None:
    assert set(judged.rollout.verdicts.values_list("judge_version", flat=True)) == {JUDGE_VERSION}


def test_what_this_version_said_and_does_not_say_again_is_different(judged: Story) -> None:
    verdict = newest(judged)
    assert said_again(verdict) is Again.SAME
    assert said_again(changed(verdict, numbers=another(verdict))) is Again.DIFFERENT
    with pytest.raises(CommandError, match=verdict.at.isoformat().replace("+", r"\+")):
        call_command("recompute_verdicts")


def test_what_an_earlier_version_said_is_told_apart_and_is_no_alarm(
    judged: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = changed(newest(judged), judge_version=0)
    assert said_again(verdict) is Again.SAME, "an earlier version may have said the same"
    assert said_again(changed(verdict, numbers=another(verdict))) is Again.EARLIER
    call_command("recompute_verdicts")
    number = judged.rollout.verdicts.count()
    assert capsys.readouterr().out.strip() == (
        f"{number} verdicts recomputed, 1 judged by an earlier version, 0 differ."
    )


def test_a_memory_that_an_earlier_version_led_to_is_not_asked_of_this_one(judged: Story) -> None:
    """The looks between the stored memory and the verdict were another judge's."""
    verdict = newest(judged)
    assert verdict.state_before is None
    before = judged.rollout.verdicts.filter(at__lt=verdict.at).order_by("-at")[0]
    changed(before, judge_version=0)
    assert said_again(changed(verdict, numbers=another(verdict))) is Again.EARLIER


def test_the_first_verdict_of_another_version_keeps_the_memory_it_began_with(
    judged: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "JUDGE_VERSION", JUDGE_VERSION + 1)
    before, number = newest(judged), judged.rollout.verdicts.count()
    judged.run(until=lambda story: story.rollout.verdicts.count() >= number + 2)
    first, second = judged.rollout.verdicts.filter(at__gt=before.at).order_by("at")[:2]
    assert (first.judge_version, first.state_before is None) == (JUDGE_VERSION + 1, False)
    assert second.judge_version == JUDGE_VERSION + 1


def test_an_earlier_memory_in_a_form_that_is_not_read_any_more_is_no_alarm(judged: Story) -> None:
    verdicts = judged.rollout.verdicts
    verdicts.exclude(state_before=None).update(state_before={"form": "of before"}, judge_version=0)
    assert said_again(newest(judged)) is Again.EARLIER


def test_counts_that_are_gone_are_an_alarm(judged: Story) -> None:
    verdict = newest(judged)
    MetricSnapshot.objects.filter(rollout=judged.rollout, at__gt=verdict.at - timedelta(seconds=1)).delete()
    assert said_again(verdict) is Again.DIFFERENT
