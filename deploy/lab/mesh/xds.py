"""Envoy's dynamic configuration as files, and what Envoy says to them.

A file is replaced by a rename: Envoy watches the folder and ignores files written in place. Its answer stands
in the statistics: ``version_text`` is the version in use, ``update_rejected`` counts refusals.
"""

from __future__ import annotations

import http.client
import itertools
import json
import re
import time
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from deploy.lab.mesh.fields import Json

ANSWER_SECONDS = 3.0
_POLL_SECONDS = 0.004
_STATISTIC = re.compile(r"^(?P<name>[\w.]+): (?P<value>.*)$", re.MULTILINE)


class Resource(Enum):
    """The two kinds of configuration that change at run time; the value is the prefix of their statistics."""

    CLUSTERS = "cluster_manager.cds"
    ROUTES = "http.mesh.rds.mesh"

    @property
    def file_name(self) -> str:
        return "cds.json" if self is Resource.CLUSTERS else "rds.json"


class Answer(Enum):
    ACK = "in use"
    NACK = "refused"
    SILENCE = "no answer"


def write_resources(folder: Path, resource: Resource, *, resources: Sequence[Json], version: str) -> None:
    """Put one configuration file in place at once."""
    written = folder / f".{resource.file_name}.tmp"
    written.write_text(json.dumps({"version_info": version, "resources": list(resources)}))
    written.replace(folder / resource.file_name)


class EnvoyFiles:
    """Writes configuration for one Envoy and waits for its answer."""

    def __init__(self, folder: Path, *, admin_port: int) -> None:
        self._folder = folder
        self._admin_port = admin_port
        # Versions never repeat, not even over restarts: an old answer must not pass for a new one.
        self._versions = (f"{int(time.time() * 1000)}.{number}" for number in itertools.count(1))

    def push(self, resource: Resource, *, resources: Sequence[Json]) -> Answer:
        """Write the resources, then wait up to ANSWER_SECONDS until Envoy uses or refuses them."""
        version = next(self._versions)
        refused_before = self._statistics(resource).get("update_rejected", "0")
        write_resources(self._folder, resource, resources=resources, version=version)
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            statistics = self._statistics(resource)
            if statistics.get("version_text") == version:
                return Answer.ACK
            if int(statistics.get("update_rejected", "0")) > int(refused_before):
                return Answer.NACK
            time.sleep(_POLL_SECONDS)
        return Answer.SILENCE

    def _statistics(self, resource: Resource) -> dict[str, str]:
        """Return the resource's statistics by their last word; empty while Envoy is away."""
        connection = http.client.HTTPConnection("127.0.0.1", self._admin_port, timeout=1)
        try:
            connection.request(
                "GET", f"/stats?filter=^{re.escape(resource.value)}%5C.(version_text|update_rejected)$"
            )
            text = connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return {}
        finally:
            connection.close()
        return {
            found["name"].rpartition(".")[2]: found["value"].strip('"\r')
            for found in _STATISTIC.finditer(text)
        }
