"""Play recorded releases to the judge. One JSON line per release on stdout, progress on stderr."""

from __future__ import annotations

import gzip
import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from releases.domain.evidence.replay import replay


class Command(BaseCommand):
    help = "Judge recorded releases, one scrape at a time, as the engine would have."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("traces", type=Path, help="FILE.jsonl or FILE.jsonl.gz")

    def handle(self, *_args: object, **options: Any) -> None:
        for number, trace in enumerate(_traces(options["traces"]), start=1):
            self.stdout.write(json.dumps(asdict(replay(trace))))
            if number % 20 == 0:
                self.stderr.write(f"{number} releases replayed")


def _traces(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)
