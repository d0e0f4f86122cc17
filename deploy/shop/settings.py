"""What a shop service reads from its environment. README.md explains every variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

VERSIONS = ("v1", "v2")
NO_VARIANT = "none"


@dataclass(frozen=True, slots=True)
class Settings:
    """One process of one service.

    ``mesh_url`` is empty where a sidecar does the routing: the other services are called by their own
    names. Ratios are 0-1. ``seed`` makes latencies, errors and declines repeatable.
    """

    service: str
    version: str = "v1"
    mesh_url: str = ""
    seed: int | None = None
    error_ratio: float = 0.0
    decline_ratio: float = 0.02
    latency_scale: float = 1.0


def read_settings(service: str, *, environ: Mapping[str, str]) -> Settings:
    """Read the settings of one service. Raises ValueError with a sentence if a variable makes no sense."""
    version = environ.get("SHOP_VERSION", "v1")
    if version not in VERSIONS:
        raise ValueError(f"SHOP_VERSION must be one of {', '.join(VERSIONS)}, not {version!r}.")
    seed = environ.get("SHOP_SEED", "")
    return Settings(
        service=service,
        version=version,
        mesh_url=environ.get("SHOP_MESH_URL", "").rstrip("/"),
        seed=int(seed) if seed else None,
        error_ratio=_ratio(environ, "SHOP_ERROR_RATIO", default=0.0),
        decline_ratio=_ratio(environ, "SHOP_DECLINE_RATIO", default=0.02),
        latency_scale=float(environ.get("SHOP_LATENCY_SCALE", "1")),
    )


def _ratio(environ: Mapping[str, str], name: str, *, default: float) -> float:
    value = float(environ.get(name, default))
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}.")
    return value
