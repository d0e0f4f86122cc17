"""FakeMesh: the mesh in memory, with the API server's rules for versions and with failures on demand.

VirtualServices, DestinationRules and Gateways must fit Istio's CRDs, as on a cluster. Unknown fields are
kept, as by a cluster whose CRDs are newer than the vendored ones.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from deploy.lab.kubeapi.crds import istio_kinds
from deploy.lab.kubeapi.failures import ApiFailure
from deploy.lab.kubeapi.schemas import checked
from istio.mesh import Conflict, Manifest, MeshError, NotFound, Ref, Rejected

Call = Literal["get", "list", "put"]


@dataclass(frozen=True, slots=True)
class Write:
    """One ``put`` that was carried out. ``before`` and ``after`` are resourceVersions, equal for a no-op."""

    ref: Ref
    manifest: Manifest
    before: str
    after: str
    dry_run: bool


@dataclass(slots=True)
class _Failure:
    error: MeshError
    on: Call | None
    times: int
    after: bool


class FakeMesh:
    """Objects by kind, namespace and name. ``log`` holds every carried-out ``put``, dry runs included.

    ``calls`` counts what was asked, such as ``get VirtualService``, whether it failed or not.
    """

    def __init__(self, *manifests: Manifest) -> None:
        self._objects: dict[Ref, Manifest] = {}
        self._revision = 0
        self._failures: list[_Failure] = []
        self.log: list[Write] = []
        self.calls: Counter[str] = Counter()
        for manifest in manifests:
            self.add(manifest)

    def get(self, ref: Ref) -> Manifest:
        """Return a copy of the live object."""
        failure = self._begin("get", ref.kind)
        found = copy.deepcopy(self._live(ref))
        _end(failure)
        return found

    def list(
        self, kind: str, *, namespace: str, labels: Mapping[str, str] | None = None
    ) -> Sequence[Manifest]:
        """Return copies, ordered by namespace and name as the API server orders them."""
        failure = self._begin("list", kind)
        wanted = labels or {}
        refs = sorted((ref for ref in self._objects if ref.kind == kind), key=lambda r: (r.namespace, r.name))
        found = [
            copy.deepcopy(self._objects[ref])
            for ref in refs
            if namespace in {"", ref.namespace} and wanted.items() <= _labels(self._objects[ref]).items()
        ]
        _end(failure)
        return found

    def put(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Replace the object that was read; a write that changes nothing keeps the resourceVersion."""
        ref = ref_of(manifest)
        failure = self._begin("put", ref.kind)
        live = self._live(ref)
        before = live["metadata"]["resourceVersion"]
        version = manifest["metadata"].get("resourceVersion")
        if not version:
            raise Rejected(
                f"{ref}: metadata.resourceVersion must be that of the object read", ref=ref, status=422
            )
        if version != before:
            raise Conflict(f"{ref} changed since it was read; read it again", ref=ref, status=409)
        _check(ref, manifest)
        stored = self._stored(live, manifest, dry_run=dry_run)
        after = stored["metadata"]["resourceVersion"]
        self.log.append(Write(ref, copy.deepcopy(manifest), before, after, dry_run))
        _end(failure)
        return copy.deepcopy(stored)

    def add(self, manifest: Manifest) -> Manifest:
        """Create or overwrite an object as somebody else would, whatever its version; return a copy."""
        ref = ref_of(manifest)
        self._revision += 1
        metadata = {"generation": 1, **manifest["metadata"], "resourceVersion": str(self._revision)}
        self._objects[ref] = {**copy.deepcopy(manifest), "metadata": copy.deepcopy(metadata)}
        return copy.deepcopy(self._objects[ref])

    def edit(self, ref: Ref, change: Callable[[Manifest], None]) -> Manifest:
        """Change an object in place behind everybody's back, as ``kubectl edit`` does; return a copy."""
        changed = copy.deepcopy(self._live(ref))
        change(changed)
        self._objects[ref] = self._stored(self._live(ref), changed, dry_run=False)
        return copy.deepcopy(self._objects[ref])

    def remove(self, ref: Ref) -> None:
        """Delete an object behind everybody's back."""
        del self._objects[ref]

    def fail_next(
        self, error: MeshError, *, on: Call | None = None, times: int = 1, after: bool = False
    ) -> None:
        """Let the next calls raise ``error``; with ``after`` they are done and only the answer is lost."""
        self._failures.append(_Failure(error, on, times, after))

    def forgive(self) -> None:
        """Forget every failure that waits."""
        self._failures.clear()

    def peek(self, ref: Ref) -> Manifest:
        """Return a copy of the live object for the test's own eyes: no failure waits for it."""
        return copy.deepcopy(self._live(ref))

    def _live(self, ref: Ref) -> Manifest:
        if ref not in self._objects:
            raise NotFound(f"{ref} is not there", ref=ref, status=404)
        return self._objects[ref]

    def _stored(self, live: Manifest, manifest: Manifest, *, dry_run: bool) -> Manifest:
        metadata = {**copy.deepcopy(manifest["metadata"]), "generation": live["metadata"]["generation"]}
        metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
        if manifest.get("spec") != live.get("spec"):
            metadata["generation"] += 1
        stored = {**copy.deepcopy(manifest), "metadata": metadata}
        if stored == live or dry_run:
            return stored
        self._revision += 1
        metadata["resourceVersion"] = str(self._revision)
        self._objects[ref_of(stored)] = stored
        return stored

    def _begin(self, call: Call, kind: str) -> _Failure | None:
        """Raise the failure that waits for this call; return it instead if it comes after the call."""
        self.calls[f"{call} {kind}"] += 1
        failure = next((waiting for waiting in self._failures if waiting.on in {None, call}), None)
        if failure is None:
            return None
        failure.times -= 1
        if not failure.times:
            self._failures.remove(failure)
        if failure.after:
            return failure
        raise failure.error


def ref_of(manifest: Manifest) -> Ref:
    """Return what a manifest is called."""
    metadata = manifest["metadata"]
    return Ref(manifest["kind"], metadata.get("namespace", ""), metadata["name"])


def _check(ref: Ref, manifest: Manifest) -> None:
    """Refuse what Istio's CRDs refuse; other kinds are not checked."""
    kind = next((kind for kind in istio_kinds() if kind.name == ref.kind), None)
    if kind is None:
        return
    try:
        checked(kind, manifest["apiVersion"].partition("/")[2], manifest, validation="Ignore")
    except ApiFailure as failure:
        message = f"Could not write {ref}: the API server answered {failure.status}: {failure}"
        raise Rejected(message, ref=ref, status=failure.status) from failure


def _labels(manifest: Manifest) -> Mapping[str, str]:
    labels: Mapping[str, str] = manifest["metadata"].get("labels") or {}
    return labels


def _end(failure: _Failure | None) -> None:
    if failure is not None:
        raise failure.error
