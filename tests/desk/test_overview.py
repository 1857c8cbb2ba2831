"""The desk's front page: a range of days against the one before, and what needs a look."""

from datetime import timedelta

import pytest
from django.urls import get_resolver

from core.clock import now
from core.db import as_marketplace
from core.models import Job
from payouts.models import Charge
from services.tenant_services import suspend_tenant
from tenants.context import tenant_scope
from tenants.desk_figures import Range, commission_income, largest, sign_ups_by_day, sold
from tenants.models import Tenant
from tests.desk.conftest import Desk
from tests.factories.shop import make_order, make_variant, pay
from tests.factories.tenants import make_tenant, make_user, owner_session
from tests.tenancy.support import ELSEWHERE

DESK = [
    str(pattern.pattern)
    for each in get_resolver("config.urls_public").url_patterns
    for pattern in getattr(each, "url_patterns", ())
    if str(pattern.pattern).startswith("desk")
]


def sell(stripe_local, *, price_minor=5_000, days_ago=0) -> Charge:
    """A captured sale of the storefront being served, so many days ago. Shipping is 4.90."""
    order = make_order((make_variant(price_minor=price_minor), 1))
    pay(order, stripe_local)
    charge = Charge.objects.get(order_id=order.pk)
    moment = now() - timedelta(days=days_ago)
    Charge.objects.filter(pk=charge.pk).update(captured_at=moment, hold_until=moment + timedelta(days=7))
    return charge


# Who may --------------------------------------------------------------------------------------------------------------


def filled_in(route: str) -> str:
    import re

    known = {"uuid": ELSEWHERE, "slug": "nobody", "int": "1", "str": "x", "path": "x"}
    return "/" + re.sub(r"<(?:(\w+):)?\w+>", lambda match: known[match[1] or "str"], route)


def test_there_are_desk_pages():
    assert {"desk", "desk/storefronts", "desk/people", "desk/audit", "desk/fleet"} <= set(DESK)


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_but_operators_passes(db, method):
    people = [None, make_user(), make_user(is_superuser=True)]

    for person in people:
        browser = Desk(person)
        for route in DESK:
            answer = getattr(browser, method)(filled_in(route))
            assert answer.status_code == 302, route
            assert answer["Location"].startswith("/admin/login/?next="), route


def test_a_disabled_operator_does_not_pass(desk):
    desk.person.is_active = False
    desk.person.save()

    assert desk.get("/desk").status_code == 302


def test_an_operator_passes_and_what_is_not_there_is_a_page(desk, stripe_local):
    for route in DESK:
        assert desk.get(filled_in(route)).status_code in (200, 404), route


def test_the_desk_is_not_on_storefronts(desk, serving):
    assert desk.get("/desk", HTTP_HOST=serving.host).status_code == 404


# Figures --------------------------------------------------------------------------------------------------------------


def test_an_empty_marketplace_says_so(desk):
    assert desk.get("/desk").status_code == 200
    assert "Nothing. Payouts, books, events, jobs and schemas are as they should be." in desk.text


def test_what_was_captured_against_the_time_before(serving, stripe_local):
    for days_ago, price in ((0, 5_000), (6, 2_000), (7, 1_000), (13, 1_000), (14, 9_999)):
        sell(stripe_local, price_minor=price, days_ago=days_ago)
    asked = Range.of(7, now())

    figures = sold(asked).captured["EUR"]

    amounts, before = asked.spread(figures.amounts)
    assert amounts == [2_490, 0, 0, 0, 0, 0, 5_490]
    assert before == [1_490, 0, 0, 0, 0, 0, 1_490]
    assert asked.spread(figures.orders)[0] == [1, 0, 0, 0, 0, 0, 1]


def test_sales_whose_money_waits_and_those_whose_money_is_there_are_both_counted(serving, stripe_local):
    waiting, there = sell(stripe_local), sell(stripe_local, days_ago=5)
    Charge.objects.filter(pk=waiting.pk).update(available_at=None)
    Charge.objects.filter(pk=there.pk).update(available_at=now() - timedelta(days=1))
    asked = Range.of(7, now())

    assert sum(asked.spread(sold(asked).captured["EUR"].orders)[0]) == 2


def test_the_largest_come_first_and_those_that_sold_are_counted(serving, other_tenant, stripe_local):
    sell(stripe_local, price_minor=1_000)
    sell(stripe_local, price_minor=1_000, days_ago=8)
    with tenant_scope(other_tenant), as_marketplace():
        sell(stripe_local, price_minor=7_000)

    found = sold(Range.of(7, now()))

    assert (found.active(is_now=True), found.active(is_now=False)) == (2, 1)
    rows = largest(found, currency="EUR")
    assert [(row["tenant"].slug, row["orders"], row["amount"], row["amount_before"]) for row in rows] == [
        (other_tenant.slug, 1, 7_490, 0),
        (serving.slug, 1, 1_490, 1_490),
    ]
    assert largest(found, currency="USD") == []
    assert len(largest(found, currency="EUR", limit=1)) == 1


@pytest.mark.parametrize("days", [7, 30, 90])
def test_a_short_and_a_long_time_are_read_alike(serving, stripe_local, days):
    for days_ago in (0, days - 1, days, 2 * days - 1, 2 * days):
        sell(stripe_local, days_ago=days_ago)

    found = sold(Range.of(days, now()))

    orders, before = Range.of(days, now()).spread(found.captured["EUR"].orders)
    assert (sum(orders), sum(before)) == (2, 2)
    assert found.storefronts == {
        (serving.pk, "EUR", True): (2, 10_980),
        (serving.pk, "EUR", False): (2, 10_980),
    }


def book_earlier(charge: Charge, *, days: int) -> None:
    """As if what a sale caused had been booked so many days earlier. The books refuse that to anybody but their owner."""
    with owner_session() as owner, owner.cursor() as cursor:
        cursor.execute(
            """
            ALTER TABLE public.payouts_ledgertransaction DISABLE TRIGGER USER;
            UPDATE public.payouts_ledgertransaction SET posted_at = posted_at - %s
             WHERE id IN (SELECT transaction_id FROM public.payouts_ledgerentry WHERE charge_id = %s);
            ALTER TABLE public.payouts_ledgertransaction ENABLE TRIGGER USER;
            """,
            [timedelta(days=days), charge.pk],
        )


def test_commission_is_what_was_booked_in_the_range(committed, serving, stripe_local):
    moment = now()
    for days_ago, price in ((10, 1_000), (3, 2_000), (0, 3_000)):
        book_earlier(sell(stripe_local, price_minor=price), days=days_ago)

    # 10 % of goods and 0.30; shipping is free of it.
    assert commission_income(Range.of(7, moment)) == {"EUR": (230 + 330, 130)}
    assert commission_income(Range.of(7, moment + timedelta(days=60))) == {}


def test_without_any_books_there_is_no_income(db):
    assert commission_income(Range.of(30, now())) == {}


def test_sign_ups_are_counted_by_day(db):
    asked = Range.of(7, now())
    for days_ago in (0, 0, 3, 8):
        made = make_tenant()
        Tenant.objects.filter(pk=made.pk).update(created_at=now() - timedelta(days=days_ago))

    assert asked.spread(sign_ups_by_day(asked)) == ([0, 0, 0, 1, 0, 0, 2], [0, 0, 0, 0, 0, 1, 0])


def test_what_needs_a_look_is_said_with_the_way_there(desk, serving):
    suspend_tenant(tenant_id=serving.pk, actor_id=desk.person.pk, reason="a test")
    other = make_tenant()
    Tenant.objects.filter(pk=other.pk).update(schema_version="older")
    Job.objects.create(task="x", state="parked", run_at=now(), max_attempts=1)

    desk.get("/desk")

    for text in ("1 suspended storefront", "1 storefront with an older schema", "1 parked job"):
        assert text in desk.text
    for path in ("/desk/storefronts?status=suspended", "/desk/fleet", "/desk/jobs"):
        assert f'href="{path}"' in desk.text


@pytest.mark.parametrize(
    "query", ["?days=7", "?days=90", "?days=5000", "?days=x&currency=XXX", "?currency=%00"]
)
def test_what_cannot_be_understood_is_left_out(desk, serving, stripe_local, query):
    sell(stripe_local)

    assert desk.get(f"/desk{query}").status_code == 200
    assert "€54.90" in desk.text


def test_names_are_text(desk, serving, stripe_local):
    Tenant.objects.filter(pk=serving.pk).update(name="<script>alert(1)</script>")
    sell(stripe_local)

    desk.get("/desk")

    assert "<script>alert" not in desk.text
    assert "&lt;script&gt;alert(1)" in desk.text


def test_the_front_page_asks_few_questions(desk, serving, stripe_local, django_assert_max_num_queries):
    sell(stripe_local)

    with django_assert_max_num_queries(12):
        desk.get("/desk?days=90")
