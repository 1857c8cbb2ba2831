"""What clients send is taken exactly, or refused with a problem document that names the fault."""

import json
import time
from uuid import uuid4

import pytest

from shop.models import Cart, Order
from tests.factories.shop import ADDRESS, make_cart, make_variant


def refused(answer, *statuses: int) -> dict:
    """The problem document of an answer that has one of the statuses (400)."""
    assert answer.status_code in (statuses or (400,)), (answer.status_code, answer.content[:300])
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"]
    assert problem["status"] == answer.status_code
    return problem


@pytest.fixture
def variant(serving):
    return make_variant(stock=5)


@pytest.fixture
def cart(variant) -> Cart:
    return make_cart((variant, 1))


# Quantities and money -----------------------------------------------------------------------------------------------

NOT_A_QUANTITY = [
    "0",
    "-1",
    "1.5",
    "1.0",
    "1e9",
    "1000000000",
    '"1"',
    "true",
    "NaN",
    "Infinity",
    "null",
    "[1]",
]
HUGE = ["1e400", "1E+1000000", "9" * 30, "9" * 5000, "-" + "9" * 30]


@pytest.mark.parametrize("quantity", NOT_A_QUANTITY + HUGE, ids=lambda text: text[:12])
def test_a_quantity_is_a_whole_number_from_1_to_10000(guest, cart, variant, quantity):
    body = f'{{"variant_id": "{variant.pk}", "quantity": {quantity}}}'.encode()

    refused(guest.post(f"carts/{cart.token}/lines", body))
    refused(guest.post("carts", b'{"lines": [' + body + b"]}"))
    assert cart.lines.get().quantity == 1


@pytest.mark.parametrize(
    "amount", ["1.5", '"1"', "true", "NaN", "1e3", "-1", *HUGE], ids=lambda text: text[:12]
)
def test_money_is_a_whole_number_of_minor_units(guest, seller, cart, amount):
    order = json.dumps({"cart": cart.token, "email": "a@example.com", "shipping_address": ADDRESS})
    body = f'{order[:-1]}, "expected_total_minor": {amount}}}'.encode()

    refused(guest.post("checkout", body, key="k-1"))
    refused(
        seller.post(
            "seller/products", f'{{"title": "A", "variants": [{{"price_minor": {amount}}}]}}'.encode()
        )
    )
    refused(
        seller.post(
            f"seller/orders/{uuid4()}/refunds",
            f'{{"reason": "x", "amount_minor": {amount}}}'.encode(),
            key="k",
        )
    )
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "extra",
    [
        "price",
        "total",
        "total_minor",
        "status",
        "tenant",
        "is_staff",
        "buyer_id",
        "__proto__",
        "discount_minor",
    ],
)
def test_what_a_client_may_not_decide_is_refused_by_name(guest, buyer, cart, variant, extra):
    line = {"variant_id": str(variant.pk), "quantity": 1, extra: 1}
    order = {"cart": cart.token, "email": "a@example.com", "shipping_address": ADDRESS, extra: 1}

    assert refused(guest.post(f"carts/{cart.token}/lines", line))["errors"][0]["field"] == extra
    assert refused(guest.post("checkout", order, key="k-1"))["errors"][0]["field"] == extra
    assert refused(buyer("PATCH", "me", {"name": "A", extra: True}))["errors"][0]["field"] == extra


# JSON ---------------------------------------------------------------------------------------------------------------

BAD_JSON = {
    "10,000 levels of lists": b"[" * 10_000 + b"]" * 10_000,
    "10,000 levels of objects": b'{"lines":' * 10_000 + b"1" + b"}" * 10_000,
    "21 levels": b'{"lines":' + b"[" * 21 + b"]" * 21 + b"}",
    "10 MB": b'{"lines": "' + b"x" * 10_000_000 + b'"}',
    "a key twice": b'{"lines": [], "lines": []}',
    "a key twice, escaped": b'{"lines": [], "line\\u0073": []}',
    "NUL": b'{"lines\\u0000": []}',
    "lone surrogate": b'{"lines": "\\ud800"}',
    "latin-1": '{"lines": "é"}'.encode("latin-1"),
    "utf-16": '{"lines": []}'.encode("utf-16"),
    "a list": b"[]",
    "a string": b'"lines"',
    "a number": b"1",
    "null": b"null",
    "two values": b"{} {}",
    "a comment": b"{/* */}",
    "a trailing comma": b'{"lines": [],}',
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_json_that_could_be_read_in_two_ways_or_not_at_all_is_refused_quickly(guest, serving, case):
    started = time.perf_counter()
    refused(guest.post("carts", BAD_JSON[case]))
    refused(guest.post("checkout", BAD_JSON[case], key="k-1"))

    assert time.perf_counter() - started < 2
    assert not Cart.objects.exists()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense"]
)
def test_bodies_that_are_not_json_are_refused(guest, serving, kind):
    refused(guest.post("carts", b"lines=1", content_type=kind), 415)
