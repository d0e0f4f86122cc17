"""What shoppers do: look around, perhaps fill a basket, leave. They know of versions what they are shown.

The numbers are chosen so that the mesh sees about as many requests for product as for order and payment: each
service must see enough of them for its own release to be judged.
"""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from deploy.lab.load.http import Response

USERS = 10_000
FIRST_USER = 100_000
"""Ids of six digits: each pair of last digits belongs to exactly one user in a hundred."""

_WORDS = ("tea", "lamp", "desk", "chair", "cup")
_SEARCHES = 0.25
_BUYS = 0.60
_BUYS_MORE_WHEN_RATED = 0.10
_LARGEST_BASKET = 6
_CHECKS_ORDER = 0.15
_REPORTS_DWELL = 0.50
_DWELL_SECONDS = 14.0
_DWELL_FACTOR_WHEN_RATED = 1.08


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a shopper. ``cost`` counts the requests it causes in the mesh, the shop's included."""

    service: str
    method: str
    path: str
    user: str
    variant: str = ""
    body: bytes = b""
    cost: int = 1

    @property
    def headers(self) -> dict[str, str]:
        headers = {"x-user-id": self.user}
        return {**headers, "x-variant": self.variant} if self.variant else headers


Send = Callable[[Visit], Awaitable[Response]]


async def shop(user: str, *, chance: random.Random, send: Send) -> None:
    """Take one user through the shop. A shopper who gets an error goes away."""
    listed = await send(Visit("product", "GET", "/products", user))
    variant = listed.headers.get("x-variant", "")
    if listed.status != 200:
        return
    if chance.random() < _SEARCHES:
        await send(Visit("product", "GET", f"/products/search?q={chance.choice(_WORDS)}", user, variant))
    wanted = chance.choice([str(item["id"]) for item in json.loads(listed.body)["items"]])
    detail = await send(Visit("product", "GET", f"/products/{wanted}", user, variant))
    if detail.status != 200:
        return
    page = json.loads(detail.body)
    variant = detail.headers.get("x-variant", variant)
    rated = "rating" in page
    if chance.random() < _REPORTS_DWELL:
        factor = _DWELL_FACTOR_WHEN_RATED if rated else 1.0
        seconds = chance.lognormvariate(0, 0.6) * _DWELL_SECONDS * factor
        dwell = json.dumps({"seconds": round(min(seconds, 600), 1)}).encode()
        await send(Visit("product", "POST", "/dwell", user, variant, dwell))
    if _inclination(user) < _BUYS + (_BUYS_MORE_WHEN_RATED if rated else 0):
        for _ in range(chance.randint(1, _LARGEST_BASKET)):
            if not await _buy(
                user, product=wanted, price=page.get("price_cents"), variant=variant, chance=chance, send=send
            ):
                return


def _inclination(user: str) -> float:
    """Return how hard a user is to win, 0-1, the same on every visit.

    With a fresh draw per visit everybody would have bought after a while, in either version alike.
    """
    return random.Random(user).random()


async def _buy(
    user: str, *, product: str, price: int | None, variant: str, chance: random.Random, send: Send
) -> bool:
    """Order what was seen at the price that was seen; order itself asks payment, hence the cost of 2."""
    wanted = {"product_id": product, "quantity": 1, "price_cents": price}
    order = json.dumps(wanted).encode()
    placed = await send(Visit("order", "POST", "/orders", user, variant, order, cost=2))
    if placed.status != 201:
        return False
    if chance.random() < _CHECKS_ORDER:
        number = json.loads(placed.body)["id"]
        await send(Visit("order", "GET", f"/orders/{number}", user, variant))
    return True
