"""Say stored verdicts again from their stored numbers: exit code 1 if the judge that made one says something else now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from releases import flow
from releases.models import Verdict


class Command(BaseCommand):
    help = "Recompute stored verdicts from their snapshots and the judge's memory, and compare."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rollout", type=int, help="id of one rollout; default: all")

    def handle(self, *_args: object, **options: Any) -> None:
        verdicts = Verdict.objects.select_related("rollout").order_by("rollout", "at")
        if options["rollout"]:
            verdicts = verdicts.filter(rollout=options["rollout"])
        differing: list[str] = []
        number = earlier = 0
        for verdict in verdicts.iterator():
            number += 1
            again = flow.said_again(verdict)
            earlier += again is flow.Again.EARLIER
            if again is flow.Again.DIFFERENT:
                differing.append(f"{verdict.rollout} {verdict.at.isoformat()} {verdict.outcome}")
        self.stdout.write(
            f"{number} verdicts recomputed, {earlier} judged by an earlier version, {len(differing)} differ."
        )
        if differing:
            raise CommandError("\n".join(differing))
