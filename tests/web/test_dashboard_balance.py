"""The balance: it adds up, says when money comes and what happened to it, and is for those who manage the shop."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from payouts.models import Charge, CommissionRule, LedgerTransaction, Payout, SellerAccount
from services.charge_services import refresh_charge
from services.debt_services import look_at_debts, write_off_debt
from services.dispute_services import sync_dispute
from services.ledger_services import seller_balances
from services.refund_services import request_refund
from services.schedule_services import zone_of
from shop.models import ShippingRate
from shop.selectors.books import booked, books_of, money_coming
from tests.factories.jobs import run_jobs
from tests.factories.tenants import add_member, make_user, owner_of
from tests.money.support import SELLER, onboard, pay_out, sell
from tests.web.test_dashboard import sign_in
from tests.web.test_storefront import Browser

HOSTILE = [
    "?cursor=x",
    "?cursor=" + "A" * 3000,
    "?cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwiXHUwMDAwIl0",
    "?cursor=WzEsMl0",
    "?cursor=W251bGwsbnVsbF0",
    "?kind=nosuch&since=x&until=9999-12-31",
    "?since=0001-01-01&until=0001-01-01",
    "?kind=sales&kind=%00",
    "?reason=nosuch&part=nosuch",
    "?reason=%00&part=%F0%9F%92%A9",
]


@pytest.fixture
def seller(serving, stripe_local):
    ShippingRate.objects.update(price_minor=0)
    CommissionRule.objects.create(basis_points=1000, fixed_minor=30)
    onboard(serving, stripe_local)
    return serving


@pytest.fixture
def owner(seller):
    return sign_in(Browser(seller), owner_of(seller))


@pytest.fixture
def lived(seller, stripe_local):
    """A seller with a bit of everything: a reserve, a payout, a refund after it, a dispute, money on hold."""
    SellerAccount.objects.update(reserve_basis_points=1000, reserve_days=90)
    old = sell(10_000, stripe_local)
    lost = sell(5_000, stripe_local)
    pay_out()
    request_refund(order_id=old.pk, amount_minor=2_500, reason="late", actor=SELLER)
    run_jobs()
    dispute = stripe_local.control("disputes", charge=Charge.objects.get(order_id=lost.pk).pk)
    sync_dispute(dispute["id"])
    sell(30_000, stripe_local)
    waiting = sell(7_000, stripe_local)
    refresh_charge(Charge.objects.get(order_id=waiting.pk).pk, fee_minor=None)
    return seller


def of_all(tenant):
    """(the books' rows, what each did)."""
    rows = list(books_of(tenant, zone=zone_of(SellerAccount.objects.get(tenant=tenant))))
    return rows, booked(tenant, rows)


def test_pending_available_reserved_and_paid_are_what_was_earned(lived, owner):
    (balance,) = seller_balances(tenant_id=lived.pk)

    assert all((balance.pending_minor, balance.reserved_minor, balance.paid_minor, balance.in_dispute_minor))
    owner.get("/dashboard/money")
    figures = [int(minor.replace(",", "").replace(".", "").replace("€", "")) for minor in _sums(owner.text)]
    assert sum(figures[:-1]) == figures[-1] == balance.earned_minor


def _sums(page):
    """The amounts of "Earned in all", the total last."""
    section = page.split("Earned in all</h2>")[1].split("</dl>")[0]
    return re.findall(r"<dd>([^<]+)</dd>", section)


def test_the_days_of_the_chart_with_what_is_later_and_unknown_are_all_that_is_pending(lived):
    (balance,) = seller_balances(tenant_id=lived.pk)

    coming = money_coming(lived, zone=zone_of(lived.seller_account), at=timezone.now())["EUR"]

    assert coming.soon_minor
    assert coming.unknown_minor
    assert coming.total_minor == balance.pending_minor


def test_the_books_since_the_beginning_are_the_balance(lived):
    rows, what = of_all(lived)
    (balance,) = seller_balances(tenant_id=lived.pk)

    assert sum(each.amount_minor for each in what.values()) == balance.pending_minor + balance.available_minor
    moved = {"transfer", "transfer_reversal", "reserve_held", "reserve_released"}
    assert sum(what[row.pk].amount_minor for row in rows if row.kind not in moved) == balance.earned_minor
    beside = [move for each in what.values() for move in each.moves]
    for account, held in (
        ("seller_reserve", balance.reserved_minor),
        ("dispute_hold", balance.in_dispute_minor),
    ):
        assert sum(move.amount_minor for move in beside if move.account == account) == held


def test_money_is_shown_on_the_seller_s_day(seller, stripe_local):
    SellerAccount.objects.update(time_zone="Pacific/Auckland")
    account = SellerAccount.objects.get()
    sell(10_000, stripe_local)
    at = timezone.now()
    day = at.astimezone(zone_of(account)).date() + timedelta(days=3)
    Charge.objects.update(available_at=at.replace(hour=23, minute=0) + timedelta(days=3))
    expected = Charge.objects.get().available_at.astimezone(zone_of(account)).date()

    coming = money_coming(seller, zone=zone_of(account), at=at)["EUR"]

    assert coming.days[(expected - coming.first).days] == 8_650
    assert abs((expected - day).days) <= 1


def test_a_sale_is_folded_out_into_what_it_is_made_of(owner, stripe_local):
    order = sell(10_000, stripe_local)

    owner.get("/dashboard/money")

    assert f'href="/dashboard/orders/{order.pk}">#{order.number}</a>' in owner.text
    assert "<dt>Sale</dt><dd>+€100.00</dd>" in owner.text
    assert "<dt>Commission</dt><dd>-€10.30</dd>" in owner.text
    assert "<dt>Payment fee</dt><dd>-€3.20</dd>" in owner.text


def test_every_kind_that_is_booked_has_a_name(lived, owner, stripe_local):
    owner.get("/dashboard/money")

    for name in ("Sale", "Payment fee", "Refund", "Held in reserve", "Payout", "Dispute: money withdrawn"):
        assert f"<span>{name}</span></summary>" in owner.text, name
    assert 'href="/dashboard/payouts' in owner.text


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("sales", "Sale"), ("fees", "Payment fee"), ("refunds", "Refund"), ("payouts", "Payout")],
)
def test_the_books_are_narrowed_to_a_kind(lived, owner, kind, shown):
    owner.get(f"/dashboard/money?kind={kind}")

    assert set(re.findall(r"<span>([^<]+)</span></summary>", owner.text)) == {shown}


def test_the_books_are_narrowed_to_days_and_the_last_is_included(lived, owner):
    today = timezone.now().date()

    owner.get(f"/dashboard/money?since={today}&until={today}")
    assert "<span>Sale</span></summary>" in owner.text
    owner.get(f"/dashboard/money?until={today - timedelta(days=1)}")
    assert "Nothing of this kind happened in this time." in owner.text
    owner.get("/dashboard/money?since=yesterday")
    assert "Enter a valid date." in owner.text


def test_the_books_go_on_page_by_page_until_the_first_entry(owner, seller, stripe_local):
    for _ in range(14):
        sell(1_000, stripe_local)
    seen, address = 0, "/dashboard/money?kind=sales"
    owner.get("/dashboard/money")
    (following,) = re.findall(r'rel="next" href="([^"]+)"', owner.text)
    assert following.endswith("#books")
    address = "/dashboard/money"
    while address:
        owner.get(address)
        seen += len(re.findall(r'class="booked"', owner.text))
        more = re.findall(r'rel="next" href="([^"]+)"', owner.text)
        address = f"/dashboard/money{more[0].split('#')[0].replace('&amp;', '&')}" if more else ""

    assert seen == LedgerTransaction.objects.filter(tenant=seller).count() == 28


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"payouts_paused_reason": "<b>checking</b>"}, "Payouts are paused: &lt;b&gt;checking&lt;/b&gt;"),
        ({"transfers_active": False}, "Your account at Stripe cannot receive payouts yet."),
        ({"payout_minimum_minor": 9_000}, "€86.50 is available; a payout needs at least €90.00."),
        ({"schedule": "manual"}, "When you ask for it"),
        ({}, "If it were made now, it would be €86.50."),
    ],
)
def test_the_next_payout_is_said_with_its_amount_or_why_there_is_none(owner, stripe_local, terms, said):
    sell(10_000, stripe_local)
    Charge.objects.update(available_at=timezone.now() - timedelta(minutes=1))
    SellerAccount.objects.update(**terms)

    owner.get("/dashboard/money")

    assert said in owner.text


def test_a_debt_is_explained_and_what_was_given_up_of_it_is_in_the_books(owner, seller, stripe_local):
    old = sell(10_000, stripe_local)
    pay_out()
    request_refund(order_id=old.pk, amount_minor=None, reason="returned", actor=SELLER)
    run_jobs()
    look_at_debts()
    Charge.objects.update(available_at=timezone.now() - timedelta(minutes=1))
    (balance,) = seller_balances(tenant_id=seller.pk)

    owner.get("/dashboard/money")

    assert "You owe the marketplace €90.00" in owner.text
    assert "Nothing is paid out until your sales have paid what you owe." in owner.text
    write_off_debt(
        tenant_id=seller.pk,
        currency="EUR",
        amount_minor=-balance.available_minor,
        reason="<i>kind</i>",
        actor_id=make_user().pk,
    )
    owner.get("/dashboard/money?kind=write_offs")
    assert "You owe the marketplace" not in owner.text
    assert "Debt given up" in owner.text
    assert "&lt;i&gt;kind&lt;/i&gt;" in owner.text


def test_money_on_its_way_is_said_and_a_payout_being_made_holds_the_next(owner, stripe_local):
    sell(10_000, stripe_local)
    pay_out()
    owner.get("/dashboard/money")
    assert Payout.objects.get().status == "sent"
    assert re.search(r'On its way</span><span class="stat-figure">€86.50', owner.text)


def test_a_shop_without_sales_is_told_so(serving):
    browser = sign_in(Browser(serving), owner_of(serving))

    for path, said in (("money", "No money yet"), ("money/unpaid", "Nothing waits")):
        browser.get(f"/dashboard/{path}")
        assert said in browser.text


@pytest.mark.parametrize("path", ["/dashboard/money", "/dashboard/money/unpaid"])
@pytest.mark.parametrize(("role", "status"), [("manager", 200), ("fulfilment", 403), ("support", 403)])
def test_money_is_for_those_who_manage(seller, path, role, status):
    browser = sign_in(Browser(seller), add_member(seller, role))

    assert browser.get(path).status_code == status


@pytest.mark.parametrize("query", HOSTILE)
@pytest.mark.parametrize("path", ["/dashboard/money", "/dashboard/money/unpaid"])
def test_what_makes_no_sense_is_left_out(owner, stripe_local, path, query):
    sell(1_000, stripe_local)

    assert owner.get(f"{path}{query}").status_code == 200


def test_a_day_at_the_end_of_the_calendar_is_refused_in_lists_of_orders_too(owner):
    for name in ("placed_from", "placed_to"):
        for day in ("9999-12-31", "0001-01-01"):
            assert owner.get(f"/dashboard/orders?{name}={day}").status_code == 200


def test_another_seller_s_money_is_not_seen(owner, seller, other_tenant, stripe_local):
    connection.set_tenant(other_tenant)
    ShippingRate.objects.update(price_minor=0)
    sell(77_700, stripe_local)
    connection.set_tenant(seller)
    sell(1_000, stripe_local)

    for path in ("money", "money/unpaid"):
        owner.get(f"/dashboard/{path}")
        assert "777.00" not in owner.text


def test_each_order_says_why_it_is_not_paid_and_until_when(lived, owner):
    held = Charge.objects.order_by("-captured_at").filter(amount_minor=30_000).get()

    owner.get("/dashboard/money/unpaid")

    (row,) = [part for part in owner.text.split("<tr>") if f">#{held.order_number}</a>" in part]
    assert f'href="/dashboard/orders/{held.order_id}/earnings"' in row
    assert "Sales are held for a time before they are paid out." in row
    assert f"{held.hold_until:%b} {held.hold_until.day}, {held.hold_until:%Y}" in row
    assert "The buyer&#x27;s bank disputes this payment." in owner.text
    assert "Stripe has not told its fee yet." in owner.text


def test_the_list_of_unpaid_orders_is_narrowed_to_a_reason(lived, owner):
    waiting = Charge.objects.get(amount_minor=7_000)

    owner.get("/dashboard/money/unpaid?reason=awaiting_fee")

    rows = owner.text.split("<tbody>")[1]
    assert re.findall(r">#(\d+)</a>", rows) == [str(waiting.order_number)]
    owner.get("/dashboard/money/unpaid?reason=on_request")
    assert "Nothing waits for this reason." in owner.text


def test_the_operator_s_reason_for_a_pause_is_shown_as_text(owner, stripe_local):
    sell(1_000, stripe_local)
    SellerAccount.objects.update(payouts_paused_reason="<script>alert(1)</script>")
    Charge.objects.update(available_at=timezone.now() - timedelta(minutes=1))

    owner.get("/dashboard/money/unpaid")

    assert "Payouts are paused: &lt;script&gt;" in owner.text
    assert "<script>alert" not in owner.text


@pytest.mark.parametrize("path", ["/dashboard/money", "/dashboard/money/unpaid"])
def test_a_page_asks_as_much_of_the_database_for_many_orders_as_for_few(
    lived, owner, stripe_local, path, django_assert_max_num_queries
):
    for _ in range(5):
        sell(1_000, stripe_local)
    with django_assert_max_num_queries(12):
        owner.get(path)
