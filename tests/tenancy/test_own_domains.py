"""A storefront at a domain of its seller's own: which host reaches what, and one address for each page."""

import re

import pytest
from django.conf import settings as django_settings
from django.test import Client

from services.domain_services import (
    claim_domain,
    make_primary,
    prove_domain,
    remove_domain,
    use_subdomain_again,
)
from services.tenant_services import close_tenant, suspend_tenant
from tenants import middleware
from tenants.context import tenant_scope
from tenants.models import Domain, Tenant
from tests.factories import dns as fake
from tests.factories.dns import TestResolver
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_product
from tests.factories.tenants import PASSWORD, make_operator, owner_of
from tests.tenancy.support import MARKETPLACE, ask

OWN, TWIN = "atelier.example", "www.atelier.example"
PRODUCTS = "/api/v1/products"


@pytest.fixture
def internet(settings) -> type[TestResolver]:
    settings.DOMAIN_RESOLVER = fake.PATH
    return TestResolver.forget()


def serve_at(tenant: Tenant, internet, *domains: str) -> None:
    for domain in domains:
        who = {"tenant_id": tenant.pk, "domain": domain, "actor_id": owner_of(tenant).pk}
        internet.publish(claim_domain(**who))
        prove_domain(**who)


def known_as(tenant: Tenant, domain: str) -> Tenant:
    if domain:
        make_primary(tenant_id=tenant.pk, domain=domain, actor_id=owner_of(tenant).pk)
    else:
        use_subdomain_again(tenant_id=tenant.pk, actor_id=owner_of(tenant).pk)
    tenant.refresh_from_db()
    return tenant


def may_have_certificate(host: str) -> bool:
    answer = ask("10.0.0.7", "GET", f"/internal/tls-ask?domain={host}")
    assert answer.status_code in (200, 404)
    return answer.status_code == 200


@pytest.fixture
def shop(tenant, internet) -> Tenant:
    """Amaranth is sold at its subdomain, and at OWN and TWIN; OWN is the storefront's address."""
    with tenant_scope(tenant):
        make_product(title="Amaranth")
    serve_at(tenant, internet, OWN, TWIN)
    return known_as(tenant, OWN)


def test_nobody_is_served_at_a_domain_before_it_is_proved(tenant, internet):
    who = {"tenant_id": tenant.pk, "domain": OWN, "actor_id": owner_of(tenant).pk}
    claim = claim_domain(**who)
    never = ask("nowhere.example", "GET", PRODUCTS)

    for path in ("/", PRODUCTS, "/dashboard"):
        answer = ask(OWN, "GET", path)
        assert (answer.status_code, answer.content) == (404, never.content)
    assert not may_have_certificate(OWN)
    Domain.objects.create(domain=OWN, tenant=tenant, is_primary=False)  # somebody's mistake
    assert ask(OWN, "GET", PRODUCTS).status_code == 404
    assert not may_have_certificate(OWN)
    Domain.objects.filter(domain=OWN).delete()

    internet.publish(claim)
    prove_domain(**who)
    assert ask(OWN, "GET", PRODUCTS).status_code == 200
    assert may_have_certificate(OWN)


@pytest.mark.parametrize(
    "spelling", ["atelier.example", "ATELIER.example", "atelier.example.", "Atelier.Example.:443"]
)
def test_every_spelling_of_a_domain_is_the_same_storefront(shop, spelling):
    answer = ask(spelling, "GET", PRODUCTS)
    assert [row["title"] for row in answer.json()["results"]] == ["Amaranth"]
    assert ask(spelling, "GET", "/").status_code == 200


def test_certificates_are_fetched_for_what_is_served_and_for_nothing_else(shop):
    for ours in (
        MARKETPLACE,
        f"{MARKETPLACE}.",
        MARKETPLACE.upper(),
        shop.subdomain,
        OWN,
        f"{OWN}.",
        OWN.upper(),
        TWIN,
    ):
        assert may_have_certificate(ours), ours
    for other in (
        f"www.{shop.subdomain}", f"shop.{OWN}", f"x{OWN}", f"{OWN}.evil.example", "example", "", ".", f"{OWN}..", f" {OWN}",
        f"{OWN}:443", f"{OWN}/", f"*.{OWN}", f"{OWN}%00", "%", "_souk.atelier.example", f"{OWN}'--", f"{OWN},evil.example",
    ):  # fmt: skip
        assert not may_have_certificate(other), other
    assert ask("10.0.0.7", "GET", "/internal/tls-ask").status_code == 404
    assert (
        ask(
            "10.0.0.7", "GET", f"/internal/tls-ask?domain=evil.example&domain={OWN}&domain=evil.example"
        ).status_code
        == 404
    )


# One address ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/", "/?q=bowl&page=2", "/products/amaranth", "/cart", "/sitemap.xml", "/robots.txt", "/orders/abc", "/nothing",
     "/account/sign-in?next=%2Fcart", "//evil.example/x", "/%0d%0aSet-Cookie:x=1", "/products/%C3%BC?%C3%BC=%26"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_asked_for_elsewhere_is_at_the_storefronts_address(shop, path, method):
    for host in (shop.subdomain, TWIN, f"{shop.subdomain}.:8000"):
        answer = ask(host, method, path)
        assert answer.status_code == 301
        assert answer["Location"].startswith(f"{shop.url}/")
        assert "evil.example" not in answer["Location"].split("/")[2]
        assert answer["Cache-Control"] == "no-cache"
        assert "Set-Cookie" not in answer
        if "%" not in path and not path.startswith("//"):
            assert answer["Location"] == f"{shop.url}{path}"
    assert ask(OWN, method, path).status_code != 301


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", PRODUCTS), ("POST", "/api/v1/carts"), ("GET", "/dashboard"), ("GET", "/dashboard/sign-in"),
        ("GET", "/static/storefront.css"), ("GET", "/media/x"), ("POST", "/cart"), ("POST", "/account/sign-in"),
        ("PUT", "/"), ("DELETE", "/"), ("OPTIONS", "/"), ("GET", "/healthz"), ("GET", "/internal/tls-ask"),
    ],
)  # fmt: skip
def test_programs_staff_files_and_forms_are_answered_where_they_ask(shop, method, path):
    for host in (shop.subdomain, TWIN, OWN):
        answer = ask(host, method, path, {} if method == "POST" else None)
        assert answer.status_code not in (301, 308), host
        assert not answer.headers.get("Location", "").startswith("http")


def test_another_address_is_chosen_with_the_next_request(shop):
    assert ask(shop.subdomain, "GET", "/")["Location"] == f"{shop.url}/"
    known_as(shop, "")
    assert ask(shop.subdomain, "GET", "/").status_code == 200
    for host in (OWN, TWIN):
        assert ask(host, "GET", "/cart")["Location"] == f"http://{shop.subdomain}:{django_settings.PORT}/cart"
    known_as(shop, TWIN)
    assert ask(TWIN, "GET", "/").status_code == 200
    for host in (OWN, shop.subdomain):
        assert ask(host, "GET", "/")["Location"].startswith(f"http://{TWIN}:")


def test_a_removed_domain_finds_nothing_with_the_next_request(shop):
    client = Client(HTTP_HOST=OWN)
    assert client.get("/").status_code == 200
    remove_domain(tenant_id=shop.pk, domain=OWN, actor_id=owner_of(shop).pk)

    never = ask("nowhere.example", "GET", "/")
    assert (ask(OWN, "GET", "/", client=client).content, ask(OWN, "GET", "/").status_code) == (
        never.content,
        404,
    )
    assert not may_have_certificate(OWN)
    shop.refresh_from_db()
    assert shop.host == shop.subdomain
    assert ask(shop.subdomain, "GET", "/").status_code == 200
    assert ask(TWIN, "GET", "/")["Location"].startswith(f"http://{shop.subdomain}:")


def test_a_domain_that_moves_is_the_other_storefronts_with_the_next_request(shop, other_tenant, internet):
    with tenant_scope(other_tenant):
        make_product(title="Bergamot")
    who = {"tenant_id": other_tenant.pk, "domain": OWN, "actor_id": owner_of(other_tenant).pk}
    internet.zone.clear()
    internet.publish(claim_domain(**who))
    assert [row["title"] for row in ask(OWN, "GET", PRODUCTS).json()["results"]] == ["Amaranth"]
    prove_domain(**who)
    assert [row["title"] for row in ask(OWN, "GET", PRODUCTS).json()["results"]] == ["Bergamot"]
    assert ask(OWN, "GET", "/")["Location"].startswith(f"http://{other_tenant.subdomain}:")


def test_suspended_and_closed_storefronts_are_so_at_every_host(shop):
    operator = make_operator()
    suspend_tenant(tenant_id=shop.pk, actor_id=operator.pk, reason="x")
    for host in (OWN, TWIN, shop.subdomain):
        assert ask(host, "GET", "/").status_code == 503
    assert may_have_certificate(OWN)
    close_tenant(tenant_id=shop.pk, actor_id=operator.pk, reason="x")
    for host in (OWN, TWIN, shop.subdomain):
        assert ask(host, "GET", "/").status_code == 404
        assert not may_have_certificate(host)


# What is trusted, and what is said --------------------------------------------------------------------------------


def test_no_header_chooses_another_storefront_or_another_address(shop, other_tenant):
    for forged in (other_tenant.host, "evil.example"):
        headers = {
            f"HTTP_{name}": forged for name in ("X_FORWARDED_HOST", "X_HOST", "FORWARDED", "X_ORIGINAL_HOST")
        }
        assert [row["title"] for row in ask(OWN, "GET", PRODUCTS, **headers).json()["results"]] == [
            "Amaranth"
        ]
        assert ask(TWIN, "GET", "/", **headers)["Location"] == f"{shop.url}/"
        page = ask(OWN, "GET", "/products/amaranth", **headers).content.decode()
        assert forged not in page
        assert f'<link rel="canonical" href="{shop.url}/products/amaranth">' in page


def test_sitemap_robots_and_links_name_the_address(shop):
    assert f"Sitemap: {shop.url}/sitemap.xml" in ask(OWN, "GET", "/robots.txt").content.decode()
    for text in (
        ask(OWN, "GET", "/sitemap.xml").content.decode(),
        ask(OWN, "GET", "/products/amaranth").content.decode(),
    ):
        assert f"http://{OWN}" in text
        assert shop.subdomain not in text


def test_the_marketplaces_directory_leads_to_the_address_and_shows_pictures_it_may_show(shop):
    run_jobs()
    for path in ("/shops", "/search?q=amaranth"):
        answer = ask(MARKETPLACE, "GET", path)
        text = answer.content.decode()
        assert f'href="{shop.url}' in text
        pictures = re.findall(r'<img[^>]* src="([^"]+)', text)
        assert all(OWN not in picture for picture in pictures)


def test_who_is_signed_in_at_one_host_is_not_at_another(shop):
    user = owner_of(shop)
    client = Client(HTTP_HOST=OWN)
    answer = client.post("/dashboard/sign-in", {"email": user.email, "password": PASSWORD})
    assert answer.status_code == 302
    for cookie in client.cookies.values():
        assert cookie["domain"] == ""
    assert client.get("/dashboard", HTTP_HOST=OWN).status_code == 200


def test_a_form_of_another_site_is_refused_at_a_domain_of_ones_own(shop):
    client = Client(HTTP_HOST=OWN, enforce_csrf_checks=True)
    client.get("/dashboard/sign-in")
    token = client.cookies["csrftoken"].value
    asked = {"email": owner_of(shop).email, "password": PASSWORD, "csrfmiddlewaretoken": token}
    for origin in ("http://evil.example", f"http://{shop.subdomain}", f"http://{TWIN}", "null"):
        assert client.post("/dashboard/sign-in", asked, HTTP_ORIGIN=origin).status_code == 403, origin
    assert client.post("/dashboard/sign-in", asked, HTTP_ORIGIN=f"http://{OWN}").status_code == 302


def test_forms_may_lead_to_the_same_storefronts_other_hosts_and_no_others(shop, other_tenant):
    """Adding a product at the subdomain's dashboard leads to the product's page, which is at the address."""

    def targets(host: str) -> set[str]:
        policy = ask(host, "GET", "/dashboard/sign-in")["Content-Security-Policy"]
        return set(re.search(r"form-action ([^;]*)", policy)[1].split())

    subdomain = f"http://{shop.subdomain}:{django_settings.PORT}"
    everywhere = targets(other_tenant.host)
    assert targets(OWN) == {*everywhere, subdomain}
    assert targets(shop.subdomain) == {*everywhere, shop.url}
    assert targets(TWIN) == {*everywhere, shop.url, subdomain}
    known_as(shop, "")
    assert targets(shop.subdomain) == everywhere


def test_hsts_is_for_the_sellers_domain_and_not_for_what_else_is_under_it(shop, settings):
    settings.SECURE_HSTS_SECONDS = 600
    assert ask(OWN, "GET", "/")["Strict-Transport-Security"] == "max-age=600"
    assert (
        ask(shop.subdomain, "GET", PRODUCTS)["Strict-Transport-Security"] == "max-age=600; includeSubDomains"
    )
    assert ask(MARKETPLACE, "GET", "/")["Strict-Transport-Security"] == "max-age=600; includeSubDomains"


def test_a_redirect_costs_the_lookup_of_the_host_and_nothing_more(
    shop, monkeypatch, django_assert_num_queries
):
    lookups: list[str] = []
    row_of = middleware._row_of
    monkeypatch.setattr(middleware, "_row_of", lambda host: lookups.append(host) or row_of(host))
    with django_assert_num_queries(0):
        assert Client().get("/", headers={"host": TWIN}).status_code == 301
    assert lookups == [TWIN]
