"""The demo shop in the lab: the same manifests as on a real cluster, and one local process per Deployment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from deploy.lab.children import REPOSITORY
from deploy.lab.errors import LabError
from deploy.lab.folder import LabFolder, write_json
from deploy.lab.kube import KubeApi, Manifest, deployment

MANIFESTS = REPOSITORY / "deploy" / "kubernetes" / "shop"
NAMESPACE = "shop"
SERVICES = ("product", "order", "payment")
VERSIONS = ("v1", "v2")
DEPLOYMENTS = tuple(f"{service}-{version}" for service in SERVICES for version in VERSIONS)


@dataclass(frozen=True, slots=True)
class ShopProcess:
    """One version of one service: a Deployment in the cluster, a process here."""

    service: str
    version: str
    port: int

    @property
    def name(self) -> str:
        return f"{self.service}-{self.version}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def shop_processes(ports: Mapping[str, int]) -> list[ShopProcess]:
    """Return all six, each with its port."""
    return [
        ShopProcess(service=service, version=version, port=ports[f"{service}-{version}"])
        for service in SERVICES
        for version in VERSIONS
    ]


def find_process(processes: list[ShopProcess], *, service: str, version: str) -> ShopProcess:
    """Return one of them. Raises LabError."""
    for process in processes:
        if (process.service, process.version) == (service, version):
            return process
    raise LabError(
        f"The shop has no {service} {version}; there are {', '.join(one.name for one in processes)}."
    )


def manifests(folder: Path = MANIFESTS) -> Iterator[Manifest]:
    """Yield every object of the shop's kustomization, in its order."""
    resources = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    for name in resources:
        yield from (manifest for manifest in yaml.safe_load_all((folder / name).read_text()) if manifest)


async def create_objects(folder: LabFolder, *, processes: list[ShopProcess]) -> None:
    """Create the shop's objects unless they are there: a lab that starts again keeps its traffic."""
    async with KubeApi(folder.kubeconfig) as api:
        for manifest in manifests():
            await api.create_if_missing(manifest)
        for process in processes:
            await _remember(folder, process=process, api=api)


async def remember_image(folder: LabFolder, *, process: ShopProcess) -> None:
    """Note the image a process is started as: what its Deployment asks for at this moment.

    While the API server is away (a lab that is just starting) there is nobody to ask, and nothing changes.
    """
    if not folder.kubeconfig.exists():
        return
    async with KubeApi(folder.kubeconfig) as api:
        if await api.is_ready():
            await _remember(folder, process=process, api=api)


async def _remember(folder: LabFolder, *, process: ShopProcess, api: KubeApi) -> None:
    live = await api.get(deployment(process.name, namespace=NAMESPACE))
    image = live["spec"]["template"]["spec"]["containers"][0]["image"]
    rows = json.loads(folder.workloads.read_text()) if folder.workloads.exists() else {}
    rows[f"{NAMESPACE}/{process.name}"] = {"port": process.port, "image": image}
    write_json(folder.workloads, rows)
