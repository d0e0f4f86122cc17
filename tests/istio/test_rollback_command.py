"""The printed command, run by the real kubectl: an operator without Weir gets all traffic back with it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from istio.mesh import Manifest
from istio.rollback import rollback_patch
from istio.traffic import TrafficSpec, annotated, render
from tests.lab.kubeapi import manifests
from tests.lab.kubeapi.kubectl import live
from tests.lab.kubeapi.process import KubeApi, running_kubeapi

pytestmark = pytest.mark.enable_socket

V1_V2: dict[str, Any] = {"host": "product", "stable": "v1", "candidate": "v2"}
SPEC = {
    "weight": 20,
    "rules": [{"header": "x-note", "exact": "it's $HOME"}],
    "sticky": {"header": "x-user-id", "percent": 10},
    "mirror": {"percent": 50},
}


@pytest.fixture
def kubeapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApi]:
    with running_kubeapi(tmp_path_factory.mktemp("kubeapi")) as process:
        process.create(manifests.namespace())
        yield process


def test_the_command_printed_before_the_release_rolls_back_a_later_step(kubeapi: KubeApi) -> None:
    before: Manifest = kubeapi.create(manifests.virtual_service(weight=0))
    command = shlex.split(rollback_patch(before, render(TrafficSpec(), before, **V1_V2)))
    step = render(TrafficSpec.from_json(SPEC), live(kubeapi), **V1_V2)
    marked = annotated(step, rollout="7", step=3, fingerprint="f", fence=9)
    kubeapi.kubectl("replace", "-f", "-", stdin=json.dumps(marked))
    assert live(kubeapi)["spec"] == marked["spec"] != before["spec"]

    assert command[0] == "kubectl"
    for _ in range(2):
        kubeapi.kubectl(*command[1:])
        assert live(kubeapi)["spec"] == before["spec"]
