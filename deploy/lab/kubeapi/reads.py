"""Get, list and watch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.lab.kubeapi.failures import bad_request, not_found
from deploy.lab.kubeapi.kinds import Json
from deploy.lab.kubeapi.selection import selector
from deploy.lab.kubeapi.store import Change, Store, Watcher
from deploy.lab.kubeapi.tables import ASKED, table
from deploy.lab.kubeapi.targets import Target, served

BOOKMARK_SECONDS = 10.0
LONGEST_WATCH_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class View:
    """How answers are wanted: which objects, and as tables or as they are."""

    target: Target
    labels: str = ""
    fields: str = ""
    as_table: bool = False
    whole_rows: bool = False

    @classmethod
    def of(cls, target: Target, query: Mapping[str, str], accept: str) -> View:
        """Read the query parameters and the Accept header."""
        return cls(
            target,
            labels=query.get("labelSelector", ""),
            fields=query.get("fieldSelector", ""),
            as_table=ASKED.search(accept) is not None,
            whole_rows=query.get("includeObject") == "Object",
        )

    def object(self, obj: Json) -> Json:
        """Return one object at the version that was asked for."""
        return served(self.target.kind, self.target.version, obj)

    def rows(self, objects: list[Json], *, revision: str, headed: bool = True) -> Json:
        """Return objects as a table."""
        return table(self.target.kind, objects, revision=revision, whole=self.whole_rows, headed=headed)


def get(store: Store, view: View) -> Json:
    """Return one object, as a table if asked. Raises ApiFailure 404."""
    target = view.target
    found = store.get(target.kind, namespace=target.namespace, name=target.name)
    if found is None:
        raise not_found(target.kind, target.name)
    obj = view.object(found)
    return view.rows([obj], revision=obj["metadata"]["resourceVersion"]) if view.as_table else obj


def listing(store: Store, view: View) -> Json:
    """Return the selected objects as a list or a table, at the present revision."""
    kind = view.target.kind
    selects = selector(view.labels, view.fields)
    objects = [view.object(o) for o in store.select(kind, namespace=view.target.namespace) if selects(o)]
    revision = str(store.revision)
    if view.as_table:
        return view.rows(objects, revision=revision)
    if not kind.custom:
        # The real server leaves out of a built-in list's items what they have in common.
        objects = [{k: v for k, v in obj.items() if k not in {"apiVersion", "kind"}} for obj in objects]
    return {
        "apiVersion": kind.api_version(view.target.version),
        "kind": f"{kind.name}List",
        "metadata": {"resourceVersion": revision},
        "items": objects,
    }


class Watch:
    """One watch. Opening it may be refused (410, 400); then ``events`` yields lines until time is up."""

    def __init__(self, store: Store, view: View, query: Mapping[str, str]) -> None:
        self._store = store
        self._view = view
        self._selects = selector(view.labels, view.fields)
        self._bookmarks = query.get("allowWatchBookmarks") in {"true", "1"}
        seconds = _number(query.get("timeoutSeconds", ""), what="timeoutSeconds")
        self._seconds = min(seconds or LONGEST_WATCH_SECONDS, LONGEST_WATCH_SECONDS)
        self._initial = query.get("sendInitialEvents") in {"true", "1"}
        self._headed = False
        since = _number(query.get("resourceVersion", ""), what="resourceVersion")
        # Without a version, or with 0, a watch begins with everything there is.
        self._whole = self._initial or not since
        self._missed: list[Change] = []
        self._missed, self._watcher = store.watch(
            view.target.kind, since=store.revision if self._whole else since
        )

    async def events(self) -> AsyncIterator[bytes]:
        """Yield one JSON line per event; bookmarks keep the client's version fresh, find dead connections."""
        try:
            for line in self._opening():
                yield line
            async for line in self._following(self._watcher):
                yield line
        finally:
            self._store.unwatch(self._watcher)

    def close(self) -> None:
        """Release the watch, also if ``events`` was never begun."""
        self._store.unwatch(self._watcher)

    def _opening(self) -> list[bytes]:
        lines: list[bytes] = []
        if self._whole:
            target = self._view.target
            stored = self._store.select(target.kind, namespace=target.namespace)
            lines.extend(self._event("ADDED", obj) for obj in stored if self._selects(obj))
        if self._initial:
            lines.append(self._bookmark(self._store.revision, ended=True))
        for change in self._missed:
            lines.extend(self._told(change))
        return lines

    async def _following(self, watcher: Watcher) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        while (left := end - loop.time()) > 0:
            try:
                change = await asyncio.wait_for(watcher.queue.get(), min(left, BOOKMARK_SECONDS))
            except TimeoutError:
                if self._bookmarks:
                    yield self._bookmark(self._store.revision)
                continue
            if change is None:
                return
            for line in self._told(change):
                yield line

    def _told(self, change: Change) -> list[bytes]:
        """Return the event for one change; leaving or entering the selection is told as DELETED or ADDED."""
        namespace = self._view.target.namespace
        if namespace and change.object["metadata"].get("namespace") != namespace:
            return []
        was = change.before is not None and self._selects(change.before)
        now = not change.removed and self._selects(change.object)
        if was and now:
            return [self._event("MODIFIED", change.object)]
        if now:
            return [self._event("ADDED", change.object)]
        return [self._event("DELETED", change.object)] if was else []

    def _event(self, kind: str, obj: Json) -> bytes:
        shown = self._view.object(obj)
        if self._view.as_table:
            revision = obj["metadata"]["resourceVersion"]
            shown = self._view.rows([shown], revision=revision, headed=not self._headed)
            self._headed = True
        return _line(kind, shown)

    def _bookmark(self, revision: int, *, ended: bool = False) -> bytes:
        target = self._view.target
        metadata: Json = {"resourceVersion": str(revision), "creationTimestamp": None}
        if ended:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        mark = {
            "kind": target.kind.name,
            "apiVersion": target.kind.api_version(target.version),
            "metadata": metadata,
        }
        if self._view.as_table:
            shown = self._view.rows([], revision=str(revision), headed=not self._headed)
            shown["rows"] = [{"cells": [], "object": mark}]
            return _line("BOOKMARK", shown)
        return _line("BOOKMARK", mark)


def _line(kind: str, obj: Any) -> bytes:
    return json.dumps({"type": kind, "object": obj}, separators=(",", ":")).encode() + b"\n"


def _number(text: str, *, what: str) -> int:
    if not text:
        return 0
    if not text.isdigit():
        raise bad_request(f"invalid {what} {text!r}: a number is expected")
    return int(text)
