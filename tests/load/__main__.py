"""``make bench``: run every measurement and write ``docs/benchmarks.md``. Figures are counts and ratios; machines differ.

Each measurement is a module of this package that prints Markdown or JSON on its own; one that fails is named and the others go on.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
MEASUREMENTS = (
    ("The engine's cost", [sys.executable, "-m", "tests.load.engine"], "json"),
    ("The judge at length", [sys.executable, "-m", "tests.load.evidence"], ""),
    (
        "Reads with a million rows, on PostgreSQL",
        [sys.executable, "-m", "tests.on_postgresql", sys.executable, "-m", "tests.load.reads"],
        "",
    ),
)
"""Title, command, and how its output is set: as a block of that language, or as it is."""
HEAD = (
    "# Benchmarks\n\nWritten by `make bench`. Counts and ratios hold on any machine; milliseconds are of the one it ran on:"
    f" {os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}.\n"
)


def main() -> int:
    """Run everything; answer how many measurements failed."""
    parts, failed = [HEAD], 0
    for title, command, language in MEASUREMENTS:
        started = time.monotonic()
        print(f"{title} …", file=sys.stderr, flush=True)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        print(f"{title}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        failed += done.returncode != 0
        said = done.stdout.strip() if not done.returncode else f"This measurement failed ({done.returncode})."
        parts.append(f"## {title}\n\n" + (f"```{language}\n{said}\n```\n" if language else f"{said}\n"))
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(main())
