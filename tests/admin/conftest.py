"""Fixtures of the operators' face: a world behind fakes, and a browserless client per person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from releases.models import User
from services import connections
from tests.admin import world as worlds

SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def plain_settings(settings: Settings, tmp_path: Path) -> None:
    """Static files without a manifest, a cache in memory, cheap passwords: pages are tested."""
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": static}
    settings.STATIC_ROOT = tmp_path
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": str(tmp_path)}
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def world(db: None) -> Iterator[worlds.World]:
    built = worlds.build()
    with connections.use(mesh=built.mesh, telemetry=built.telemetry):
        yield built


@pytest.fixture
def sign_in() -> SignIn:
    """Return a client that is signed in as the person."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in
