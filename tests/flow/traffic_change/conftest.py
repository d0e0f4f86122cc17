"""A shop whose traffic is changed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from services import connections
from tests.admin import world as worlds
from tests.admin.world import World


@pytest.fixture
def world(db: None, settings: Settings, tmp_path: Path) -> Iterator[World]:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": str(tmp_path)}
    }
    built = worlds.build()
    with connections.use(mesh=built.mesh, telemetry=built.telemetry):
        yield built
