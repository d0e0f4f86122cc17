"""How late a step is: ``python -m tests.load.delay [ROLLOUTS]`` prints Markdown.

A real beat, broker and Celery worker of two processes over a SQLite file carry out so many live rollouts at once against the
API server of the lab, with the pulse of production. A step is due when the bake before it is over; it is written when the
API server's own log says so.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

if __name__ == "__main__":
    os.environ.update(DATABASE_URL="sqlite://:memory:", DJANGO_SETTINGS_MODULE="portal.settings")
    import django

    django.setup()

from django.test.utils import override_settings

from releases.domain.states import State
from releases.models import Rollout, StepRun
from tests.faults.judge import weight_in
from tests.faults.rig import Rig, running_rig

ROLLOUTS = 100
BAKE_SECONDS = 90
INTERVAL_SECONDS = 15
LAST_BAKE_SECONDS = 3600
WEIGHTS = (5, 20)
PRODUCTION = {"WEIR_PULSE_SECONDS": "1", "WEIR_LEASE_SECONDS": "30", "WEIR_MESH_TIMEOUT_SECONDS": "10"}


def delays_of(rig: Rig, *, rollouts: int) -> list[float]:
    """Let all begin, wait until each took its second step, and return the seconds from due to written."""
    made = [rig.approved(f"good{number}") for number in range(rollouts)]
    rig.start_worker()
    second = StepRun.objects.filter(position=1).exclude(written=None)
    rig.until(
        lambda: second.count() == rollouts or _stopped(rollouts),
        what="every rollout is in its second step",
        seconds=BAKE_SECONDS + 300,
    )
    if _stopped(rollouts):
        raise RuntimeError(rig.told())
    written = {
        write.name: write.at
        for write in rig.stored()
        if (rollout := next((one for one in made if one.service.name == write.name), None))
        and write.kind == "VirtualService"
        and weight_in(write.document, rollout=rollout) == WEIGHTS[1]
    }
    runs = StepRun.objects.filter(position=0).select_related("rollout__service")
    due = {
        run.rollout.service.name: run.started_at + timedelta(seconds=BAKE_SECONDS)
        for run in runs
        if run.started_at
    }
    return [(at - due[name]).total_seconds() for name, at in written.items() if at]


def _stopped(rollouts: int) -> bool:
    going = Rollout.objects.filter(state__in=[State.APPROVED, State.RUNNING])
    return going.count() < rollouts


def main(rollouts: int) -> bool:
    """Run the rig, print, and say whether p95 is within the pulse's interval and a second."""
    steps = [
        {"weight": WEIGHTS[0], "bake_seconds": BAKE_SECONDS},
        {"weight": WEIGHTS[1], "bake_seconds": LAST_BAKE_SECONDS},
    ]
    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    memory = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    with (
        tempfile.TemporaryDirectory(prefix="weir-delay-") as folder,
        override_settings(PASSWORD_HASHERS=hashers, CACHES=memory),
        running_rig(Path(folder), steps=steps, interval_seconds=INTERVAL_SECONDS, environ=PRODUCTION) as rig,
    ):
        delays = sorted(delays_of(rig, rollouts=rollouts))
    p95 = statistics.quantiles(delays, n=20, method="inclusive")[-1]
    print(
        f"{rollouts} live rollouts, due within some seconds of each other; a pulse every {PRODUCTION['WEIR_PULSE_SECONDS']} s.\n"
    )
    print("| seconds from due to written | median | p95 | most |\n|---|---|---|---|")
    print(f"| one step | {statistics.median(delays):.2f} | {p95:.2f} | {delays[-1]:.2f} |")
    limit = float(PRODUCTION["WEIR_PULSE_SECONDS"]) + 1
    print(
        f"\np95 {'is within' if p95 <= limit else 'is beyond'} the pulse's interval and one second ({limit:g} s)."
    )
    return p95 <= limit


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROLLOUTS)
