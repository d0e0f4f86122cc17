"""Every point in every stage, and longer random walks: ``python -m tests.faults.soak [pytest options]``. Takes an hour or so."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.lab.kubeapi.process import REPOSITORY


def main() -> int:
    """Run the fault tests with everything switched on; return pytest's exit code."""
    environ = {**os.environ, "WEIR_EVERY_STEP": "1"}
    command = [sys.executable, "-m", "pytest", "tests/faults", "-q", *sys.argv[1:]]
    return subprocess.run(command, cwd=REPOSITORY, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
