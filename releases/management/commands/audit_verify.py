"""Read the audit chain back. Exits 1 and names the first bad event when it does not hold."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from releases import flow


class Command(BaseCommand):
    help = "Verify the chain of audit events."

    def handle(self, *_args: object, **_options: Any) -> None:
        report = flow.verify_chain()
        if not report.is_sound:
            raise CommandError(report.problem)
        self.stdout.write(f"{report.events} events, chain sound, head {report.head}.")
