"""The port to the mesh: what Weir asks of a Kubernetes API, in Weir's own types.

Every implementation raises this tree and nothing else::

    MeshError               kind, namespace, name and status of the object that was asked for
    ├── NotFound            404
    ├── Conflict            409: the object changed since it was read; read again and check again
    ├── Rejected            400, 403, 422: the API server understood and refused; retrying does not help
    └── Unreachable         429, 5xx, time-outs, refused connections: the same call may go through later
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Manifest = dict[str, Any]
"""One Kubernetes object as JSON. ``Any`` is honest here: fields that nobody in Weir knows are kept as they are."""

VIRTUAL_SERVICE = "VirtualService"
DESTINATION_RULE = "DestinationRule"
GATEWAY = "Gateway"
SERVICE = "Service"
DEPLOYMENT = "Deployment"


@dataclass(frozen=True, slots=True)
class Ref:
    """Names one object: kind, namespace, name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class MeshError(Exception):
    """Something the Kubernetes API would not do. ``str()`` is a sentence for the operator."""

    def __init__(self, message: str, *, ref: Ref | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.ref = ref
        self.status = status


class NotFound(MeshError):
    """The object is not there."""


class Conflict(MeshError):
    """The object changed since it was read."""


class Rejected(MeshError):
    """The API server refused the content or the permission."""


class Unreachable(MeshError):
    """The API server did not answer, or asked to come back later: then ``retry_after_seconds`` says when."""

    def __init__(
        self,
        message: str,
        *,
        ref: Ref | None = None,
        status: int | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, ref=ref, status=status)
        self.retry_after_seconds = retry_after_seconds


class Mesh(Protocol):
    """Reads and writes whole objects. Each call takes at most the adapter's time-out."""

    def get(self, ref: Ref) -> Manifest:
        """Return the live object. Raises NotFound, Rejected, Unreachable."""
        ...

    def list(
        self, kind: str, *, namespace: str, labels: Mapping[str, str] | None = None
    ) -> Sequence[Manifest]:
        """Return the objects of one kind in one namespace (``""``: every namespace), in the API's order.

        Items carry ``apiVersion`` and ``kind`` like single objects do. Raises Rejected, Unreachable.
        """
        ...

    def put(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Replace the object that was read, ``metadata.resourceVersion`` included, and return what is stored.

        Raises NotFound, Conflict when the live resourceVersion is another one, Rejected, Unreachable.
        A dry run is validated by the server and not stored.
        """
        ...
