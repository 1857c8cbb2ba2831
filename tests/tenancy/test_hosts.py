"""Which host reaches what: one tenant or one uniform 404, whatever the spelling."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from services.tenant_services import close_tenant, reactivate_tenant, suspend_tenant
from tenants.context import tenant_scope
from tests.factories.shop import make_product
from tests.factories.tenants import PASSWORD, make_operator, owner_of
from tests.tenancy.support import MARKETPLACE, ask, tokens

PRODUCTS = "/api/v1/products"


@pytest.fixture
def shops(tenant, other_tenant):
    """Two storefronts with one product each, named after them."""
    for one, title in ((tenant, "Amaranth"), (other_tenant, "Bergamot")):
        with tenant_scope(one):
            make_product(title=title)
    return tenant, other_tenant


def titles(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["title"] for row in answer.json()["results"]]


@pytest.mark.parametrize("spelling", ["{}", "{}:8000", "{}.", "{}.:8000", "UPPER", "UPPER:80"])
def test_every_spelling_of_a_host_is_the_same_storefront(shops, spelling):
    host = spelling.replace("UPPER", shops[0].host.upper()).format(shops[0].host)
    assert titles(ask(host, "GET", PRODUCTS)) == ["Amaranth"]


STRANGE = [
    "www.{}", "nowhere.souk.localhost", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:8000", "localhost",
    "", ".", "..", "{}..", " {}", "{} ", "{}@evil.example", "evil.example@{}", "{}\x00", "{}:x", "{}:80:80",
    "{},evil.example", "{}/", "{}#", "{}\\evil", "%00", "x" * 4000, "souk.localhost.evil.example", "ſouk.localhost",
]  # fmt: skip


@pytest.mark.parametrize("host", STRANGE)
def test_any_other_host_is_one_uniform_404(shops, host):
    host = host.format(shops[0].host)
    plain = ask("nowhere.example", "GET", PRODUCTS)
    assert plain.status_code == 404
    for path in ("/", PRODUCTS, "/admin/", "/api/v1/signup", "/webhooks/stripe", "/static/x", "/media/x"):
        answer = ask(host, "GET", path)
        assert (answer.status_code, answer.content) == (404, plain.content), path


def test_x_forwarded_host_is_ignored(shops):
    a, b = shops
    forged = {"HTTP_X_FORWARDED_HOST": b.host, "HTTP_FORWARDED": f"host={b.host}", "HTTP_X_HOST": b.host}
    assert titles(ask(a.host, "GET", PRODUCTS, **forged)) == ["Amaranth"]
    assert ask("nowhere.example", "GET", PRODUCTS, **forged).status_code == 404
    assert ask(MARKETPLACE, "GET", PRODUCTS, **forged).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/admin/", "/admin/login/", "/webhooks/stripe", "/api/schema/storefront", "/api/docs/marketplace",
     "/api/v1/signup", "/api/v1/operator/tenants", "/signup"],
)  # fmt: skip
def test_the_marketplaces_routes_do_not_exist_on_a_storefront(tenant, path):
    token = tokens(make_operator(), tenant).access
    for method in ("GET", "POST"):
        assert ask(tenant.host, method, path, {}, token=token).status_code == 404
    assert ask(MARKETPLACE, "GET", path).status_code != 404


@pytest.mark.parametrize("path", ["products", "carts", "checkout", "seller/orders", "me", "auth/join"])
def test_a_storefronts_routes_do_not_exist_on_the_marketplace(tenant, path):
    token = tokens(owner_of(tenant), None).access
    for method in ("GET", "POST"):
        assert ask(MARKETPLACE, method, f"/api/v1/{path}", {}, token=token).status_code == 404
    assert ask(tenant.host, "GET", f"/api/v1/{path}").status_code != 404


def test_a_suspended_storefront_is_closed_to_buyers_with_the_next_request_and_open_to_its_seller(shops):
    a, b = shops
    operator, owner = make_operator(), owner_of(a)
    assert titles(ask(a.host, "GET", PRODUCTS)) == ["Amaranth"]
    suspend_tenant(tenant_id=a.pk, actor_id=operator.pk, reason="a complaint of somebody")

    answer = ask(a.host, "GET", PRODUCTS)
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "3600"
    for page in ("/", "/cart", "/products/amaranth"):
        answer = ask(a.host, "GET", page)
        assert answer.status_code == 503
        assert answer.headers["Content-Type"].startswith("text/html")
        assert b"complaint" not in answer.content
    pair = ask(a.host, "POST", "/api/v1/auth/token", {"email": owner.email, "password": PASSWORD}).json()
    assert ask(a.host, "GET", "/api/v1/seller/orders", token=pair["access"]).status_code == 200
    assert titles(ask(b.host, "GET", PRODUCTS)) == ["Bergamot"]

    reactivate_tenant(tenant_id=a.pk, actor_id=operator.pk)
    assert titles(ask(a.host, "GET", PRODUCTS)) == ["Amaranth"]


def test_a_closed_storefront_is_a_host_that_never_was_also_for_its_seller(tenant):
    token = tokens(owner_of(tenant), tenant).access
    close_tenant(tenant_id=tenant.pk, actor_id=make_operator().pk, reason="over")
    never = ask("nowhere.example", "GET", PRODUCTS)
    for path in ("/", PRODUCTS, "/api/v1/seller/orders", "/api/v1/auth/token"):
        answer = ask(tenant.host, "GET", path, token=token)
        assert (answer.status_code, answer.content) == (404, never.content)


def test_certificates_are_fetched_for_our_hosts_only(tenant):
    def may(domain: str) -> bool:
        answer = ask("10.0.0.7", "GET", f"/internal/tls-ask?domain={domain}")
        assert answer.status_code in (200, 404)
        return answer.status_code == 200

    assert may(MARKETPLACE)
    assert may(tenant.host)
    assert may(tenant.host.upper())
    for other in ("", "nowhere.souk.localhost", "evil.example", f"www.{tenant.host}", "%00", "x" * 300):
        assert not may(other)
    close_tenant(tenant_id=tenant.pk, actor_id=make_operator().pk, reason="over")
    assert not may(tenant.host)


def test_files_are_served_on_their_own_storefronts_host_only(shops, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    a, b = shops
    with tenant_scope(b):
        name = default_storage.save("products/bergamot.txt", ContentFile(b"bergamot"))
    (tmp_path / "secret.txt").write_text("secret")
    assert b"".join(ask(b.host, "GET", f"/media/{name}").streaming_content) == b"bergamot"

    ways = (name, f"../{b.pk}/{name}", f"x/../../{b.pk}/{name}", f"%2e%2e/{b.pk}/{name}", f"..%2f{b.pk}%2f{name}",
            f"{tmp_path}/{b.pk}/{name}", f"/{tmp_path}/secret.txt", "../secret.txt", "..\\secret.txt", "", ".", "products",
            "%00", "products/%00")  # fmt: skip
    for way in ways:
        assert ask(a.host, "GET", f"/media/{way}").status_code == 404, way
        assert ask(MARKETPLACE, "GET", f"/media/{way}").status_code == 404, way
