"""The shoppers: where their requests go, how evenly, and what they carry from page to page."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections import Counter

import pytest

from deploy.lab.load.http import Response
from deploy.lab.load.journeys import FIRST_USER, USERS, Visit, shop
from deploy.lab.load.pace import Pace
from deploy.lab.story.outside import Split, requests_for, weight_in
from tests.lab.translation import to, virtual_service


class Shop:
    """A shop that answers at once; ``version`` says which product page its users see."""

    def __init__(self, *, version: str = "v1", status: int = 200) -> None:
        self.visits: list[Visit] = []
        self._version = version
        self._status = status

    async def answer(self, visit: Visit) -> Response:
        self.visits.append(visit)
        headers = {"x-variant": self._version} if visit.service == "product" else {}
        rated = {"rating": 4.5} if self._version == "v2" else {}
        page: dict[str, object] = {"id": "o-1", "items": [{"id": "p-1"}], "price_cents": 990, **rated}
        status = 201 if visit.path == "/orders" else self._status
        return Response(status=status, headers=headers, body=json.dumps(page).encode())

    async def receive(self, users: range, *, seed: int = 7) -> None:
        chance = random.Random(seed)
        for user in users:
            await shop(str(user), chance=chance, send=self.answer)

    def buyers(self) -> set[str]:
        return {visit.user for visit in self.visits if visit.path == "/orders"}


ALL = range(FIRST_USER, FIRST_USER + USERS)
SOME = range(FIRST_USER, FIRST_USER + 2000)


def test_each_service_sees_about_a_third_of_the_requests() -> None:
    open_shop = Shop()
    asyncio.run(open_shop.receive(SOME))

    seen: Counter[str] = Counter()
    for visit in open_shop.visits:
        seen[visit.service] += 1
        if visit.cost == 2:  # order asks payment
            seen["payment"] += 1
    assert seen.total() == sum(visit.cost for visit in open_shop.visits)
    for service in ("product", "order", "payment"):
        assert 0.27 <= seen[service] / seen.total() <= 0.40, service


def test_a_user_buys_or_not_whatever_the_hour_and_more_buy_from_the_better_page() -> None:
    shops = [Shop(), Shop(), Shop(version="v2")]
    for number, one in enumerate(shops):
        asyncio.run(one.receive(SOME, seed=number))
    today, tomorrow, better = (one.buyers() for one in shops)

    assert today == tomorrow
    assert today < better
    assert len(today) / len(SOME) == pytest.approx(0.60, abs=0.04)
    assert len(better) / len(SOME) == pytest.approx(0.70, abs=0.04)


def test_what_a_user_was_shown_is_carried_on() -> None:
    open_shop = Shop(version="v2")
    asyncio.run(open_shop.receive(SOME))

    first, *later = open_shop.visits
    assert "x-variant" not in first.headers
    orders = [visit for visit in later if visit.path == "/orders"]
    assert {visit.headers["x-variant"] for visit in orders} == {"v2"}
    assert {json.loads(visit.body)["price_cents"] for visit in orders} == {990}


def test_a_shopper_who_gets_an_error_goes_away() -> None:
    broken = Shop(status=500)
    asyncio.run(broken.receive(SOME))
    assert len(broken.visits) == len(SOME)
    assert {visit.path for visit in broken.visits} == {"/products"}


def test_ids_are_six_digits_and_every_pair_of_last_digits_is_one_in_a_hundred() -> None:
    assert {len(str(user)) for user in ALL} == {6}
    assert set(Counter(user % 100 for user in ALL).values()) == {USERS // 100}


def test_the_pace_is_kept() -> None:
    async def clocked() -> float:
        clock = asyncio.get_running_loop().time
        pace, begun = Pace(1000), clock()
        for _ in range(650):
            await pace.turn(cost=2)
        return clock() - begun

    # 1.3 s of work, of which a crowd that has just opened may do half a second at once
    assert 0.75 <= asyncio.run(clocked()) <= 4


@pytest.mark.parametrize(
    ("weight", "answered", "fits"),
    [
        (50, 5300, True),
        (50, 5301, False),
        (5, 200, True),
        (5, 801, False),
        (100, 10_000, True),
        (100, 9_999, False),
        (0, 1, False),
    ],
)
def test_a_split_is_right_within_three_points(weight: float, answered: int, fits: bool) -> None:
    assert Split(weight=weight, candidate=answered, requests=10_000).is_as_configured is fits


@pytest.mark.parametrize("weight", [5, 20, 50, 100])
def test_the_sample_is_large_enough_that_chance_does_not_decide(weight: float) -> None:
    share, requests = weight / 100, requests_for(weight)
    deviation = 100 * math.sqrt(share * (1 - share) / requests)
    assert 4 * deviation <= 3.0
    assert requests <= 5_000


@pytest.mark.parametrize(
    ("weights", "expected"), [((95, 5), 5.0), ((0, 100), 100.0), ((100,), 0.0), ((1, 1), 50.0)]
)
def test_the_live_weight_is_read_from_the_last_route(weights: tuple[int, ...], expected: float) -> None:
    testers = {"route": to(0, 100), "match": [{"headers": {"x-tester": {}}}]}
    assert weight_in(virtual_service(testers, {"route": to(*weights)}), subset="v2") == expected
