"""A live copy of the objects of one kind, kept by list and watch like any Kubernetes controller does."""

from __future__ import annotations

import http.client
import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import urllib3
from kubernetes import client, watch

from deploy.lab.mesh.fields import Json
from deploy.lab.mesh.objects import key_of

WATCH_SECONDS = 240
_RETRY_SECONDS = 0.2
_log = logging.getLogger(__name__)

ListCall = Callable[..., Any]
"""A list method of the Kubernetes client, bound to one kind; takes ``watch`` and ``resource_version``."""


class Informer(threading.Thread):
    """Lists one kind, then follows it for ever; sets ``changed`` after every difference."""

    def __init__(self, kind: str, *, list_call: ListCall, changed: threading.Event) -> None:
        super().__init__(name=f"watch-{kind}", daemon=True)
        self.synced = threading.Event()
        self._list_call = list_call
        self._changed = changed
        self._lock = threading.Lock()
        self._objects: dict[str, Json] = {}

    def objects(self) -> list[Json]:
        """Return the objects as last seen."""
        with self._lock:
            return list(self._objects.values())

    def run(self) -> None:
        while True:
            try:
                version = self._list()
                while True:
                    version = self._follow(version)
            except (
                client.ApiException,
                urllib3.exceptions.HTTPError,
                http.client.HTTPException,
                OSError,
            ) as error:
                _log.info("%s: listing again after %s", self.name, error)
            except (
                ValueError,
                KeyError,
            ) as error:  # a watch that was cut in the middle of a line, or ended by ERROR
                _log.info("%s: listing again, the watch broke off: %r", self.name, error)
            threading.Event().wait(_RETRY_SECONDS)

    def _list(self) -> str:
        answer = self._list_call(_preload_content=False, _request_timeout=5)
        listed = json.loads(answer.data)
        with self._lock:
            self._objects = {key_of(item): item for item in listed["items"]}
        self.synced.set()
        self._changed.set()
        return str(listed["metadata"]["resourceVersion"])

    def _follow(self, version: str) -> str:
        """Apply events until the server ends the watch; return the newest version seen."""
        events = watch.Watch().stream(  # type: ignore[no-untyped-call]  # the client's own gap
            self._list_call,
            resource_version=version,
            timeout_seconds=WATCH_SECONDS,
            allow_watch_bookmarks=True,
            _request_timeout=(2, WATCH_SECONDS + 30),
            deserialize=False,
        )
        for event in events:
            item = event["object"]
            version = str(item["metadata"]["resourceVersion"])
            if event["type"] == "BOOKMARK":
                continue
            with self._lock:
                if event["type"] == "DELETED":
                    self._objects.pop(key_of(item), None)
                else:
                    self._objects[key_of(item)] = item
            self._changed.set()
        return version
