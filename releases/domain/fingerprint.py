"""The content fingerprint: SHA-256 over canonical JSON (RFC 8785) of everything an approval approves."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785


def canonical(value: Any) -> str:
    """Return the one JSON text of a value. Raises ValueError for what JSON cannot say."""
    return rfc8785.dumps(value).decode()


def digest(value: Any) -> str:
    """Return 64 hex digits that change when anything in the value changes."""
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def shown(fingerprint: str) -> str:
    """Return the 12 hex digits a page shows, in groups that can be read aloud."""
    return " ".join(fingerprint[start : start + 4] for start in range(0, 12, 4))
