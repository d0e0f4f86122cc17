"""Write the pages under docs/ that are generated from the code, or say with ``--check`` which are out of date."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from istio import checks
from releases.domain import states_page

PAGES: Mapping[str, Callable[[], str]] = {
    "checks.md": checks.as_markdown,
    "states.md": states_page.as_markdown,
}


class Command(BaseCommand):
    help = "Write the generated pages under docs/."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail if a page is out of date"
        )

    def handle(self, *_args: object, check: bool, **_options: Any) -> None:
        folder = Path(settings.BASE_DIR) / "docs"
        stale = [name for name, page in PAGES.items() if _read(folder / name) != page()]
        if check and stale:
            raise CommandError(f"Out of date: {', '.join(stale)}; run manage.py write_docs.")
        for name in stale:
            (folder / name).write_text(PAGES[name](), encoding="utf-8")
            self.stdout.write(f"docs/{name}")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
