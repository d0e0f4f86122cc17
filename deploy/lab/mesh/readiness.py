"""The kubelet's part: asks the service processes whether they are well, and says so on their Deployments."""

from __future__ import annotations

import http.client
import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import urllib3
from kubernetes import client

from deploy.lab.mesh.cluster_view import ClusterView
from deploy.lab.mesh.objects import key_of
from deploy.lab.mesh.reports import deployment_status

PROBE_INTERVAL_SECONDS = 0.4
PROBE_TIMEOUT_SECONDS = 0.5
SLOW_ANSWERS_ALLOWED = 3
"""A refused connection is a dead process at once; on a busy machine one slow answer says nothing."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalProcess:
    """The process that stands for a Deployment's pods: where it listens and the image it was started as."""

    port: int
    image: str


def read_workloads(path: Path) -> dict[str, LocalProcess]:
    """Read which process stands for which Deployment (by namespace/name); the supervisor writes the file."""
    rows = json.loads(path.read_text())
    return {key: LocalProcess(port=row["port"], image=row["image"]) for key, row in rows.items()}


class ReadinessProbe(threading.Thread):
    """Probes for ever; writes a Deployment's status when it differs from the stored one."""

    def __init__(self, view: ClusterView, *, workloads: Path) -> None:
        super().__init__(name="readiness", daemon=True)
        self._view = view
        self._workloads = workloads
        self._slow: dict[str, int] = {}

    def run(self) -> None:
        while True:
            try:
                self._report(read_workloads(self._workloads))
            except (client.ApiException, urllib3.exceptions.HTTPError, OSError) as error:
                _log.info("the status of Deployments could not be written: %s", error)
            threading.Event().wait(PROBE_INTERVAL_SECONDS)

    def _report(self, processes: Mapping[str, LocalProcess]) -> None:
        for deployment in self._view.deployments.objects():
            key = key_of(deployment)
            process = processes.get(key)
            status = deployment_status(
                deployment,
                answers=process is not None and self._answers(key, port=process.port),
                running_image=process.image if process else None,
                now=datetime.now(UTC),
            )
            stored = deployment.get("status", {})
            if any(stored.get(field) != value for field, value in status.items()):
                self._view.write_deployment_status(deployment, status=status)

    def _answers(self, key: str, *, port: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/healthz")
            well = connection.getresponse().status == http.client.OK
        except TimeoutError:
            self._slow[key] = self._slow.get(key, 0) + 1
            return self._slow[key] < SLOW_ANSWERS_ALLOWED
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        self._slow[key] = 0
        return well
