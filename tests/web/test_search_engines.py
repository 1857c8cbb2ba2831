"""What search engines and shared links are told."""

import json
import re
from xml.etree import ElementTree as ET

import pytest

from services.catalogue_services import ProductInput, VariantInput, create_product
from services.page_services import save_page
from services.review_services import save_review
from shop.models import Category, Product
from tests.factories.shop import make_delivered, make_product, make_variant
from tests.web.test_storefront import Browser

NAMES = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}


@pytest.fixture
def browser(serving) -> Browser:
    return Browser(serving)


def places(browser: Browser, path: str) -> dict[str, str | None]:
    """Addresses of a sitemap, with when each was changed."""
    response = browser.get(path)
    assert (response.status_code, response["Content-Type"]) == (200, "application/xml")
    entries = ET.fromstring(browser.text)
    return {
        entry.findtext("s:loc", None, NAMES): entry.findtext("s:lastmod", None, NAMES) for entry in entries
    }


def data_of(browser: Browser, path: str) -> list[dict]:
    """The structured data of a page."""
    assert browser.get(path).status_code == 200
    (block,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', browser.text, re.S)
    return json.loads(block)


def test_robots_are_kept_from_what_is_one_buyers_own(browser):
    response = browser.get("/robots.txt")
    assert response["Content-Type"].startswith("text/plain")
    lines = browser.text.splitlines()
    assert {"Disallow: /cart", "Disallow: /checkout", "Disallow: /orders/", "Disallow: /api/"} <= set(lines)
    assert f"Sitemap: {browser.tenant.url}/sitemap.xml" in lines


def test_the_sitemap_has_what_is_for_sale_and_when_it_changed(browser, tenant):
    product = make_variant(title="Oat mug").product
    hidden, archived = make_product(title="Hidden"), make_product(title="Archived")
    Product.objects.filter(pk=hidden.pk).update(is_published=False)
    Product.objects.filter(pk=archived.pk).update(archived_at="2026-01-01T00:00Z")

    parts = places(browser, "/sitemap.xml")
    assert {part.rsplit("/", 1)[1] for part in parts} == {
        "sitemap-shelves.xml",
        "sitemap-products.xml",
        "sitemap-pages.xml",
    }
    assert all(re.match(r"https?://" + re.escape(tenant.host) + r"[:/]", part) for part in parts)
    found = places(browser, "/sitemap-products.xml")
    assert [place.rsplit("/", 1)[1] for place in found] == [product.slug]
    assert list(found.values()) == [product.updated_at.date().isoformat()]


def test_the_sitemap_has_the_shelves_that_are_not_empty(browser):
    full, empty = (Category.objects.create(slug=name, name=name) for name in ("mugs", "plates"))
    Product.objects.filter(pk=make_variant().product.pk).update(category=full)
    found = [
        place.split(browser.tenant.host)[1].partition("/")[2]
        for place in places(browser, "/sitemap-shelves.xml")
    ]
    assert found == ["", "?category=mugs"]
    assert empty.slug not in browser.text


def test_the_sitemap_has_the_sellers_own_pages(browser, tenant):
    save_page(title="About", is_new=True)
    save_page(title="Draft", is_new=True, is_published=False)

    assert list(places(browser, "/sitemap-pages.xml")) == [f"http://{tenant.host}/pages/about"]


def test_structured_data_has_the_stars_once_there_are_some(browser, stripe_local):
    variant = make_variant()
    order = make_delivered(variant, stripe_local)
    browser.get(f"/products/{variant.product.slug}")
    assert "aggregateRating" not in browser.text

    save_review(product_id=variant.product_id, order=order, rating=4)
    browser.get(f"/products/{variant.product.slug}")
    assert '"aggregateRating": {"@type": "AggregateRating", "ratingValue": 4.0' in browser.text


def test_an_unknown_part_of_the_sitemap_is_a_404(browser):
    assert browser.get("/sitemap-people.xml").status_code == 404


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/", "/"),
        ("/?sort=price&in_stock=1", "/"),
        ("/?category=mugs&sort=title", "/?category=mugs"),
        ("/?q=mug", None),
    ],
)
def test_a_listing_has_one_address_and_a_search_is_not_kept(browser, path, canonical):
    Category.objects.create(slug="mugs", name="Mugs")
    assert browser.get(path).status_code == 200
    found = re.search(r'<link rel="canonical" href="([^"]+)"', browser.text)
    assert (found[1].replace("&amp;", "&") if found else None) == (
        browser.tenant.url + canonical if canonical else None
    )
    assert ("noindex" in browser.text) == (canonical is None)


@pytest.mark.parametrize(("currency", "price"), [("EUR", "19.99"), ("JPY", "1999"), ("KWD", "1.999")])
def test_structured_data_has_every_variant_with_its_price_and_stock(browser, currency, price):
    browser.tenant.currency = currency
    browser.tenant.save(update_fields=["currency"])
    product = make_variant(price_minor=1999, stock=0).product
    product.variants.update(currency=currency)
    about, way = data_of(browser, f"/products/{product.slug}")
    (offer,) = about["offers"]
    assert (about["@type"], about["name"]) == ("Product", product.title)
    assert (offer["price"], offer["priceCurrency"]) == (price, currency)
    assert offer["availability"] == "https://schema.org/OutOfStock"
    assert [step["name"] for step in way["itemListElement"]] == ["All products", product.title]


def test_what_a_seller_writes_cannot_end_the_structured_data(browser):
    evil = '</script><script>alert(1)</script> & "quotes"'
    product = create_product(
        ProductInput(title=evil, vendor=evil, is_published=True, variants=[VariantInput(price_minor=100)])
    )
    about, _ = data_of(browser, f"/products/{product.slug}")
    assert (about["name"], about["brand"]["name"]) == (evil, evil)
    assert "<script>alert" not in browser.text


def test_a_shared_link_shows_name_text_and_shop(browser):
    product = make_variant(title="Oat mug").product
    browser.get(f"/products/{product.slug}")
    shown = dict(re.findall(r'<meta property="(og:\w+)" content="([^"]*)"', browser.text))
    assert (shown["og:type"], shown["og:title"], shown["og:site_name"]) == (
        "product",
        "Oat mug",
        browser.tenant.name,
    )
    assert shown["og:url"] == f"{browser.tenant.url}/products/{product.slug}"
