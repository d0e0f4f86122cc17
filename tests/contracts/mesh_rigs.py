"""The implementations of the Mesh port under one handle, and the hand of somebody else."""

from __future__ import annotations

from abc import ABC, abstractmethod

from istio.kube import KubeMesh
from istio.mesh import VIRTUAL_SERVICE, Manifest, Mesh, Ref, Rejected, Unreachable
from tests.fakes.mesh import FakeMesh
from tests.lab.kubeapi.process import KubeApi

PRODUCT = Ref(VIRTUAL_SERVICE, "shop", "product")
TIMEOUT_SECONDS = 5.0


class Rig(ABC):
    """A mesh under test, and the hand of somebody else who changes and breaks things."""

    mesh: Mesh

    @abstractmethod
    def add(self, manifest: Manifest) -> None:
        """Create an object as somebody else."""

    @abstractmethod
    def refuse_next(self, status: int) -> None:
        """Let the next call, which must be about PRODUCT, be refused with a status."""

    @abstractmethod
    def lose_next_answer(self) -> None:
        """Let the next write be carried out and its answer be lost."""


class FakeRig(Rig):
    """FakeMesh."""

    def __init__(self) -> None:
        self.fake = FakeMesh()
        self.mesh = self.fake

    def add(self, manifest: Manifest) -> None:
        self.fake.add(manifest)

    def refuse_next(self, status: int) -> None:
        if status == 403:
            self.fake.fail_next(Rejected("no", ref=PRODUCT, status=status))
        else:
            self.fake.fail_next(Unreachable("later", ref=PRODUCT, status=status, retry_after_seconds=7))

    def lose_next_answer(self) -> None:
        self.fake.fail_next(Unreachable("connection lost", ref=PRODUCT), on="put", after=True)


class KubeRig(Rig):
    """KubeMesh over a real API process."""

    def __init__(self, kubeapi: KubeApi) -> None:
        self.kubeapi = kubeapi
        self.mesh = KubeMesh(kubeapi.kubeconfig, timeout_seconds=TIMEOUT_SECONDS)
        # Discovery is asked once per instance; asked now, a provoked failure meets the call that is meant.
        self.mesh.list(VIRTUAL_SERVICE, namespace="shop")

    def add(self, manifest: Manifest) -> None:
        self.kubeapi.create(manifest)

    def refuse_next(self, status: int) -> None:
        self.kubeapi.provoke(status=status, retry_after_seconds=7)

    def lose_next_answer(self) -> None:
        self.kubeapi.provoke(verb="update", drop=True, when="after")
