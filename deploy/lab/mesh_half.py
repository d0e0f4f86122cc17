"""The mesh half of the lab: API server, controller, Envoy, Prometheus, Redis, the shop. Knows no Weir."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Mapping, Sequence

import httpx

from deploy.lab.binaries import Binaries
from deploy.lab.envoy_config import envoy_config
from deploy.lab.folder import LabFolder, write_json
from deploy.lab.kube import KubeApi
from deploy.lab.mesh.xds import Resource, write_resources
from deploy.lab.parts import Part, Step
from deploy.lab.probes import LogWatch, answers_http, answers_ping, every
from deploy.lab.prometheus_config import prometheus_config
from deploy.lab.shop import (
    DEPLOYMENTS,
    NAMESPACE,
    SERVICES,
    ShopProcess,
    create_objects,
    remember_image,
    shop_processes,
)

PORTS = ("redis", "api_server", "writes", "envoy_admin", "mesh", "prometheus", *DEPLOYMENTS)
LOAD_SECONDS = 4 * 3600.0
MESH_READY = "mesh_controller"
"""The part that is ready when the shop answers through the mesh."""


def write_configuration(folder: LabFolder, *, ports: Mapping[str, int], web_port: int | None) -> None:
    """Write the files the parts start from, and remove what an earlier run of the lab announced.

    ``web_port`` is where the portal will answer, if there is one.
    """
    for stale in (folder.kubeconfig, folder.workloads, folder.lab_json, folder.ready):
        stale.unlink(missing_ok=True)
    for resource in Resource:  # Envoy does not start without both files
        write_resources(folder.xds, resource, resources=[], version="0")
    envoy = envoy_config(mesh_port=ports["mesh"], admin_port=ports["envoy_admin"], xds=folder.xds)
    write_json(folder.root / "envoy.json", envoy)
    shop = {one.name: (one.service, one.version, one.port) for one in shop_processes(ports)}
    prometheus = prometheus_config(envoy_admin_port=ports["envoy_admin"], shop=shop, web_port=web_port)
    write_json(folder.root / "prometheus.yml", prometheus)  # JSON is YAML


def mesh_parts(
    folder: LabFolder, *, ports: Mapping[str, int], binaries: Binaries, client: httpx.AsyncClient
) -> list[Part | Step]:
    """Return the parts of the mesh half; ``client`` asks them whether they are ready."""
    processes = shop_processes(ports)
    return [
        _mesh_controller(folder, ports=ports, client=client),  # first: its client takes longest to load
        _redis(folder, port=ports["redis"], binaries=binaries),
        _envoy(folder, ports=ports, binaries=binaries, client=client),
        _prometheus(folder, port=ports["prometheus"], binaries=binaries, client=client),
        _api_server(folder, ports=ports),
        *(_shop(folder, process=process, ports=ports, client=client) for process in processes),
        Step(
            name="objects",
            run=functools.partial(create_objects, folder, processes=processes),
            where="the shop's Deployments, Services and Istio objects",
            after=("api_server",),
        ),
    ]


def mesh_addresses(folder: LabFolder, *, ports: Mapping[str, int]) -> dict[str, str]:
    """Return the mesh half's part of lab.json."""
    announced = json.loads((folder.root / "kubeapi.json").read_text())
    return {
        "mesh": f"http://127.0.0.1:{ports['mesh']}",
        "prometheus": f"http://127.0.0.1:{ports['prometheus']}",
        "kubeconfig": str(folder.kubeconfig),
        "api_server": announced["api_server"],
        "writes": announced["writes"],
        "redis": f"redis://127.0.0.1:{ports['redis']}/0",
        "envoy_admin": f"http://127.0.0.1:{ports['envoy_admin']}",
    }


def _redis(folder: LabFolder, *, port: int, binaries: Binaries) -> Part:
    arguments = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    return Part(
        name="redis",
        command=(str(binaries.redis), *arguments, "--dir", str(folder.root / "redis")),
        ready=answers_ping(port),
        where=f"redis://127.0.0.1:{port}",
    )


def _envoy(
    folder: LabFolder, *, ports: Mapping[str, int], binaries: Binaries, client: httpx.AsyncClient
) -> Part:
    # Hot restart ties Envoy's life to the thread that started it, and two Envoys on one machine together.
    arguments = (
        *("--concurrency", "1", "--disable-hot-restart", "-l", "warn"),
        "--reject-unknown-dynamic-fields",  # else a misspelt route is taken and answers 404
    )
    return Part(
        name="envoy",
        command=(str(binaries.envoy), "-c", str(folder.root / "envoy.json"), *arguments),
        ready=answers_http(f"http://127.0.0.1:{ports['envoy_admin']}/ready", client=client),
        where=f"http://127.0.0.1:{ports['mesh']} (the mesh)",
    )


def _prometheus(folder: LabFolder, *, port: int, binaries: Binaries, client: httpx.AsyncClient) -> Part:
    command = (
        str(binaries.prometheus),
        f"--config.file={folder.root / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder.root / 'prometheus'}",
        "--storage.tsdb.retention.time=6h",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
        "--log.level=warn",
    )
    url = f"http://127.0.0.1:{port}"
    return Part(
        name="prometheus", command=command, ready=answers_http(f"{url}/-/ready", client=client), where=url
    )


def _api_server(folder: LabFolder, *, ports: Mapping[str, int]) -> Part:
    async def ready() -> bool:
        if not folder.kubeconfig.exists():
            return False
        async with KubeApi(folder.kubeconfig) as api:
            return await api.is_ready()

    arguments = ("--port", str(ports["api_server"]), "--log-port", str(ports["writes"]))
    return Part(
        name="api_server",
        command=(sys.executable, "-m", "deploy.lab.kubeapi", *arguments, "--state", str(folder.root)),
        ready=ready,
        where=f"https://127.0.0.1:{ports['api_server']}",
    )


def _shop(
    folder: LabFolder, *, process: ShopProcess, ports: Mapping[str, int], client: httpx.AsyncClient
) -> Part:
    return Part(
        name=process.name,
        command=(sys.executable, "-m", f"deploy.shop.{process.service}", "--port", str(process.port)),
        environ={
            "SHOP_VERSION": process.version,
            "SHOP_MESH_URL": f"http://127.0.0.1:{ports['mesh']}",
        },
        ready=answers_http(f"{process.url}/healthz", client=client),
        where=process.url,
        prepare=functools.partial(remember_image, folder, process=process),
    )


def _mesh_controller(folder: LabFolder, *, ports: Mapping[str, int], client: httpx.AsyncClient) -> Part:
    mesh = f"http://127.0.0.1:{ports['mesh']}"
    watch = LogWatch(folder.log(MESH_READY), text="following the API")
    command = (
        *(sys.executable, "-m", "deploy.lab.mesh"),
        *("--kubeconfig", str(folder.kubeconfig)),
        *("--xds", str(folder.xds)),
        *("--envoy-admin-port", str(ports["envoy_admin"])),
        *("--workloads", str(folder.workloads)),
    )
    return Part(
        name=MESH_READY,
        command=command,
        prepare=watch.mark,
        ready=every(
            watch.probe,
            *(answers_http(f"{mesh}/healthz", client=client, host=service) for service in SERVICES),
        ),
        where=f"Envoy follows the objects of namespace {NAMESPACE}",
        uses=("api_server", "envoy", *DEPLOYMENTS),
    )


def load_part(folder: LabFolder, *, ports: Mapping[str, int], rps: float) -> Part:
    """Return the shoppers, at so many requests per second through the mesh."""
    mesh = f"http://127.0.0.1:{ports['mesh']}"
    watch = LogWatch(folder.log("load"), text="shopping")
    command = (sys.executable, "-m", "deploy.lab.load", "--mesh", mesh, "--rps", f"{rps:g}")
    return Part(
        name="load",
        command=(*command, "--seconds", f"{LOAD_SECONDS:g}"),
        prepare=watch.mark,
        ready=watch.probe,
        where=f"{rps:g} requests/s through the mesh",
        after=(MESH_READY,),
    )


def environ_of(base: Mapping[str, str], *, names: Sequence[str]) -> dict[str, str]:
    """Return the named variables, locales and Weir's settings: the parts inherit nothing else."""
    return {name: value for name, value in base.items() if name in names or name.startswith(("LC_", "WEIR_"))}
