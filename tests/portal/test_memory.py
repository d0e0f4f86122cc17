"""The garbage collector runs between requests, not amidst them."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from django.core.signals import request_finished

from portal import memory


class Tangle:
    """Refers to itself, as serializers and their fields do, so that counting references never frees it."""

    alive = 0

    def __init__(self) -> None:
        self.me = self
        Tangle.alive += 1

    def __del__(self) -> None:
        Tangle.alive -= 1


@pytest.fixture
def collector() -> Iterator[None]:
    """Give the suite's collector back as it was."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()
    request_finished.disconnect(dispatch_uid="portal.memory")


@pytest.mark.django_db  # the signal closes connections, too
def test_what_an_answer_left_behind_is_cleared_when_it_is_sent(collector: None) -> None:
    memory.settle()
    for _ in range(2_000):  # more than the collector's default would let pass
        Tangle()
    assert Tangle.alive == 2_000
    request_finished.send(sender=None)
    assert Tangle.alive == 0
