"""The buyer's pages, as a browser without JavaScript meets them."""

import re
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

import shop.sample
from services.cart_services import open_cart
from services.catalogue_services import ProductInput, VariantInput, create_product, update_product
from services.import_services import import_products
from services.inventory_services import StockLine, receive_stock
from services.order_history import SYSTEM
from services.order_services import deliver_order
from services.shipping_services import ship_order
from shop.models import Cart, InventoryItem, Order, Product, ShippingRate, Variant
from shop.web.storefront.choices import pictures_of
from stripe_local.testing import LocalStripe
from tenants.context import tenant_scope
from tenants.models import Tenant
from tests.factories.shop import (
    ADDRESS,
    item_of,
    make_cart,
    make_order,
    make_product,
    make_promotion,
    make_variant,
    pay,
)

CONTACT = {"email": "ada@example.com", **ADDRESS}


class Browser(Client):
    """A browser on one storefront; pages are asked for by path, and the text of the answer is kept."""

    def __init__(self, tenant: Tenant) -> None:
        super().__init__(HTTP_HOST=tenant.host)
        self.tenant = tenant
        self.text = ""

    def request(self, **request):
        """As Django's, and back to serving the storefront, as the test was before."""
        before = connection.tenant
        response = super().request(**request)
        self.text = response.content.decode(errors="replace") if not response.streaming else ""
        if isinstance(before, Tenant):
            connection.set_tenant(before)
        return response

    def hidden(self, name: str) -> str:
        """A hidden field of the page last seen."""
        return re.search(rf'name="{name}" value="([^"]*)"', self.text)[1]

    def add(self, variant, quantity: int = 1):
        """Through the product page's form."""
        return self.post(
            f"/products/{variant.product.slug}", {"variant_id": variant.pk, "quantity": quantity}
        )

    def check_out(self, **changes):
        """Through the checkout page's form, as it is shown now."""
        self.get("/checkout")
        hidden = {"key": self.hidden("key"), "expected_total": self.hidden("expected_total")}
        return self.post("/checkout", {**CONTACT, **hidden, **changes})


@pytest.fixture
def browser(serving: Tenant) -> Browser:
    """A guest's browser on the storefront being served."""
    return Browser(serving)


def make_mug() -> Product:
    """A product in two glazes and two sizes; the small one in ink is sold out."""
    product = create_product(
        ProductInput(
            title="Mug",
            is_published=True,
            option_names=["Glaze", "Size"],
            variants=[
                VariantInput(price_minor=price, sku=f"MUG-{glaze}-{size}", option_values=(glaze, size))
                for price, glaze, size in (
                    (2000, "Oat", "Small"),
                    (2500, "Oat", "Large"),
                    (2100, "Ink", "Small"),
                    (2600, "Ink", "Large"),
                )
            ],
        )
    )
    for variant in product.variants.exclude(sku="MUG-Ink-Small"):
        receive_stock(variant_id=variant.pk, quantity=3)
    return product


# Looking around ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/?q=nothing", "/?in_stock=1&sort=price", "/cart", "/account/confirm"])
def test_every_page_stands_in_an_empty_shop(browser, path):
    assert browser.get(path).status_code == 200


def test_an_empty_shop_says_so(browser):
    browser.get("/")

    assert "The shelves are still being filled" in browser.text


def test_the_catalogue_shows_prices_stock_and_a_stand_in_for_missing_pictures(browser):
    make_product(title="Bowl", price_minor=4200, stock=3)
    make_product(title="Plate", stock=0)

    browser.get("/")

    assert "€42.00" in browser.text
    assert "Only 3 left" in browser.text
    assert "Sold out" in browser.text
    assert browser.text.count('class="blank ') >= 2


def test_search_order_and_stock_filter_narrow_the_catalogue(browser):
    make_product(title="Blue bowl", price_minor=500)
    make_product(title="Red bowl", price_minor=900)
    make_product(title="Blue plate", stock=0)

    browser.get("/?q=blue&in_stock=1")
    assert "Blue bowl" in browser.text
    assert "Blue plate" not in browser.text
    assert "Red bowl" not in browser.text
    browser.get("/?sort=-price")
    assert browser.text.index('card-title" dir="auto">Red bowl') < browser.text.index(
        'card-title" dir="auto">Blue bowl'
    )


def test_more_products_follow_by_cursor_without_gaps_or_repeats(browser):
    titles = {make_product(title=f"Thing no {number:02}").title for number in range(30)}

    browser.get("/?sort=title")
    first = re.findall(r'card-title" dir="auto">([^<]+)', browser.text)
    more = re.search(r'href="(\?[^"]+)" data-more', browser.text)[1].replace("&amp;", "&")
    browser.get(f"/{more}")
    second = re.findall(r'card-title" dir="auto">([^<]+)', browser.text)

    assert len(first) == 24
    assert {*first, *second} == titles
    assert len(first) + len(second) == 30


@pytest.mark.parametrize("query", ["cursor=rubbish", "cursor=WzEsMl0", "cursor=WzEsMl0&sort=price&q=x"])
def test_a_cursor_that_is_not_ours_leads_to_the_beginning(browser, query):
    response = browser.get(f"/?{query}")

    assert response.status_code == 302
    assert "cursor" not in response["Location"]


@pytest.mark.parametrize("query", ["sort=evil", "category=%00", "q=%00", "q=" + "x" * 500, "in_stock=maybe"])
def test_filters_that_make_no_sense_are_left_out(browser, query):
    assert browser.get(f"/?{query}").status_code == 200


def test_a_product_page_leads_from_each_value_to_the_variant_most_like_the_chosen_one(browser):
    mug = make_mug()
    large_oat = mug.variants.get(sku="MUG-Oat-Large")
    large_ink = mug.variants.get(sku="MUG-Ink-Large")

    browser.get(f"/products/{mug.slug}?variant={large_oat.pk}")

    assert "€25.00" in browser.text
    ink = re.search(r'<a class="pill([^"]*)" href="\?variant=([^"]+)"[^>]*>Ink', browser.text)
    assert ink.groups() == ("", str(large_ink.pk))


def test_a_choice_that_is_sold_out_is_marked_and_cannot_be_bought(browser):
    mug = make_mug()
    small_oat = mug.variants.get(sku="MUG-Oat-Small")
    small_ink = mug.variants.get(sku="MUG-Ink-Small")

    browser.get(f"/products/{mug.slug}?variant={small_oat.pk}")
    assert re.search(r'<a class="pill is-gone"[^>]*>Ink', browser.text)
    browser.get(f"/products/{mug.slug}?variant={small_ink.pk}")
    assert "This choice is sold out" in browser.text
    assert "Add to cart" not in browser.text
    assert browser.add(small_ink).status_code == 409


@pytest.mark.parametrize("variant", ["rubbish", "%00", "01a206fb-fd9d-720d-9455-1354f3c52618"])
def test_an_unknown_variant_falls_back_to_one_that_is_in_stock(browser, variant):
    mug = make_mug()

    assert browser.get(f"/products/{mug.slug}?variant={variant}").status_code == 200
    assert "€20.00" in browser.text


def test_each_variant_shows_its_own_pictures_then_the_product_s():
    product = {
        "variants": [
            {"id": "1", "option_values": ["Oat", "S"]},
            {"id": "2", "option_values": ["Oat", "L"]},
            {"id": "3", "option_values": ["Ink", "S"]},
        ],
        "images": [{"url": url, "variant_id": of} for url, of in (("oat", "1"), ("ink", "3"), ("all", None))],
    }

    seen = [[picture["url"] for picture in pictures_of(product, one)] for one in product["variants"]]

    assert seen == [["oat", "all"], ["oat", "all"], ["ink", "all"]]


def test_a_whole_imported_shop_renders_with_its_pictures(browser):
    with (Path(shop.sample.__file__).parent / "tea.csv").open("rb") as export:
        report = import_products(export)

    browser.get("/")
    assert browser.text.count('class="card') >= report.created == 12
    for product in Product.objects.all():
        assert browser.get(f"/products/{product.slug}").status_code == 200
        assert re.search(r'<img id="picture-1" src="/media/', browser.text), product.slug
    browser.add(Variant.objects.filter(inventory__current_stock__gt=0).first())
    browser.get("/cart")
    assert re.search(r'class="line-picture"><img src="/media/', browser.text)


def test_a_draft_is_not_found(browser):
    draft = make_product(is_published=False)

    assert browser.get(f"/products/{draft.slug}").status_code == 404


def test_what_a_seller_typed_is_never_markup(browser):
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    browser.tenant.name = evil[:80]
    browser.tenant.brand = {"primary": "red;}</style><script>", "accent": evil, "tagline": evil, "font": evil}
    browser.tenant.save()
    product = make_product(title=evil, stock=2)
    update_product(
        product_id=product.pk,
        values=ProductInput(vendor=evil[:120], tags=["<b>tag"], description=f"<p>Fine</p>{evil}"),
    )
    browser.add(product.variants.get())

    for path in (
        "/",
        "/?q=<script>alert(1)</script>",
        f"/products/{product.slug}",
        "/cart",
        "/checkout",
        "/no",
    ):
        browser.get(path)
        assert "<script>alert" not in browser.text, path
        assert "<img src=x" not in browser.text, path
        assert "red;}" not in browser.text, path


def test_pages_forbid_foreign_scripts_and_frames(browser):
    policy = browser.get("/")["Content-Security-Policy"]

    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


# The cart ---------------------------------------------------------------------------------------------------------


def test_the_cart_s_secret_stays_with_this_host_and_away_from_scripts(browser):
    response = browser.add(make_variant())

    cookie = response.cookies["cart"]
    assert response.status_code == 302
    assert (cookie["httponly"], cookie["samesite"], cookie["domain"]) == (True, "Lax", "")
    assert Cart.objects.get(token=cookie.value).lines.count() == 1


def test_the_cart_counts_adds_changes_and_removes(browser):
    variant = make_variant(price_minor=1000)
    browser.add(variant)
    browser.add(variant, 2)

    browser.get("/cart")
    assert "€30.00" in browser.text
    assert 'aria-label="Cart, 3 items"' in browser.text
    browser.post(f"/cart/lines/{variant.pk}", {"quantity": 5})
    browser.get("/")
    assert 'aria-label="Cart, 5 items"' in browser.text
    browser.post(f"/cart/lines/{variant.pk}", {"quantity": 0})
    browser.get("/cart")
    assert "Nothing in it yet" in browser.text


def test_more_than_there_is_is_refused_with_how_many_there_are(browser):
    variant = make_variant(stock=3)

    assert browser.add(variant, 4).status_code == 409
    assert "There are 3 left." in browser.text
    browser.add(variant, 2)
    browser.add(variant, 2)
    assert "There are 3 left, and 2 in your cart already." in browser.text
    assert browser.post(f"/cart/lines/{variant.pk}", {"quantity": 9}).status_code == 409
    assert "There are only 3." in browser.text


@pytest.mark.parametrize(
    "form", [{}, {"variant_id": "x", "quantity": 1}, {"quantity": 1}, {"quantity": -1}, {"quantity": "1e9"}]
)
def test_an_add_that_makes_no_sense_is_explained_on_the_product_s_page(browser, form):
    product = make_product()

    response = browser.post(f"/products/{product.slug}", form)

    assert response.status_code == 400
    assert 'role="alert"' in browser.text


def test_a_line_that_became_short_blocks_checkout_until_it_is_settled(browser):
    variant = make_variant(stock=3)
    browser.add(variant, 3)
    InventoryItem.objects.filter(pk=variant.pk).update(current_stock=1)

    browser.get("/cart")

    assert "Only 1 left. Lower the quantity to go on." in browser.text
    assert 'href="/checkout"' not in browser.text


def test_a_promo_code_is_taken_or_refused_with_its_reason(browser):
    browser.add(make_variant(price_minor=2000))
    make_promotion(code="TEN")
    make_promotion(code="BIG", minimum_spend_minor=10_000)

    assert browser.post("/cart/code", {"code": "nope"}).status_code == 409
    assert "There is no such code." in browser.text
    browser.post("/cart/code", {"code": "big"})
    assert "BIG needs at least €100.00 in the cart." in browser.text
    assert browser.post("/cart/code", {"code": "ten"}).status_code == 302
    browser.get("/cart")
    assert "−€2.00" in browser.text
    browser.post("/cart/code", {"code": ""})
    browser.get("/cart")
    assert "−€2.00" not in browser.text


def test_another_storefront_s_cart_is_not_found_here(browser, other_tenant):
    with tenant_scope(other_tenant):
        foreign = make_cart((make_variant(title="Secret thing"), 1))
    browser.cookies["cart"] = foreign.token

    browser.get("/cart")

    assert "Nothing in it yet" in browser.text
    assert "Secret thing" not in browser.text


@pytest.mark.parametrize("token", ["", "short", "x" * 500, "a\x00b", "'; drop table shop_cart; --"])
def test_a_cookie_of_nonsense_is_an_empty_cart(browser, token):
    browser.cookies["cart"] = token

    assert browser.get("/cart").status_code == 200
    assert browser.get("/checkout").status_code == 302
    assert browser.add(make_variant()).status_code == 302


def test_an_account_s_cart_is_not_shown_to_whoever_holds_its_token(browser):
    variant = make_variant()
    cart = open_cart(buyer_id=browser.tenant.pk, lines=[StockLine(variant.pk, 2)])
    browser.cookies["cart"] = cart.token

    browser.get("/cart")

    assert "Nothing in it yet" in browser.text
    assert "Cart, 0 items" in browser.text


# Checkout ---------------------------------------------------------------------------------------------------------


def test_a_buyer_gets_through_forms_to_the_payment_page_and_back(browser, stripe_local: LocalStripe):
    variant = make_variant(stock=5, price_minor=1500)
    browser.add(variant, 2)

    response = browser.check_out()

    assert response.status_code == 302
    assert response["Location"].startswith(stripe_local.url)
    order = Order.objects.get()
    assert (order.total_minor, order.email) == (3490, "ada@example.com")
    assert item_of(variant).reserved_stock == 2

    back = stripe_local.pay(response["Location"])
    browser.get(back.replace(browser.tenant.url, ""))
    assert "your order is confirmed" in browser.text
    assert item_of(variant).current_stock == 3


def test_a_form_sent_twice_makes_one_order(browser, stripe_local):
    browser.add(make_variant())
    browser.get("/checkout")
    form = {**CONTACT, "key": browser.hidden("key"), "expected_total": browser.hidden("expected_total")}

    first, second = browser.post("/checkout", form), browser.post("/checkout", form)

    assert first["Location"] == second["Location"]
    assert Order.objects.count() == 1


def test_a_key_seen_elsewhere_does_not_lead_to_another_buyer_s_order(browser, serving, stripe_local):
    browser.add(make_variant())
    browser.get("/checkout")
    key = browser.hidden("key")
    browser.post("/checkout", {**CONTACT, "key": key, "expected_total": browser.hidden("expected_total")})
    stranger = Browser(serving)
    stranger.add(make_variant())

    stranger.check_out(key=key)

    assert Order.objects.count() == 2


def test_the_ordered_cart_leads_back_to_its_unpaid_order(browser, stripe_local):
    browser.add(make_variant())
    browser.check_out()
    order = Order.objects.get()

    assert browser.get("/checkout")["Location"] == f"/orders/{order.secret}"
    browser.get("/cart")
    assert f"/orders/{order.secret}" in browser.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"email": "nobody"}, "Enter a valid email address."),
        ({"name": ""}, "This field is required."),
        ({"country": "XX"}, "Select a valid choice."),
        ({"postal_code": "1"}, "Does not fit this country."),
        ({"postal_code": ""}, "This field is required."),
        ({"name": "Ada\u202e"}, "invisible characters"),
    ],
)
def test_what_is_wrong_with_a_field_stands_beside_it(browser, changes, said):
    browser.add(make_variant())

    response = browser.check_out(**changes)

    assert response.status_code in (400, 409)
    assert said in browser.text
    assert 'value="Unter den Linden 1"' in browser.text
    assert not Order.objects.exists()


def test_a_total_that_changed_is_shown_before_it_is_ordered(browser):
    browser.add(make_variant(price_minor=1000))
    browser.get("/checkout")
    form = {**CONTACT, "key": browser.hidden("key"), "expected_total": browser.hidden("expected_total")}
    ShippingRate.objects.update(price_minor=990)

    response = browser.post("/checkout", form)

    assert response.status_code == 409
    assert "The total has changed" in browser.text
    assert browser.hidden("expected_total") == "1990"
    assert not Order.objects.exists()


def test_stock_that_went_meanwhile_is_named_beside_its_line(browser):
    variant = make_variant(stock=3)
    browser.add(variant, 3)
    browser.get("/checkout")
    form = {**CONTACT, "key": browser.hidden("key"), "expected_total": browser.hidden("expected_total")}
    InventoryItem.objects.filter(pk=variant.pk).update(current_stock=2)

    response = browser.post("/checkout", form)

    assert response.status_code == 409
    assert "Only 2 left." in browser.text


def test_a_code_used_up_by_this_buyer_is_refused_at_checkout(browser, stripe_local):
    make_promotion(code="ONCE", per_buyer_limit=1)
    make_order(email="ada@example.com", code="ONCE")
    browser.add(make_variant())
    browser.post("/cart/code", {"code": "ONCE"})

    response = browser.check_out()

    assert response.status_code == 409
    assert "You have used ONCE as often as it allows." in browser.text


def test_with_the_provider_away_the_order_is_kept_and_can_be_paid_later(browser, stripe_local):
    browser.add(make_variant())
    stripe_local.control(
        "faults", match="POST /v1/checkout/sessions", kind="error_500", times=9, stored=False
    )

    response = browser.check_out()
    order = Order.objects.get()
    assert response["Location"] == f"/orders/{order.secret}?unavailable=1"
    browser.get(response["Location"])
    assert "Nothing was charged" in browser.text

    stripe_local.control("faults", clear=True)
    assert browser.post(f"/orders/{order.secret}/pay")["Location"].startswith(stripe_local.url)


def test_a_free_order_is_confirmed_at_once(browser):
    ShippingRate.objects.update(price_minor=0)
    browser.add(make_variant(price_minor=0))

    response = browser.check_out()

    order = Order.objects.get()
    assert response["Location"] == f"/orders/{order.secret}"
    assert order.status == "confirmed"


def test_forms_want_their_own_token(serving):
    browser = Client(HTTP_HOST=serving.host, enforce_csrf_checks=True)

    response = browser.post("/cart/code", {"code": "X"})

    assert response.status_code == 403
    assert "Please send that form again" in response.content.decode()


# Orders -----------------------------------------------------------------------------------------------------------


def test_a_pending_order_can_be_paid_or_cancelled(browser, stripe_local):
    order = make_order()

    browser.get(f"/orders/{order.secret}")
    assert "Pay now" in browser.text
    assert re.search(r"another \d+ minutes", browser.text)
    assert browser.post(f"/orders/{order.secret}/pay")["Location"].startswith(stripe_local.url)
    assert browser.post(f"/orders/{order.secret}/cancel").status_code == 302
    browser.get(f"/orders/{order.secret}")
    assert "This order is cancelled" in browser.text
    assert "Pay now" not in browser.text


def test_a_page_that_waits_for_money_looks_again_but_not_for_ever(browser, stripe_local):
    order = make_order()
    browser.post(f"/orders/{order.secret}/pay")

    browser.get(f"/orders/{order.secret}?paid=1")
    assert 'content="3;url=?paid=2"' in browser.text
    browser.get(f"/orders/{order.secret}?paid=13")
    assert 'http-equiv="refresh"' not in browser.text
    assert "takes longer than usual" in browser.text


def test_a_declined_card_is_explained(browser, stripe_local):
    order = make_order()
    pay(order, stripe_local, card="4000000000000002")

    browser.get(f"/orders/{order.secret}?paid=1")

    assert "The last try to pay did not work" in browser.text
    assert "Pay now" in browser.text


def test_parcels_are_shown_with_links_that_are_links(browser, stripe_local):
    order = make_order()
    pay(order, stripe_local)
    ship_order(
        order_id=order.pk,
        carrier="DHL",
        tracking_number="00340",
        tracking_url="https://example.com/track/00340",
        actor=SYSTEM,
    )
    browser.get(f"/orders/{order.secret}")
    assert "Your order is on its way" in browser.text
    assert 'href="https://example.com/track/00340" rel="noopener noreferrer"' in browser.text

    order.shipments.update(tracking_url="javascript:alert(1)")
    deliver_order(order_id=order.pk, actor=SYSTEM)
    browser.get(f"/orders/{order.secret}")
    assert "Your order has arrived" in browser.text
    assert "javascript:" not in browser.text


@pytest.mark.parametrize("secret", ["short", "x" * 32, "a%00b" * 8, "../etc"])
def test_an_order_is_found_by_its_secret_alone(browser, secret):
    assert browser.get(f"/orders/{secret}").status_code == 404


def test_an_order_of_another_storefront_is_not_found(browser, other_tenant):
    with tenant_scope(other_tenant):
        order = make_order()

    assert browser.get(f"/orders/{order.secret}").status_code == 404
    assert browser.post(f"/orders/{order.secret}/cancel").status_code == 404


# Accounts and failures --------------------------------------------------------------------------------------------


def test_a_mailbox_proof_sets_a_password_once(browser):
    from services.auth_services import mailbox_proof
    from tenants.models import User

    proof = mailbox_proof(email="new@example.com", tenant=browser.tenant)
    form = {
        "proof": f"{browser.tenant.url}/account/confirm#{proof}",
        "name": "New",
        "password": "quiet-evening-tea",
    }

    assert browser.post("/account/confirm", form)["Location"] == "/account"
    assert User.objects.get(email="new@example.com").check_password("quiet-evening-tea")
    assert browser.post("/account/confirm", form).status_code == 400
    assert "used already" in browser.text
    assert browser.post("/account/confirm", {**form, "proof": "forged"}).status_code == 400


def test_people_get_a_page_and_programs_a_problem(browser):
    page = browser.get("/nowhere")
    assert page["Content-Type"].startswith("text/html")
    assert "This page is not here" in browser.text
    problem = browser.get("/api/v1/nowhere")
    assert (page.status_code, problem.status_code) == (404, 404)
    assert problem["Content-Type"] == "application/problem+json"


def test_a_bug_is_a_page_too(browser, monkeypatch):
    monkeypatch.setattr("shop.web.storefront.catalogue.list_products", lambda listing: 1 / 0)
    browser.raise_request_exception = False

    response = browser.get("/")

    assert response.status_code == 500
    assert "Something went wrong" in browser.text


def test_a_suspended_storefront_is_closed_with_its_own_name(browser):
    browser.tenant.suspend(reason="test")
    browser.tenant.save()

    response = browser.get("/")

    assert response.status_code == 503
    assert f"{browser.tenant.name} is closed for now" in browser.text
    assert "script-src 'self'" in response["Content-Security-Policy"]


def test_a_busy_database_is_weather(browser, monkeypatch):
    def busy(listing):
        with connection.cursor() as cursor, transaction.atomic():
            cursor.execute("SET LOCAL statement_timeout = '5ms'; SELECT pg_sleep(1)")

    monkeypatch.setattr("shop.web.storefront.catalogue.list_products", busy)

    response = browser.get("/")

    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert "Try again shortly" in browser.text


# Queries ----------------------------------------------------------------------------------------------------------


def queries_of(browser: Browser, path: str) -> int:
    """How many statements a page sends, with those that choose the schema."""
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(path).status_code == 200
    return len(queries)


def test_pages_ask_few_questions_however_much_there_is(browser, stripe_local):
    variants = [make_variant(stock=9, title=f"Thing {number}") for number in range(12)]
    mug = make_mug()
    make_promotion(code="TEN")
    for variant in variants:
        browser.add(variant)
    browser.post("/cart/code", {"code": "TEN"})
    order = make_order(*((variant, 1) for variant in variants))
    pay(order, stripe_local)
    ship_order(order_id=order.pk, carrier="DHL", tracking_number="1", tracking_url="", actor=SYSTEM)

    counts = {
        path: queries_of(browser, path)
        for path in ("/", f"/products/{mug.slug}", "/cart", "/checkout", f"/orders/{order.secret}")
    }

    print(counts)
    assert all(count <= limit for count, limit in zip(counts.values(), (6, 6, 12, 12, 12), strict=True)), (
        counts
    )
