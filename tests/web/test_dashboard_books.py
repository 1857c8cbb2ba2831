"""What a part of the books comes to, and what is in reserve: both are explained to the cent."""

import html
import re
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from payouts.models import Charge, CommissionRule, LedgerTransaction, Reserve, SellerAccount
from services.charge_services import release_reserves
from services.debt_services import take_back_debt, write_off_debt
from services.dispute_services import sync_dispute
from services.ledger_services import seller_balances
from services.refund_services import request_refund
from services.schedule_services import zone_of
from services.unpaid_services import standings, unpaid_sales
from shop.models import ShippingRate
from shop.selectors import book_sums as sums_module
from shop.selectors.book_sums import book_sums, reserve_sums, reserves_held
from shop.selectors.books import OF_NO_ORDER, booked, books_of
from shop.web.dashboard.balance_words import GROUPS, months, why
from tests.factories.jobs import run_jobs
from tests.factories.tenants import add_member, make_user, owner_of
from tests.money.support import SELLER, later, onboard, pay_out, sell
from tests.web.test_dashboard import sign_in
from tests.web.test_storefront import Browser

DAY = timedelta(days=1)


@pytest.fixture
def seller(serving, stripe_local):
    ShippingRate.objects.update(price_minor=0)
    CommissionRule.objects.create(basis_points=1000, fixed_minor=30, tax_basis_points=1900)
    onboard(serving, stripe_local)
    return serving


@pytest.fixture
def owner(seller):
    return sign_in(Browser(seller), owner_of(seller))


@pytest.fixture
def lived(seller, stripe_local):
    """Books with each kind of fact in them."""
    SellerAccount.objects.update(reserve_basis_points=1000, reserve_days=1)
    old = sell(10_000, stripe_local)
    disputed = sell(5_000, stripe_local)
    won = sell(6_000, stripe_local)
    pay_out()
    SellerAccount.objects.update(reserve_days=90)
    request_refund(order_id=old.pk, amount_minor=None, reason="returned", actor=SELLER)
    run_jobs()
    for order, outcome in ((disputed, "lost"), (won, "won")):
        charge = Charge.objects.get(order_id=order.pk).pk
        dispute = stripe_local.control("disputes", charge=charge, fee=1_500)["id"]
        sync_dispute(dispute)
        stripe_local.control(f"disputes/{dispute}/close", outcome=outcome)
        sync_dispute(dispute)
    release_reserves(at=later(2))
    Charge.objects.update(available_at=timezone.now() - DAY)
    take_back_debt(seller.pk, "EUR", 2_000)
    run_jobs()
    write_off_debt(
        tenant_id=seller.pk, currency="EUR", amount_minor=100, reason="kind", actor_id=make_user().pk
    )
    sell(30_000, stripe_local)
    return seller


def added(tenant, **wanted):
    """(the sums, what the rows of the same part of the books come to)."""
    zone = zone_of(SellerAccount.objects.get(tenant=tenant))
    rows = list(books_of(tenant, zone=zone, **wanted))
    moves = booked(tenant, rows).values()
    return book_sums(tenant, zone=zone, at=timezone.now(), **wanted), sum(each.amount_minor for each in moves)


def book_long_ago(tenant, amount_minor):
    """A sale that was booked ten days ago; what is posted gets its moment from the clock."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.payouts_ledgertransaction (key, kind, tenant_id, facts, occurred_at, posted_at)"
            " VALUES ('capture:long ago', 'capture', %s, '{}', %s, %s) RETURNING id",
            [tenant.pk, timezone.now() - 10 * DAY, timezone.now() - 10 * DAY],
        )
        (pk,) = cursor.fetchone()
        cursor.execute(
            "INSERT INTO public.payouts_ledgerentry (transaction_id, account_id, currency, amount_minor, part)"
            " SELECT %s, id, currency, CASE kind WHEN 'stripe_balance' THEN %s ELSE -%s END, 'sale'"
            "   FROM public.payouts_ledgeraccount WHERE currency = 'EUR'"
            "    AND (kind = 'stripe_balance' OR kind = 'seller_payable' AND tenant_id = %s)",
            [pk, amount_minor, amount_minor, tenant.pk],
        )


def minor(shown):
    """Cents of a figure in euros."""
    return int(re.sub(r"[^\d-]", "", html.unescape(shown).replace("−", "-")))


def test_each_kind_of_fact_is_in_these_books(lived):
    kinds = set(LedgerTransaction.objects.filter(tenant=lived).values_list("kind", flat=True))

    assert kinds == {kind for _, kinds in GROUPS.values() for kind in kinds} - {"refund_failed"}


def test_what_is_looked_for_among_facts_of_no_order_is_of_none(lived):
    booked_of = LedgerTransaction.objects.filter(tenant=lived).values_list("kind", "order_id")

    assert {kind for kind, order_id in booked_of if order_id is None} == OF_NO_ORDER
    assert not {kind for kind, order_id in booked_of if order_id is not None} & OF_NO_ORDER


@pytest.mark.parametrize("group", [None, *GROUPS])
def test_the_sums_are_what_the_rows_come_to(lived, group):
    ((found,), rows) = added(lived, kinds=GROUPS[group][1] if group else ())

    assert found.parts
    assert found.total_minor == rows


def test_what_was_owed_before_and_what_was_added_is_what_is_owed_now(lived):
    (balance,) = seller_balances(tenant_id=lived.pk)
    owed = balance.pending_minor + balance.available_minor
    book_long_ago(lived, 1_234)
    owed += 1_234

    ((of_all,), _) = added(lived)
    ((of_late,), _) = added(lived, since=timezone.now().date() - 2 * DAY)

    assert (of_all.before_minor, of_all.after_minor, of_all.total_minor) == (0, owed, owed)
    assert (of_late.before_minor, of_late.after_minor) == (1_234, owed)
    assert of_late.total_minor == owed - 1_234


def test_a_part_of_the_books_that_does_not_reach_until_now_says_no_balance(lived):
    book_long_ago(lived, 1_234)
    for wanted in ({"kinds": ("fee",)}, {"until": timezone.now().date() - DAY}):
        found, _ = added(lived, **wanted)

        assert found
        assert all((each.after_minor, each.before_minor) == (None, None) for each in found)


def test_too_much_to_add_up_is_said_and_not_added(lived, owner, monkeypatch):
    monkeypatch.setattr(sums_module, "MOST_ADDED", 5)

    assert added(lived)[0] is None
    owner.get("/dashboard/money")
    assert "This is too much to add up here. Choose fewer days." in owner.text
    owner.get("/dashboard/money?kind=write_offs")
    assert "too much" not in owner.text


def test_the_page_s_sums_add_up_as_a_reader_adds_them(lived, owner):
    owner.get("/dashboard/money")

    block = owner.text.split('id="sums-EUR"')[1].split("</dl>")[0]
    *parts, total = [minor(each) for each in re.findall(r"<dd>([^<]+)</dd>", block)]
    (balance,) = seller_balances(tenant_id=lived.pk)
    assert sum(parts) == total == balance.pending_minor + balance.available_minor
    for name in ("Sale", "Commission", "Tax on commission", "Payment fee", "Refund", "Dispute", "Paid out"):
        assert f"<dt>{name}</dt>" in block, name
    assert "Owed to you after" in block


def test_months_lead_to_their_days_and_keep_the_kind(lived, owner):
    owner.get("/dashboard/money?kind=sales&cursor=x")
    (this, before) = months(timezone.now().date())

    for name, first, last in (this, before):
        link = re.search(rf'href="([^"]+)">{name}</a>', owner.text)[1]
        assert html.unescape(link) == f"?kind=sales&since={first}&until={last}#books"
    owner.get(f"/dashboard/money?since={this[1]}&until={this[2]}")
    assert "Owed to you after" in owner.text
    owner.get(f"/dashboard/money?since={before[1]}&until={before[2]}")
    assert "Nothing of this kind happened in this time." in owner.text


@pytest.mark.parametrize(
    ("today", "spans"),
    [
        ("2026-01-31", [("2026-01-01", "2026-01-31"), ("2025-12-01", "2025-12-31")]),
        ("2028-03-01", [("2028-03-01", "2028-03-31"), ("2028-02-01", "2028-02-29")]),
        ("2026-12-31", [("2026-12-01", "2026-12-31"), ("2026-11-01", "2026-11-30")]),
    ],
)
def test_months_begin_and_end_on_their_days(today, spans):
    assert [
        (str(first), str(last)) for _, first, last in months(timezone.datetime.fromisoformat(today).date())
    ] == spans


def test_what_was_taken_back_after_the_payout_is_called_a_debt_of_its_order(seller, stripe_local):
    old = sell(10_000, stripe_local)
    pay_out()
    request_refund(order_id=old.pk, amount_minor=None, reason="returned", actor=SELLER)
    run_jobs()
    new = sell(2_000, stripe_local)
    at = later(30)
    found = standings(tenant_id=seller.pk, at=at)
    rows, _ = unpaid_sales(tenant_id=seller.pk, standings=found, at=at)
    said = {row.order_id: why(row, found["EUR"], "") for row in rows}

    assert said[old.pk].endswith("it is part of what you owe.")
    assert said[new.pk].startswith("It goes towards")


# Reserve ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def held(seller, stripe_local):
    """Four sales, of each a tenth in reserve, for 5, 10, 20 and 400 days; one more was released."""
    SellerAccount.objects.update(reserve_basis_points=1000, reserve_days=90)
    orders = [sell(price, stripe_local) for price in (1_000, 2_000, 3_000, 4_000, 5_000)]
    for order, days in zip(orders, (5, 10, 20, 400, 1), strict=True):
        Reserve.objects.filter(charge__order_id=order.pk).update(release_at=later(days))
    release_reserves(at=later(2))
    return orders


def test_what_is_in_reserve_is_the_balance_by_sale_and_by_day(seller, held):
    (balance,) = seller_balances(tenant_id=seller.pk)
    (sums,) = reserve_sums(seller, zone=zone_of(seller.seller_account))

    assert [reserve.amount_minor for reserve in reserves_held(seller)] == [100, 200, 300, 400]
    assert sum(minor for _, minor in sums.days) == sums.amount_minor == balance.reserved_minor == 1_000
    assert sums.sales == 4


def test_the_reserve_is_listed_with_its_orders_and_days(owner, seller, held):
    owner.get("/dashboard/money/reserve")

    numbers = re.findall(r">#(\d+)</a>", owner.text)
    assert numbers == [str(order.number) for order in held[:4]]
    assert f'href="/dashboard/orders/{held[0].pk}/earnings"' in owner.text
    block = owner.text.split('<dl class="sums">')[1].split("</dl>")[0]
    *days, total = [minor(each) for each in re.findall(r"<dd>([^<]+)</dd>", block)]
    assert sum(days) == total == 1_000


def test_a_reserve_whose_sale_is_disputed_is_not_released_and_says_so(owner, stripe_local, held):
    sync_dispute(stripe_local.control("disputes", charge=Charge.objects.get(order_id=held[0].pk).pk)["id"])
    Reserve.objects.filter(charge__order_id=held[0].pk).update(
        held_at=timezone.now() - 9 * DAY, release_at=timezone.now() - 2 * DAY
    )

    assert release_reserves() == 0
    owner.get("/dashboard/money/reserve")
    assert owner.text.count("Waits for the end of a dispute or refund") == 2


def test_a_long_reserve_goes_on_page_by_page(owner, seller, held):
    charges = [
        Charge(
            charge_id=f"ch_copy_{n}", tenant=seller, order_id=held[0].pk, order_number=n, payment_id=make_user().pk,
            currency="EUR", amount_minor=100, captured_at=timezone.now(), hold_until=timezone.now(),
        ) for n in range(30)
    ]  # fmt: skip
    Charge.objects.bulk_create(charges)
    Reserve.objects.bulk_create(
        Reserve(
            tenant=seller, charge=charge, currency="EUR", amount_minor=10, held_at=timezone.now(), release_at=later(7)
        ) for charge in charges
    )  # fmt: skip
    seen, address = [], "/dashboard/money/reserve"
    while address:
        owner.get(address)
        seen += re.findall(r">#(\d+)</a>", owner.text.split("<tbody>")[1])
        more = re.findall(r'rel="next" href="([^"]+)"', owner.text)
        address = f"/dashboard/money/reserve{html.unescape(more[0])}" if more else ""

    assert len(seen) == 34
    assert len(set(seen)) == 34


def test_no_reserve_is_said(owner, seller):
    owner.get("/dashboard/money/reserve")
    assert "The marketplace holds no part of your sales back." in owner.text
    SellerAccount.objects.update(reserve_basis_points=100, reserve_days=9)
    owner.get("/dashboard/money/reserve")
    assert "A part of your next sales will be." in owner.text


def test_the_reserve_of_another_seller_is_not_seen(owner, seller, other_tenant, stripe_local):
    SellerAccount.objects.update(reserve_basis_points=1000, reserve_days=90)
    connection.set_tenant(other_tenant)
    ShippingRate.objects.update(price_minor=0)
    sell(77_700, stripe_local)
    connection.set_tenant(seller)
    assert Reserve.objects.filter(tenant=other_tenant).exists()

    for path in ("money/reserve", "money"):
        owner.get(f"/dashboard/{path}")
        assert "777.00" not in owner.text
        assert "77.70" not in owner.text
    assert book_sums(seller, zone=zone_of(seller.seller_account), at=timezone.now()) == []


@pytest.mark.parametrize(("role", "status"), [("manager", 200), ("fulfilment", 403), ("support", 403)])
def test_the_reserve_is_for_those_who_manage(seller, role, status):
    browser = sign_in(Browser(seller), add_member(seller, role))

    assert browser.get("/dashboard/money/reserve").status_code == status


@pytest.mark.parametrize("query", ["?cursor=x", "?cursor=WzEsMl0", "?cursor=%00", "?cursor=" + "A" * 3000])
def test_a_position_that_is_not_ours_begins_the_list_anew(owner, held, query):
    assert owner.get(f"/dashboard/money/reserve{query}").status_code == 200


def test_the_pages_ask_little_however_much_happened(lived, owner, django_assert_max_num_queries):
    for path in ("money", "money?kind=payouts", "money/reserve"):
        with django_assert_max_num_queries(12):
            assert owner.get(f"/dashboard/{path}").status_code == 200
