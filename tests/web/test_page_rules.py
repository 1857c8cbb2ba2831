"""What holds for every page of a storefront: few queries, few bytes, nothing inline, never an old price, any language."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from services.catalogue_services import ProductInput, VariantInput, save_category, update_product
from services.page_services import save_page
from services.review_services import save_review
from services.tenant_services import suspend_tenant, update_storefront
from shop.models import Order, Product
from tests.factories.shop import make_delivered, make_order, make_product, make_variant
from tests.factories.tenants import owner_of
from tests.web.test_storefront import Browser

# Statements, the lookup of the host included. More needs a reason, and twelve is the end.
QUERIES = {
    "/": 4,
    "/?all=1": 3,
    "/?q=thing&in_stock=1&min_price=1&max_price=99.99": 3,
    "/?category=bowls&sort=price": 3,
    "/search/suggest?q=thi": 3,
    "PRODUCT": 6,
    "PRODUCT/reviews": 4,
    "/pages/about": 2,
    "/cart": 6,
    "/checkout": 6,
    "ORDER": 10,
    "ORDER/reviews/ID": 7,
    "/nowhere": 1,
    "/dashboard/sign-in": 1,
}
SCRIPT = re.compile(r"<script(?![^>]*(?: src=|type=\"application/ld\+json\"))[^>]*>", re.IGNORECASE)
INLINE = re.compile(r"<[a-z][^>]*\s(?:on[a-z]+|style)=", re.IGNORECASE)


@pytest.fixture
def shop(serving, stripe_local) -> dict[str, str]:
    """A storefront with something on every page; the addresses of a product and of an order."""
    bowls = save_category(name="Bowls")
    variant = make_variant(title="Thing one", stock=20)
    update_product(product_id=variant.product_id, values=ProductInput(category_id=bowls.pk))
    for number in range(5):
        product = make_product(title=f"Thing {number}")
        update_product(product_id=product.pk, values=ProductInput(category_id=bowls.pk))
    order = make_delivered(variant, stripe_local)
    for number in range(2):
        bought = make_delivered(variant, stripe_local, email=f"b{number}@example.com")
        save_review(product_id=variant.product_id, rating=4, order=bought, text="Good")
    save_page(title="About", body="Us", is_new=True)
    update_storefront(
        tenant_id=serving.pk, actor_id=owner_of(serving).pk, changes={"brand": {"featured": ["bowls"]}}
    )
    return {
        "PRODUCT": f"/products/{variant.product.slug}",
        "ORDER": f"/orders/{order.secret}",
        "ID": str(variant.product_id),
    }


def address(template: str, shop: dict[str, str]) -> str:
    for name, value in shop.items():
        template = template.replace(name, value)
    return template


@pytest.fixture
def browser(shop, serving) -> Browser:
    """A guest with two things in the cart."""
    browser = Browser(serving)
    for product in Product.objects.all()[:2]:
        browser.add(product.variants.get())
    return browser


def test_each_page_asks_as_few_questions_as_when_it_was_looked_at_last(browser, shop):
    asked = {}
    for page in QUERIES:
        with CaptureQueriesContext(connection) as sent:
            browser.get(address(page, shop))
        asked[page] = len(sent)

    # One more than without a cart: the units in it.
    assert {page: number for page, number in asked.items() if number > QUERIES[page] + 1} == {}
    assert max(asked.values()) <= 12


def test_no_page_has_scripts_styles_or_handlers_inside(browser, shop):
    for page in QUERIES:
        policy = browser.get(address(page, shop))["Content-Security-Policy"]
        assert not SCRIPT.search(browser.text), page
        assert not INLINE.search(browser.text), page
        assert "unsafe" not in policy, page
        assert "script-src 'self';" in policy, page
        for css in re.findall(r"<style>(.*?)</style>", browser.text):
            assert css.startswith(":root{--brand:"), page


def test_a_product_page_is_less_than_a_hundred_kilobytes_without_its_pictures(browser, shop):
    browser.get(shop["PRODUCT"])
    files = sum(
        (Path(settings.BASE_DIR) / "static" / name).stat().st_size
        for name in ("storefront.css", "storefront.js")
    )

    assert len(browser.text.encode()) + files < 100_000


def test_pictures_below_the_fold_are_loaded_when_they_are_near_and_all_have_a_size(browser, shop):
    for path in ("/", shop["PRODUCT"], "/cart"):
        browser.get(path)
        for tag in re.findall(r"<img[^>]*>", browser.text):
            assert re.search(r'width="\d+" height="\d+"', tag), tag


# Kept and asked for again -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["/", "PRODUCT", "/?category=bowls", "/pages/about", "PRODUCT/reviews"])
def test_a_page_that_has_not_changed_is_not_sent_again(browser, shop, page):
    first = browser.get(address(page, shop))

    again = browser.get(address(page, shop), HTTP_IF_NONE_MATCH=first["ETag"])

    assert first["Cache-Control"] == "private, no-cache"
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("change", ["price", "stock", "brand", "cart", "language"])
def test_a_page_is_sent_anew_as_soon_as_anything_on_it_is_another(browser, shop, serving, change):
    first = browser.get(shop["PRODUCT"])
    product = Product.objects.get(slug=shop["PRODUCT"].rpartition("/")[2])
    variant, headers = product.variants.get(), {"HTTP_IF_NONE_MATCH": first["ETag"]}
    if change == "price":
        values = ProductInput(variants=[VariantInput(id=variant.pk, price_minor=1)])
        update_product(product_id=product.pk, values=values)
    elif change == "stock":
        make_order((variant, 9))
        make_order((variant, 2))
    elif change == "brand":
        changes = {"brand": {"primary": "#123456"}}
        update_storefront(tenant_id=serving.pk, actor_id=owner_of(serving).pk, changes=changes)
    elif change == "cart":
        browser.add(variant)
    else:
        headers["HTTP_ACCEPT_LANGUAGE"] = "de"

    again = browser.get(shop["PRODUCT"], **headers)

    assert again.status_code == 200
    assert again["ETag"] != first["ETag"]


def test_a_form_of_a_kept_page_still_works(serving, shop):
    browser = Client(HTTP_HOST=serving.host, enforce_csrf_checks=True)
    kept = browser.get(shop["PRODUCT"])
    browser.get(shop["PRODUCT"], HTTP_IF_NONE_MATCH=kept["ETag"])
    token, variant = (
        re.search(rf'name="{name}" value="([^"]+)"', kept.content.decode())[1]
        for name in ("csrfmiddlewaretoken", "variant_id")
    )
    form = {"csrfmiddlewaretoken": token, "variant_id": variant, "quantity": 1}

    assert browser.post(shop["PRODUCT"], form).status_code == 302
    assert browser.post(shop["PRODUCT"], {**form, "csrfmiddlewaretoken": token[::-1]}).status_code == 403


@pytest.mark.parametrize("page", ["/cart", "/checkout", "ORDER"])
def test_what_is_one_buyers_own_is_kept_nowhere(browser, shop, page):
    assert browser.get(address(page, shop))["Cache-Control"] == "no-store"


def test_cookies_are_this_hosts_alone(browser, shop):
    browser.get(shop["PRODUCT"])
    browser.post("/language", {"language": "de", "next": "/"})

    assert {"cart", "csrftoken", "language"} <= set(browser.cookies)
    for cookie in browser.cookies.values():
        assert (cookie["domain"], cookie["samesite"], bool(cookie["httponly"])) == ("", "Lax", True)


# Languages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepts", "language", "direction"),
    [
        ("de-AT,en;q=0.5", "de", "ltr"),
        ("ar", "ar", "rtl"),
        ("fr,ja", "en", "ltr"),
        ("", "en", "ltr"),
        ("\x7f;;q=9", "en", "ltr"),
    ],
)
def test_pages_speak_the_first_language_of_the_browser_that_there_is(browser, accepts, language, direction):
    response = browser.get("/", HTTP_ACCEPT_LANGUAGE=accepts)

    assert f'<html lang="{language}" dir="{direction}">' in browser.text
    assert response["Content-Language"] == language
    assert {"Accept-Language", "Cookie"} <= {name.strip() for name in response["Vary"].split(",")}


def test_a_chosen_language_stays_and_leads_back_to_the_same_page(browser, shop):
    response = browser.post("/language", {"language": "de", "next": shop["PRODUCT"]})

    assert response["Location"] == shop["PRODUCT"]
    browser.get(shop["PRODUCT"], HTTP_ACCEPT_LANGUAGE="ar")
    assert "In den Warenkorb" in browser.text
    assert re.search(r"19,99\xa0€", browser.text)


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_choosing_a_language_leads_nowhere_else(browser, elsewhere):
    assert "evil" not in browser.post("/language", {"language": "de", "next": elsewhere})["Location"]


def test_a_closed_storefront_says_so_in_the_readers_language(browser, serving):
    suspend_tenant(tenant_id=serving.pk, actor_id=owner_of(serving).pk, reason="a test")

    assert browser.get("/", HTTP_ACCEPT_LANGUAGE="de").status_code == 503
    assert "ist vorübergehend geschlossen" in browser.text
    assert '<html lang="de"' in browser.text


def test_programs_are_answered_in_english_whatever_the_browser_speaks(browser, shop):
    browser.post("/language", {"language": "de"})

    response = browser.post("/api/v1/carts", {"lines": [{}]}, "application/json", HTTP_ACCEPT_LANGUAGE="de")

    assert "This field is required." in response.content.decode()
    assert "Content-Language" not in response


def test_refusals_are_told_in_the_readers_language(browser, serving):
    browser.post("/cart/code", {"code": "NOPE"}, HTTP_ACCEPT_LANGUAGE="de")

    assert "Diesen Code gibt es nicht" in browser.text


# What comes in ----------------------------------------------------------------------------------------------------

ODD = [
    "\x00",
    "a" * 10_000,
    "\u202eevil",
    "%00",
    "' OR 1=1 --",
    "1e999",
    "-1",
    "🛒" * 300,
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
]


def test_nothing_in_an_address_breaks_a_page(browser, shop):
    names = (
        "q",
        "category",
        "tag",
        "sort",
        "in_stock",
        "min_price",
        "max_price",
        "cursor",
        "variant",
        "all",
        "paid",
    )

    for path in ("/", shop["PRODUCT"], f"{shop['PRODUCT']}/reviews", "/search/suggest", shop["ORDER"]):
        for odd in ODD:
            assert browser.get(path, dict.fromkeys(names, odd)).status_code < 500, (path, odd[:20])
        for name in names:
            assert browser.get(path, {name: ODD[0]}).status_code in (200, 302, 404), (path, name)


def test_nothing_in_a_form_breaks_a_page_or_makes_an_order(browser, shop):
    for odd in ODD:
        _send_everywhere(browser, shop, odd)


def _send_everywhere(browser: Browser, shop: dict[str, str], odd: str) -> None:
    browser.get("/checkout")
    hidden = {"key": browser.hidden("key"), "expected_total": browser.hidden("expected_total")}
    fields = ("email", "name", "company", "line1", "city", "postal_code", "region", "country", "phone", "key")
    orders = Order.objects.count()

    for path in (shop["PRODUCT"], "/cart/code", f"{shop['ORDER']}/reviews/{shop['ID']}", "/language"):
        form = dict.fromkeys(
            ("code", "rating", "title", "text", "variant_id", "quantity", "language", "next"), odd
        )
        assert browser.post(path, form).status_code < 500, path
    assert browser.post("/checkout", {**hidden, **dict.fromkeys(fields, odd)}).status_code in (400, 409)
    assert browser.post("/checkout", {"refresh": "1", **dict.fromkeys(fields, odd)}).status_code < 500
    assert browser.post("/checkout", {"code": "+", "typed_code": odd}).status_code < 500
    assert Order.objects.count() == orders


@pytest.mark.parametrize("country", ["US", "JP", "IE", "GB", "CH", "DE", "FR", "XX", ""])
def test_the_checkout_has_the_fields_of_each_country(browser, country):
    assert browser.post("/checkout", {"refresh": "1", "country": country, "name": "Ada"}).status_code == 200

    assert 'value="Ada"' in browser.text
    has_state = re.search(r'<select name="region"', browser.text) is not None
    assert has_state == (country in ("US", "JP", "IE"))


def test_a_code_at_the_checkout_keeps_what_was_typed(browser):
    browser.post("/checkout", {"code": "+", "typed_code": "NOPE", "name": "Ada", "email": "ada@example.com"})

    assert "There is no such code" in browser.text
    assert 'value="Ada"' in browser.text
    assert 'value="ada@example.com"' in browser.text
