"""Local ports: chosen once per state folder, so that addresses stay the same from one start to the next."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Sequence
from pathlib import Path

from deploy.lab.errors import LabError
from deploy.lab.folder import write_json

# Below the range the kernel takes ports for outgoing connections from; those would race with the servers.
_RANGE = range(20_000, 32_000)
_ATTEMPTS = 200


def choose_ports(names: Sequence[str], *, kept: Path, fixed: dict[str, int]) -> dict[str, int]:
    """Return a free port per name: the fixed one, else the one of last time, else a new one.

    Raises LabError if a fixed port is taken.
    """
    before: dict[str, int] = json.loads(kept.read_text()) if kept.exists() else {}
    chosen: dict[str, int] = {}
    for name in names:
        if name in fixed:
            if not is_free(fixed[name]):
                raise LabError(f"Port {fixed[name]} is taken. Choose another one with --port.")
            chosen[name] = fixed[name]
            continue
        taken = {*chosen.values(), *fixed.values()}
        candidates = [before[name]] if name in before else []
        candidates += random.sample(_RANGE, _ATTEMPTS)
        chosen[name] = next((port for port in candidates if port not in taken and is_free(port)), 0)
        if not chosen[name]:
            raise LabError(f"No free port found between {_RANGE.start} and {_RANGE.stop}.")
    write_json(kept, {**before, **chosen})
    return chosen


def is_free(port: int) -> bool:
    """Say whether a server could listen on the port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True
