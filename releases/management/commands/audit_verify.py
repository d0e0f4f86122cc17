"""Read the audit chain back. Exits 1 and names the first bad event, head, vote or file when it does not hold."""

from __future__ import annotations

import base64
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from releases import flow
from releases.domain import DomainError
from releases.flow.kept_heads import heads_of_file, kept_heads


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
        try:
            heads = heads_of_file(Path(options["heads"])) if options["heads"] else None
            key = base64.b64decode(options["key"], validate=True) if options["key"] else None
            report = flow.verify_chain(heads=heads, public_key=key)
        except (OSError, ValueError, DomainError) as error:
            raise CommandError(f"The heads or the key can not be read: {error}") from error
        if not report.is_sound:
            raise CommandError(report.problem)
        if (key or heads is not None) and not report.heads:
            raise CommandError("Heads or a key were given, but no signed head was held against the chain.")
        self.stdout.write(
            f"{report.events} events, chain sound, {report.heads} signed heads hold, head {report.head}."
        )
        if not report.heads:
            self.stdout.write(
                "No signed head was checked: a cut end, or a chain computed anew, would not show."
            )
        elif heads is None and not kept_heads().outside:
            self.stdout.write(
                "The heads are the database's own, which its owner can take away: name those kept elsewhere with --heads."
            )
