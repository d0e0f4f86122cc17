"""The demo shop as its shoppers, its operator and Prometheus see it."""

from __future__ import annotations

import random
import statistics

import pytest

from deploy.shop.business import FirstTime
from deploy.shop.conduct import Latency
from deploy.shop.settings import read_settings
from tests.shop.conftest import Shop

pytestmark = pytest.mark.enable_socket


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("path", ["/", "/products", "/products/p-1", "/products/none", "/no", "/healthz"])
def test_every_answer_says_which_version_gave_it(shop: Shop, version: str, path: str) -> None:
    shop.start("product", version)

    assert shop.get("product", path).headers["x-version"] == version


def test_v2_is_cheaper_and_tells_more(shop: Shop) -> None:
    first = shop.get("product", "/products/p-1").json()
    shop.start("product", "v2")
    second = shop.get("product", "/products/p-1").json()

    assert second["price_cents"] < first["price_cents"] == second["list_price_cents"]
    assert set(second) > set(first)


def test_the_page_is_bilingual_complete_and_different_in_each_version(shop: Shop) -> None:
    first = shop.get("product", "/").text
    shop.start("product", "v2")
    second = shop.get("product", "/").text

    for page in (first, second):
        assert "小店" in page
        assert "Small shop" in page
        assert "http:" not in page
        assert "https:" not in page
    assert "<table>" in first
    assert "<table>" not in second


@pytest.mark.parametrize(("words", "ids"), [("tea", ["p-1", "p-2", "p-3"]), ("砚", ["p-5"]), ("xyz", [])])
def test_search_finds_by_english_and_chinese_words(shop: Shop, words: str, ids: list[str]) -> None:
    found = shop.client.get("/products/search", params={"q": words}, headers={"host": "product"}).json()

    assert [item["id"] for item in found["items"]] == ids


def test_an_order_is_paid_and_can_be_looked_up_at_the_other_version(shop: Shop) -> None:
    placed = shop.post("order", "/orders", {"product_id": "p-2", "quantity": 3})
    shop.start("order", "v2")
    looked_up = shop.get("order", f"/orders/{placed.json()['id']}").json()

    assert placed.status_code == 201
    assert placed.json()["status"] == looked_up["status"] == "paid"
    assert looked_up["amount_cents"] == 3 * 6900
    assert looked_up["lines"] == [{"product_id": "p-2", "quantity": 3}]


def test_the_variant_the_user_saw_travels_to_payment(shop: Shop) -> None:
    shop.post("order", "/orders", {"product_id": "p-1", "price_cents": 100}, x_variant="v2", x_user_id="42")

    labels = 'caller="order",caller_version="v1",service="payment",variant="v2",version="v1"'
    assert shop.metrics("payment")[f"shop_payments_attempted_total{{{labels}}}"] == 1
    assert shop.metrics("payment")[f"shop_payments_succeeded_total{{{labels}}}"] == 1


def test_without_a_variant_the_look_up_s_counts(shop: Shop) -> None:
    shop.start("product", "v2")
    shop.post("order", "/orders", {"product_id": "p-1"})

    assert shop.metrics("order")['shop_orders_total{service="order",variant="v2",version="v1"}'] == 1


def test_a_declined_payment_is_a_good_answer_that_did_not_succeed(shop: Shop) -> None:
    shop.start("payment", decline_ratio=1)
    placed = shop.post("order", "/orders", {"product_id": "p-1"}, x_user_id="7")

    assert (placed.status_code, placed.json()["status"]) == (201, "payment_declined")
    payments = shop.metrics("payment")
    assert [value for name, value in payments.items() if "attempted" in name] == [1]
    assert [value for name, value in payments.items() if "succeeded" in name] == [0]
    assert not any("conversions" in name for name in shop.metrics("order"))


def test_a_user_converts_and_is_assigned_once(shop: Shop) -> None:
    for _ in range(3):
        shop.get("product", "/products", x_user_id="42")
        shop.post("order", "/orders", {"product_id": "p-1"}, x_user_id="42", x_variant="v1")

    labels = 'variant="v1",version="v1"'
    assert shop.metrics("order")[f'shop_conversions_total{{service="order",{labels}}}'] == 1
    assert shop.metrics("order")[f'shop_orders_total{{service="order",{labels}}}'] == 3
    assert shop.metrics("product")[f'shop_assignments_total{{service="product",{labels}}}'] == 1


def test_dwell_times_are_summed_with_their_squares(shop: Shop) -> None:
    for seconds in (2, 3.0):
        assert shop.post("product", "/dwell", {"seconds": seconds}, x_variant="v2").status_code == 204

    metrics = shop.metrics("product")
    labels = '{service="product",variant="v2",version="v1"}'
    assert metrics[f"shop_dwell_seconds_count{labels}"] == 2
    assert metrics[f"shop_dwell_seconds_sum{labels}"] == 5
    assert metrics[f"shop_dwell_seconds_squared_total{labels}"] == 13


def test_headers_from_outside_cannot_invent_labels(shop: Shop) -> None:
    for number in range(5):
        shop.post("product", "/dwell", {"seconds": 1}, x_variant=f"v{number + 3}")
        shop.post("payment", "/charges", {"amount_cents": 1}, x_caller=f"c{number}", x_variant="x")

    assert len([name for name in shop.metrics("product") if "seconds_count" in name]) == 1
    assert len([name for name in shop.metrics("payment") if "attempted" in name]) == 1


@pytest.mark.parametrize(
    ("service", "path", "body"),
    [
        ("product", "/dwell", {"seconds": -1}),
        ("product", "/dwell", {"seconds": True}),
        ("product", "/dwell", {"seconds": 1e9}),
        ("product", "/dwell", []),
        ("order", "/orders", {}),
        ("order", "/orders", {"product_id": "../admin"}),
        ("order", "/orders", {"product_id": "p-1", "quantity": 0}),
        ("order", "/orders", {"product_id": "p-1", "price_cents": 1.5}),
        ("payment", "/charges", {"amount_cents": "1"}),
        ("payment", "/charges", {"amount_cents": -1}),
    ],
)
def test_nonsense_is_a_bad_request(shop: Shop, service: str, path: str, body: object) -> None:
    answer = shop.post(service, path, body)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_unknown_things_are_not_found(shop: Shop) -> None:
    assert shop.post("order", "/orders", {"product_id": "p-99"}).status_code == 404
    assert shop.get("order", "/orders/bm90LWFuLW9yZGVy").status_code == 404


def test_a_fault_breaks_answers_until_it_is_cleared(shop: Shop) -> None:
    assert shop.post("fault.product", "/admin/fault", {"error_ratio": 1}).json()["error_ratio"] == 1
    broken = shop.get("product", "/products")
    ordered = shop.post("order", "/orders", {"product_id": "p-1"})
    healthy = shop.get("product", "/healthz")
    shop.client.delete("/admin/fault", headers={"host": "fault.product"})

    assert (broken.status_code, broken.headers["x-version"]) == (500, "v1")
    assert ordered.status_code == 502
    assert healthy.status_code == 200
    assert shop.get("product", "/products").status_code == 200


def test_a_latency_fault_slows_answers(shop: Shop) -> None:
    shop.post("fault.product", "/admin/fault", {"latency_ms": 80})

    assert shop.get("product", "/products").elapsed.total_seconds() >= 0.08


@pytest.mark.parametrize("service", ["product", "order", "payment"])
def test_a_payment_fault_of_any_service_makes_payments_fail(shop: Shop, service: str) -> None:
    shop.post(f"fault.{service}", "/admin/fault", {"payment_failure_ratio": 1})
    shown = shop.get("product", "/products/p-1").json()
    placed = shop.post("order", "/orders", {"product_id": "p-1", "price_cents": shown["price_cents"]})

    assert (placed.status_code, placed.json()["status"]) == (201, "payment_declined")
    payments = shop.metrics("payment")
    assert [value for name, value in payments.items() if "succeeded" in name] == [0]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_fault_switch_is_not_reachable_through_the_mesh(shop: Shop, method: str) -> None:
    answer = shop.client.request(method, "/admin/fault", json={"error_ratio": 1}, headers={"host": "product"})

    assert answer.status_code == 404
    assert shop.get("product", "/products").status_code == 200


@pytest.mark.parametrize("fault", [{"error_ratio": 2}, {"errors": 1}, {"latency_ms": "slow"}, [1]])
def test_a_fault_that_makes_no_sense_is_refused(shop: Shop, fault: object) -> None:
    assert shop.post("fault.order", "/admin/fault", fault).status_code == 400


def test_latency_is_a_few_to_forty_milliseconds_with_a_tail() -> None:
    dice = random.Random(1)
    drawn = sorted(Latency(median_ms=8).draw_ms(dice) for _ in range(20_000))

    assert statistics.median(drawn) == pytest.approx(8, rel=0.05)
    assert 12 < drawn[int(0.95 * len(drawn))] < 20
    assert 25 < drawn[-20] <= 96


def test_the_same_seed_draws_the_same_latencies() -> None:
    draws = [[Latency(median_ms=8).draw_ms(dice) for _ in range(5)] for dice in map(random.Random, (3, 3, 4))]

    assert draws[0] == draws[1] != draws[2]


def test_users_remembered_are_bounded() -> None:
    first_time = FirstTime(capacity=2)

    told = {step: first_time(user) for step, user in enumerate(("a", "b", "a", "c", "b", ""))}

    assert [step for step, new in told.items() if new] == [0, 1, 3, 4]


def test_settings_are_checked_before_anything_starts() -> None:
    with pytest.raises(ValueError, match="SHOP_VERSION must be one of v1, v2"):
        read_settings("order", environ={"SHOP_VERSION": "v3"})
    with pytest.raises(ValueError, match="SHOP_DECLINE_RATIO must lie between 0 and 1"):
        read_settings("order", environ={"SHOP_DECLINE_RATIO": "2"})
