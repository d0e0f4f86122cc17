"""Read the audit chain back. Exits 1 and names the first bad event or head when it does not hold."""

from __future__ import annotations

import base64
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from releases import flow
from releases.flow.verify import heads_of_file


class Command(BaseCommand):
    help = "Verify the chain of audit events against the signed heads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--heads", help="file with signed heads; default: the configured file, else the database's own"
        )
        parser.add_argument(
            "--key", help="base64 of the public key; default: that of the configured signing key"
        )

    def handle(self, *_args: object, **options: Any) -> None:
        report = flow.verify_chain(
            heads=heads_of_file(options["heads"]) if options["heads"] else None,
            public_key=base64.b64decode(options["key"]) if options["key"] else None,
        )
        if not report.is_sound:
            raise CommandError(report.problem)
        self.stdout.write(
            f"{report.events} events, chain sound, {report.heads} signed heads hold, head {report.head}."
        )
