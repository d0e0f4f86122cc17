"""The status the lab writes: does Envoy follow a VirtualService, does a Deployment's process answer? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from deploy.lab.mesh.fields import Json

RECONCILED = "Reconciled"
ACCEPTED = "EnvoyAck"
REFUSED = "EnvoyNack"


def virtual_service_status(manifest: Json, *, refusal: str | None, note: str, now: datetime) -> Json:
    """Return the status for the manifest's generation: in use, or refused with the reason.

    An unchanged verdict keeps the time of its last transition.
    """
    condition: Json = {
        "type": RECONCILED,
        "status": "True" if refusal is None else "False",
        "reason": ACCEPTED if refusal is None else REFUSED,
        "message": note if refusal is None else refusal,
    }
    before = next(iter(_conditions(manifest, kind=RECONCILED)), {})
    unmoved = before.get("status") == condition["status"]
    condition["lastTransitionTime"] = before.get("lastTransitionTime") if unmoved else _written(now)
    others = [
        one for one in manifest.get("status", {}).get("conditions", []) if one.get("type") != RECONCILED
    ]
    return {
        "observedGeneration": manifest["metadata"].get("generation", 0),
        "conditions": [*others, condition],
    }


def deployment_status(manifest: Json, *, answers: bool, running_image: str | None, now: datetime) -> Json:
    """Return a Deployment's status as its controller would write it; one process stands for all replicas.

    A process that still runs another image than the template asks for is ready and not updated, like a
    rollout that has not happened yet.
    """
    replicas = manifest["spec"].get("replicas", 1)
    ready = replicas if answers else 0
    updated = replicas if running_image in _images(manifest) else 0
    verdicts = (
        ("Available", bool(ready) or not replicas, "MinimumReplicasAvailable", "MinimumReplicasUnavailable"),
        ("Progressing", updated == replicas, "NewReplicaSetAvailable", "ImageNotRunning"),
    )
    conditions = []
    for kind, holds, good, bad in verdicts:
        before = next(iter(_conditions(manifest, kind=kind)), {})
        unmoved = before.get("status") == str(holds)
        since = before.get("lastTransitionTime") if unmoved else _written(now)
        conditions.append(
            {
                "type": kind,
                "status": str(holds),
                "reason": good if holds else bad,
                "lastTransitionTime": since,
            }
        )
    return {
        "observedGeneration": manifest["metadata"].get("generation", 0),
        "replicas": replicas,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": replicas - ready,
        "conditions": conditions,
    }


def _conditions(manifest: Json, *, kind: str) -> Sequence[Json]:
    return [one for one in manifest.get("status", {}).get("conditions", []) if one.get("type") == kind]


def _images(manifest: Json) -> list[str]:
    return [container["image"] for container in manifest["spec"]["template"]["spec"].get("containers", [])]


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
