"""The payment service. A declined charge is a business result: 201 like any other, never a 5xx."""

from __future__ import annotations

import uuid

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.shop.business import Business, known_version
from deploy.shop.conduct import Conduct, Latency
from deploy.shop.inputs import json_object, whole_number
from deploy.shop.service import build_service
from deploy.shop.settings import Settings

LATENCY = Latency(median_ms=14)
HIGHEST_CENTS = 10_000_000_000
CALLERS = ("order",)


class Payment:
    """The endpoints of one payment process."""

    def __init__(self, settings: Settings) -> None:
        self.version = settings.version
        self.conduct = Conduct(settings, latency=LATENCY)
        self.business = Business(service="payment", version=settings.version)
        self._decline_ratio = settings.decline_ratio

    async def charge(self, request: Request) -> Response:
        """Charge ``{"amount_cents"}``: ``succeeded`` or ``declined`` with a reason."""
        amount = whole_number(await json_object(request), "amount_cents", lowest=0, highest=HIGHEST_CENTS)
        reason = self._why_declined(amount)
        caller = request.headers.get("x-caller", "")
        self.business.payment_made(
            variant=known_version(request.headers.get("x-variant")),
            caller=caller if caller in CALLERS else "",
            caller_version=known_version(request.headers.get("x-caller-version")),
            succeeded=reason is None,
        )
        return JSONResponse(self._described(amount, reason=reason), status_code=201)

    def _why_declined(self, amount_cents: int) -> str | None:
        if amount_cents == 0:
            return "invalid_amount"
        if self.conduct.hits(self._decline_ratio):
            return "insufficient_funds"
        if self.conduct.spoils_payment():
            return "bank_unavailable"
        return None

    def _described(self, amount_cents: int, *, reason: str | None) -> dict[str, object]:
        described: dict[str, object] = {
            "id": uuid.uuid4().hex[:12],
            "status": "succeeded" if reason is None else "declined",
            "amount_cents": amount_cents,
        }
        if reason is not None:
            described["reason"] = reason
        if self.version != "v1":
            described |= {"currency": "CNY", "fee_cents": amount_cents * 6 // 1000}
        return described


def build(settings: Settings) -> Starlette:
    """Build one payment process."""
    payment = Payment(settings)
    routes = [Route("/charges", payment.charge, methods=["POST"])]
    return build_service(routes, conduct=payment.conduct, business=payment.business)
