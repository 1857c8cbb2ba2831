"""What each role reads, and what nobody may write: every route, as its document has it."""

import re

import pytest

from shop.models import Address
from tenants.context import tenant_scope
from tenants.models import Membership
from tests.api.documents import broken_promises, document
from tests.factories.shop import ADDRESS, make_order, make_promotion, make_variant, pay
from tests.factories.tenants import add_member, make_operator, make_user, owner_of
from tests.tenancy.support import MARKETPLACE, ask, filled, tokens

STRIPE_ID = re.compile(r"\b(?:acct|ch|cs|cus|pi|pm|py|re|txn|tr|seti|evt|sk|whsec)_[A-Za-z0-9_]{8,}")
PASSWORD_HASH = re.compile(r"argon2|pbkdf2|md5\$")


@pytest.fixture
def shop(tenant, stripe_local) -> dict:
    """A storefront after some business: staff of each role, two buyers with paid orders."""
    people = {role: add_member(tenant, role) for role in ("manager", "fulfilment", "support")}
    people |= {"owner": owner_of(tenant), "buyer": make_user(), "other buyer": make_user()}
    with tenant_scope(tenant):
        variant = make_variant(stock=9, barcode="4006381333931")
        orders = {
            name: make_order((variant, 1), email=people[name].email, buyer_id=people[name].pk)
            for name in ("buyer", "other buyer")
        }
        for order in orders.values():
            pay(order, stripe_local)
        addresses = {
            name: Address.objects.create(user_id=people[name].pk, **ADDRESS)
            for name in ("buyer", "other buyer")
        }
        promotion = make_promotion()
    return {
        "tenant": tenant,
        "people": people,
        "orders": orders,
        "addresses": addresses,
        "names": {
            "slug": variant.product.slug,
            "product_id": variant.product_id,
            "variant_id": variant.pk,
            "promotion_id": promotion.pk,
            "order_id": orders["buyer"].pk,
            "address_id": addresses["buyer"].pk,
            "secret": orders["buyer"].secret,
            "membership_id": Membership.objects.get(user=people["support"]).pk,
            "tenant_id": tenant.pk,
        },
    }


def readings(shop: dict, role: str) -> dict[str, str]:
    """Everything a role can read: the answer to each GET that is not refused."""
    user = shop["people"].get(role)
    token = tokens(user, shop["tenant"]).access if user else ""
    found = {}
    for route, methods in document("storefront")["paths"].items():
        if "get" in methods:
            answer = ask(shop["tenant"].host, "GET", filled(route, shop["names"]), token=token)
            assert not broken_promises(answer, "storefront", route, "get"), route
            if answer.status_code == 200:
                found[route] = answer.content.decode()
    return found


@pytest.mark.parametrize(
    ("role", "least"),
    [("anonymous", 4), ("buyer", 9), ("support", 15), ("fulfilment", 15), ("manager", 24), ("owner", 24)],
)
def test_each_role_reads_nothing_that_is_not_for_it(shop, role, least):
    people, tenant = shop["people"], shop["tenant"]
    found = readings(shop, role)
    assert len(found) >= least, found.keys()
    is_staff = role not in ("anonymous", "buyer")
    if is_staff:  # the control: there is something to find, and staff may see it
        assert STRIPE_ID.search(found["/api/v1/seller/orders/{order_id}"])
    for route, text in found.items():
        assert not PASSWORD_HASH.search(text), route
        assert tenant.schema_name not in text, route
        assert not any(user.token_version in text for user in people.values()), route
        about_payments = is_staff and "/seller/orders/" in route
        assert about_payments or not STRIPE_ID.search(text), (route, STRIPE_ID.findall(text))
        assert "sk_test" not in text, route
        assert "whsec" not in text, route
        if not is_staff:
            strangers = [user for name, user in people.items() if name not in (role, "buyer", "owner")]
            assert not any(user.email in text for user in strangers), route
            assert shop["orders"]["other buyer"].secret not in text, route
            assert not re.search(
                r"commission|reserved|barcode|4006381333931|needs_attention|gateway", text
            ), route
        elif "/seller/" in route:
            assert not any(order.secret in text for order in shop["orders"].values()), route


def test_one_buyers_things_do_not_exist_for_another(shop):
    """At the same storefront, by ids that are right: the answer is that for an id that never was."""
    token = tokens(shop["people"]["other buyer"], shop["tenant"]).access
    routes = [route for route in document("storefront")["paths"] if "/me/" in route and "{" in route]
    assert len(routes) >= 3
    for route in routes:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            answers = [
                ask(
                    shop["tenant"].host,
                    method,
                    filled(route, names),
                    ADDRESS if method == "PUT" else {},
                    token=token,
                )
                for names in (shop["names"], {})
            ]
            theirs, never = ((answer.status_code, answer.content) for answer in answers)
            assert theirs == never, (method, route)
            assert theirs[0] in (400, 403, 404, 405)
    with tenant_scope(shop["tenant"]):
        assert Address.objects.filter(user_id=shop["people"]["buyer"].pk).count() == 1
        shop["orders"]["buyer"].refresh_from_db()
        assert shop["orders"]["buyer"].status == "confirmed"


def writes(face: str) -> list[tuple[str, str]]:
    """(method, route) of everything that takes a JSON body."""
    return [
        (method.upper(), route)
        for route, methods in document(face)["paths"].items()
        for method, operation in methods.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]


@pytest.mark.parametrize(("face", "least"), [("storefront", 30), ("marketplace", 10)])
def test_every_body_refuses_by_name_what_it_does_not_know(shop, face, least):
    """So that no column can be set that a serializer does not list: price, status, seller, fee, is_operator, tenant."""
    tenant = shop["tenant"] if face == "storefront" else None
    host = tenant.host if tenant else MARKETPLACE
    staff, owner = make_operator(), shop["people"]["owner"]
    token = tokens(owner if tenant else staff, tenant).access
    assert len(writes(face)) >= least
    for method, route in writes(face):
        path = filled(route, shop["names"])
        answer = ask(host, method, path, {"is_operator": True}, token=token, HTTP_IDEMPOTENCY_KEY="k-1")
        assert answer.status_code == 400, (method, route, answer.status_code, answer.content[:300])
        assert "is_operator" in {error["field"] for error in answer.json()["errors"]}, (method, route)
