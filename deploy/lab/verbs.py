"""What can be asked of a lab that runs: its state, an end, a restart, a fault, more shoppers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import httpx

from deploy.lab.children import REPOSITORY, kill_leftovers, read_identities
from deploy.lab.control import ask
from deploy.lab.errors import LabError
from deploy.lab.folder import LabFolder
from deploy.lab.kube import KubeApi, deployment
from deploy.lab.mesh.objects import BROKEN_ASSIGNMENT, NO_ENDPOINTS
from deploy.lab.shop import NAMESPACE
from deploy.lab.supervisor import READY_SECONDS
from deploy.lab.up import say

_END_SECONDS = 60.0
_ANSWER_SECONDS = 5.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Fault:
    """What shall be wrong with one version; ratios are 0-1. The default is: nothing."""

    error_ratio: float = 0.0
    latency_ms: float = 0.0
    payment_failure_ratio: float = 0.0
    no_endpoints: bool = False
    broken_assignment: bool = False


def down(folder: LabFolder) -> int:
    """End the lab and wait until it has ended; end what a killed supervisor left behind."""
    if folder.is_owned():
        ask(folder, {"do": "down"}, timeout_seconds=_ANSWER_SECONDS)
        deadline = time.monotonic() + _END_SECONDS
        while folder.is_owned():
            if time.monotonic() > deadline:
                raise LabError(f"The lab in {folder.root} did not end within {_END_SECONDS:.0f} s.")
            time.sleep(_POLL_SECONDS)
        say(f"The lab in {folder.root} has ended.")
        return 0
    left = kill_leftovers(read_identities(folder.children))
    for announced in (folder.ready, folder.lab_json, folder.control, folder.children):
        announced.unlink(missing_ok=True)
    say(f"No lab runs in {folder.root}." + (f" Ended what one left: {', '.join(left)}." if left else ""))
    return 0


def status(folder: LabFolder) -> int:
    """Say what runs; 0 if the lab is ready and complete, 1 if not."""
    if not folder.is_owned():
        say(f"No lab runs in {folder.root}.")
        return 1
    answer = ask(folder, {"do": "status"}, timeout_seconds=_ANSWER_SECONDS)
    states: dict[str, str] = answer["states"]
    for name, state in states.items():
        say(f"{name:<16} {answer['pids'][name]:>8}  {state}")
    complete = bool(answer["ready"]) and all(state == "running" for state in states.values())
    say("ready" if answer["ready"] else "starting")
    return 0 if complete else 1


def restart(folder: LabFolder, *, process: str) -> int:
    """Start one process again and wait until it is ready."""
    request = {"do": "restart", "process": process}
    answer = ask(folder, request, timeout_seconds=READY_SECONDS + _ANSWER_SECONDS)
    say(f"{process} runs as process {answer['pid']}.")
    return 0


def fault(folder: LabFolder, *, service: str, version: str, wanted: Fault) -> int:
    """Make one version misbehave until the next fault; the default fault ends every other."""
    asyncio.run(switch_fault(folder, service=service, version=version, wanted=wanted))
    say(f"{service} {version}: {wanted if wanted != Fault() else 'no fault'}")
    return 0


async def switch_fault(folder: LabFolder, *, service: str, version: str, wanted: Fault) -> None:
    """Tell the process itself, and for ``no_endpoints`` the mesh. Raises LabError."""
    processes: dict[str, str] = folder.read_lab()["services"]
    name = f"{service}-{version}"
    if name not in processes:
        raise LabError(f"The shop has no {service} {version}; there are {', '.join(processes)}.")
    body = asdict(wanted)
    hidden, leaks = body.pop("no_endpoints"), body.pop("broken_assignment")
    async with httpx.AsyncClient(trust_env=False, timeout=_ANSWER_SECONDS) as client:
        try:
            answer = await client.post(f"{processes[name]}/admin/fault", json=body)
        except httpx.TransportError as error:
            again = folder.command(f"restart {name}")
            raise LabError(f"{name} does not answer ({error!r}); start it with: {again}") from error
    if answer.is_error:
        raise LabError(f"{name} refused the fault: {answer.json()['error']}")
    # null removes an annotation in a merge patch
    annotations = {
        NO_ENDPOINTS: "true" if hidden else None,
        BROKEN_ASSIGNMENT: "true" if leaks else None,
    }
    async with KubeApi(folder.kubeconfig) as api:
        await api.merge(
            deployment(name, namespace=NAMESPACE), change={"metadata": {"annotations": annotations}}
        )


def load(folder: LabFolder, *, rps: float, seconds: float) -> int:
    """Send more shoppers, beside those the lab has already."""
    mesh: str = folder.read_lab()["mesh"]
    command = (sys.executable, "-m", "deploy.lab.load", "--mesh", mesh)
    bounds = ("--rps", f"{rps:g}", "--seconds", f"{seconds:g}")
    try:
        return subprocess.run((*command, *bounds), cwd=REPOSITORY, check=False).returncode
    except KeyboardInterrupt:
        return 130
