"""Ids, text, filters and cursors: what is not ours is refused, in paths, queries and bodies alike."""

import base64

import pytest
from django.db import transaction

from core.pagination import encode_cursor
from tests.api.test_validation import refused
from tests.factories.shop import make_cart, make_order, make_variant

NOBODYS_ID = "0b6c9d1e-53a7-7c41-9d2a-6f1e5a3c8b70"  # fixed: each worker collects the same tests

LISTS = [
    "products",
    "me/orders",
    "me/notifications",
    "seller/products",
    "seller/inventory",
    "seller/orders",
    "seller/promotions",
    "seller/notifications",
    "seller/payouts",
    "seller/inventory/VARIANT/movements",
]
BAD_CURSORS = [
    "x",
    "é",
    "%00",
    "AAAA",
    base64.urlsafe_b64encode(b"[" * 150).decode(),
    *(
        encode_cursor(position)
        for position in (
            [],
            ["2026-01-01"],
            [1, 2],
            [None, None],
            [True, {}],
            [[], []],
            ["\x00", "\x00"],
            ["2026-01-01T00:00:00Z", "\x00"],
            ["0001-01-01T00:00:00+23:59", NOBODYS_ID],
            ["9999-12-31T23:59:59-23:59", NOBODYS_ID],
            ["2026-02-30T00:00:00Z", NOBODYS_ID],
            ["2026-01-01T00:00:00Z", 2**63],
            ["2026-01-01T00:00:00Z", -1],
            ["2026-01-01T00:00:00Z'; DROP TABLE shop_order; --", NOBODYS_ID],
        )
    ),
]


@pytest.fixture
def listing(request, seller, serving):
    """Asks one of the lists."""
    path = request.param.replace("VARIANT", str(make_variant().pk)) if "V" in request.param else request.param
    return lambda query: seller.get(f"{path}?{query}")


@pytest.mark.parametrize("listing", LISTS, indirect=True)
def test_a_cursor_that_is_not_ours_is_refused_or_an_empty_page(listing):
    assert listing("limit=5").status_code == 200
    for cursor in BAD_CURSORS:
        savepoint = transaction.savepoint()
        answer = listing(f"cursor={cursor}")
        transaction.savepoint_rollback(savepoint)
        if answer.status_code != 200:
            assert refused(answer), cursor


@pytest.mark.parametrize("listing", LISTS, indirect=True)
@pytest.mark.parametrize(
    "query", ["limit=1000000000", "limit=0", "limit=-1", "limit=x", "limit=1e3", "page_size=5"]
)
def test_a_page_has_1_to_100_rows(listing, query):
    refused(listing(query))


@pytest.mark.parametrize("listing", LISTS, indirect=True)
@pytest.mark.parametrize(
    "query",
    ["_connector=OR", "_negated=1", "password__startswith=a", "is_published=0", "sort=id;DROP", "owner=1"],
)
def test_a_filter_that_is_not_listed_is_refused(listing, query):
    refused(listing(query))


@pytest.mark.parametrize(
    "query",
    [
        "min_price=1.5",
        "min_price=-1",
        f"max_price={2**64}",
        "in_stock=perhaps",
        "q=%00",
        "category=a%20b",
        "sort=",
        "tag=%E2%80%AE",
    ],
)
def test_a_filter_of_the_catalogue_takes_only_values_of_its_kind(guest, serving, query):
    refused(guest.get(f"products?{query}"))


BAD_IDS = [
    "abc",
    "-1",
    str(2**63),
    "00000000-0000-0000-0000-00000000000",
    "%00",
    "%ED%A0%80",
    "[]",
    "a" * 5000,
]


@pytest.mark.parametrize("bad", BAD_IDS, ids=lambda text: text[:12])
@pytest.mark.parametrize(
    "path",
    ["products/{}", "carts/{}", "carts/{}/lines/" + NOBODYS_ID, "guest-orders/{}", "me/orders/{}", "me/addresses/{}",
     "seller/products/{}", "seller/orders/{}", "seller/inventory/{}/movements", "seller/payouts/{}"],
)  # fmt: skip
def test_an_id_in_a_path_that_is_none_is_not_found(seller, serving, path, bad):
    method = "PATCH" if path.startswith(("carts/{}/", "me/addr")) else "GET"
    refused(seller(method, path.format(bad), {"quantity": 1} if method == "PATCH" else None), 404, 400)


@pytest.mark.parametrize("bad", ["abc", -1, [], {}, [NOBODYS_ID], None, "\ud800", ""])
def test_an_id_in_a_body_that_is_none_is_refused(guest, seller, serving, bad):
    cart = make_cart((make_variant(), 1))
    refused(guest.post(f"carts/{cart.token}/lines", {"variant_id": bad}))
    refused(guest.post("checkout", {"cart": bad}, key="k"))
    refused(
        seller.post(
            f"seller/orders/{make_order().pk}/shipments",
            {"carrier": "x", "lines": [{"line_id": bad, "quantity": 1}]},
        )
    )
