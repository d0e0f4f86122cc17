"""What every suite needs before its first test, and after a test that commits."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections
from django.test import TransactionTestCase

from portal import translations
from releases.models import guards


def pytest_configure(config: pytest.Config) -> None:
    """Compile the catalogue, so that tests in Chinese read what is committed."""
    translations.compile_if_stale()


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
