"""Learning a service's own noise from its releases that ended well: the rows change when a rollout completes."""

from __future__ import annotations

from django.db import transaction

from releases.domain.evidence import CountRule, Settings
from releases.domain.evidence.calibration import Noise, noise_of
from releases.domain.evidence.settings import PAYMENTS, REFERENCE_SECONDS
from releases.flow.experimenting import is_experiment
from releases.flow.judging import Rules, look_at, planned_step
from releases.models import Calibration, JudgeMemory, Rollout
from services.models import Service


@transaction.atomic
def learn_from(rollout: Rollout) -> None:
    """Take a completed rollout's snapshots into the calibration of its service, metric by metric.

    A rollout that was never measured teaches nothing. A service's own ratios are noisy as payments are, to begin with.
    """
    memory = JudgeMemory.objects.filter(rollout=rollout).first()
    if memory is None:
        return
    rules, plan = Rules.from_json(memory.settings), rollout.plan_value
    steps = [planned_step(step, splits_users=is_experiment(plan)) for step in plan.steps]
    looks = [
        look_at(snapshot, rules=rules, steps=len(steps)) for snapshot in rollout.snapshots.order_by("at")
    ]
    known = default_rules()
    seconds = rules.settings.interval_seconds
    for metric, noise in noise_of(looks, steps=steps, settings=rules.settings).items():
        _add(rollout.service, metric, noise=noise, rule=known.get(metric, PAYMENTS), seconds=seconds)


def default_rules() -> dict[str, CountRule]:
    """Return each family of count tests with its rule for scrapes of 15 s."""
    settings = Settings()
    return {
        **{rule.metric: rule for rule in settings.ratios},
        "slow": settings.slow,
        "sample_ratio": settings.share,
    }


def _add(service: Service, metric: str, *, noise: Noise, rule: CountRule, seconds: float) -> None:
    """Add one release to the sums of looks of this length, and take the largest psi that any length shows."""
    row, _new = Calibration.objects.get_or_create(service=service, metric=metric, defaults={"psi": rule.psi})
    length = f"{seconds:g}"
    known = Noise.from_json(row.sums.get(length, {}))
    row.sums = {**row.sums, length: known.plus(noise).as_json()}
    row.releases += 1
    # psi is stored for scrapes of 15 s: shorter ones share their fate with more neighbours.
    row.psi = max(
        Noise.from_json(sums).psi(phi=rule.phi, default=0.0) * float(of) / REFERENCE_SECONDS
        for of, sums in row.sums.items()
    )
    row.psi = max(row.psi, rule.psi)
    row.save()
