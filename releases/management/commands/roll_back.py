"""Roll a service back without broker, worker or web: rows are moved and the mesh is written from here."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from istio.mesh import MeshError
from releases import flow
from releases.domain import DomainError
from releases.domain.actor import Actor, Channel
from releases.domain.states import State
from releases.domain.traffic_change import ChangeState
from services.models import Service


class Command(BaseCommand):
    help = "Give all traffic of a service back to its stable version, now; after a release, to the version before it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("service", help="name, or namespace/name")
        parser.add_argument("--cluster", help="name of the cluster, where several have the service")
        parser.add_argument("--namespace", help="namespace, where several have the service")
        parser.add_argument("--reason", default="rolled back from the command line")

    def handle(
        self,
        *_args: object,
        service: str,
        reason: str,
        cluster: str | None = None,
        namespace: str | None = None,
        **_options: Any,
    ) -> None:
        found = _service(service, cluster=cluster, namespace=namespace)
        by = Actor(name=f"cli:{getpass.getuser()}", channel=Channel.CLI)
        try:
            done = flow.go_back(found, by=by, why=reason)
        except (DomainError, MeshError) as error:
            raise CommandError(str(error)) from error
        if done.state not in {State.ROLLED_BACK, State.REVERTED, ChangeState.APPLIED}:
            raise CommandError(
                f"{done}: the mesh did not answer within 3 s; the worker goes on trying. State: {done.state}."
            )
        self.stdout.write(f"{done}: all traffic of {found.name} is on {done.stable.name}.")


def _service(name: str, *, cluster: str | None, namespace: str | None) -> Service:
    """Find the one service that is meant. Raises CommandError naming the choices where it is not one."""
    home, _slash, bare = name.rpartition("/")
    found = Service.objects.filter(name=bare).select_related("cluster", "policy", "stable")
    found = found.order_by("cluster__name", "namespace")
    if home or namespace:
        found = found.filter(namespace=home or namespace)
    if cluster:
        found = found.filter(cluster__name=cluster)
    if home and namespace and home != namespace:
        raise CommandError(f"{name} is not in namespace {namespace}; give one of the two.")
    services = list(found)
    if len(services) > 1:
        choices = "; ".join(f"{one.namespace}/{one.name} --cluster {one.cluster.name}" for one in services)
        raise CommandError(f"{name} is the name of {len(services)} services; say which: {choices}.")
    if not services:
        raise CommandError(f"Weir knows no service {name} here; look at the list of services.")
    return services[0]
