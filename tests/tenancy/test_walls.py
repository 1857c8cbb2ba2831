"""Between storefronts: nothing of one opens, changes or shows anything at another. Within one: who may do what."""

import re
from dataclasses import dataclass

import pytest
from django.test import Client
from django.urls import get_resolver

from services.cart_services import open_cart
from services.catalogue_services import save_category
from services.page_services import save_page
from shop.models import Product, Review
from tenants.context import tenant_scope
from tenants.models import Membership, Tenant, User
from tests.factories.shop import make_order, make_promotion, make_variant
from tests.factories.tenants import PASSWORD, make_operator, owner_of
from tests.tenancy.support import ELSEWHERE, MARKETPLACE, ask, digest, filled, tokens

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
# Anybody may ask these; a route that is not named here must be closed to strangers.
PUBLIC = re.compile(r"/api/v1/(products|categories|pages|carts|checkout|guest-orders)\b")
PUBLIC_SIGN_IN = re.compile(r"/api/v1/auth/(join|confirm|token|refresh|password/reset)$")
CHANGED_BY_ANYBODY = "^(core_job|tenants_loginattempt|tenants_session)$"


def routes(urlconf: str) -> list[str]:
    """Every route with {names}, as the URL patterns have them."""

    def walk(patterns, prefix="/"):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if hasattr(pattern, "url_patterns"):
                yield from walk(pattern.url_patterns, route)
            else:
                yield re.sub(r"<\w+:(\w+)>", r"{\1}", route)

    return list(walk(get_resolver(urlconf).url_patterns))


STOREFRONT = routes("config.urls_tenant_api")
MARKET = routes("config.urls_public_api")


@dataclass
class Shop:
    """A storefront with something in every drawer, all of it marked."""

    tenant: Tenant
    owner: User
    names: dict[str, str]
    canaries: set[str]

    def path(self, route: str) -> str:
        """The route with this shop's own names in it."""
        return filled(route, self.names)


def furnish(tenant: Tenant, mark: str) -> Shop:
    owner = owner_of(tenant)
    with tenant_scope(tenant):
        variant = make_variant(title=f"{mark} thing", stock=5)
        product = Product.objects.get(variants=variant)
        category = save_category(name=f"{mark} category")
        promotion = make_promotion(code=f"{mark}TEN")
        order = make_order((variant, 1), email=f"{mark.lower()}@example.com")
        cart = open_cart(lines=[])
        save_page(slug=product.slug, title=f"{mark} page", is_new=True)
        line = order.lines.get()
        review = Review.objects.create(
            product=product, order_line=line, email=order.email, author=f"{mark} buyer", rating=5
        )
    names = {
        "slug": product.slug,
        "review_id": str(review.pk),
        "product_id": str(product.pk),
        "variant_id": str(variant.pk),
        "category_id": str(category.pk),
        "promotion_id": str(promotion.pk),
        "order_id": str(order.pk),
        "secret": order.secret,
        "token": cart.token,
        "membership_id": str(Membership.objects.get(tenant=tenant).pk),
        "tenant_id": str(tenant.pk),
    }
    canaries = {mark, mark.lower(), owner.email, *names.values()}
    return Shop(tenant, owner, names, canaries)


@pytest.fixture
def a(tenant) -> Shop:
    return furnish(tenant, "AMARANTH")


@pytest.fixture
def b(other_tenant) -> Shop:
    return furnish(other_tenant, "BERGAMOT")


def is_private(route: str) -> bool:
    return not (PUBLIC.match(route) or PUBLIC_SIGN_IN.match(route))


def shown(answer, canaries: set[str], asked: str) -> set[str]:
    """Which canaries the answer shows that the request did not bring."""
    text = f"{answer.content.decode()} {answer.headers}"
    return {canary for canary in canaries if canary not in asked and canary in text}


def test_the_routes_are_found_and_most_are_private():
    assert len(STOREFRONT) > 50
    assert sum(map(is_private, STOREFRONT)) > 35


def test_with_its_own_ids_and_token_the_owner_reads_every_such_route_at_home(a):
    """The control: the names are real, so that elsewhere it is the wall that refuses them."""
    home = tokens(a.owner, a.tenant).access
    with_names = [
        r for r in STOREFRONT if set(re.findall(r"\{(\w+)\}", r)) & set(a.names) and "/me/" not in r
    ]
    answers = {r: ask(a.tenant.host, "GET", a.path(r), token=home).status_code for r in with_names}
    assert set(answers.values()) <= {200, 405}
    assert list(answers.values()).count(200) >= 7


@pytest.mark.parametrize("who", ["anonymous", "access", "refresh", "marketplace access"])
def test_nothing_of_one_storefront_opens_anything_at_another(a, b, who):
    pair = tokens(a.owner, a.tenant)
    token = {
        "anonymous": "",
        "access": pair.access,
        "refresh": pair.refresh,
        "marketplace access": tokens(a.owner, None).access,
    }[who]
    before = digest(b.tenant.schema_name), digest("public", besides=CHANGED_BY_ANYBODY)
    wrong = []
    for route in filter(is_private, STOREFRONT):
        for shop in (a, b) if who == "access" else (b,):
            path = shop.path(route)
            for method in METHODS:
                answer = ask(b.tenant.host, method, path, {}, token=token)
                if answer.status_code not in (401, 404, 405) or shown(answer, a.canaries | b.canaries, path):
                    wrong.append((method, path, answer.status_code))
    assert not wrong
    assert (digest(b.tenant.schema_name), digest("public", besides=CHANGED_BY_ANYBODY)) == before


def test_ids_of_another_storefront_are_as_good_as_none(a, b):
    """B's own owner brings A's ids: the answer is that of an id that never was."""
    own = tokens(b.owner, b.tenant).access
    before = digest(b.tenant.schema_name), digest(a.tenant.schema_name)
    wrong = []
    for route in STOREFRONT:
        foreign = set(re.findall(r"\{(\w+)\}", route)) & (set(a.names) - {"slug"})
        if not foreign:
            continue
        nowhere = re.sub(r"\{\w+\}", ELSEWHERE, route)
        for method in METHODS:
            answer = ask(b.tenant.host, method, a.path(route), {}, token=own)
            never = ask(b.tenant.host, method, nowhere, {}, token=own)
            same = (answer.status_code, answer.content) == (never.status_code, never.content)
            open_to_all = method == "OPTIONS" or answer.status_code >= 400
            if not same or not open_to_all or shown(answer, a.canaries, a.path(route)):
                wrong.append((method, route, answer.status_code, never.status_code))
    assert not wrong
    assert (digest(b.tenant.schema_name), digest(a.tenant.schema_name)) == before


def test_a_storefront_token_opens_nothing_at_the_marketplace(a):
    """Even that of an operator, who signed in at the storefront."""
    operator = make_operator()
    for user in (a.owner, operator):
        pair = tokens(user, a.tenant)
        for route in MARKET:
            if is_private(route) and route != "/api/v1/signup":
                for method in METHODS:
                    for token in (pair.access, pair.refresh):
                        assert ask(MARKETPLACE, method, a.path(route), {}, token=token).status_code == 401
        refused = ask(MARKETPLACE, "POST", "/api/v1/auth/refresh", {"refresh": pair.refresh})
        assert refused.status_code == 401
    own = tokens(operator, None).access
    assert ask(MARKETPLACE, "GET", "/api/v1/operator/tenants", token=own).status_code == 200


def test_a_refresh_token_refused_elsewhere_still_works_once_at_home(a, b):
    pair = tokens(a.owner, a.tenant)
    body = {"refresh": pair.refresh}
    assert ask(b.tenant.host, "POST", "/api/v1/auth/refresh", body).status_code == 401
    assert ask(a.tenant.host, "POST", "/api/v1/auth/refresh", body).status_code == 200


def test_the_operators_session_cookie_is_anonymous_on_a_storefront(a):
    operator = make_operator()
    client = Client(raise_request_exception=False)
    assert client.login(email=operator.email, password=PASSWORD)
    assert ask(MARKETPLACE, "GET", "/admin/", client=client).status_code == 200

    for path in ("/api/v1/me", "/api/v1/seller/orders"):
        assert ask(a.tenant.host, "GET", path, client=client).status_code == 401
    assert ask(a.tenant.host, "GET", "/admin/", client=client).status_code == 404
