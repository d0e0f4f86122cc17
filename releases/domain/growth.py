"""A plan only goes up: no step takes from the candidate what the step before gave it.

At 100 % everybody has the candidate, so whatever rules, sticky users or mirror there were may go.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from istio.rules import Rule
from istio.sentence import Sentence
from istio.spec import Mirror, Sticky, TrafficSpec
from releases.domain.errors import BadPlan


def check_growth(steps: Sequence[TrafficSpec]) -> None:
    """Compare neighbouring steps: weight, rules, sticky users, mirror. Raises BadPlan naming the later one, counted from 1."""
    for position, (before, after) in enumerate(pairwise(steps), start=1):
        _check_weight(before.candidate_weight, after.candidate_weight, position=position)
        if after.candidate_weight == 100:
            continue
        _check_rules(before.rules, after.rules, position=position)
        if before.sticky is not None and before.sticky.chosen_endings:
            _check_sticky(before.sticky, after.sticky, position=position)
        if before.mirror is not None:
            more = after.candidate_weight > before.candidate_weight or _has_more_users(before, after)
            _check_mirror(before.mirror, after.mirror, goes_live=more, position=position)


def _check_weight(before: int, after: int, *, position: int) -> None:
    if after < before:
        raise BadPlan(
            Sentence(
                "Step {step} goes down from {before} % to {after} %: a plan only goes up; to go back, "
                "set the weight or roll back.",
                step=position + 1,
                before=before,
                after=after,
            ),
            field=f"steps[{position}].weight",
        )


def loses_people(before: TrafficSpec, after: TrafficSpec) -> BadPlan | None:
    """Return what stands against going from one spec to the other because chosen people would lose the candidate."""
    if after.candidate_weight == 100:
        return None
    try:
        _check_rules(before.rules, after.rules, position=0)
        if before.sticky is not None and before.sticky.chosen_endings:
            _check_sticky(before.sticky, after.sticky, position=0)
    except BadPlan as error:
        return error
    return None


def _check_rules(before: Sequence[Rule], after: Sequence[Rule], *, position: int) -> None:
    """Whoever a rule sent to the candidate is sent there by the same rule, or by one for more users, and no new one before it.

    Rules to the stable version may go at any time; a new one must stand behind those to the candidate, since the first hit wins.
    """
    rest = list(after)
    for rule in before:
        at = next((number for number, other in enumerate(rest) if _covers(other, rule)), None)
        if rule.to == "stable":
            rest = rest[:at] + rest[at + 1 :] if at is not None else rest
            continue
        ahead = rest if at is None else rest[:at]
        if at is None or any(other.to == "stable" for other in ahead):
            raise BadPlan(
                Sentence(
                    "Step {step} takes the candidate from those whom the rule on {source} {name} sends to it: repeat the "
                    "rule, before any new rule to the stable version, until the step of 100 %.",
                    step=position + 1,
                    source=rule.match.source,
                    name=rule.match.name,
                ),
                field=f"steps[{position}].rules",
            )


def _covers(rule: Rule, other: Rule) -> bool:
    """Say whether a rule sends at least those to the same version whom the other one does."""
    mine, theirs = rule.match, other.match
    same = (rule.to, mine.source, mine.name, mine.comparison) == (
        other.to,
        theirs.source,
        theirs.name,
        theirs.comparison,
    )
    return same and mine.value == theirs.value and set(theirs.users) <= set(mine.users)


def _check_sticky(before: Sticky, after: Sticky | None, *, position: int) -> None:
    """Whoever was sent to the candidate stays there: the same header, read the same way, and no smaller percent."""
    field = f"steps[{position}].sticky"
    if after is None or after.percent < before.percent:
        raise BadPlan(
            Sentence(
                "Step {step} takes sticky users back, from {fewer} % to {more} %: a plan only goes up.",
                step=position + 1,
                fewer=before.percent,
                more=after.percent if after else 0,
            ),
            field=field,
        )
    if (before.header, before.ids, before.offset) != (after.header, after.ids, after.offset):
        raise BadPlan(
            Sentence(
                "Step {step} chooses its sticky users in another way ({after}, before {before}): users would lose "
                "the candidate. Keep header, ids and offset until the step of 100 %.",
                step=position + 1,
                before=_choice(before),
                after=_choice(after),
            ),
            field=field,
        )


def _check_mirror(before: Mirror, after: Mirror | None, *, goes_live: bool, position: int) -> None:
    """Copies may end where requests begin; else they only grow."""
    if after is None and goes_live:
        return
    percent = after.percent if after else 0
    if percent < before.percent:
        raise BadPlan(
            Sentence(
                "Step {step} mirrors less, {fewer} % after {more} %: a plan only goes up. Leave the mirror out where "
                "the candidate begins to answer requests.",
                step=position + 1,
                fewer=f"{percent:g}",
                more=f"{before.percent:g}",
            ),
            field=f"steps[{position}].mirror",
        )


def _has_more_users(before: TrafficSpec, after: TrafficSpec) -> bool:
    percents = [spec.sticky.percent if spec.sticky else 0 for spec in (before, after)]
    to_candidate = [sum(rule.to == "candidate" for rule in spec.rules) for spec in (before, after)]
    return percents[1] > percents[0] or to_candidate[1] > to_candidate[0]


def _choice(sticky: Sticky) -> str:
    return f"{sticky.header}, {sticky.ids}, {sticky.offset}"
