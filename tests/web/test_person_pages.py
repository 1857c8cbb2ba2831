"""A person's data in the dashboard and at the desk: given, and forgotten."""

import json
import re

import pytest

from core.clock import now
from shop.models import Order
from tenants.context import tenant_scope
from tenants.models import AuditEntry
from tests.desk.conftest import Desk
from tests.factories.shop import make_delivered, make_order, make_variant
from tests.factories.tenants import add_member, make_operator, make_user, owner_of
from tests.services.test_person import rows_with
from tests.web.test_dashboard import sign_in
from tests.web.test_storefront import Browser

EMAIL = "zoe@example.com"
FORGET = {"action": "forget", "reason": "asked by letter", "sure": "on"}


@pytest.fixture
def order(serving, stripe_local) -> Order:
    return make_delivered(make_variant(title="Mug"), stripe_local, email=EMAIL)


@pytest.fixture
def page(order) -> str:
    return f"/dashboard/customers/{order.pk}"


@pytest.fixture
def owner(serving) -> Browser:
    return sign_in(Browser(serving), owner_of(serving))


@pytest.fixture
def operator(db) -> Desk:
    return Desk(make_operator())


# The seller ---------------------------------------------------------------------------------------------------------


def test_the_owner_gives_a_customer_their_data(owner, page):
    response = owner.post(page, {"action": "data"})

    assert response["Content-Disposition"].startswith("attachment")
    assert "no-store" in response["Cache-Control"]
    assert json.loads(response.content)["orders"][0]["lines"][0]["product_title"] == "Mug"
    assert AuditEntry.objects.filter(action="person.exported").count() == 1


def test_the_owner_forgets_a_customer_and_reads_what_stays(owner, page):
    owner.get(page)
    assert "Orders, invoices and reviews stay" in owner.text

    response = owner.post(page, FORGET)

    assert response["Location"] == "/dashboard/customers?done=forgotten"
    assert rows_with(EMAIL) == []
    owner.get(page)
    assert "was forgotten" in owner.text
    assert "Forget this person" not in owner.text
    assert AuditEntry.objects.get(action="person.forgotten").actor_id is not None


@pytest.mark.parametrize("missing", ["reason", "sure"])
def test_without_a_reason_or_the_tick_nothing_is_done(owner, page, missing):
    assert owner.post(page, {**FORGET, missing: ""}).status_code == 400
    assert "has-error" in owner.text
    assert rows_with(EMAIL)


def test_an_open_order_is_named_as_the_reason_why_not(owner, page):
    make_order(email=EMAIL)

    assert owner.post(page, FORGET).status_code == 409
    assert "An order of this person is still open" in owner.text
    assert rows_with(EMAIL)


@pytest.mark.parametrize("role", ["manager", "support", "fulfilment"])
@pytest.mark.parametrize("action", ["data", "forget"])
def test_nobody_but_the_owner_may(serving, page, role, action):
    browser = sign_in(Browser(serving), add_member(serving, role))

    assert browser.post(page, {**FORGET, "action": action}).status_code == 403
    browser.get(page)
    assert "Forget this person" not in browser.text
    assert rows_with(EMAIL)


def test_the_page_asks_few_questions(owner, page, django_assert_max_num_queries):
    owner.get(page)
    with django_assert_max_num_queries(12):
        owner.get(page)


# The buyer ----------------------------------------------------------------------------------------------------------


def test_the_page_says_whether_what_was_ordered_as_a_guest_is_part_of_it(serving, order):
    for verified_at, said in ((None, "once you have proved"), (now(), "is part of it.")):
        browser = sign_in(Browser(serving), make_user(email_verified_at=verified_at))
        browser.get("/account/data")
        assert said in browser.text


# The operator ---------------------------------------------------------------------------------------------------------


def test_the_operator_gives_and_forgets_with_a_line_in_the_log(operator, serving, order):
    page = f"/desk/storefronts/{serving.slug}/person"
    assert operator.get(page).status_code == 200
    assert "What stays, and why" in operator.text

    given = operator.post(page, {"action": "give", "email": EMAIL})
    assert json.loads(given.content)["orders"][0]["number"] == order.number
    sent = {"action": "forget", "email": EMAIL, "reason": "asked us", "confirm": serving.slug}
    assert operator.post(page, sent)["Location"] == f"{page}?done=forgotten"

    with tenant_scope(serving):
        assert rows_with(EMAIL) == []
    lines = AuditEntry.objects.filter(action__startswith="person.", actor_id=operator.person.pk)
    assert {line.action for line in lines} == {"person.exported", "person.forgotten"}
    assert operator.post(page, sent)["Location"] == f"{page}?done=unknown"


@pytest.mark.parametrize(
    "wrong", [{"confirm": "another"}, {"reason": ""}, {"email": "nobody"}, {"email": "a\x00@example.com"}]
)
def test_at_the_desk_who_why_and_where_have_to_be_right(operator, serving, order, wrong):
    sent = {"action": "forget", "email": EMAIL, "reason": "asked us", "confirm": serving.slug, **wrong}

    assert operator.post(f"/desk/storefronts/{serving.slug}/person", sent).status_code == 400
    assert re.search("errorlist|problem", operator.text)
    with tenant_scope(serving):
        assert rows_with(EMAIL)


def test_at_the_desk_an_open_order_and_the_staff_are_refused_in_words(operator, serving, order):
    make_order(email=EMAIL)
    for email, said in ((EMAIL, "still open"), (owner_of(serving).email, "works here")):
        sent = {"action": "forget", "email": email, "reason": "asked us", "confirm": serving.slug}
        assert operator.post(f"/desk/storefronts/{serving.slug}/person", sent).status_code == 409
        assert said in operator.text


def test_only_operators_get_to_it(serving, order):
    stranger = Desk(make_user())

    assert stranger.get(f"/desk/storefronts/{serving.slug}/person").status_code == 302
    assert stranger.post(f"/desk/storefronts/{serving.slug}/person", {"action": "give"}).status_code == 302
