"""Requests no honest client sends, as gunicorn reads them: refused, or one storefront's in every respect."""

import socket
from io import BytesIO

import pytest
from django.db import connection
from django.test.client import ClientHandler
from gunicorn.config import Config
from gunicorn.http import RequestParser
from gunicorn.http.errors import ParseException
from gunicorn.http.wsgi import create

from tenants.context import tenant_scope
from tests.factories.shop import make_product

CALLER, SERVER = ("192.0.2.1", 4711), ("127.0.0.1", 8000)
REFUSED_BY_THE_SERVER = 400


@pytest.fixture
def shops(tenant, other_tenant):
    """Amaranth is at {a}, Bergamot at {b}."""
    for one, title in ((tenant, "Amaranth"), (other_tenant, "Bergamot")):
        with tenant_scope(one):
            make_product(title=title)
    return {"{a}": tenant.host, "{b}": other_tenant.host}


def environment(raw: bytes) -> dict | None:
    """What gunicorn hands to Django for these bytes; None where it refuses them itself."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(raw)
        theirs.shutdown(socket.SHUT_WR)
        config = Config()
        try:
            request = next(RequestParser(config, ours, CALLER))
            _, environ = create(request, ours, CALLER, SERVER, config)
        except (ParseException, StopIteration):
            return None
        return {**environ, "wsgi.input": BytesIO(environ["wsgi.input"].read())}


@pytest.fixture
def answer(shops):
    """(status, body) for the lines of a request."""

    def send(*lines: str, body: str = "") -> tuple[int, str]:
        text = "\r\n".join([*lines, "", body])
        for name, host in shops.items():
            text = text.replace(name, host)
        environ = environment(text.encode("latin-1"))
        if environ is None:
            return REFUSED_BY_THE_SERVER, ""
        before = connection.tenant
        try:
            response = ClientHandler(enforce_csrf_checks=False)(environ)
            return response.status_code, response.getvalue().decode()
        finally:
            connection.set_tenant(before)

    return send


def shown(body: str) -> set[str]:
    return {name for name in ("Amaranth", "Bergamot") if name in body}


def test_an_ordinary_request_is_served(answer):
    """The control: what the others are compared with."""
    status, body = answer("GET /api/v1/products HTTP/1.1", "Host: {a}")
    assert (status, shown(body)) == (200, {"Amaranth"})


@pytest.mark.parametrize(
    "hosts",
    [
        ["Host: {a}", "Host: {b}"],
        ["Host: {a}", "host: {b}"],
        ["Host: {a}", "Host: {a}"],
        ["Host: {a},{b}"],
        ["Host: {a}", " {b}"],
        ["Host : {a}"],
        ["Host:"],
        ["Host: {a}\x00"],
        ["Host: {a}\x0b{b}"],
        ["Host: {a}\tx"],
        ["Host: {a}@{b}"],
        ["Host: {a}/{b}"],
        [],
    ],
    ids=repr,
)
def test_a_request_that_names_no_or_several_hosts_reaches_no_storefront(answer, hosts):
    status, body = answer("GET /api/v1/products HTTP/1.1", *hosts)
    assert status in (REFUSED_BY_THE_SERVER, 404)
    assert not shown(body)


@pytest.mark.parametrize(
    "target",
    ["http://{b}/api/v1/products", "https://{b}:443/api/v1/products", "http://x@{b}/api/v1/products",
     "//{b}/api/v1/products", "http:///api/v1/products", "{b}/api/v1/products", "{b}:443", "*"],
)  # fmt: skip
def test_a_request_line_that_names_another_host_does_not_reach_it(answer, target):
    status, body = answer(f"GET {target} HTTP/1.1", "Host: {a}")
    assert shown(body) <= {"Amaranth"}
    assert status in (200, REFUSED_BY_THE_SERVER, 404)


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Host", "X_Host", "X-Original-Host", "Forwarded", "Host_", "X-Rewrite-URL"]
)
def test_no_other_header_moves_a_request_to_another_storefront(answer, name):
    for value in ("{b}", "host={b}"):
        status, body = answer("GET /api/v1/products HTTP/1.1", "Host: {a}", f"{name}: {value}")
        assert status == REFUSED_BY_THE_SERVER or shown(body) == {"Amaranth"}


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 5", "Content-Length: 50"],
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding: xchunked"],
        ["Content-Length: +5"],
        ["Content-Length: 5\x0b"],
    ],
    ids=repr,
)
def test_a_second_request_cannot_hide_in_the_body_of_the_first(answer, headers):
    smuggled = "0\r\n\r\nGET /api/v1/products HTTP/1.1\r\nHost: {b}\r\n\r\n"
    status, body = answer("POST /api/v1/carts HTTP/1.1", "Host: {a}", *headers, body=smuggled)
    assert status in (REFUSED_BY_THE_SERVER, 415, 501)
    assert not shown(body)
