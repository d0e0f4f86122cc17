"""The rig: a real broker, API server, beat and worker over one database, driven and watched from the test.

Leases are short and bakes a second long, so that a rollout with a killed worker takes seconds. The test reads and writes the
same database through the flow, as a person at another door would. It is a file, or where the suite runs on PostgreSQL, there.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from releases import flow
from releases.domain.roles import RoleName
from releases.domain.states import Event
from releases.models import Rollout, RolloutPlan
from services import connections
from services.models import Cluster, Policy, Service, Version
from tests.admin.world import STATEMENTS, actor, objects_of, person
from tests.faults.databases import rig_database
from tests.faults.judge import Stored
from tests.faults.split import Following
from tests.lab.kubeapi.process import REPOSITORY, KubeApi, until

STEPS = tuple({"weight": weight, "bake_seconds": 1} for weight in (5, 50))
DEADLINE_SECONDS = 120.0
_KUBECONFIG = "WEIR_KUBECONFIG"


class Rig:
    """Servers that run, people, a plan, and as many services as a test asks for."""

    def __init__(
        self,
        folder: Path,
        *,
        database: str,
        steps: Sequence[Mapping[str, int]],
        interval_seconds: int,
        environ: Mapping[str, str],
    ) -> None:
        self.folder, self._steps, self._interval_seconds = folder, steps, interval_seconds
        self.kubeapi = KubeApi(folder)
        self._workers: list[str] = []
        self._broker_port = _free_port()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._armed = folder / "armed"
        self._armed.touch()
        self.environ = {
            **os.environ,
            "DATABASE_URL": database,
            "REDIS_URL": f"redis://127.0.0.1:{self._broker_port}/0",
            "SECRET_KEY": "one of this rig alone",
            _KUBECONFIG: self.kubeapi.kubeconfig,
            "WEIR_PULSE_SECONDS": "0.25",
            "WEIR_LEASE_SECONDS": "2",
            "WEIR_MESH_TIMEOUT_SECONDS": "2",
            **environ,
        }

    def start(self) -> None:
        """Start the servers and make the people; the worker is started by the test."""
        self.kubeapi.start()
        self.start_broker()
        self.requester = person("developer", RoleName.REQUESTER)
        self.approver = person("approver", RoleName.APPROVER)
        self.operator = person("operator", RoleName.OPERATOR)
        self._policy = Policy.objects.create(name="one vote", guard_allowed=True)
        self._cluster = Cluster.objects.create(
            name="rig", kubeconfig_env=_KUBECONFIG, prometheus_url="http://127.0.0.1:9"
        )
        self._plan: RolloutPlan = flow.save_plan(
            name="short",
            steps=self._steps,
            evidence={"policy": "guard", "interval_seconds": self._interval_seconds},
            by=actor(self.requester),
        )
        self.kubeapi.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        schedule = ("--schedule", str(self.folder / "beat"), "--pidfile", "", "-l", "warning")
        self._spawn("beat", sys.executable, "-m", "celery", "-A", "portal", "beat", *schedule)

    def stop(self) -> None:
        """End everything this rig started."""
        for child in self._children.values():
            _end(child)
        for name in self._workers:
            for pid in self.worker_pids(name)[-1:]:  # none when the test failed before the first had begun
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        if self.kubeapi.running:
            self.kubeapi.kill()

    def start_broker(self) -> None:
        """Start Redis with nothing on disk: whatever was queued before is lost."""
        options = (
            "--port",
            str(self._broker_port),
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            str(self.folder),
        )
        self._spawn("redis", "redis-server", *options)
        until(lambda: _answers(self._broker_port), what="the broker answers")

    def restart_broker(self) -> None:
        """Kill Redis and start it again, empty."""
        _end(self._children["redis"])
        self.start_broker()

    def start_worker(self, name: str = "worker") -> None:
        """Start a worker that is replaced whenever a point has killed it. Each leads a process group of its own."""
        (self.folder / f"{name}.pids").touch()
        self._workers.append(name)
        self._spawn(name, sys.executable, "-m", "tests.faults.worker", str(self.folder), name)

    def worker_pids(self, name: str = "worker") -> list[int]:
        """Return the process ids of a worker and of those it replaced, oldest first."""
        return [int(line) for line in (self.folder / f"{name}.pids").read_text().split()]

    def wake_workers(self) -> None:
        """Let workers that were stopped go on where they were."""
        for name in self._workers:
            os.killpg(self.worker_pids(name)[-1], signal.SIGCONT)

    def finish_workers(self) -> None:
        """Ask the workers to end when their passes are done, and wait for it."""
        for name in self._workers:
            os.kill(self.worker_pids(name)[-1], signal.SIGTERM)
            self._children[name].wait(DEADLINE_SECONDS)
        self._workers.clear()

    @property
    def kills(self) -> int:
        """How many workers were killed so far."""
        return sum(max(len(self.worker_pids(name)) - 1, 0) for name in self._workers)

    def arm(self, rollout: Rollout, *, point: str, stage: str, how: str = "SIGKILL") -> None:
        """Let the worker that reaches the point in this stage of this rollout get a signal."""
        with self._armed.open("a") as file:
            file.write(f"{rollout.pk} {point} {stage} {how}\n")

    def armed(self) -> list[str]:
        """Return what has not come true yet."""
        return self._armed.read_text().splitlines()

    def approved(self, name: str) -> Rollout:
        """Make a service with its objects on the API server, and a rollout of it that is approved and due."""
        service = self._service(name)
        rollout = flow.create(
            service=service,
            candidate=service.versions.get(name="v2"),
            plan=self._plan,
            by=actor(self.requester),
            reason=STATEMENTS["reason"],
            impact=STATEMENTS["impact"],
            test_evidence=STATEMENTS["test_evidence"],
            rollback_note=STATEMENTS["rollback_note"],
        )
        rollout = flow.perform(rollout, Event.SUBMIT, by=actor(self.requester))
        return flow.perform(
            rollout, Event.APPROVE, by=actor(self.approver), fingerprint=rollout.fingerprint, why="read it"
        )

    def stored(self) -> list[Stored]:
        """Return every change of an object of the mesh since the services were made, by the API server's own log."""
        return [
            Stored(
                kind=record["kind"],
                name=record["name"],
                before=record["before"],
                after=record["after"],
                document=record["body"],
                at=datetime.fromisoformat(record["time"]),
            )
            for record in self.kubeapi.requests("verb=update")
            if record["before"] != record["after"] and not record["dry_run"]
        ]

    def until(self, condition: Callable[[], bool], *, what: str, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until a condition holds; at every fourth kill the broker dies, too. Raises AssertionError."""
        deadline = time.monotonic() + seconds
        kills = self.kills
        while not condition():
            if self.kills // 4 > kills // 4:
                self.restart_broker()
            kills = self.kills
            for name in self._workers:
                assert self._children[name].poll() is None, self.log(name)
            assert time.monotonic() < deadline, f"waited {seconds:g} s in vain: {what}\n{self.told()}"
            time.sleep(0.05)

    def told(self) -> str:
        """Say how far everything is, for a wait that was in vain."""
        rows = Rollout.objects.values_list(
            "service__name", "state", "reason_code", "current_step", "leased_until"
        )
        lines = [f"{self.kills} kills; armed: {self.armed()}", *map(str, rows)]
        return "\n".join([*lines, *(self.log(name) for name in self._workers)])

    def log(self, name: str) -> str:
        """Return the end of what a process said."""
        return "\n".join((self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-30:])

    def _service(self, name: str) -> Service:
        for manifest in objects_of(name):
            stored = self.kubeapi.create(manifest)
            if "status" in manifest:
                place = f"/apis/apps/v1/namespaces/shop/deployments/{stored['metadata']['name']}/status"
                answer = self.kubeapi.api("PUT", place, {**stored, "status": manifest["status"]})
                assert answer.status == 200, answer.body
        service = Service.objects.create(
            cluster=self._cluster,
            namespace="shop",
            name=name,
            host=name,
            virtual_service=name,
            destination_rule=name,
            policy=self._policy,
        )
        for version in ("v1", "v2"):
            Version.objects.create(
                service=service,
                name=version,
                subset=version,
                labels={"app": name, "version": version},
                image=f"shop/{name}:{version}",
            )
        service.stable = service.versions.get(name="v1")
        service.save()
        return service

    def _spawn(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                command, cwd=REPOSITORY, env=self.environ, stdout=log, stderr=log, start_new_session=True
            )
        self._children[name] = child
        return child


@contextmanager
def running_rig(
    folder: Path,
    *,
    steps: Sequence[Mapping[str, int]] = STEPS,
    interval_seconds: int = 1,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Rig]:
    """Run a rig for the time of a ``with`` block; inside it the database is the rig's, the metrics are the worker's.

    ``environ`` goes to the processes, over what makes a rig quick.
    """
    check_programs()
    with rig_database(folder) as database, connections.use(telemetry=Following()):
        rig = Rig(
            folder, database=database, steps=steps, interval_seconds=interval_seconds, environ=environ or {}
        )
        os.environ[_KUBECONFIG] = rig.kubeapi.kubeconfig
        try:
            rig.start()
            yield rig
        finally:
            rig.stop()
            del os.environ[_KUBECONFIG]


def check_programs() -> None:
    """Fail rather than skip: a kill that was not tried shows nothing. Raises RuntimeError with what to install."""
    if not shutil.which("redis-server"):
        raise RuntimeError("The rig needs redis-server. Please run: apt-get install redis-server")


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
