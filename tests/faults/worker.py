"""Run the worker of ``armed`` and start it again whenever it was killed: ``python -m tests.faults.worker FOLDER NAME``.

As a cluster would; but each worker is forked from here, where everything is imported already, so that twenty-odd kills take
seconds and not minutes. FOLDER/NAME.pids gets a line for each worker. A worker that ends in any other way is not replaced.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from pathlib import Path

import django


def main(folder: Path, *, name: str) -> int:
    """Fork workers until one ends by itself; return its exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    armed = import_module("tests.faults.armed")  # Django's models can be imported only now
    import_module("istio.kube")
    while True:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            armed.run(folder)
            os._exit(0)
        with (folder / f"{name}.pids").open("a") as file:
            file.write(f"{pid}\n")
        _pid, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            return os.waitstatus_to_exitcode(status) or 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), name=sys.argv[2]))
