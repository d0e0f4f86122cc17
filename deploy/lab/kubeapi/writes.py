"""Create, replace, patch, apply and delete, with the rules of a Kubernetes registry.

Every function reads and writes the store without awaiting in between; that is what makes a resourceVersion
check worth something. The request's body must have been read before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from deploy.lab.kubeapi import ownership, patches
from deploy.lab.kubeapi.failures import (
    ApiFailure,
    Cause,
    bad_request,
    conflict,
    invalid,
    not_found,
    stale,
    unsupported_media,
)
from deploy.lab.kubeapi.failures import already_exists as taken
from deploy.lab.kubeapi.fields import whole
from deploy.lab.kubeapi.kinds import Catalogue, Json, Kind
from deploy.lab.kubeapi.metadata import (
    carried_over,
    check_identity,
    check_metadata,
    created,
    now,
    placed,
    with_encoded_data,
    with_status,
)
from deploy.lab.kubeapi.ownership import APPLY, UPDATE, Writer
from deploy.lab.kubeapi.schemas import checked
from deploy.lab.kubeapi.store import Store
from deploy.lab.kubeapi.targets import Outcome, Target, WriteOptions, as_stored, served

APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"


class Writes:
    """Changes the store."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue

    def create(self, target: Target, body: Json, options: WriteOptions) -> Outcome:
        """Store a new object. Raises ApiFailure 400, 404 (namespace), 409 or 422."""
        kind = target.kind
        check_identity(kind, target.version, body, namespace=target.namespace, name="")
        if body["metadata"].get("resourceVersion"):
            raise ApiFailure(
                500, "InternalError", "resourceVersion should not be set on objects to be created"
            )
        return self._create(target, body, options, operation=UPDATE)

    def _create(self, target: Target, body: Json, options: WriteOptions, *, operation: str) -> Outcome:
        kind = target.kind
        if kind.namespaced:
            self._check_namespace(target.namespace)
        obj, warnings = checked(kind, target.version, body, validation=options.validation)
        if kind.key == "secrets":
            obj = with_encoded_data(obj)
        obj = created(kind, placed(kind, obj, namespace=target.namespace))
        check_metadata(kind, obj)
        name = obj["metadata"]["name"]
        if self._store.get(kind, namespace=target.namespace, name=name) is not None:
            raise taken(kind, name)
        if operation == UPDATE:
            writer = self._writer(target, options, UPDATE)
            entries = ownership.after_update(kind, before=None, after=obj, held=[], writer=writer)
            obj["metadata"]["managedFields"] = entries
        if not options.dry_run:
            obj = self._store.put(kind, as_stored(kind, obj))
        after = obj["metadata"].get("resourceVersion")
        return Outcome(served(kind, target.version, obj), 201, after=after, warnings=warnings)

    def _check_namespace(self, namespace: str) -> None:
        kind = self._catalogue["namespaces"]
        found = self._store.get(kind, namespace="", name=namespace)
        if found is None:
            raise not_found(kind, namespace)
        if "deletionTimestamp" in found["metadata"]:
            text = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise ApiFailure(403, "Forbidden", text)

    def replace(self, target: Target, body: Json, options: WriteOptions) -> Outcome:
        """Replace an object whole. Raises ApiFailure 400, 404, 409 (stale) or 422."""
        check_identity(target.kind, target.version, body, namespace=target.namespace, name=target.name)
        old = self._live(target)
        if target.kind.custom and not body["metadata"].get("resourceVersion"):
            text = "Invalid value: 0: must be specified for an update"
            raise invalid(
                target.kind, target.name, [Cause("FieldValueInvalid", text, "metadata.resourceVersion")]
            )
        return self._update(target, old, body, options)

    def patch(self, target: Target, media_type: str, patch: Any, options: WriteOptions) -> Outcome:
        """Change an object by one of the four patch types. Raises ApiFailure 400, 404, 409, 415 or 422."""
        if media_type == APPLY_PATCH:
            return self._apply(target, patch, options)
        change = self._change(target, media_type)
        old = self._live(target)
        new = change(served(target.kind, target.version, old), patch)
        if not isinstance(new, dict):
            raise bad_request("the patch does not leave an object")
        check_identity(target.kind, target.version, new, namespace=target.namespace, name=target.name)
        return self._update(target, old, new, options)

    def _change(self, target: Target, media_type: str) -> Callable[[Json, Any], Any]:
        changes: dict[str, Callable[[Json, Any], Any]] = {
            MERGE_PATCH: patches.merge,
            JSON_PATCH: patches.json_patch,
        }
        if not target.kind.custom:
            changes[STRATEGIC_PATCH] = partial(
                patches.strategic_merge, schema=whole(target.kind, target.version)
            )
        if media_type not in changes:
            names = ", ".join([*changes, APPLY_PATCH])
            what = "the body of the request was in an unknown format"
            raise unsupported_media(f"{what} - accepted media types include: {names}")
        return changes[media_type]

    def _apply(self, target: Target, applied: Any, options: WriteOptions) -> Outcome:
        kind = target.kind
        if not isinstance(applied, dict):
            raise bad_request("an apply patch is one object")
        check_identity(kind, target.version, applied, namespace=target.namespace, name=target.name)
        if applied["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        applied = placed(kind, applied, namespace=target.namespace, name=target.name)
        if kind.status and not target.subresource:
            applied.pop("status", None)
        live = self._store.get(kind, namespace=target.namespace, name=target.name)
        if live is None and target.subresource:
            raise not_found(kind, target.name)
        if live is not None:
            live = served(kind, target.version, live)
            self._check_current(target, live, applied)
        writer = self._writer(target, options, APPLY)
        # Pruned first: nobody can own a field that the schema does not keep.
        applied, warnings = checked(
            kind, target.version, applied, validation=options.validation, complete=False
        )
        merged = ownership.apply(kind, live=live, applied=applied, writer=writer, force=options.force)
        if live is None:
            outcome = self._create(target, merged, options, operation=APPLY)
        else:
            merged["metadata"].pop("resourceVersion", None)
            outcome = self._update(target, live, merged, options, operation=APPLY)
        outcome.warnings = list(dict.fromkeys([*warnings, *outcome.warnings]))
        return outcome

    def _update(
        self, target: Target, old: Json, new: Json, options: WriteOptions, *, operation: str = UPDATE
    ) -> Outcome:
        """Store ``new`` in place of ``old`` unless it is stale; a write without change keeps the version."""
        kind = target.kind
        old = served(kind, target.version, old)
        new, warnings = checked(kind, target.version, new, validation=options.validation)
        if kind.key == "secrets":
            new = with_encoded_data(new)
        self._check_current(target, old, new)
        held = ownership.owners(new if "managedFields" in new["metadata"] else old)
        if target.subresource:
            new = with_status(old, new)
        elif kind.status:
            new = with_status(new, old)
        new = placed(kind, new, namespace=target.namespace, name=target.name)
        check_metadata(kind, new)
        new = carried_over(kind, old=old, new=new)
        if operation == UPDATE:
            writer = self._writer(target, options, UPDATE)
            new["metadata"]["managedFields"] = ownership.after_update(
                kind, before=old, after=new, held=held, writer=writer
            )
        before = old["metadata"]["resourceVersion"]
        stored = new
        if new != old and not options.dry_run:
            stored = self._finish(kind, as_stored(kind, new))
        after = stored["metadata"]["resourceVersion"]
        return Outcome(served(kind, target.version, stored), before=before, after=after, warnings=warnings)

    def _finish(self, kind: Kind, obj: Json) -> Json:
        """Store an object, or remove it if it was only waiting for its last finalizer to go."""
        metadata = obj["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            return self._store.remove(kind, obj)
        return self._store.put(kind, obj)

    def _check_current(self, target: Target, live: Json, sent: Json) -> None:
        metadata = sent["metadata"]
        version = metadata.get("resourceVersion")
        if version and version != live["metadata"]["resourceVersion"]:
            raise stale(target.kind, target.name)
        uid = metadata.get("uid")
        if uid and uid != live["metadata"]["uid"]:
            found = live["metadata"]["uid"]
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {found}"
            raise conflict(target.kind, target.name, why)

    def delete(self, target: Target, body: Json, options: WriteOptions) -> Outcome:
        """Remove an object, or mark it for removal while it has finalizers. Raises ApiFailure 404 or 409."""
        kind = target.kind
        old = self._live(target)
        metadata = old["metadata"]
        conditions, dry_run = body.get("preconditions") or {}, body.get("dryRun") or []
        if not isinstance(conditions, dict) or not isinstance(dry_run, list):
            raise bad_request("DeleteOptions: preconditions are an object, dryRun is a list")
        for name, value in conditions.items():
            if metadata.get(name) != value:
                why = f"Precondition failed: {name} in precondition: {value}, in object: {metadata.get(name)}"
                raise conflict(kind, target.name, why)
        dry = options.dry_run or "All" in dry_run
        before, after = metadata["resourceVersion"], metadata["resourceVersion"]
        waiting = bool(metadata.get("finalizers"))
        if not dry:
            after = self._remove(kind, old, waiting=waiting)["metadata"]["resourceVersion"]
        if waiting or kind.returns_deleted:
            return Outcome(served(kind, target.version, old), before=before, after=after)
        details = {"name": target.name, "kind": kind.plural, "uid": metadata["uid"]}
        details |= {"group": kind.group} if kind.group else {}
        answer = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details,
        }
        return Outcome(answer, before=before, after=after)

    def _remove(self, kind: Kind, obj: Json, *, waiting: bool) -> Json:
        if waiting:
            if "deletionTimestamp" in obj["metadata"]:
                return obj
            marks = {"deletionTimestamp": now(), "deletionGracePeriodSeconds": 0}
            return self._store.put(kind, {**obj, "metadata": {**obj["metadata"], **marks}})
        if kind.key == "namespaces":
            for key, content in list(self._store.contents(obj["metadata"]["name"])):
                self._store.remove(self._catalogue[key], content)
        return self._store.remove(kind, obj)

    def _live(self, target: Target) -> Json:
        found = self._store.get(target.kind, namespace=target.namespace, name=target.name)
        if found is None:
            raise not_found(target.kind, target.name)
        return found

    def _writer(self, target: Target, options: WriteOptions, operation: str) -> Writer:
        version = target.kind.api_version(target.version)
        return Writer(options.manager, operation, version, target.subresource, now())
