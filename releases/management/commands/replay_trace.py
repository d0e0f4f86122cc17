"""Play recorded releases to the judge. One JSON line per release on stdout, progress on stderr.

With ``--service`` the recorded past of a service is played instead: the rehearsal of a plan, one JSON line with what each step can see.
"""

from __future__ import annotations

import gzip
import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from istio.telemetry import TelemetryError
from releases import flow
from releases.clock import database_now
from releases.domain.evidence.rehearsal import TooShort
from releases.domain.evidence.replay import replay
from releases.models import RolloutPlan
from services.models import Service


class Command(BaseCommand):
    help = "Judge recorded releases, one scrape at a time, as the engine would have."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("traces", type=Path, nargs="?", help="FILE.jsonl or FILE.jsonl.gz")
        parser.add_argument("--service", help="rehearse on the recorded past of this service instead")
        parser.add_argument("--plan", help="with --service: the plan's name")
        parser.add_argument(
            "--seconds", type=int, default=24 * 3600, help="with --service: how much of the past"
        )

    def handle(self, *_args: object, **options: Any) -> None:
        if options["service"]:
            self._rehearse(options["service"], plan=options["plan"] or "", seconds=options["seconds"])
            return
        if options["traces"] is None:
            raise CommandError("Give a file of traces, or --service and --plan.")
        for number, trace in enumerate(_traces(options["traces"]), start=1):
            self.stdout.write(json.dumps(asdict(replay(trace))))
            if number % 20 == 0:
                self.stderr.write(f"{number} releases replayed")

    def _rehearse(self, service: str, *, plan: str, seconds: int) -> None:
        rows = Service.objects.select_related("cluster", "stable").prefetch_related("metrics")
        row, chosen = rows.filter(name=service).first(), RolloutPlan.objects.filter(name=plan).first()
        if row is None or chosen is None:
            raise CommandError(f"There is no service {service!r} or no plan {plan!r}.")
        told = [0]

        def tell(share: float) -> None:
            if round(10 * share) > told[0]:
                told[0] = round(10 * share)
                self.stderr.write(f"{10 * told[0]} %")

        try:
            found, missing = flow.rehearsed_now(
                row, chosen.frozen(), until=database_now(), seconds=seconds, on_progress=tell
            )
        except (TelemetryError, TooShort) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps({"service": service, "windows_missing": missing, **asdict(found)}))


def _traces(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)
