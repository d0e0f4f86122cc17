"""One API endpoint for all tests of this folder, and a fresh namespace for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.kubeapi import manifests
from tests.lab.kubeapi.process import KubeApi, running_kubeapi


@pytest.fixture(scope="session")
def kubeapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApi]:
    """Return the running endpoint."""
    with running_kubeapi(tmp_path_factory.mktemp("kubeapi")) as process:
        yield process


@pytest.fixture
def shop(kubeapi: KubeApi) -> Iterator[KubeApi]:
    """Return the endpoint with an empty namespace ``shop`` and no fault waiting."""
    kubeapi.create(manifests.namespace())
    yield kubeapi
    kubeapi.forgive()
    kubeapi.api("DELETE", "/api/v1/namespaces/shop")
