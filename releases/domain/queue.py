"""Where an approved rollout stands in the queue of its cluster or group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Queue:
    """``scope`` names the cluster or group whose limit holds the rollout, empty while none does.

    ``limit`` rollouts may run there at once; ``ahead`` that could start now were approved before this one.
    """

    scope: str = ""
    limit: int = 0
    ahead: int = 0

    def as_params(self) -> dict[str, Any]:
        """Return what the sentence needs."""
        return {"scope": self.scope, "most": self.limit, "ahead": self.ahead}

    @property
    def holds(self) -> bool:
        return bool(self.scope)
