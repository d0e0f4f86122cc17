"""Every point in every stage, and longer random walks: ``python -m tests.faults.soak [pytest options]``.

All fault tests on SQLite, then those with real processes on PostgreSQL. An hour on two idle cores, several on busy ones: about
eighty kills each time, and each waits for its lease.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.lab.kubeapi.process import REPOSITORY

REAL_PROCESSES = ("tests/faults/test_killed_worker.py", "tests/faults/test_late_worker.py")


def main() -> int:
    """Run the fault tests with everything switched on; return the first exit code that is no success."""
    environ = {**os.environ, "WEIR_EVERY_STEP": "1"}
    pytest = [sys.executable, "-m", "pytest", "-q", *sys.argv[1:]]
    on_postgresql = [sys.executable, "-m", "tests.on_postgresql", *pytest, *REAL_PROCESSES]
    codes = [
        subprocess.run(command, cwd=REPOSITORY, env=environ, check=False).returncode
        for command in ([*pytest, "tests/faults", "-n", "2", "--dist", "loadfile"], on_postgresql)
    ]
    return next(filter(None, codes), 0)


if __name__ == "__main__":
    sys.exit(main())
