"""Run a command against a PostgreSQL of its own: ``python -m tests.on_postgresql pytest tests/api``.

The server lives in a temporary folder, listens on a free port of 127.0.0.1, and is ended and removed with the command.
PostgreSQL refuses to run as root: as root, it is started as the user ``postgres``.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a server and give its URL. Raises RuntimeError with what to install when PostgreSQL is not there."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="weir-postgresql-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        port, data = _free_port(), folder / "data"
        _run(
            [
                str(programs / "initdb"),
                "-D",
                str(data),
                "-U",
                "weir",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
            ]
        )
        # Durability is what a test's database does not need.
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
        pg_ctl = [str(programs / "pg_ctl"), "-D", str(data), "-w"]
        _run([*pg_ctl, "-l", str(folder / "log"), "-o", options, "start"])
        try:
            yield f"postgres://weir@127.0.0.1:{port}/postgres"
        finally:
            _run([*pg_ctl, "-m", "immediate", "stop"])


def _programs() -> Path:
    """Find the folder of initdb. Debian keeps the server's programs off the PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if not folders:
        raise RuntimeError("PostgreSQL is not installed. Please run: apt-get install postgresql")
    return folders[-1]


def _run(command: list[str]) -> None:
    user = "postgres" if os.getuid() == 0 else None
    done = subprocess.run(
        command, user=user, group=user, cwd="/", capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    with postgresql() as url:
        sys.exit(subprocess.run(sys.argv[1:], env=os.environ | {"DATABASE_URL": url}, check=False).returncode)
