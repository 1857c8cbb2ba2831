"""The seller's customers in the dashboard: one for each mail address, whoever they are."""

import re
import uuid

import pytest

from services.order_history import SYSTEM
from services.refund_services import request_refund, send_refund
from services.review_services import save_review
from shop.models import Operation, Order
from tenants.context import tenant_scope
from tests.factories.shop import ADDRESS, make_delivered, make_order, make_variant, pay
from tests.factories.tenants import add_member, owner_of
from tests.web.test_dashboard import sign_in
from tests.web.test_storefront import Browser


@pytest.fixture
def owner(serving) -> Browser:
    return sign_in(Browser(serving), owner_of(serving))


@pytest.fixture
def zoe(stripe_local) -> list[Order]:
    """Two paid orders, of which one was refunded in part, and one that was never paid: 19.99 + 19.99 + 2 x 4.90 - 5."""
    variant = make_variant()
    first = make_delivered(variant, stripe_local, email="zoe@example.com")
    second = make_order((variant, 1), email="zoe@example.com")
    pay(second, stripe_local)
    send_refund(refund_id=request_refund(order_id=first.pk, amount_minor=500, reason="x", actor=SYSTEM).pk)
    save_review(product_id=variant.product_id, order=first, rating=4, title="Lovely", text="Would buy again")
    third = make_order((variant, 1), email="zoe@example.com")
    Order.objects.filter(pk=third.pk).update(
        shipping_address={**ADDRESS, "name": "Zoe Moved", "city": "Bremen"}
    )
    return [first, second, third]


def names(browser: Browser) -> list[str]:
    return re.findall(r'class="row-link"[^>]*>([^<]+)<', browser.text)


def test_a_mail_address_is_one_customer_with_what_they_really_paid(owner, zoe):
    make_order(email="ada@example.com")

    owner.get("/dashboard/customers")

    assert names(owner) == ["Ada Lovelace", "Zoe Moved"]
    assert "€44.78" in owner.text
    assert re.search(r'data-label="Orders">3<', owner.text)


def test_a_customer_is_found_by_words_of_the_mail_address_or_by_any_name(owner, zoe):
    make_order(email="max@other.shop")

    for q in ("zoe", "Zoe@exam", "moved"):
        owner.get("/dashboard/customers", {"q": q})
        assert names(owner) == ["Zoe Moved"], q
    owner.get("/dashboard/customers", {"q": "lovelace"})
    assert names(owner) == ["Ada Lovelace", "Ada Lovelace"]  # one of them under an older order's name
    for q in ("nobody", "%", "\x00", "!"):
        owner.get("/dashboard/customers", {"q": q})
    owner.get("/dashboard/customers", {"q": "nobody"})
    assert names(owner) == []


def test_a_long_list_goes_on_without_repetition_and_asks_few_questions(owner, django_assert_max_num_queries):
    variant = make_variant(stock=60)
    for number in range(27):
        make_order((variant, 1), email=f"b{number}@example.com")
    for number in (1, 2, 26):
        make_order((variant, 1), email=f"b{number}@example.com")
    seen = []

    with django_assert_max_num_queries(12):
        owner.get("/dashboard/customers")
    seen += re.findall(r"b\d+@example.com", owner.text)
    following = re.search(r'rel="next" href="([^"]+)"', owner.text)[1].replace("&amp;", "&")
    owner.get(f"/dashboard/customers{following}")
    seen += re.findall(r"b\d+@example.com", owner.text)

    assert seen[:3] == ["b26@example.com", "b2@example.com", "b1@example.com"]
    assert sorted(seen) == sorted(f"b{number}@example.com" for number in range(27))


def test_a_customer_s_page_has_orders_addresses_reviews_and_sums(owner, zoe, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        owner.get(f"/dashboard/customers/{zoe[1].pk}")

    assert '<h1 dir="auto">Zoe Moved</h1>' in owner.text
    assert all(f"#{order.number}<" in owner.text for order in zoe)
    for words in ("€44.78", "€5.00 refunded", "Bremen", "Berlin", "Lovely", "Would buy again"):
        assert words in owner.text
    assert owner.text.count("<address") == 2


def test_no_mail_address_is_in_an_address_of_a_page(owner, zoe):
    owner.get("/dashboard/customers")

    assert not re.search(r'href="(?!mailto:)[^"]*zoe', owner.text)


def test_a_customer_of_another_storefront_is_not_found(owner, other_tenant):
    with tenant_scope(other_tenant):
        order = make_order()

    assert owner.get(f"/dashboard/customers/{order.pk}").status_code == 404
    assert owner.get(f"/dashboard/customers/{uuid.uuid4()}").status_code == 404


@pytest.mark.parametrize(("role", "status"), [("fulfilment", 403), ("support", 200), ("manager", 200)])
def test_customers_are_for_those_who_speak_with_them(serving, zoe, role, status):
    browser = sign_in(Browser(serving), add_member(serving, role))

    assert browser.get("/dashboard/customers").status_code == status
    assert browser.get(f"/dashboard/customers/{zoe[0].pk}").status_code == status


def test_managers_export_them(owner, serving, zoe):
    support = sign_in(Browser(serving), add_member(serving, "support"))

    assert support.post("/dashboard/customers", {"action": "export"}).status_code == 403
    response = owner.post("/dashboard/customers", {"action": "export"})
    assert response["Location"] == f"/dashboard/operations/{Operation.objects.get().pk}"
