"""The order service: create and status."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.shop.business import Business, known_version
from deploy.shop.conduct import Conduct, Latency
from deploy.shop.inputs import InputError, json_object, whole_number
from deploy.shop.order.mesh import PASSED_ON, MeshClient, ServiceError
from deploy.shop.order.ticket import Ticket, as_id, from_id
from deploy.shop.service import build_service
from deploy.shop.settings import NO_VARIANT, Settings

LATENCY = Latency(median_ms=5)
MOST_PER_ORDER = 99
HIGHEST_PRICE_CENTS = 100_000_000


class Order:
    """The endpoints of one order process."""

    def __init__(self, settings: Settings) -> None:
        self.version = settings.version
        self.conduct = Conduct(settings, latency=LATENCY)
        self.business = Business(service="order", version=settings.version)
        self.mesh = MeshClient(
            settings.mesh_url, headers={"x-caller": "order", "x-caller-version": settings.version}
        )

    async def create(self, request: Request) -> Response:
        """Order ``{"product_id", "quantity", "price_cents"}``: look the product up, charge, answer 201.

        ``price_cents`` is the price the user was shown; without it the price of the look-up counts.
        A declined payment is an answer too (201, ``payment_declined``); 502 is for services that fail.
        """
        product_id, quantity, shown_price = _wish(await json_object(request))
        passed_on = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        try:
            found = await self.mesh.call("GET", "product", f"/products/{product_id}", passed_on=passed_on)
            if found.status_code != 200:
                return JSONResponse({"error": "No such product. / 没有这个商品。"}, status_code=404)
            passed_on.setdefault("x-variant", found.headers.get("x-variant", NO_VARIANT))
            price = found.json()["price_cents"] if shown_price is None else shown_price
            # The fault loses the amount on the way to payment, which declines it.
            amount = 0 if self.conduct.spoils_payment() else price * quantity
            charge = await self.mesh.call(
                "POST", "payment", "/charges", passed_on=passed_on, body={"amount_cents": amount}
            )
        except ServiceError as error:
            return JSONResponse({"error": str(error)}, status_code=502)
        paid = charge.is_success and charge.json()["status"] == "succeeded"
        variant = known_version(passed_on["x-variant"])
        self.business.order_placed(passed_on.get("x-user-id", ""), variant=variant, paid=paid)
        status = "paid" if paid else "payment_declined"
        ticket = Ticket(uuid.uuid4().hex[:12], product_id, quantity, price * quantity, status)
        return JSONResponse(self._described(ticket), status_code=201)

    async def status(self, request: Request) -> Response:
        """Describe one order."""
        ticket = from_id(request.path_params["id"])
        if ticket is None:
            return JSONResponse({"error": "No such order. / 没有这个订单。"}, status_code=404)
        return JSONResponse(self._described(ticket))

    def _described(self, ticket: Ticket) -> dict[str, object]:
        described: dict[str, object] = {
            "id": as_id(ticket),
            "number": ticket.number,
            "status": ticket.status,
            "amount_cents": ticket.amount_cents,
        }
        if self.version != "v1":
            described |= {
                "currency": "CNY",
                "lines": [{"product_id": ticket.product_id, "quantity": ticket.quantity}],
                "delivery_days": 2,
            }
        return described

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Close the mesh client with the process."""
        yield
        await self.mesh.aclose()


def _wish(body: dict[str, object]) -> tuple[str, int, int | None]:
    """Return product, quantity and the price shown, in cents. Raises InputError."""
    product_id = body.get("product_id")
    if not isinstance(product_id, str) or not re.fullmatch(r"[a-z0-9-]{1,40}", product_id):
        raise InputError("product_id must be the id of a product.")
    quantity = whole_number({"quantity": 1} | body, "quantity", lowest=1, highest=MOST_PER_ORDER)
    if body.get("price_cents") is None:
        return product_id, quantity, None
    return product_id, quantity, whole_number(body, "price_cents", lowest=0, highest=HIGHEST_PRICE_CENTS)


def build(settings: Settings) -> Starlette:
    """Build one order process."""
    order = Order(settings)
    routes = [Route("/orders", order.create, methods=["POST"]), Route("/orders/{id}", order.status)]
    return build_service(routes, conduct=order.conduct, business=order.business, lifespan=order.lifespan)
