"""One pass: what the objects ask for goes into Envoy, Envoy's answer back onto the objects."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import urllib3
from kubernetes import client

from deploy.lab.mesh.cluster_view import ClusterView
from deploy.lab.mesh.clusters import clusters
from deploy.lab.mesh.fields import Json, TranslationError
from deploy.lab.mesh.objects import MeshObjects, key_of, mesh_objects
from deploy.lab.mesh.readiness import read_workloads
from deploy.lab.mesh.reports import virtual_service_status
from deploy.lab.mesh.routes import is_bound, route_configuration, routes_of, virtual_hosts
from deploy.lab.mesh.xds import Answer, EnvoyFiles, Resource

RETRY_SECONDS = 1.0
_log = logging.getLogger(__name__)


class EnvoySilentError(Exception):
    """Envoy did not answer in time; nothing is known about what it uses."""


class Controller:
    """Keeps what Envoy has accepted so far; a VirtualService it refuses keeps its last good routes."""

    def __init__(self, view: ClusterView, *, envoy: EnvoyFiles, workloads: Path) -> None:
        self._view = view
        self._envoy = envoy
        self._workloads = workloads
        self._clusters: list[Json] | None = None
        self._hosts: list[Json] | None = None
        self._accepted: dict[str, list[Json]] = {}

    def run(self) -> None:
        """Reconcile after every change, for ever."""
        while True:
            self._view.changed.wait()
            self._view.changed.clear()
            try:
                self.reconcile()
            except EnvoySilentError:
                _log.warning("Envoy does not answer; trying again")
                self._retry_later()
            except (client.ApiException, urllib3.exceptions.HTTPError, OSError) as error:
                _log.warning("a status could not be written, trying again: %s", error)
                self._retry_later()

    def reconcile(self) -> None:
        """Bring Envoy up to date and say so on the VirtualServices.

        New clusters come before the routes that need them, unused ones go afterwards.
        Raises EnvoySilentError, and the Kubernetes client's errors if a status cannot be written.
        """
        begun = time.monotonic()
        objects = self._read()
        wanted, refusals = _translate(objects)
        final = clusters(objects)
        in_use = {cluster["name"] for cluster in final}
        leaving = [cluster for cluster in self._clusters or [] if cluster["name"] not in in_use]
        self._put_clusters([*final, *leaving])
        refusals |= self._put_routes(objects, wanted=wanted)
        self._put_clusters(final)
        self._report(objects, refusals=refusals, milliseconds=round((time.monotonic() - begun) * 1000))

    def _read(self) -> MeshObjects:
        view = self._view
        return mesh_objects(
            services=view.services.objects(),
            deployments=view.deployments.objects(),
            destination_rules=view.destination_rules.objects(),
            virtual_services=view.virtual_services.objects(),
            gateways=view.gateways.objects(),
            endpoint_ports={key: process.port for key, process in read_workloads(self._workloads).items()},
        )

    def _put_clusters(self, wanted: list[Json]) -> None:
        if wanted == self._clusters:
            return
        answer = self._envoy.push(Resource.CLUSTERS, resources=wanted)
        if answer is Answer.SILENCE:
            raise EnvoySilentError
        if answer is Answer.NACK:
            _log.error("Envoy refused the clusters, see its log; it keeps those it had")
        self._clusters = wanted

    def _put_routes(self, objects: MeshObjects, *, wanted: Mapping[str, list[Json]]) -> dict[str, str]:
        """Give Envoy all routes at once; if it refuses, one object at a time. Return who was refused."""
        alive = {key_of(manifest) for manifest in objects.virtual_services}
        kept = {key: routes for key, routes in self._accepted.items() if key in alive}
        together = {**kept, **wanted}
        if self._accepts(objects, routes=together):
            self._accepted = together
            return {}
        refusals: dict[str, str] = {}
        self._accepted = kept
        for key, routes in wanted.items():
            if routes == self._accepted.get(key):
                continue
            if self._accepts(objects, routes={**self._accepted, key: routes}):
                self._accepted[key] = routes
            else:
                refusals[key] = "Envoy refused these routes and keeps those it had; its log says why."
        return refusals

    def _accepts(self, objects: MeshObjects, *, routes: Mapping[str, Sequence[Json]]) -> bool:
        hosts = virtual_hosts(objects, routes=routes)
        if hosts == self._hosts:
            return True
        answer = self._envoy.push(Resource.ROUTES, resources=[route_configuration(hosts)])
        if answer is Answer.SILENCE:
            raise EnvoySilentError
        if answer is Answer.ACK:
            self._hosts = hosts
        return answer is Answer.ACK

    def _report(self, objects: MeshObjects, *, refusals: Mapping[str, str], milliseconds: int) -> None:
        for manifest in objects.virtual_services:
            refusal = refusals.get(key_of(manifest))
            status = virtual_service_status(
                manifest, refusal=refusal, note=_note(manifest, objects=objects), now=datetime.now(UTC)
            )
            if status != manifest.get("status"):
                _log.info("%s: %s (%s ms)", key_of(manifest), refusal or "in use", milliseconds)
                self._write(manifest, status=status)

    def _write(self, manifest: Json, *, status: Json) -> None:
        try:
            self._view.write_virtual_service_status(manifest, status=status)
        except client.ApiException as error:
            if error.status != 404:  # deleted meanwhile: nothing to report on
                raise

    def _retry_later(self) -> None:
        time.sleep(RETRY_SECONDS)
        self._view.changed.set()


def _translate(objects: MeshObjects) -> tuple[dict[str, list[Json]], dict[str, str]]:
    """Return the routes of every VirtualService that can be translated, and why the others cannot."""
    routes: dict[str, list[Json]] = {}
    refusals: dict[str, str] = {}
    for manifest in objects.virtual_services:
        try:
            routes[key_of(manifest)] = routes_of(manifest, objects=objects)
        except TranslationError as error:
            refusals[key_of(manifest)] = f"{error} The routes in use stay."
    return routes, refusals


def _note(manifest: Json, *, objects: MeshObjects) -> str:
    spec = manifest["spec"]
    namespace = manifest["metadata"].get("namespace", "default")
    if is_bound(spec.get("gateways"), namespace=namespace, objects=objects):
        return "Envoy uses these routes."
    return f"None of the gateways {', '.join(spec['gateways'])} exists: these routes are not in use."
