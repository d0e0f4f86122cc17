"""The objects in memory, their one global version counter, and the recent changes that watches replay.

Stored objects are never changed in place: a write replaces the whole value, so whoever holds one may keep it.
Nothing here awaits: a read followed by a write in one function is atomic in the event loop.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.lab.kubeapi.failures import expired, too_large
from deploy.lab.kubeapi.journal import Entry, Journal
from deploy.lab.kubeapi.kinds import Catalogue, Json, Kind

HISTORY = 4096  # changes that a watch can replay; older ones answer 410 and the client lists again
COMPACT_FROM = 8192  # lines on disk from which on a rewrite is worth its while
OBJECT_BYTES = 3 * 2**19  # what etcd takes in one request by default

Key = tuple[str, str]
"""Namespace (empty for cluster-wide kinds) and name."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write: the object after it (or as removed) and, unless it is new, before it."""

    revision: int
    kind: str
    object: Json
    before: Json | None
    removed: bool = False


class Watcher:
    """One open watch: changes arrive in ``queue``; None ends it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.queue: asyncio.Queue[Change | None] = asyncio.Queue()


class Store:
    """Objects by kind and key."""

    def __init__(self, catalogue: Catalogue, journal: Journal) -> None:
        self._journal = journal
        self._objects: dict[str, dict[Key, Json]] = {kind.key: {} for kind in catalogue.kinds}
        self._history: deque[Change] = deque(maxlen=HISTORY)
        self._watchers: set[Watcher] = set()
        self.revision = 1
        for entry in journal.entries():
            self._restore(entry)
        self._oldest = self.revision

    def _restore(self, entry: Entry) -> None:
        self.revision = max(self.revision, entry.revision)
        objects = self._objects.setdefault(entry.kind, {})
        if entry.removed:
            objects.pop(key_of(entry.object), None)
        else:
            objects[key_of(entry.object)] = entry.object

    def get(self, kind: Kind, *, namespace: str, name: str) -> Json | None:
        """Return the stored object or None. Callers must not change it."""
        return self._objects[kind.key].get((namespace, name))

    def select(self, kind: Kind, *, namespace: str) -> list[Json]:
        """Return the objects of one namespace (empty: all), ordered by namespace and name as etcd does."""
        objects = self._objects[kind.key]
        return [objects[key] for key in sorted(objects) if not namespace or key[0] == namespace]

    def put(self, kind: Kind, obj: Json) -> Json:
        """Store an object under the next revision and return it as stored. Raises ApiFailure 413."""
        if len(json.dumps(obj)) > OBJECT_BYTES:
            raise too_large("etcdserver: request is too large")
        key = key_of(obj)
        self.revision += 1
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}
        before = self._objects[kind.key].get(key)
        self._objects[kind.key][key] = stored
        self._record(Change(self.revision, kind.key, stored, before))
        return stored

    def remove(self, kind: Kind, obj: Json) -> Json:
        """Remove an object and return it as it was last, at the revision of its removal."""
        self.revision += 1
        before = self._objects[kind.key].pop(key_of(obj))
        gone = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}
        self._record(Change(self.revision, kind.key, gone, before, removed=True))
        return gone

    def contents(self, namespace: str) -> Iterator[tuple[str, Json]]:
        """Yield kind key and object of everything in a namespace."""
        for kind, objects in self._objects.items():
            for key in sorted(objects):
                if key[0] == namespace:
                    yield kind, objects[key]

    def _record(self, change: Change) -> None:
        self._journal.append(Entry(change.revision, change.kind, change.object, removed=change.removed))
        if len(self._history) == HISTORY:
            self._oldest = self._history[0].revision
        self._history.append(change)
        for watcher in self._watchers:
            if watcher.kind == change.kind:
                watcher.queue.put_nowait(change)
        if self._journal.lines > max(COMPACT_FROM, 4 * sum(map(len, self._objects.values()))):
            self.compact()

    def compact(self) -> None:
        """Rewrite the file as the objects alone, newest change last so that the counter goes on from it."""
        entries = [
            Entry(int(obj["metadata"]["resourceVersion"]), kind, obj)
            for kind, objects in self._objects.items()
            for obj in objects.values()
        ]
        last = self._history[-1] if self._history else None
        if last is not None and last.removed:
            entries.append(Entry(last.revision, last.kind, last.object, removed=True))
        self._journal.replace(sorted(entries, key=lambda entry: entry.revision))

    def watch(self, kind: Kind, *, since: int) -> tuple[list[Change], Watcher]:
        """Return what happened after a revision, and a watcher for what comes. Raises ApiFailure 410."""
        if since < self._oldest:
            raise expired(since, self._oldest)
        missed = [change for change in self._history if change.kind == kind.key and change.revision > since]
        watcher = Watcher(kind.key)
        self._watchers.add(watcher)
        return missed, watcher

    def unwatch(self, watcher: Watcher) -> None:
        """Forget a watcher."""
        self._watchers.discard(watcher)

    def end_watches(self) -> None:
        """End every open watch, so that the process can end."""
        for watcher in self._watchers:
            watcher.queue.put_nowait(None)

    def close(self) -> None:
        """Close the file."""
        self._journal.close()


def key_of(obj: Json) -> Key:
    """Return namespace and name of an object."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
