"""Python's garbage collector in a web process."""

from __future__ import annotations

import gc
from typing import Any

from django.core.signals import request_finished

YOUNG_OBJECTS = 100_000
"""So many new objects before the collector runs by itself: more than an answer needs, so that none waits for it."""


def settle() -> None:
    """Take what is loaded for good out of the collector's sight, and let it run between requests instead of amidst them.

    Looking through everything costs a request a fifth of a second; one answer's own cycles (serializers and their fields) are
    cleared in milliseconds once it is sent.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)
    request_finished.connect(tidy, dispatch_uid="portal.memory")


def tidy(**_signal: Any) -> None:
    """Clear what the last request has left behind."""
    gc.collect(1)
