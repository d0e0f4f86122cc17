"""``manage.py translations``: bring the catalogue up to date, check it, compile it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import translations


class Command(BaseCommand):
    help = "Update, check or compile the Chinese catalogue (portal/locale)."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=["update", "check", "compile"])

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        if verb == "update":
            self.stdout.write(
                f"{translations.update()} messages want a translation: {translations.CATALOGUE}"
            )
        elif verb == "compile":
            self.stdout.write(f"compiled: {translations.compile_catalogue()}")
        elif faults := translations.faults():
            raise CommandError("\n".join([f"The catalogue is not complete ({len(faults)}):", *faults]))
        else:
            self.stdout.write("The catalogue is complete.")
