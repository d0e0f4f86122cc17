"""One lab for all tests of this folder that ask for it: real Envoy, Prometheus and Redis, and no shoppers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.portal import Portal
from tests.lab.lab import REPOSITORY, RunningLab, running_lab, until

SHOP = REPOSITORY / "deploy" / "kubernetes" / "shop"


@pytest.fixture(scope="session")
def one_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    """Return a ready lab."""
    with running_lab(tmp_path_factory.mktemp("lab"), "--rps", "0") as lab:
        yield lab


@pytest.fixture
def lab(one_lab: RunningLab) -> Iterator[RunningLab]:
    """Return the lab; afterwards the routes are those of the manifests again."""
    yield one_lab
    one_lab.kubectl("apply", "-f", "-", stdin=(SHOP / "order.yaml").read_text())
    one_lab.apply((SHOP / "product.yaml").read_text())


@pytest.fixture(scope="session")
def weir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    """Return a ready lab with a portal and shoppers who have been measured, whichever story comes first."""
    with running_lab(tmp_path_factory.mktemp("weir"), portal=True) as lab:
        until(lab.is_measured, what="the shop is measured", seconds=60)
        yield lab


@pytest.fixture
def portal(weir: RunningLab) -> Iterator[Portal]:
    """Return the lab's portal as its accounts use it."""
    with Portal(weir.facts) as portal:
        yield portal
