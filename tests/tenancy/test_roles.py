"""Within a storefront: what a buyer, each role of the staff and somebody who was removed may do."""

import json
import re

import pytest

from shop.models import Address, Product
from tenants.context import tenant_scope
from tenants.models import Membership
from tests.factories.shop import ADDRESS, make_cart, make_order, make_variant
from tests.factories.tenants import add_member, make_operator, make_user, owner_of
from tests.tenancy.support import ELSEWHERE, ask, tokens
from tests.tenancy.test_walls import METHODS, STOREFRONT

SELLER_ROUTES = [route for route in STOREFRONT if "/seller/" in route]
# Route, method, and which roles besides the owner get past the door.
MATRIX = [
    ("seller/orders", "GET", "manager fulfilment support"),
    ("seller/products", "GET", "manager fulfilment support"),
    ("seller/notifications", "GET", "manager fulfilment support"),
    ("seller/orders/{id}/shipments", "POST", "manager fulfilment"),
    ("seller/orders/{id}/deliver", "POST", "manager fulfilment"),
    ("seller/inventory/{id}/receive", "POST", "manager fulfilment"),
    ("seller/inventory/{id}/adjust", "POST", "manager fulfilment"),
    ("seller/orders/{id}/cancel", "POST", "manager support"),
    ("seller/orders/{id}/refunds", "POST", "manager support"),
    ("seller/products", "POST", "manager"),
    ("seller/products/{id}", "PATCH", "manager"),
    ("seller/promotions", "POST", "manager"),
    ("seller/inventory/{id}", "PATCH", "manager"),
    ("seller/shipping-rate", "PUT", "manager"),
    ("seller/storefront", "PATCH", "manager"),
    ("seller/balance", "GET", "manager"),
    ("seller/payouts", "GET", "manager"),
    ("seller/account", "GET", "manager"),
    ("seller/members", "GET", "manager"),
    ("seller/members", "POST", ""),
    ("seller/members/{id}", "DELETE", ""),
    ("seller/account/onboarding", "POST", ""),
    ("seller/domains", "GET", ""),
    ("seller/domains", "POST", ""),
    ("seller/domains/atelier.example", "GET", ""),
    ("seller/domains/atelier.example", "DELETE", ""),
    ("seller/domains/atelier.example/check", "POST", ""),
    ("seller/domains/atelier.example/primary", "PUT", ""),
    ("seller/domains/atelier.example/primary", "DELETE", ""),
]


def knock(tenant, token, method, route) -> int:
    path = f"/api/v1/{route.replace('{id}', ELSEWHERE)}"
    return ask(tenant.host, method, path, [], token=token, HTTP_IDEMPOTENCY_KEY="k").status_code


@pytest.mark.parametrize("role", ["manager", "fulfilment", "support", "owner"])
def test_each_role_gets_past_exactly_its_own_doors(tenant, role):
    user = owner_of(tenant) if role == "owner" else add_member(tenant, role)
    token = tokens(user, tenant).access
    got = {(route, method): knock(tenant, token, method, route) for route, method, _ in MATRIX}
    assert max(got.values()) < 500
    passed = {door for door, status in got.items() if status != 403}
    assert passed == {(route, method) for route, method, roles in MATRIX if role in [*roles.split(), "owner"]}


@pytest.mark.parametrize("who", ["buyer", "owner of another storefront", "operator"])
def test_without_a_role_here_every_seller_route_is_closed(tenant, other_tenant, who):
    """All of them sign in at this very host; it is the role that lacks."""
    user = {"buyer": make_user, "operator": make_operator}.get(who, lambda: owner_of(other_tenant))()
    token = tokens(user, tenant).access
    assert ask(tenant.host, "GET", "/api/v1/me", token=token).status_code == 200
    for route in SELLER_ROUTES:
        path = re.sub(r"\{\w+\}", ELSEWHERE, route)
        for method in METHODS:
            assert ask(tenant.host, method, path, {}, token=token).status_code == 403, (method, path)


@pytest.mark.parametrize("header", ["HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_METHOD_OVERRIDE"])
def test_a_method_cannot_be_overridden_by_a_header(tenant, header):
    token = tokens(add_member(tenant, "support"), tenant).access
    path = "/api/v1/seller/promotions"
    assert ask(tenant.host, "GET", path, token=token, **{header: "POST"}).status_code == 200
    assert ask(tenant.host, "POST", path, {}, token=token, **{header: "GET"}).status_code == 403


def test_a_removed_member_is_out_with_the_next_request(tenant):
    user = add_member(tenant, "manager")
    token = tokens(user, tenant).access
    assert ask(tenant.host, "GET", "/api/v1/seller/orders", token=token).status_code == 200
    Membership.objects.filter(user=user).delete()
    assert ask(tenant.host, "GET", "/api/v1/seller/orders", token=token).status_code == 403


def test_a_changed_role_counts_with_the_next_request(tenant):
    user = add_member(tenant, "manager")
    token = tokens(user, tenant).access
    assert ask(tenant.host, "GET", "/api/v1/seller/balance", token=token).status_code == 200
    Membership.objects.filter(user=user).update(role="support")
    assert ask(tenant.host, "GET", "/api/v1/seller/balance", token=token).status_code == 403


def test_a_body_cannot_refer_to_another_storefronts_things(tenant, other_tenant):
    """Each reference is refused as one to nothing is, and nothing foreign is echoed."""
    with tenant_scope(tenant):
        foreign = make_variant(title="Amaranth")
        product = Product.objects.get(variants=foreign)
        buyer = make_user()
        address = Address.objects.create(user_id=buyer.pk, **ADDRESS)
    with tenant_scope(other_tenant):
        own = make_variant()
        cart = make_cart((own, 1))
        home = Product.objects.get(variants=own)
        order = make_order((own, 1))
    owner, visitor = tokens(owner_of(other_tenant), other_tenant).access, tokens(buyer, other_tenant).access
    tries = [
        ("POST", "carts", visitor, {"lines": [{"variant_id": "{}", "quantity": 1}]}, foreign.pk),
        ("POST", f"carts/{cart.token}/lines", visitor, {"variant_id": "{}", "quantity": 1}, foreign.pk),
        ("PATCH", f"carts/{cart.token}/lines/{{}}", visitor, {"quantity": 2}, foreign.pk),
        ("POST", "checkout", visitor, {"cart": cart.token, "address_id": "{}"}, address.pk),
        ("PATCH", f"seller/products/{home.pk}", owner, {"category_id": "{}"}, product.pk),
        ("POST", "seller/categories", owner, {"name": "x", "parent_id": "{}"}, product.pk),
        ("PATCH", f"seller/products/{home.pk}", owner, {"variants": [{"variant_id": "{}"}]}, foreign.pk),
        (
            "POST",
            f"seller/orders/{order.pk}/refunds",
            owner,
            {"reason": "x", "amount_minor": 1, "restock": [{"variant_id": "{}", "quantity": 1}]},
            foreign.pk,
        ),
    ]
    for method, path, token, body, pk in tries:
        answers = []
        for given in (str(pk), ELSEWHERE):
            filled = json.loads(json.dumps(body).replace("{}", given))
            at = f"/api/v1/{path.replace('{}', given)}"
            answer = ask(other_tenant.host, method, at, filled, token=token, HTTP_IDEMPOTENCY_KEY=f"k{given}")
            answers.append((answer.status_code, answer.content.replace(given.encode(), b"")))
        assert answers[0] == answers[1], path
        assert 400 <= answers[0][0] < 500
        assert b"Amaranth" not in answers[0][1]
