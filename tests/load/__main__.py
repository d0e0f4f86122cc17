"""``make bench``: run measurements and write them into ``docs/benchmarks.md``. Figures are counts and ratios; machines differ.

``python -m tests.load [PART ...]`` with parts of engine, delay, shift, judge and reads; without any, all but reads, whose
million rows take ten minutes to fill (``make bench-reads``). Each part is a module of this package that prints Markdown on its
own; a section that was not measured stays as it stands on the page, and one that fails is named while the others go on.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Part:
    """One section of the page and the module that prints it, by itself or with a PostgreSQL of its own."""

    title: str
    module: str
    on_postgresql: bool = False

    @property
    def command(self) -> list[str]:
        server = [sys.executable, "-m", "tests.on_postgresql"] if self.on_postgresql else []
        return [*server, sys.executable, "-m", self.module]


PARTS: Mapping[str, Part] = {
    "engine": Part("The engine's cost", "tests.load.engine"),
    "delay": Part("Step delay", "tests.load.delay"),
    "shift": Part("Shift delay in Envoy", "tests.load.shift"),
    "judge": Part("The judge at length", "tests.load.evidence"),
    "reads": Part("Reads with a million rows, on PostgreSQL", "tests.load.reads", on_postgresql=True),
}
USUAL = tuple(name for name in PARTS if name != "reads")
HEAD = """# Benchmarks

Written by `make bench` and `make bench-reads`. Counts and ratios hold on any machine; milliseconds are of the one it ran on, and of
what else it did at the time.

## Beside Flagger and Argo Rollouts

No figures of what either costs a cluster are known to us. What their documentation says about how fast a bad release ends is this;
the judge's figures are below, on traces with known faults.

| | a failing candidate is rolled back after | of a healthy one is said |
|---|---|---|
| Flagger | `threshold` failed checks, one each `interval`: 10 minutes in its own example (1m, 10) | nothing: each check compares with a fixed limit |
| Argo Rollouts | three failed measurements, one each `interval`, in its own example (5m, `failureLimit: 3`) | nothing: as above |
| Weir | the first look at which the evidence suffices, one each plan's interval | at most 1 in 100 is rolled back, however long it is watched |

Sources: [Flagger, how it works](https://github.com/fluxcd/flagger/blob/main/docs/gitbook/usage/how-it-works.md);
[Argo Rollouts, analysis](https://argoproj.github.io/argo-rollouts/features/analysis/).
"""


def main(names: Sequence[str]) -> int:
    """Run the parts and write the page after each; answer how many failed."""
    if unknown := [name for name in names if name not in PARTS]:
        print(f"No such part: {', '.join(unknown)}. There are: {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    failed = 0
    for name in names:
        part, started = PARTS[name], time.monotonic()
        print(f"{part.title} …", file=sys.stderr, flush=True)
        done = subprocess.run(part.command, stdout=subprocess.PIPE, text=True, check=False)
        seconds = time.monotonic() - started
        print(f"{part.title}: {seconds:.0f} s", file=sys.stderr, flush=True)
        failed += done.returncode != 0
        said = [done.stdout.strip(), f"This measurement failed ({done.returncode})." * bool(done.returncode)]
        text = "\n\n".join([*filter(None, said), _measured(seconds)])
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), {part.title: text}), encoding="utf-8")
    return failed


def page(before: str, measured: Mapping[str, str]) -> str:
    """Return the page with the measured sections anew and the others as they were, in the order of the parts."""
    kept = dict(re.findall(r"^## (.+?)\n\n(.*?)(?=\n## |\Z)", before, flags=re.MULTILINE | re.DOTALL))
    texts = {part.title: measured.get(part.title, kept.get(part.title, "")) for part in PARTS.values()}
    sections = [f"## {title}\n\n{text.strip()}\n" for title, text in texts.items() if text]
    return "\n".join([HEAD, *sections])


def _measured(seconds: float) -> str:
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    where = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    return f"*Measured on {day} with {where}, in {seconds:.0f} s.*"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or USUAL))
