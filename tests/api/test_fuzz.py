"""Both API documents, with whatever fits them and what does not: never a 5xx, and answers as the documents promise.

The same cases in each run. In half of them ids are those of real things, so that the code behind 404 is reached too.
"""

from collections import Counter
from functools import cache
from typing import Any

import pytest
import requests
import schemathesis
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from services.auth_services import open_session
from tests.api.documents import broken_promises, document
from tests.factories.shop import ADDRESS, make_cart, make_order, make_promotion, make_variant, pay
from tests.factories.tenants import make_operator, make_user, owner_of

EXAMPLES = {"storefront": 3, "marketplace": 15}
MARKETPLACE = "souk.localhost"
quick = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@cache
def operations(face: str) -> list[Any]:
    """Every operation of a face's document."""
    schema = schemathesis.openapi.from_dict(document(face))
    return [result.ok() for result in schema.get_all_operations()]


@pytest.fixture
def things(serving, stripe_local) -> dict[str, str]:
    """Real ids by the name they have in paths and bodies."""
    variant = make_variant(stock=50)
    order = make_order((variant, 2))
    pay(order, stripe_local)
    cart = make_cart((variant, 1))
    return {
        "variant_id": str(variant.pk),
        "product_id": str(variant.product_id),
        "slug": variant.product.slug,
        "token": cart.token,
        "cart": cart.token,
        "order_id": str(order.pk),
        "line_id": order.lines.get().pk,
        "secret": order.secret,
        "promotion_id": str(make_promotion().pk),
        "tenant_id": str(serving.pk),
        "email": "ada@example.com",
        "shipping_address": ADDRESS,
    }


def with_real(things: dict[str, Any], value: Any) -> Any:
    """The value with real things where names say so."""
    if isinstance(value, dict):
        return {
            name: things[name] if name in things else with_real(things, item) for name, item in value.items()
        }
    return [with_real(things, item) for item in value] if isinstance(value, list) else value


def send(case: Any, host: str, token: str | None):
    """One request over Django's own handler; what it changed is taken back."""
    wire = requests.Request(**case.as_transport_kwargs(base_url=f"http://{host}")).prepare()
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in wire.headers.items()}
    headers.pop("HTTP_CONTENT_LENGTH", None)
    kind = headers.pop("HTTP_CONTENT_TYPE", "application/json")
    headers["HTTP_HOST"] = host
    if token:
        headers["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    body = wire.body if isinstance(wire.body, bytes) else (wire.body or "").encode()
    before, savepoint = connection.tenant, transaction.savepoint()
    try:
        client = Client(raise_request_exception=False)
        return client.generic(wire.method, wire.path_url, body, kind, **headers)
    finally:
        transaction.savepoint_rollback(savepoint)
        connection.set_tenant(before)


def fuzz(face: str, host: str, token: str | None, things: dict[str, Any]) -> list[str]:
    """What was answered with a 5xx, or otherwise than the document says."""
    failed: list[str] = []
    seen: Counter[int] = Counter()
    for operation in operations(face):
        modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

        @settings(quick, max_examples=EXAMPLES[face])
        @given(case=st.one_of(*modes), is_real=st.booleans())
        def one(case: Any, is_real: bool) -> None:
            if is_real:
                case.path_parameters = with_real(things, case.path_parameters)
                case.body = with_real(things, case.body)
            answer = send(case, host, token)
            seen[answer.status_code] += 1
            wrong = broken_promises(answer, face, case.operation.path, case.operation.method)
            if answer.status_code >= 500 or wrong:
                failed.append(f"{case.as_curl_command()} -> {answer.status_code} {wrong}")

        one()
    assert len(seen) >= 3, "the cases no longer reach anything"
    return failed


@pytest.mark.parametrize("role", ["anonymous", "buyer", "owner"])
def test_no_request_to_a_storefront_breaks_it(role, tenant, things):
    person = {"anonymous": lambda: None, "buyer": make_user, "owner": lambda: owner_of(tenant)}[role]()
    token = open_session(user=person, tenant=tenant).access if person else None

    assert fuzz("storefront", tenant.host, token, things) == []


@pytest.mark.parametrize("role", ["anonymous", "operator"])
def test_no_request_to_the_marketplace_breaks_it(role, tenant, things):
    person = make_operator() if role == "operator" else None
    token = open_session(user=person, tenant=None).access if person else None

    assert fuzz("marketplace", MARKETPLACE, token, things) == []
