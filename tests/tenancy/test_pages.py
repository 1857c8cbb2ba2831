"""The buyer's pages of one storefront, asked with the secrets and cookies of another's."""

import re

import pytest
from django.db import connection
from django.test import Client

from tests.tenancy.support import ELSEWHERE, MARKETPLACE, ask, digest
from tests.tenancy.test_walls import METHODS, Shop, furnish, routes

PAGES = [route for route in routes("config.urls_tenant") if not route.startswith(("/api/", "/media/"))]


@pytest.fixture
def a(tenant) -> Shop:
    return furnish(tenant, "AMARANTH")


@pytest.fixture
def b(other_tenant) -> Shop:
    return furnish(other_tenant, "BERGAMOT")


def visit(host: str, method: str, path: str, cart: str):
    """One request of a browser that holds this cart's secret."""
    client = Client(raise_request_exception=False)
    client.cookies["cart"] = cart
    before = connection.tenant
    try:
        return client.generic(
            method, path, b"", content_type="application/x-www-form-urlencoded", HTTP_HOST=host
        )
    finally:
        connection.set_tenant(before)


def test_there_are_pages_with_and_without_secrets():
    assert len(PAGES) >= 10
    assert sum("{secret}" in route for route in PAGES) >= 3


def test_at_home_the_secrets_open_their_pages(a):
    """The control."""
    opened = [
        route
        for route in PAGES
        if visit(a.tenant.host, "GET", a.path(route), a.names["token"]).status_code == 200
    ]
    assert {"/", "/cart", "/products/{slug}", "/orders/{secret}"} <= set(opened)


def test_no_page_of_one_storefront_shows_or_changes_anything_of_another(a, b):
    before, wrong = (digest(a.tenant.schema_name), digest(b.tenant.schema_name)), []
    for route in PAGES:
        path = b.path(route)
        for method in METHODS:
            answer = visit(a.tenant.host, method, path, b.names["token"])
            text = f"{answer.content.decode()} {answer.headers} {answer.cookies}"
            shown = {canary for canary in b.canaries if canary in text and canary not in path}
            if answer.status_code >= 500 or shown:
                wrong.append((method, route, answer.status_code, shown))
            is_told = answer.status_code == 200 and method != "OPTIONS"
            if "{secret}" in route and is_told:
                wrong.append((method, route, answer.status_code))
    assert not wrong
    assert (digest(a.tenant.schema_name), digest(b.tenant.schema_name)) == before


def test_a_foreign_secret_is_as_good_as_one_that_never_was(a, b):
    for route in [route for route in PAGES if "{secret}" in route]:
        foreign = b.path(route)
        never = route.replace("{secret}", ELSEWHERE.replace("-", "x")[: len(b.names["secret"])])
        for method in ("GET", "POST"):
            answers = [visit(a.tenant.host, method, path, "") for path in (foreign, never)]
            bodies = [re.sub(r'csrf\w*" value="[^"]*"', "", answer.content.decode()) for answer in answers]
            assert answers[0].status_code == answers[1].status_code in (302, 404, 405)
            assert bodies[0].replace(foreign, "") == bodies[1].replace(never, "")


@pytest.mark.parametrize("host", ["storefront", "marketplace"])
def test_a_catalogue_answer_kept_from_one_storefront_is_not_current_at_another(a, b, host):
    """ETags of different contents differ, and the marketplace knows none of them."""
    tags = [ask(shop.tenant.host, "GET", "/api/v1/products").headers["ETag"] for shop in (a, b)]
    assert tags[0] != tags[1]
    asked = b.tenant.host if host == "storefront" else MARKETPLACE
    answer = ask(asked, "GET", "/api/v1/products", HTTP_IF_NONE_MATCH=tags[0])
    assert answer.status_code == {"storefront": 200, "marketplace": 404}[host]
    assert ask(a.tenant.host, "GET", "/api/v1/products", HTTP_IF_NONE_MATCH=tags[0]).status_code == 304
