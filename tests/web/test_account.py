"""The buyer's account on the storefront's pages."""

import json
import re
from datetime import timedelta

import pytest
from django.test import Client

from core.clock import now
from core.ids import new_id
from services.address_services import save_address
from services.auth_services import ATTEMPTS_PER_ACCOUNT, mailbox_proof, open_session
from shop.models import Address, Cart, IdempotencyKey, Order
from tenants.models import Session, User
from tests.factories.jobs import run_jobs
from tests.factories.shop import (
    ADDRESS,
    make_cart,
    make_delivered,
    make_order,
    make_product,
    make_promotion,
    make_variant,
)
from tests.factories.tenants import PASSWORD, make_user, owner_of
from tests.services.test_person import rows_with
from tests.web.test_storefront import CONTACT, Browser

PAGES = ["", "/orders", "/addresses", "/addresses/new", "/reviews", "/profile", "/data", "/data/export"]
ODD = ["\x00", "a" * 10_000, "\u202eevil", "🛒" * 300]


@pytest.fixture
def person(db) -> User:
    """Somebody with an account."""
    return make_user(name="Ada Lovelace", email_verified_at=None)


@pytest.fixture
def guest(serving) -> Browser:
    """A browser nobody has signed in with."""
    return Browser(serving)


@pytest.fixture
def browser(guest, person) -> Browser:
    """The person's browser."""
    guest.post("/account/sign-in", {"email": person.email, "password": PASSWORD})
    return guest


# In and out -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_whoever_is_not_signed_in_signs_in_and_arrives_where_they_wanted(guest, person, page):
    response = guest.get(f"/account{page}")
    guest.get(response["Location"])
    form = {"email": person.email, "password": PASSWORD, "next": guest.hidden("next")}

    assert guest.post("/account/sign-in", form)["Location"] == f"/account{page}"
    assert guest.get(f"/account{page}").status_code == 200


@pytest.mark.parametrize("page", [*PAGES, "/addresses/ADDRESS", "/orders/ORDER"])
def test_no_page_asks_more_than_twelve_questions_or_is_kept(
    browser, person, page, django_assert_max_num_queries
):
    for number in range(3):
        order = make_order((make_variant(), 1), buyer_id=person.pk)
        address = save_address(user_id=person.pk, **{**ADDRESS, "line1": f"Street {number}"})

    # A file of everything is of more parts than a page.
    with django_assert_max_num_queries(15 if page == "/data/export" else 12):
        response = browser.get(
            f"/account{page}".replace("ORDER", str(order.pk)).replace("ADDRESS", str(address.pk))
        )

    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_signing_in_leads_nowhere_else(guest, person, elsewhere):
    form = {"email": person.email, "password": PASSWORD, "next": elsewhere}

    assert guest.post("/account/sign-in", form)["Location"] == "/account"


def test_a_wrong_password_and_an_unknown_address_are_told_alike_and_counted(guest, person):
    said = set()
    for email in (person.email, "nobody@example.com"):
        assert guest.post("/account/sign-in", {"email": email, "password": "wrong"}).status_code == 403
        said.add(re.search(r'role="alert"[^>]*>(.*?)</div>', guest.text, re.DOTALL)[1])
    assert len(said) == 1
    for _ in range(ATTEMPTS_PER_ACCOUNT):
        response = guest.post("/account/sign-in", {"email": person.email, "password": "wrong"})
    assert response.status_code == 429


def test_the_session_is_worthless_on_another_storefront(browser, other_tenant):
    elsewhere = Browser(other_tenant)
    elsewhere.cookies["session"] = browser.cookies["session"].value

    assert elsewhere.get("/account").status_code == 302
    cookie = browser.cookies["session"]
    assert (cookie["domain"], cookie["httponly"], cookie["samesite"]) == ("", True, "Lax")


def test_an_access_token_is_no_cookie_and_a_cookie_no_access_token(browser, guest, person, serving):
    pair = open_session(user=person, tenant=serving)
    kept = browser.cookies["session"].value
    browser.cookies["session"] = pair.access
    assert browser.get("/account").status_code == 302
    browser.cookies["session"] = pair.refresh
    assert browser.get("/account").status_code == 302
    assert browser.get("/api/v1/me", HTTP_AUTHORIZATION=f"Bearer {kept}").status_code == 401


def test_signing_out_ends_the_session_itself(browser):
    kept = browser.cookies["session"].value
    browser.post("/account/sign-out")
    browser.cookies["session"] = kept

    assert browser.get("/account").status_code == 302


def test_a_used_session_is_prolonged_once_a_day(browser, person):
    Session.objects.filter(user=person).update(expires_at=now() + timedelta(days=2))

    assert "session" in browser.get("/account").cookies
    assert "session" not in browser.get("/account").cookies


def test_an_older_session_that_ends_or_changes_is_not_prolonged(browser, person):
    def age() -> None:
        Session.objects.filter(user=person, revoked_at=None).update(expires_at=now() + timedelta(days=2))

    age()
    form = {"old": PASSWORD, "password": "another-quiet-password"}
    assert browser.post("/account/profile", form).status_code == 302
    assert browser.get("/account").status_code == 200
    age()
    assert browser.post("/account/sign-out").cookies["session"].value == ""


def test_forms_of_others_are_refused(browser, serving):
    attacker = Client(enforce_csrf_checks=True, HTTP_HOST=serving.host)
    attacker.cookies["session"] = browser.cookies["session"].value

    assert attacker.post("/account/profile", {"name": "Owned"}).status_code == 403
    assert attacker.post("/account/sign-in", {"email": "a@example.com", "password": "x"}).status_code == 403


@pytest.mark.parametrize("purpose", ["join", "forgotten"])
def test_asking_for_a_link_is_answered_alike_whoever_asks(guest, person, purpose):
    said = set()
    for email in (person.email, "nobody@example.com"):
        assert guest.post(f"/account/{purpose}", {"email": email}).status_code == 200
        said.add(guest.text.replace(email, ""))
    assert len(said) == 1


def test_a_new_account_is_opened_by_a_link_in_a_mail_and_is_signed_in(guest, serving, mailoutbox):
    guest.post("/account/join", {"email": "new@example.com"})
    run_jobs()
    proof = re.search(r"confirm#(\S+)", mailoutbox[-1].body)[1]

    response = guest.post("/account/confirm", {"proof": proof, "password": PASSWORD, "name": "New"})

    assert response["Location"] == "/account"
    guest.get("/account")
    assert "Hello New" in guest.text


def test_another_password_ends_all_other_sessions(browser, person, serving):
    other = Browser(serving)
    other.post("/account/sign-in", {"email": person.email, "password": PASSWORD})
    form = {"old": PASSWORD, "password": "another-quiet-password"}

    assert browser.post("/account/profile", {**form, "old": "wrong"}).status_code == 400
    assert "This is not your password." in browser.text
    assert browser.post("/account/profile", {**form, "password": "12345678"}).status_code == 400
    assert browser.post("/account/profile", form).status_code == 302
    assert browser.get("/account").status_code == 200
    assert other.get("/account").status_code == 302


def test_signing_out_everywhere_ends_all_sessions_here(browser, person, serving):
    other = Browser(serving)
    other.post("/account/sign-in", {"email": person.email, "password": PASSWORD})

    browser.post("/account/profile", {"everywhere": "1"})

    assert other.get("/account").status_code == 302


# Buying -----------------------------------------------------------------------------------------------------------


def test_a_guests_cart_comes_along_and_joins_the_one_of_the_account(guest, person, serving):
    one, other, scarce = make_variant(), make_variant(), make_variant(stock=1)
    elsewhere = Browser(serving)
    elsewhere.post("/account/sign-in", {"email": person.email, "password": PASSWORD})
    elsewhere.add(one)
    elsewhere.add(scarce)
    guest.add(other, 2)
    guest.add(scarce)

    guest.post("/account/sign-in", {"email": person.email, "password": PASSWORD})

    guest.get("/cart")
    assert 'aria-label="Cart, 4 items"' in guest.text
    assert Cart.objects.get().buyer_id == person.pk


def test_an_accounts_cart_is_on_every_device_and_on_none_after_signing_out(browser, person, serving):
    browser.add(make_variant())
    elsewhere = Browser(serving)
    elsewhere.post("/account/sign-in", {"email": person.email, "password": PASSWORD})

    elsewhere.get("/cart")
    assert 'aria-label="Cart, 1 item"' in elsewhere.text
    elsewhere.post("/account/sign-out")
    elsewhere.get("/cart")
    assert "Nothing in it yet" in elsewhere.text


def test_what_is_ordered_while_signed_in_belongs_to_the_account(browser, person, stripe_local):
    browser.add(make_variant())
    browser.get("/checkout")
    assert f'value="{person.email}"' in browser.text
    browser.check_out(save_address="on")

    order = Order.objects.get()
    assert order.buyer_id == person.pk
    browser.get("/account/orders")
    assert f"Order #{order.number}" in browser.text
    assert Address.objects.get().user_id == person.pk
    assert browser.get(f"/account/orders/{order.pk}")["Location"] == f"/orders/{order.secret}"


def test_the_checkout_begins_with_the_default_address_and_offers_the_others(browser, person):
    save_address(user_id=person.pk, **ADDRESS)
    other = save_address(user_id=person.pk, **{**ADDRESS, "line1": "Lange Gasse 7"})
    browser.add(make_variant())

    browser.get("/checkout")
    assert 'value="Unter den Linden 1"' in browser.text
    browser.get(f"/checkout?address={other.pk}")
    assert 'value="Lange Gasse 7"' in browser.text
    browser.get("/checkout?address=new")
    assert 'value="Lange Gasse 7"' not in browser.text
    assert browser.get(f"/checkout?address={new_id()}").status_code == 200


def test_an_address_is_kept_once_and_when_the_order_is_placed(browser, person, stripe_local):
    for kept in (0, 1):
        browser.add(make_variant())
        assert browser.check_out(save_address="on", expected_total="1").status_code == 409
        assert Address.objects.count() == kept
        assert browser.check_out(save_address="on").status_code == 302
        assert Address.objects.get().user_id == person.pk


@pytest.mark.parametrize(
    "sent", [{"email": ""}, {"expected_total": "1"}, {"refresh": "1"}, {"code": "+", "typed_code": "nope"}]
)
def test_the_saved_addresses_are_offered_however_often_the_checkout_is_shown(browser, person, sent):
    save_address(user_id=person.pk, **ADDRESS)
    other = save_address(user_id=person.pk, **{**ADDRESS, "line1": "Lange Gasse 7"})
    browser.add(make_variant())

    browser.check_out(**{"line1": "Lange Gasse 7", **sent})
    chosen = re.findall(r'href="\?address=([^"]+)" aria-current="true"', browser.text)
    assert chosen == [str(other.pk)]
    browser.check_out(**{"line1": "A third street", **sent})
    assert f"?address={other.pk}" in browser.text
    assert re.findall(r'href="\?address=([^"]+)" aria-current="true"', browser.text) == ["new"]


def test_orders_come_twenty_a_page(browser, person):
    variant = make_variant(stock=30)
    numbers = [make_order((variant, 1), buyer_id=person.pk).number for _ in range(21)]

    browser.get("/account/orders")
    assert browser.text.count("Order #") == 20
    assert f"Order #{numbers[0]}<" not in browser.text
    further = re.search(r'href="([?]cursor=[^"]+)"', browser.text)[1]
    browser.get(f"/account/orders{further}")
    assert browser.text.count("Order #") == 1
    assert f"Order #{numbers[0]}<" in browser.text


def test_another_accounts_things_are_not_there(browser, serving):
    stranger = make_user()
    order = make_order((make_variant(), 1), buyer_id=stranger.pk)
    address = save_address(user_id=stranger.pk, **ADDRESS)

    assert browser.get(f"/account/orders/{order.pk}").status_code == 404
    for form in (CONTACT, {"remove": "1"}):
        assert browser.post(f"/account/addresses/{address.pk}", form).status_code == 404
    assert browser.get(f"/account/addresses/{address.pk}").status_code == 404
    assert Address.objects.filter(pk=address.pk).exists()


# Addresses, data --------------------------------------------------------------------------------------------------


def test_addresses_are_added_changed_made_the_default_and_removed(browser, person):
    browser.post("/account/addresses/new", ADDRESS)
    browser.post("/account/addresses/new", {**ADDRESS, "line1": "Lange Gasse 7", "is_default": "on"})
    first, second = Address.objects.order_by("created_at")
    assert (first.is_default, second.is_default) == (False, True)

    browser.post(f"/account/addresses/{first.pk}", {**ADDRESS, "city": "Potsdam"})
    browser.post(f"/account/addresses/{second.pk}", {"remove": "1"})

    left = Address.objects.get()
    assert (left.city, left.is_default) == ("Potsdam", True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"postal_code": "1"}, "Does not fit this country."),
        ({"line1": ""}, "This field is required."),
        ({"phone": "call me"}, "telephone number"),
    ],
)
def test_an_address_that_cannot_be_is_explained(browser, changes, said):
    assert browser.post("/account/addresses/new", {**ADDRESS, **changes}).status_code == 400
    assert said in browser.text


def test_the_data_is_a_file_of_everything_and_of_nothing_else(browser, person):
    make_order((make_variant(title="Mug"), 1), buyer_id=person.pk)
    make_order((make_variant(title="Secret of another"), 1))
    save_address(user_id=person.pk, **ADDRESS)
    browser.add(make_variant(sku="IN-THE-CART"))

    response = browser.get("/account/data/export")

    data = json.loads(response.content)
    assert response["Content-Disposition"].startswith("attachment")
    assert data["orders"][0]["lines"][0]["product_title"] == "Mug"
    assert data["addresses"][0]["line1"] == "Unter den Linden 1"
    assert data["carts"][0]["lines"] == [{"sku": "IN-THE-CART", "quantity": 1}]
    assert data["person"]["email"] == person.email
    for secret in ("Secret of another", "password", "argon2", "gateway", "secret", "token"):
        assert secret not in response.content.decode(), secret


def test_to_be_forgotten_one_gives_the_password(browser, person):
    save_address(user_id=person.pk, **ADDRESS)

    assert browser.post("/account/data", {"password": "wrong"}).status_code == 403
    assert Address.objects.exists()
    response = browser.post("/account/data", {"password": PASSWORD})

    assert response["Location"] == "/account/goodbye"
    assert not Address.objects.exists()
    assert browser.get("/account").status_code == 302
    assert browser.get("/account/goodbye").status_code == 200


def test_the_staff_reads_why_it_is_not_forgotten(guest, serving):
    owner = owner_of(serving)
    guest.post("/account/sign-in", {"email": owner.email, "password": PASSWORD})

    assert guest.post("/account/data", {"password": PASSWORD}).status_code == 409
    assert "You work in this shop" in guest.text
    assert "Ask its owner" in guest.text
    assert User.objects.filter(pk=owner.pk).exists()
    assert guest.get("/account").status_code == 200


def test_guessing_the_password_to_be_forgotten_is_stopped(browser):
    for _ in range(ATTEMPTS_PER_ACCOUNT):
        assert browser.post("/account/data", {"password": "wrong"}).status_code == 403
    assert browser.post("/account/data", {"password": PASSWORD}).status_code == 429


def test_who_has_bought_is_forgotten_with_the_rights_of_the_storefront(
    browser, person, serving, stripe_local
):
    variant = make_variant()
    code = make_promotion().code
    order = make_delivered(variant, stripe_local, buyer_id=person.pk, email=person.email, code=code)
    access = open_session(user=person, tenant=serving).access
    sent = {"cart": make_cart((variant, 1)).token, "email": person.email, "shipping_address": ADDRESS}
    headers = {"HTTP_IDEMPOTENCY_KEY": "one", "HTTP_AUTHORIZATION": f"Bearer {access}"}
    answer = browser.post("/api/v1/checkout", json.dumps(sent), content_type="application/json", **headers)
    ordered = answer.json()["id"]
    assert IdempotencyKey.objects.filter(caller=f"user:{person.pk}").exists()

    assert browser.post("/account/data", {"password": PASSWORD}).status_code == 409
    assert "still open" in browser.text
    browser.post(
        f"/api/v1/me/orders/{ordered}/cancel",
        json.dumps({"reason": "Ada Lovelace has moved"}),
        content_type="application/json",
        HTTP_AUTHORIZATION=f"Bearer {access}",
    )
    assert browser.post("/account/data", {"password": PASSWORD})["Location"] == "/account/goodbye"

    order.refresh_from_db()
    assert (order.buyer_id, order.shipping_address["name"]) == (None, "—")
    assert not IdempotencyKey.objects.exists()
    for trace in ("Ada Lovelace", person.email, str(person.pk)):
        assert rows_with(trace) == []


@pytest.mark.parametrize("odd", ODD)
def test_odd_input_is_refused_and_breaks_nothing(browser, person, odd):
    product = make_product()
    fields = ("email", "password", "old", "name", "line1", "city", "postal_code", "country", "proof", "next")

    for path in ("sign-in", "join", "forgotten", "confirm", "profile", "addresses/new", "data"):
        assert browser.post(f"/account/{path}", dict.fromkeys(fields, odd)).status_code < 500, path
    assert browser.get("/account/orders", {"cursor": odd}).status_code in (200, 302)
    assert browser.get(f"/products/{product.slug}").status_code == 200


def test_a_proof_of_another_storefront_opens_nothing(guest, other_tenant):
    proof = mailbox_proof(email="new@example.com", tenant=other_tenant)

    assert guest.post("/account/confirm", {"proof": proof, "password": PASSWORD}).status_code == 400
