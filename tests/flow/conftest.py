"""Fixtures of the stories: a scene behind fakes, with a cache in memory and cheap passwords."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from services import connections
from tests.admin import world as worlds
from tests.factories import Scene


@pytest.fixture
def scene(db: None, settings: Settings, tmp_path: Path) -> Iterator[Scene]:
    """Return a world whose requests follow its mesh; a door that rolls back does not wait for a mesh that is away."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": str(tmp_path)}
    }
    settings.ROLLBACK_DOOR_SECONDS = 0.0
    built = worlds.build()
    with connections.use(mesh=built.mesh, telemetry=built.telemetry):
        yield Scene(built)


@pytest.fixture
def shop(db: None, settings: Settings) -> Iterator[worlds.World]:
    """Return the same world as it is, without a scene around it."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    built = worlds.build()
    with connections.use(mesh=built.mesh, telemetry=built.telemetry):
        yield built
