"""The list of what is not paid yet says of each order what the order itself says."""

import pytest
from django.utils import timezone

from core.errors import Invalid
from core.pagination import encode_cursor
from payouts.models import Charge, SellerAccount
from services.charge_services import refresh_charge
from services.debt_services import take_back_debt
from services.dispute_services import sync_dispute
from services.earnings_services import explain_earnings
from services.ledger_services import seller_balances
from services.order_services import deliver_order
from services.refund_services import request_refund
from services.shipping_services import ship_order
from services.unpaid_services import (
    STATES,
    standings,
    unpaid_of_no_sale,
    unpaid_page,
    unpaid_sales,
    unpaid_sums,
    why_unpaid,
)
from tests.factories.jobs import run_jobs
from tests.money.support import SELLER, later, pay_out, sell


def of(order):
    return Charge.objects.get(order_id=order.pk)


def refund_in_progress(stripe_local):
    request_refund(order_id=sell(10_000, stripe_local).pk, amount_minor=100, reason="late", actor=SELLER)


def dispute_open(stripe_local):
    sync_dispute(stripe_local.control("disputes", charge=of(sell(10_000, stripe_local)).pk)["id"])


def awaiting_fee(stripe_local):
    refresh_charge(of(sell(10_000, stripe_local)).pk, fee_minor=None)


def awaiting_delivery(stripe_local):
    SellerAccount.objects.update(return_days=14, hold_days=1)
    sell(10_000, stripe_local)


def funds_pending(stripe_local):
    refresh_charge(of(sell(10_000, stripe_local)).pk, funds_available_on=later(60))


def hold(stripe_local):
    SellerAccount.objects.update(hold_days=60)
    sell(10_000, stripe_local)


def return_window(stripe_local):
    SellerAccount.objects.update(return_days=60)
    order = sell(10_000, stripe_local)
    ship_order(order_id=order.pk, carrier="DHL", actor=SELLER)
    deliver_order(order_id=order.pk, actor=SELLER)


def debt(stripe_local):
    old = sell(10_000, stripe_local)
    pay_out()
    request_refund(order_id=old.pk, amount_minor=None, reason="returned", actor=SELLER)
    run_jobs()
    sell(2_000, stripe_local)


def nothing_due(stripe_local):
    sell(30_000, stripe_local)
    request_refund(order_id=sell(10_000, stripe_local).pk, amount_minor=None, reason="returned", actor=SELLER)
    run_jobs()


def on_terms(**terms):
    def scene(stripe_local):
        sell(10_000, stripe_local)
        SellerAccount.objects.update(**terms)

    return scene


SCENES = {
    "refund_in_progress": refund_in_progress,
    "dispute_open": dispute_open,
    "awaiting_fee": awaiting_fee,
    "awaiting_delivery": awaiting_delivery,
    "funds_pending": funds_pending,
    "hold": hold,
    "return_window": return_window,
    "account_restricted": on_terms(transfers_active=False),
    "paused": on_terms(payouts_paused_reason="checking"),
    "debt": debt,
    "below_minimum": on_terms(payout_minimum_minor=8_651),
    "scheduled": on_terms(),
    "on_request": on_terms(schedule="manual"),
    "nothing_due": nothing_due,
}


def test_each_reason_has_its_scene():
    assert set(SCENES) == set(STATES)


@pytest.mark.parametrize("state", SCENES)
def test_the_list_and_the_order_itself_give_the_same_answer(seller, stripe_local, state):
    SCENES[state](stripe_local)
    at = later(30)
    found = standings(tenant_id=seller.pk, at=at)

    rows, _ = unpaid_sales(tenant_id=seller.pk, standings=found, at=at)
    alone, _ = unpaid_sales(tenant_id=seller.pk, standings=found, at=at, state=state)

    assert [row for row in rows if row.state == state] == alone != []
    for row in rows:
        told = explain_earnings(order_id=row.order_id, at=at)
        assert (row.state, row.reason, row.until, row.unpaid_minor, row.currency) == (
            told.state,
            told.reason,
            told.until,
            told.unpaid_minor,
            told.currency,
        )


@pytest.fixture
def many(seller, stripe_local):
    """Sales that wait for many different things, one of them paid out and refunded later."""
    debt(stripe_local)
    for state in ("refund_in_progress", "dispute_open", "awaiting_fee", "funds_pending", "hold"):
        SCENES[state](stripe_local)
    return seller


def test_the_reasons_add_up_to_the_balance(many, stripe_local):
    for at in (timezone.now(), later(30)):
        (balance,) = seller_balances(tenant_id=many.pk, at=at)
        sums = unpaid_sums(tenant_id=many.pk, standings=standings(tenant_id=many.pk, at=at), at=at)

        assert sum(each.unpaid_minor for each in sums if each.is_pending) == balance.pending_minor
        assert sum(each.unpaid_minor for each in sums if not each.is_pending) == balance.available_minor


def test_what_was_taken_back_from_a_payout_is_of_no_order(seller, stripe_local):
    old = sell(10_000, stripe_local)
    pay_out()
    request_refund(order_id=old.pk, amount_minor=None, reason="returned", actor=SELLER)
    run_jobs()
    at = later(30)
    (before,) = seller_balances(tenant_id=seller.pk, at=at)
    take_back_debt(seller.pk, "EUR", -before.available_minor)
    run_jobs()

    (balance,) = seller_balances(tenant_id=seller.pk, at=at)
    sums = unpaid_sums(tenant_id=seller.pk, standings=standings(tenant_id=seller.pk, at=at), at=at)
    loose = unpaid_of_no_sale(tenant_id=seller.pk)
    assert loose["EUR"] > 0
    assert sum(each.unpaid_minor for each in sums) + loose["EUR"] == (
        balance.pending_minor + balance.available_minor
    )


def test_the_list_goes_on_where_it_stopped_and_names_each_sale_once(many):
    at = timezone.now()
    found = standings(tenant_id=many.pk, at=at)
    whole, none = unpaid_sales(tenant_id=many.pk, standings=found, at=at, limit=100)
    assert none is None

    seen, cursor = [], ""
    while cursor is not None:
        page, cursor = unpaid_sales(tenant_id=many.pk, standings=found, at=at, limit=2, cursor=cursor)
        seen += page

    assert seen == whole
    assert len({row.charge_id for row in seen}) == len(seen)
    assert [row.captured_at for row in seen] == sorted((row.captured_at for row in seen), reverse=True)


def test_the_first_page_is_the_list_and_its_sums_of_one_look(many, django_assert_num_queries):
    for at in (timezone.now(), later(30)):
        found = {"tenant_id": many.pk, "standings": standings(tenant_id=many.pk, at=at), "at": at}
        for wanted in (
            {},
            {"state": "hold"},
            {"state": "on_request"},
            {"is_pending": True},
            {"is_pending": False},
        ):
            with django_assert_num_queries(1):
                rows, following, sums = unpaid_page(**found, **wanted, limit=2)

            assert (rows, following) == unpaid_sales(**found, **wanted, limit=2)
            assert sums == unpaid_sums(**found)


def test_the_first_page_of_nothing_is_empty(seller):
    at = timezone.now()

    assert unpaid_page(tenant_id=seller.pk, standings={}, at=at) == ([], None, [])


def test_pending_and_available_part_the_list(many):
    at = later(30)
    found = standings(tenant_id=many.pk, at=at)

    def listed(is_pending):
        rows, _ = unpaid_sales(tenant_id=many.pk, standings=found, at=at, limit=100, is_pending=is_pending)
        return {row.charge_id for row in rows}

    assert listed(True) | listed(False) == listed(None)
    assert not listed(True) & listed(False)
    assert listed(True)
    assert listed(False)


@pytest.mark.parametrize(
    "position",
    [
        [1, 2],
        [None, None],
        ["yesterday", "ch_1"],
        ["2026-01-01T00:00:00", "ch_1"],
        ["2026-01-01T00:00:00+00:00", 7],
        ["2026-01-01T00:00:00+00:00", "\0"],
        ["2026-01-01T00:00:00+00:00"],
    ],
)
def test_a_position_that_is_not_ours_is_refused(seller, position):
    with pytest.raises(Invalid):
        unpaid_sales(tenant_id=seller.pk, standings={}, at=timezone.now(), cursor=encode_cursor(position))


def test_sales_of_another_seller_are_not_judged(seller, stripe_local, other_tenant):
    order = sell(10_000, stripe_local)

    assert why_unpaid(tenant_id=other_tenant.pk, charge_ids=[of(order).pk]) == {}


def test_many_sales_are_judged_in_as_many_queries_as_one(many, django_assert_num_queries):
    charges = list(Charge.objects.values_list("pk", flat=True))
    with django_assert_num_queries(3):
        few = why_unpaid(tenant_id=many.pk, charge_ids=charges[:1], at=later(30))
    with django_assert_num_queries(3):
        all_of_them = why_unpaid(tenant_id=many.pk, charge_ids=charges, at=later(30))
    assert len(few) <= 1 < len(all_of_them)
