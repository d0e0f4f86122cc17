"""The state folder of one lab: where everything lies, who owns it now, what a killed run left behind."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.lab.errors import LabError

DEFAULT_FOLDER = Path(".lab")


@dataclass(frozen=True, slots=True)
class LabFolder:
    """Paths inside one state folder."""

    root: Path

    @property
    def lab_json(self) -> Path:
        """What outside programs read: addresses, accounts, process ids. Exists while the lab is ready."""
        return self.root / "lab.json"

    @property
    def ready(self) -> Path:
        """Holds the ``ready:`` line while the lab is ready."""
        return self.root / "ready"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def xds(self) -> Path:
        return self.root / "xds"

    @property
    def workloads(self) -> Path:
        return self.root / "workloads.json"

    @property
    def accounts(self) -> Path:
        return self.root / "accounts.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def children(self) -> Path:
        """Identities of the running processes, to recognise what a killed supervisor left behind."""
        return self.root / "children.json"

    @property
    def control(self) -> Path:
        """Holds the path of the supervisor's socket, which needs a shorter path than a folder may have."""
        return self.root / "control"

    def log(self, process: str) -> Path:
        return self.root / "logs" / f"{process}.log"

    def make(self) -> None:
        """Create the folder, readable by its owner only: it holds passwords and tokens."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("logs", "xds", "redis", "prometheus"):
            (self.root / name).mkdir(exist_ok=True)

    def secret_key(self) -> str:
        """Return the portal's secret key, made once per folder."""
        path = self.root / "secret-key"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(50))
        return path.read_text()

    def read_lab(self) -> dict[str, Any]:
        """Return lab.json. Raises LabError if no lab is ready here."""
        try:
            found: dict[str, Any] = json.loads(self.lab_json.read_text())
        except FileNotFoundError:
            raise LabError(f"No lab is ready in {self.root}; start one with: {self.command('up')}") from None
        return found

    def command(self, verb: str) -> str:
        """Return the command line for a verb on this folder, to be shown to people."""
        folder = "" if self.root == DEFAULT_FOLDER.resolve() else f" --state {self.root}"
        return f"python -m deploy.lab{folder} {verb}"

    @contextmanager
    def ownership(self) -> Iterator[None]:
        """Hold the folder for one supervisor; the kernel lets go when its process ends. Raises LabError."""
        with (self.root / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LabError(
                    f"A lab already runs in {self.root}. End it with: {self.command('down')}\n"
                    "or choose another folder with --state."
                ) from None
            yield

    def is_owned(self) -> bool:
        """Say whether a supervisor holds the folder."""
        try:
            with self.ownership():
                return False
        except LabError:
            return True
        except FileNotFoundError:
            return False


def write_private(path: Path, text: str) -> None:
    """Write a file at once, readable by its owner only."""
    fresh = path.with_name(f".{path.name}.tmp")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON at once, readable by its owner only."""
    write_private(path, json.dumps(content, indent=2) + "\n")
