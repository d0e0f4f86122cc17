"""Move the oldest sealed segment of the audit trail to a file, when it is older than the retention."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from releases import flow
from releases.clock import database_now
from releases.domain import DomainError
from releases.domain.actor import Actor, Channel


class Command(BaseCommand):
    help = "Archive audit events that are older than WEIR_AUDIT_KEPT_DAYS (at least 180)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--folder", default=settings.AUDIT_ARCHIVE_FOLDER, help="where the file goes")

    def handle(self, *_args: object, folder: str, **_options: Any) -> None:
        if not folder or not Path(folder).is_dir():
            raise CommandError("Name a folder that exists: --folder, or WEIR_AUDIT_ARCHIVE_FOLDER.")
        by = Actor(name=f"cli:{getpass.getuser()}", channel=Channel.CLI)
        try:
            archive = flow.archive_audit(by=by, folder=Path(folder), clock=database_now)
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{archive}: {archive.file}" if archive else "Nothing is old enough and sealed.")
