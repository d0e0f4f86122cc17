"""What every suite needs before its first test."""

from __future__ import annotations

import pytest

from portal import translations


def pytest_configure(config: pytest.Config) -> None:
    """Compile the catalogue, so that tests in Chinese read what is committed."""
    translations.compile_if_stale()
