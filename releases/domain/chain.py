"""The audit chain's arithmetic: each event's hash covers its canonical text and the hash before it."""

from __future__ import annotations

import hashlib

GENESIS = "0" * 64
_DOMAIN = b"weir-audit"
_VERSION = b"1"


def link(*, prev: str, text: str) -> str:
    """Return SHA-256(domain, version, prev, text), the parts separated by line feeds that prev and version never contain."""
    return hashlib.sha256(b"\n".join([_DOMAIN, _VERSION, prev.encode(), text.encode()])).hexdigest()
