"""How many statements the hot requests send, with the lookup of the host, BEGIN and COMMIT.

A statement more is paid by every buyer. Fewer is better: lower the figure here and in docs/performance.md.
"""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants import middleware
from tests.api.conftest import Api
from tests.factories.shop import ADDRESS, make_cart, make_variant
from tests.tenancy.support import ask

ENTER = re.compile(r'SET search_path = "(t_\w+)", "public"; SET ROLE "\1"')


@pytest.fixture
def lookups(monkeypatch) -> list[str]:
    """The lookups of hosts, which go to the driver directly and are in no log of Django's."""
    seen: list[str] = []
    row_of = middleware._row_of
    monkeypatch.setattr(middleware, "_row_of", lambda host: seen.append(host) or row_of(host))
    return seen


def statements(api: Api, method: str, path: str, body: dict | None = None, **extra) -> list[str]:
    """What one request of a warm process sends after the lookup of its host and becoming the storefront's role."""
    with CaptureQueriesContext(connection) as sent:
        answer = api(method, path, body, **extra)
    assert answer.status_code in (200, 201), answer.content
    return [query["sql"] for query in sent.captured_queries if not ENTER.fullmatch(query["sql"])]


def lines(*variants) -> dict:
    return {"lines": [{"variant_id": str(variant.pk), "quantity": 1} for variant in variants]}


@pytest.mark.parametrize("number", [1, 5])
def test_a_page_of_products_is_one_query_however_many_there_are(guest, serving, lookups, number):
    for _ in range(number):
        make_variant()
    assert len(statements(guest, "GET", "products")) == 1
    assert len(lookups) == 1


def test_a_product_is_one_query(guest, serving, lookups):
    slug = make_variant().product.slug
    assert len(statements(guest, "GET", f"products/{slug}")) == 1
    assert len(lookups) == 1


@pytest.mark.parametrize("number", [1, 3])
def test_a_new_cart_is_one_statement_however_many_lines_it_has(guest, serving, lookups, number):
    variants = [make_variant() for _ in range(number)]
    assert len(statements(guest, "POST", "carts", lines(*variants))) == 1
    assert len(lookups) == 1


@pytest.mark.parametrize("number", [1, 3])
def test_a_checkout_is_sixteen_statements_however_many_lines_it_has(
    guest, serving, stripe_local, lookups, number
):
    cart = make_cart(*((make_variant(), 1) for _ in range(number)))
    body = {"cart": cart.token, "email": "ada@example.com", "shipping_address": ADDRESS}

    sent = statements(guest, "POST", "checkout", body, key="once")

    # In a test the transaction is a savepoint of the test's own: SAVEPOINT and RELEASE stand for BEGIN and COMMIT.
    assert len(sent) == 16, "\n".join(sent)
    assert len(lookups) == 1


def test_the_hot_row_is_locked_by_the_last_statement_before_the_commit(guest, serving, stripe_local):
    """Buyers of one SKU wait for each other from this statement on, so that nothing else may come after it."""
    cart = make_cart((make_variant(), 1))
    body = {"cart": cart.token, "email": "ada@example.com", "shipping_address": ADDRESS}

    sent = statements(guest, "POST", "checkout", body, key="once")

    locking = next(place for place, sql in enumerate(sent) if "UPDATE shop_inventoryitem" in sql)
    assert sent[locking + 1].startswith(("RELEASE SAVEPOINT", "COMMIT"))


def test_the_same_storefront_again_is_not_entered_again(tenant, other_tenant):
    def entered(host: str) -> int:
        with CaptureQueriesContext(connection) as sent:
            assert ask(host, "GET", "/api/v1/products").status_code == 200
        return sum(bool(ENTER.fullmatch(query["sql"])) for query in sent.captured_queries)

    assert [entered(host) for host in (tenant.host, tenant.host, other_tenant.host, tenant.host)] == [
        1,
        0,
        1,
        1,
    ]
