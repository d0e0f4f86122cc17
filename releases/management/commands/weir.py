"""``manage.py weir``: Weir's client for CI. It speaks the REST API and needs no database."""

from __future__ import annotations

import sys
from typing import NoReturn

from django.core.management.base import BaseCommand

from releases.ci import weir


class Command(BaseCommand):
    help = "Register a version, ask for a rollout, wait for its end: see docs/ci.md."
    requires_system_checks = []

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        """Hand the arguments on as they are: the client has a parser and exit codes of its own."""
        sys.exit(weir.main(argv[2:], prog=" ".join(argv[:2])))
