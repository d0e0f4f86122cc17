"""What every suite needs before its first test, and after a test that commits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.test import TransactionTestCase
from django.utils import translation
from hypothesis import settings

from portal import translations
from releases.models import guards


def pytest_configure(config: pytest.Config) -> None:
    """Compile the catalogue, so that tests in Chinese read what is committed; examples may take their time."""
    translations.compile_if_stale()
    # A deadline is a timed test: it fails on a busy machine and nowhere else.
    settings.register_profile("weir", deadline=None)
    settings.load_profile("weir")


@pytest.fixture(autouse=True)
def everybody_begins_in_english() -> Iterator[None]:
    """Forget the language of the last request: a client that asked in Chinese would leave the thread in it."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True, scope="session")
def guards_let_the_flush_through() -> Any:
    """Take the guards off before Django empties the tables; ``flush`` ends with post_migrate, which puts them on again."""
    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]  # Django's own, without types

    def disarmed_flush(case: TransactionTestCase) -> None:
        for name in case._databases_names(include_mirrors=False):  # type: ignore[attr-defined]  # as above
            guards.remove(connections[name])
        try:
            flush(case)
        finally:
            for name in case._databases_names(include_mirrors=False):  # type: ignore[attr-defined]  # as above
                guards.install(connections[name])

    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", disarmed_flush)
    yield
    patch.undo()
