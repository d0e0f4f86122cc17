"""Fixtures of the fault tests: a world behind fakes, told as the other suites tell it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from services import connections
from tests.admin import world as worlds


@pytest.fixture
def world(db: None, settings: Settings, tmp_path: Path) -> Iterator[worlds.World]:
    """Return people, a service and a plan on a fake mesh; passwords are cheap and the cache is in memory."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": str(tmp_path)}
    }
    built = worlds.build()
    with connections.use(mesh=built.mesh, telemetry=built.telemetry):
        yield built
