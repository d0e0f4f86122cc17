"""Python's garbage collector in a web process."""

from __future__ import annotations

import gc


def settle() -> None:
    """Take what is loaded for good out of the collector's sight: looking through it costs a request a fifth of a second."""
    gc.collect()
    gc.freeze()
