"""The seller's pages, as a browser without JavaScript meets them."""

import io
import re

import pytest
import requests
from django.test import Client
from PIL import Image

from services.account_services import open_account
from services.review_services import save_review
from services.tenant_services import suspend_tenant
from shop.models import Product, Review, StaticPage
from tenants.models import Tenant
from tests.factories.shop import make_delivered, make_product, make_variant
from tests.factories.tenants import PASSWORD, add_member, make_user, owner_of
from tests.web.test_storefront import Browser

LOOKED_AT = [
    "",
    "/products/new",
    "/products/import",
    "/shipping",
    "/bank",
    "/brand",
    "/brand/preview",
    "/pages",
    "/pages/new?draft=about",
    "/reviews",
]


def sign_in(browser: Browser, user) -> Browser:
    browser.post("/dashboard/sign-in", {"email": user.email, "password": PASSWORD})
    return browser


@pytest.fixture
def owner(serving: Tenant) -> Browser:
    """The owner's browser."""
    return sign_in(Browser(serving), owner_of(serving))


@pytest.fixture
def reviewed(stripe_local) -> Review:
    """A review that waits for an answer."""
    variant = make_variant()
    order = make_delivered(variant, stripe_local)
    return save_review(product_id=variant.product_id, order=order, rating=2, text="Too small")


def picture() -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", (300, 200), "#7a2e2e").save(out, "PNG")
    out.name = "../../../etc/x.png"
    out.seek(0)
    return out


# Getting in -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LOOKED_AT)
def test_nobody_looks_in_without_signing_in_and_everybody_arrives_where_they_wanted(serving, path):
    browser = Browser(serving)

    response = browser.get(f"/dashboard{path}")

    assert response["Location"].startswith("/dashboard/sign-in?next=%2Fdashboard")
    browser.get(response["Location"])
    wanted = browser.hidden("next")
    user = owner_of(serving)
    response = browser.post("/dashboard/sign-in", {"email": user.email, "password": PASSWORD, "next": wanted})
    assert response["Location"] == wanted == f"/dashboard{path}"
    assert browser.get(wanted).status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example", "javascript:alert(1)", "/\\evil.example", "x" * 600],
)
def test_signing_in_leads_nowhere_else(serving, elsewhere):
    user = owner_of(serving)
    form = {"email": user.email, "password": PASSWORD, "next": elsewhere}

    assert Browser(serving).post("/dashboard/sign-in", form)["Location"] == "/dashboard"


def test_a_wrong_password_is_told_and_counted(serving):
    browser, user = Browser(serving), owner_of(serving)
    form = {"email": user.email, "password": "not the password"}

    assert browser.post("/dashboard/sign-in", form).status_code == 403
    assert "Wrong e-mail or password" in browser.text
    assert "not the password" not in browser.text
    for _ in range(10):
        response = browser.post("/dashboard/sign-in", form)
    assert response.status_code == 429


def test_the_session_is_this_host_s_alone_and_out_of_reach_of_scripts(owner, other_tenant):
    cookie = owner.cookies["session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["domain"]) == (True, "Lax", "")

    elsewhere = Browser(other_tenant)
    elsewhere.cookies["session"] = cookie.value
    assert elsewhere.get("/dashboard").status_code == 302


def test_signing_out_ends_the_session_itself(owner):
    kept = owner.cookies["session"].value

    owner.post("/dashboard/sign-out")

    owner.cookies["session"] = kept
    assert owner.get("/dashboard").status_code == 302


def test_a_buyer_s_account_is_not_staff(serving):
    browser = sign_in(Browser(serving), make_user())

    assert browser.get("/dashboard").status_code == 403


def test_roles_see_what_they_may(serving, reviewed):
    fulfilment = sign_in(Browser(serving), add_member(serving, "fulfilment"))
    support = sign_in(Browser(serving), add_member(serving, "support"))

    assert fulfilment.get("/dashboard/brand").status_code == 403
    assert fulfilment.get("/dashboard/reviews").status_code == 200
    assert "Your answer" not in fulfilment.text
    assert fulfilment.post(f"/dashboard/reviews/{reviewed.pk}", {"text": "x"}).status_code == 403
    assert support.post(f"/dashboard/reviews/{reviewed.pk}", {"text": "Sorry"}).status_code == 302
    assert support.get("/dashboard/products/new").status_code == 403


def test_forms_of_others_are_refused(owner):
    attacker = Client(enforce_csrf_checks=True, HTTP_HOST=owner.tenant.host)
    attacker.cookies["session"] = owner.cookies["session"].value

    assert attacker.post("/dashboard/pages/new", {"title": "Owned"}).status_code == 403
    owner.get("/dashboard/pages")
    assert "Owned" not in owner.text


def test_a_suspended_storefront_s_seller_still_gets_in(owner):
    suspend_tenant(tenant_id=owner.tenant.pk, actor_id=owner_of(owner.tenant).pk, reason="a test")

    assert owner.get("/").status_code == 503
    assert owner.get("/dashboard").status_code == 200


@pytest.mark.parametrize("path", LOOKED_AT)
def test_no_page_asks_more_than_twelve_questions(owner, reviewed, path, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        assert owner.get(f"/dashboard{path}").status_code == 200


# First steps ------------------------------------------------------------------------------------------------------


def test_the_first_steps_know_what_is_done(owner):
    owner.get("/dashboard")
    assert owner.text.count('class="is-done"') == 1  # the factory's shipping price

    make_product()
    owner.post("/dashboard/pages/new?draft=about", {"title": "About", "body": "Us", "is_published": "on"})
    owner.get("/dashboard")
    assert owner.text.count('class="is-done"') == 3


def test_the_first_product_is_added_with_its_picture_and_seen_as_buyers_do(owner):
    form = {
        "title": "Mug",
        "price": "19.90",
        "stock": "3",
        "description": "Blue.\n\n<script>alert(1)</script>",
        "picture": picture(),
        "is_published": "on",
    }

    response = owner.post("/dashboard/products/new", form)

    product = Product.objects.get()
    assert response["Location"] == f"/products/{product.slug}"
    owner.get(response["Location"])
    assert "€19.90" in owner.text
    assert "Only 3 left" in owner.text
    assert re.search(r'src="/media/products/[0-9a-f]{32}.webp"', owner.text)
    assert "<script>alert" not in owner.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": ""}, "This field is required."),
        ({"price": "cheap"}, "Enter a number."),
        ({"price": "-1"}, "greater than or equal to 0"),
        ({"price": "1.999"}, "EUR has 2 decimals."),
        ({"price": "NaN"}, "Enter a number."),
        ({"price": "1e30"}, "digits"),
        ({"stock": "1.5"}, "Enter a whole number."),
        ({"title": "a\u202eb"}, "invisible"),
    ],
)
def test_a_product_that_makes_no_sense_is_explained_and_not_made(owner, changes, said):
    form = {"title": "Mug", "price": "19.90", "stock": "3", "is_published": "on"}

    assert owner.post("/dashboard/products/new", {**form, **changes}).status_code == 400
    assert said in owner.text
    assert not Product.objects.exists()


@pytest.mark.parametrize("content", [b"<svg/>", b"<html>", b"", b"\x00" * 100])
def test_what_is_no_picture_is_refused_and_no_product_is_made(owner, content):
    upload = io.BytesIO(content)
    upload.name = "mug.png"

    response = owner.post(
        "/dashboard/products/new", {"title": "Mug", "price": "1", "stock": "1", "picture": upload}
    )

    assert response.status_code == 400
    assert not Product.objects.exists()


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"<html>", b"Handle\n", b"a,b\n1,2\n"])
def test_what_is_no_export_is_refused(owner, content):
    upload = io.BytesIO(content)
    upload.name = "export.csv"

    assert owner.post("/dashboard/products/import", {"file": upload}).status_code == 400
    assert not Product.objects.exists()


def test_the_shipping_price_is_what_carts_have_from_then_on(owner):
    owner.get("/dashboard/shipping")
    assert 'value="4.90"' in owner.text

    owner.post("/dashboard/shipping", {"name": "By bike", "price": "3.5", "free_from": "60"})
    owner.get(f"/products/{make_product().slug}")
    assert "Delivery €3.50" in owner.text
    assert "free from €60.00" in owner.text
    assert owner.post("/dashboard/shipping", {"name": "x", "price": "-1"}).status_code == 400
    assert owner.post("/dashboard/shipping", {"name": "x", "price": "1.234"}).status_code == 400


def test_the_owner_is_led_to_stripe_and_back_and_told_how_far_it_is(owner, stripe_local):
    open_account(tenant_id=owner.tenant.pk)
    owner.get("/dashboard/bank")
    assert "Go to Stripe" in owner.text

    response = owner.post("/dashboard/bank")
    assert response["Location"].startswith(stripe_local.url)
    requests.post(response["Location"], timeout=10, allow_redirects=False).raise_for_status()
    owner.get("/dashboard/bank?back=1")
    assert "Stripe has verified you." in owner.text


def test_where_stripe_does_not_answer_the_page_says_so(owner, settings):
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    assert owner.post("/dashboard/bank").status_code == 503
    assert 'role="alert"' in owner.text


def test_the_bank_is_the_owners(serving):
    manager = sign_in(Browser(serving), add_member(serving, "manager"))

    assert manager.get("/dashboard/bank").status_code == 403
    assert manager.get("/dashboard/shipping").status_code == 200


# The brand --------------------------------------------------------------------------------------------------------

BRAND = {
    "name": "Kiln & Linen",
    "tagline": "Quiet things",
    "primary": "#7a2e2e",
    "accent": "#d9b26f",
    "font": "serif",
    "hero_title": "Welcome",
    "support_email": "us@example.com",
}


def test_the_brand_is_what_buyers_see_from_then_on(owner):
    response = owner.post("/dashboard/brand", {**BRAND, "logo": picture(), "hero": picture()})

    assert response.status_code == 302
    owner.get("/")
    assert "--brand:#7a2e2e" in owner.text
    assert re.search(r'class="logo" src="/media/brand/', owner.text)
    assert re.search(r'hero-picture">\s*<img src="/media/brand/', owner.text)
    assert "Welcome" in owner.text
    owner.post("/dashboard/brand", {**BRAND, "remove_logo": "1"})
    owner.get("/")
    assert 'class="logo"' not in owner.text


@pytest.mark.parametrize(
    "changes",
    [
        {"primary": "red"},
        {"primary": "#12"},
        {"font": "comic"},
        {"support_email": "x"},
        {"featured": "none"},
        {"name": ""},
    ],
)
def test_a_brand_that_makes_no_sense_is_refused(owner, changes):
    before = Tenant.objects.get(pk=owner.tenant.pk).brand

    assert owner.post("/dashboard/brand", {**BRAND, **changes}).status_code == 400
    assert Tenant.objects.get(pk=owner.tenant.pk).brand == before


def test_a_preview_shows_what_is_typed_keeps_nothing_and_is_framed_here_only(owner):
    make_product(title="Bowl")

    response = owner.get("/dashboard/brand/preview", {**BRAND, "hero_title": "<b>Not yet"})

    assert "--brand:#7a2e2e" in owner.text
    assert "&lt;b&gt;Not yet" in owner.text
    assert "frame-ancestors 'self'" in response["Content-Security-Policy"]
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert Tenant.objects.get(pk=owner.tenant.pk).brand.get("hero_title") is None
    assert "frame-ancestors 'none'" in owner.get("/")["Content-Security-Policy"]


def test_colours_that_are_hard_to_read_are_told(owner):
    owner.get("/dashboard/brand/contrast?primary=%23ffe9a8&accent=%23000000")
    assert "hard to read, so pages use" in owner.text
    assert owner.get("/dashboard/brand/contrast?primary=red&accent=x").status_code == 400


# Pages and reviews ------------------------------------------------------------------------------------------------


def test_a_page_is_written_linked_changed_and_removed(owner):
    owner.get("/dashboard/pages/new?draft=returns")
    assert "## Returns" in owner.text
    owner.post(
        "/dashboard/pages/new?draft=returns",
        {"title": "Returns", "body": "## When\r\n\r\n<i>Soon</i>", "is_published": "on"},
    )

    owner.get("/pages/returns")
    assert "<h2>When</h2>" in owner.text
    assert "&lt;i&gt;" in owner.text
    assert '<a href="/pages/returns"' in owner.text
    owner.post("/dashboard/pages/returns", {"title": "Returns", "body": "x"})
    assert owner.get("/pages/returns").status_code == 404
    owner.post("/dashboard/pages/returns", {"remove": "1"})
    assert not StaticPage.objects.exists()


def test_a_review_is_answered_hidden_and_shown_again(owner, reviewed):
    address = f"/products/{reviewed.product.slug}"
    owner.post(f"/dashboard/reviews/{reviewed.pk}", {"text": "We send a larger one."})
    owner.get(address)
    assert "We send a larger one." in owner.text

    assert owner.post(f"/dashboard/reviews/{reviewed.pk}", {"action": "hide"}).status_code == 400
    owner.post(f"/dashboard/reviews/{reviewed.pk}", {"action": "hide", "reason": "not about it"})
    owner.get(address)
    assert "Too small" not in owner.text
    owner.get("/dashboard/reviews?show=hidden")
    assert "not about it" in owner.text
    owner.post(f"/dashboard/reviews/{reviewed.pk}", {"action": "publish"})
    owner.get(address)
    assert "Too small" in owner.text
