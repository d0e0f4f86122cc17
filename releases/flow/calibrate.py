"""Learning a service's own noise from its releases that ended well: the row changes when a rollout completes."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction

from releases.domain.evidence import State, Tally
from releases.domain.evidence.calibration import PairOf, Sums, calibrated_psi, with_release
from releases.domain.evidence.scrape import counts_from_json
from releases.domain.evidence.settings import Settings
from releases.flow.judging import Rules, tally_for
from releases.models import Calibration, JudgeMemory, Rollout


@transaction.atomic
def learn_from(rollout: Rollout) -> None:
    """Take a completed rollout's snapshots into the calibration of each count metric of its service.

    Only windows in which both versions had traffic count. A rollout that was never measured teaches nothing.
    """
    memory = JudgeMemory.objects.filter(rollout=rollout).first()
    if memory is None:
        return
    rules = Rules.from_json(memory.settings)
    state = State.from_json({name: value for name, value in memory.state.items() if name != "experiment"})
    tallies = list(_tallies(rollout, rules=rules))
    defaults = {rule.metric: rule.psi for rule in Settings().ratios}
    for rule in rules.settings.ratios:
        pairs = [pair for mine, theirs in tallies if (pair := _pair(mine, theirs, metric=rule.metric))]
        row, _new = Calibration.objects.get_or_create(
            service=rollout.service, metric=rule.metric, defaults={"psi": defaults.get(rule.metric, 0.01)}
        )
        clumps = state.counts[rule.metric].phi(rule, settings=rules.settings)
        sums = with_release(Sums(**row.sums), pairs, phi=clumps, seconds=rules.settings.interval_seconds)
        row.sums, row.releases = sums.as_json(), sums.releases
        row.psi = calibrated_psi(sums, default=defaults.get(rule.metric, 0.01))
        row.save()


def _tallies(rollout: Rollout, *, rules: Rules) -> Iterator[tuple[Tally, Tally]]:
    rows = rollout.snapshots.filter(weight__lt=100, weight__gt=0).order_by("at")
    for stable, candidate in rows.values_list("stable", "candidate").iterator():
        theirs = tally_for(counts_from_json(stable), own=rules.own)
        mine = tally_for(counts_from_json(candidate), own=rules.own)
        if mine and theirs:
            yield mine, theirs


def _pair(mine: Tally, theirs: Tally, *, metric: str) -> PairOf | None:
    own, beside = mine.ratio(metric), theirs.ratio(metric)
    return PairOf(*own, *beside) if own is not None and beside is not None else None
