"""Does the cluster run the image that was registered? Pure: Deployments in, a sentence out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from istio.mesh import Manifest
from istio.sentence import Sentence, listed
from services.models import Version


def deployments_of(
    deployments: Sequence[Manifest], *, selector: Mapping[str, str], labels: Mapping[str, str]
) -> list[Manifest]:
    """Return the Deployments whose pods both the Service's selector and the subset's labels choose."""
    wanted = {**selector, **labels}.items()
    return [item for item in deployments if wanted <= _pod_labels(item).items()]


def selector_of(service: Manifest) -> dict[str, str]:
    """Return the labels by which a Kubernetes Service chooses its pods."""
    selector: dict[str, str] = service.get("spec", {}).get("selector") or {}
    return selector


def image_of(deployment: Manifest) -> str:
    """Return the image of the first container; sidecars are injected later and do not count."""
    containers = deployment.get("spec", {}).get("template", {}).get("spec", {}).get("containers") or [{}]
    return str(containers[0].get("image", ""))


def replicas_of(deployments: Sequence[Manifest]) -> tuple[int, int]:
    """Return (ready, wanted) over the Deployments."""
    ready = sum(int(item.get("status", {}).get("readyReplicas") or 0) for item in deployments)
    wanted = sum(int(item.get("spec", {}).get("replicas", 1)) for item in deployments)
    return ready, wanted


def runs_image(deployments: Sequence[Manifest], *, selector: Mapping[str, str], version: Version) -> str:
    """Return an empty text if every Deployment of the version runs its registered image, else who does not."""
    mine = deployments_of(deployments, selector=selector, labels=version.labels)
    wrong = [item for item in mine if not _same_image(image_of(item), version.image)]
    if not wrong:
        return ""
    running = listed(
        Sentence("{name} runs {image}", name=item["metadata"]["name"], image=image_of(item)) for item in wrong
    )
    return Sentence("{running}; registered is {image}", running=running, image=version.image)


def _pod_labels(deployment: Manifest) -> dict[str, str]:
    labels: dict[str, str] = (
        deployment.get("spec", {}).get("template", {}).get("metadata", {}).get("labels") or {}
    )
    return labels


def _same_image(running: str, registered: str) -> bool:
    """Compare digests where both have one, else the whole reference."""
    digests = [text.partition("@")[2] for text in (running, registered)]
    return digests[0] == digests[1] if all(digests) else running == registered
