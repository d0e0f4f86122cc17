"""The product service: list, search, detail, dwell times, and a page for people.

Every answer names the version in ``x-variant``; clients send it on to order, which is how business results
find their way back to the product version that caused them.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from deploy.shop.business import Business, known_version
from deploy.shop.conduct import Conduct, Latency
from deploy.shop.inputs import json_object, number
from deploy.shop.product import catalogue
from deploy.shop.product.page import shop_page
from deploy.shop.service import build_service
from deploy.shop.settings import NO_VARIANT, Settings

LATENCY = Latency(median_ms=8)
LONGEST_DWELL_SECONDS = 3600.0


class Product:
    """The endpoints of one product process."""

    def __init__(self, settings: Settings) -> None:
        self.version = settings.version
        self.conduct = Conduct(settings, latency=LATENCY)
        self.business = Business(service="product", version=settings.version)

    async def page(self, request: Request) -> Response:
        """Show the shop to a person."""
        return self._answer(request, HTMLResponse(shop_page(version=self.version)))

    async def items(self, request: Request) -> Response:
        """List the catalogue."""
        return self._answer(request, JSONResponse(self._described(list(catalogue.ITEMS))))

    async def search(self, request: Request) -> Response:
        """Find items by ``?q=``."""
        return self._answer(
            request, JSONResponse(self._described(catalogue.search(request.query_params.get("q", ""))))
        )

    async def item(self, request: Request) -> Response:
        """Describe one item; with the payment fault on, some prices are lost, and their payments fail."""
        found = catalogue.BY_ID.get(request.path_params["id"])
        if found is None:
            return self._answer(
                request, JSONResponse({"error": "No such product. / 没有这个商品。"}, status_code=404)
            )
        described = catalogue.as_json(found, version=self.version)
        if self.conduct.spoils_payment():
            described["price_cents"] = 0
        return self._answer(request, JSONResponse(described))

    async def dwell(self, request: Request) -> Response:
        """Record ``{"seconds": s}`` spent on a page of the variant named in ``x-variant``."""
        seconds = number(await json_object(request), "seconds", highest=LONGEST_DWELL_SECONDS)
        seen = known_version(request.headers.get("x-variant"))
        self.business.page_left(seconds, variant=self.version if seen == NO_VARIANT else seen)
        return Response(status_code=204)

    def _described(self, items: list[catalogue.Item]) -> dict[str, object]:
        described = [catalogue.as_json(item, version=self.version) for item in items]
        return {"items": described} if self.version == "v1" else {"items": described, "total": len(described)}

    def _answer(self, request: Request, response: Response) -> Response:
        if (
            "x-variant" not in request.headers
        ):  # order's own look-up carries one: that user was counted before
            self.business.user_arrived(request.headers.get("x-user-id", ""), variant=self.version)
        response.headers["x-variant"] = self.version
        return response


def build(settings: Settings) -> Starlette:
    """Build one product process."""
    product = Product(settings)
    routes = [
        Route("/", product.page),
        Route("/products", product.items),
        Route("/products/search", product.search),
        Route("/products/{id}", product.item),
        Route("/dwell", product.dwell, methods=["POST"]),
    ]
    return build_service(routes, conduct=product.conduct, business=product.business)
