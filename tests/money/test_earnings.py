"""Why is this not paid yet: one answer for each order, and it is the true one."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.errors import NotFound
from core.ids import new_id
from payouts.models import Charge, Payout, SellerAccount
from services.charge_services import refresh_charge
from services.dispute_services import sync_dispute
from services.earnings_services import explain_earnings
from services.order_services import deliver_order
from services.payout_services import run_payouts
from services.refund_services import request_refund
from services.shipping_services import ship_order
from services.transfer_services import return_payouts, settle_payouts
from shop.models import Order
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_variant, pay
from tests.money.support import SELLER, sell

LATER = timedelta(days=30)


def explain(order, *, later=True):
    return explain_earnings(order_id=order.pk, at=timezone.now() + (LATER if later else timedelta()))


def test_an_unpaid_order_has_earned_nothing_yet(seller):
    assert explain(make_order()).state == "not_captured"


def test_an_order_of_another_storefront_does_not_exist(seller):
    with pytest.raises(NotFound):
        explain_earnings(order_id=new_id())


def test_a_sale_is_held_until_its_day(seller, stripe_local):
    order = sell(10_000, stripe_local)

    found = explain(order, later=False)

    assert (found.state, found.until) == ("hold", Charge.objects.get().hold_until)
    assert found.parts == {"sale": 10_000, "commission": -1_030, "fee": -320}
    assert (found.net_minor, found.unpaid_minor) == (8_650, 8_650)


def test_stripes_own_date_is_named_where_it_is_later(seller, stripe_local):
    order = sell(10_000, stripe_local)
    day = timezone.now() + timedelta(days=60)
    refresh_charge(Charge.objects.get().pk, funds_available_on=day)

    found = explain(order)

    assert (found.state, found.until) == ("funds_pending", day)


def test_without_stripes_fee_the_net_is_not_known(seller, stripe_local):
    order = sell(10_000, stripe_local)
    refresh_charge(Charge.objects.get().pk, fee_minor=None)

    assert explain(order).state == "awaiting_fee"


def test_delivery_and_the_return_window_are_waited_for_where_the_marketplace_asks(seller, stripe_local):
    SellerAccount.objects.update(return_days=14, hold_days=1)
    order = sell(10_000, stripe_local)
    assert explain(order).state == "awaiting_delivery"

    ship_order(order_id=order.pk, carrier="DHL", actor=SELLER)
    deliver_order(order_id=order.pk, actor=SELLER)

    found = explain(order, later=False)
    assert found.state == "return_window"
    assert found.until == Order.objects.get(pk=order.pk).delivered_at + timedelta(days=14)
    assert explain(order).state == "scheduled"


def test_a_refund_in_progress_and_a_dispute_freeze_the_order(seller, stripe_local):
    order = sell(10_000, stripe_local)
    request_refund(order_id=order.pk, amount_minor=100, reason="late", actor=SELLER)
    assert explain(order).state == "refund_in_progress"
    run_jobs()
    assert explain(order).state == "scheduled"

    dispute = stripe_local.control("disputes", charge=Charge.objects.get().pk)
    sync_dispute(dispute["id"])
    assert explain(order).state == "dispute_open"
    stripe_local.control(f"disputes/{dispute['id']}/close", outcome="won")
    sync_dispute(dispute["id"])
    assert explain(order).state == "scheduled"


@pytest.mark.parametrize(
    ("terms", "state"),
    [
        ({"payouts_paused_reason": "checking"}, "paused"),
        ({"transfers_active": False}, "account_restricted"),
        ({"payout_minimum_minor": 8_651}, "below_minimum"),
        ({"schedule": "manual"}, "on_request"),
        ({}, "scheduled"),
    ],
)
def test_what_stands_between_available_money_and_the_bank(seller, stripe_local, terms, state):
    order = sell(10_000, stripe_local)
    SellerAccount.objects.update(**terms)

    assert explain(order).state == state
    paid = run_payouts(at=timezone.now() + LATER)
    assert bool(paid) is (state in ("scheduled", "on_request"))


def test_new_earnings_go_towards_a_debt(seller, stripe_local):
    old = sell(10_000, stripe_local)
    run_payouts(at=timezone.now() + LATER)
    run_jobs()
    request_refund(order_id=old.pk, amount_minor=None, reason="returned", actor=SELLER)
    run_jobs()
    order = sell(2_000, stripe_local)

    assert explain(order).state == "debt"
    assert explain(old).unpaid_minor < 0


def test_a_payout_is_followed_to_the_bank(seller, stripe_local):
    order = sell(10_000, stripe_local)
    run_payouts(at=timezone.now() + LATER)
    assert explain(order).state == "being_paid"
    run_jobs()
    assert explain(order).state == "in_transit"

    account, at = SellerAccount.objects.get().stripe_account_id, timezone.now() + timedelta(minutes=1)
    settle_payouts(stripe_account_id=account, at=at, bank_payout_id="po_1")
    found = explain(order)
    assert found.state == "paid"
    assert [(row["number"], row["amount_minor"]) for row in found.payouts] == [(1, 8_650)]

    return_payouts(
        stripe_account_id=account, at=at, bank_payout_id="po_1", code="closed", message="Account closed."
    )
    assert explain(order).state == "returned"
    assert Payout.objects.count() == 1


def test_a_reserve_is_named_with_its_day(seller, stripe_local):
    SellerAccount.objects.update(reserve_basis_points=1000, reserve_days=90)
    order = sell(10_000, stripe_local)

    found = explain(order)

    assert (found.reserved_minor, found.net_minor) == (1_000, 7_650)
    assert found.reserve_release_at == Charge.objects.get().captured_at + timedelta(days=90)


def test_an_order_whose_money_all_went_back_has_nothing_due(seller, stripe_local):
    order = make_order((make_variant(price_minor=10_000), 1))
    pay(order, stripe_local)
    sell(30_000, stripe_local)
    request_refund(order_id=order.pk, amount_minor=None, reason="returned", actor=SELLER)
    run_jobs()

    found = explain(order)

    assert (found.state, found.net_minor) == ("nothing_due", -30 - 320)
