"""Bringing what a cluster runs into the catalogue: new services, new versions, and the stable one where it is plain."""

from __future__ import annotations

from django.db import transaction

from releases.domain.actor import Actor
from releases.domain.states import LIVE
from releases.flow.record import record
from services.connections import mesh_of
from services.discovery import FoundService, discover
from services.models import Cluster, Policy, Service, Version


def discover_services(cluster: Cluster, *, namespace: str, policy: Policy, by: Actor) -> list[Service]:
    """Read the namespace, then store what is new. Nothing that is registered is renamed or removed. Raises MeshError."""
    found = discover(mesh_of(cluster), namespace=namespace)
    with transaction.atomic():
        return [_store(item, cluster=cluster, policy=policy, by=by) for item in found]


def _store(found: FoundService, *, cluster: Cluster, policy: Policy, by: Actor) -> Service:
    defaults = {
        "host": found.name,
        "port": found.port,
        "virtual_service": found.virtual_service,
        "destination_rule": found.destination_rule,
        "policy": policy,
    }
    service, created = Service.objects.get_or_create(
        cluster=cluster, namespace=found.namespace, name=found.name, defaults=defaults
    )
    for version in found.versions:
        row, _ = Version.objects.get_or_create(
            service=service,
            name=version.subset,
            defaults={"subset": version.subset, "labels": version.labels, "image": version.image},
        )
        Version.objects.filter(pk=row.pk).update(
            running_image=version.image, replicas_ready=version.replicas_ready
        )
    if found.stable_subset and not service.rollouts.filter(state__in=LIVE).exists():
        stable = service.versions.filter(subset=found.stable_subset).first()
        if stable and service.stable_id != stable.pk:
            Service.objects.filter(pk=service.pk).update(stable=stable)
            service.stable = stable
    if created:
        record(
            "discover", by=by, obj=service, after={"versions": [version.subset for version in found.versions]}
        )
    return service
