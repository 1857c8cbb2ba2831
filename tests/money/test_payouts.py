"""Payouts: every seller is paid once, what is available, to the cent."""

from datetime import timedelta

import pytest
from django.utils import timezone

from payouts.models import (
    Charge,
    CommissionRule,
    LedgerEntry,
    LedgerTransaction,
    Payout,
    PayoutEntry,
    PayoutStatus,
    SellerAccount,
)
from services.account_services import sync_account
from services.invariant_services import audit
from services.payment_services import apply_intent, start_payment, sync_payment
from services.payout_services import (
    FreeEntry,
    choose_entries,
    free_entries,
    run_payouts,
)
from services.reconciliation_services import reconcile
from services.refund_services import request_refund
from services.stripe_gateway import PaymentProviderUnavailable, plain
from services.stripe_outcomes import Quarantined
from services.transfer_services import send_payout, settle_payouts, sweep_payouts
from shop.models import Notification, Payment, ShippingRate
from tenants.context import tenant_scope
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_variant
from tests.money.support import EIGHT_DAYS, SELLER, account_of, balance, onboard, pay_out, sell


def test_the_worked_example_comes_out_to_the_cent(seller, stripe_local):
    a = sell(10_000, stripe_local)
    assert balance(seller) == (8_650, 0, 0)
    b = sell(5_999, stripe_local)
    assert balance(seller) == (8_650 + 5_165, 0, 0)

    request_refund(order_id=a.pk, amount_minor=2_500, reason="scratched", actor=SELLER)
    run_jobs()
    assert balance(seller) == (6_400 + 5_165, 0, 0)

    (first,) = pay_out(in_days=8)
    assert (first.amount_minor, first.status) == (11_565, PayoutStatus.SENT)
    assert balance(seller, in_days=8) == (0, 0, 11_565)

    request_refund(order_id=b.pk, amount_minor=None, reason="returned", actor=SELLER)
    run_jobs()
    assert balance(seller, in_days=8) == (0, -5_399, 11_565)

    sell(20_000, stripe_local)
    assert (
        balance(seller) == (17_360 - 5_399 + 11_565, 0 - 11_565, 11_565)
        or balance(seller, in_days=15)[1] == 11_961
    )
    (second,) = pay_out(in_days=15)

    assert second.amount_minor == 11_961
    assert balance(seller, in_days=15) == (0, 0, 23_526)
    assert 23_526 == (8_650 - 2_250) + (5_165 - 5_399) + 17_360
    assert not audit().violations
    report = reconcile()
    assert not report.differences
    assert report.ledger_sum == {"EUR": 0}


def test_the_statement_of_a_payout_is_summed_by_hand(seller, stripe_local):
    order = sell(10_000, stripe_local)
    request_refund(order_id=order.pk, amount_minor=2_500, reason="scratched", actor=SELLER)
    run_jobs()
    (payout,) = pay_out()

    statement = payout.statement
    assert statement["totals"] == {
        "sale": 10_000,
        "commission": -1_030,
        "fee": -320,
        "refund": -2_500,
        "commission_returned": 250,
    }
    assert sum(line["amount_minor"] for line in statement["lines"]) == payout.amount_minor == 6_400
    assert (statement["opening_balance_minor"], statement["closing_balance_minor"]) == (6_400, 0)
    (line,) = statement["orders"]
    shown = ("subtotal", "sale", "commission", "fee", "refunded", "amount")
    assert line["order_number"] == order.number
    assert [line[f"{name}_minor"] for name in shown] == [10_000, 10_000, -1_030 + 250, -320, -2_500, 6_400]


def test_nothing_is_paid_before_the_hold_is_over_nor_below_the_minimum(seller, stripe_local):
    sell(10_000, stripe_local)
    assert pay_out(in_days=6) == []

    SellerAccount.objects.filter(tenant=seller).update(payout_minimum_minor=8_651)
    assert pay_out(in_days=8) == []
    SellerAccount.objects.filter(tenant=seller).update(payout_minimum_minor=8_650)
    assert [payout.amount_minor for payout in pay_out(in_days=8)] == [8_650]


def test_money_whose_fee_stripe_has_not_told_is_not_paid_out(seller, stripe_local):
    sell(10_000, stripe_local)
    Charge.objects.update(fee_minor=None, available_at=None)

    assert pay_out(in_days=30) == []


def test_money_that_stripe_itself_holds_longer_waits(seller, stripe_local):
    sell(10_000, stripe_local)
    Charge.objects.update(available_at=timezone.now() + timedelta(days=20))

    assert pay_out(in_days=10) == []
    assert len(pay_out(in_days=21)) == 1


def test_a_charge_in_another_currency_than_its_order_is_not_booked(seller, stripe_local):
    order = make_order((make_variant(price_minor=10_000), 1))
    stripe_local.pay(start_payment(order_id=order.pk).session_id)
    Payment.objects.update(currency="USD")

    with pytest.raises(Quarantined, match="10000 EUR, ordered 10000 USD"):
        sync_payment(payment_id=order.payments.get().pk)

    assert not LedgerTransaction.objects.exists()


def test_a_sale_that_stripe_settled_in_another_currency_waits_for_a_person(seller, stripe_local):
    order = make_order((make_variant(price_minor=10_000), 1))
    stripe_local.pay(start_payment(order_id=order.pk).session_id)
    (intent,) = stripe_local.client().v1.payment_intents.list(
        params={"expand": ["data.latest_charge.balance_transaction"]}
    )
    told = plain(intent)
    told["latest_charge"]["balance_transaction"]["currency"] = "usd"

    apply_intent(told)

    order.refresh_from_db()
    assert order.needs_attention == "Stripe settled this payment in USD."
    assert Charge.objects.get().fee_minor is None
    assert set(LedgerEntry.objects.values_list("currency", flat=True)) == {"EUR"}
    assert pay_out(in_days=30) == []


def test_running_again_pays_nothing_twice(seller, stripe_local):
    sell(10_000, stripe_local)

    assert len(pay_out()) == 1
    assert pay_out() == []
    assert len(stripe_local.client().v1.transfers.list().data) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"payouts_enabled": False},
        {"transfers_active": False},
        {"payouts_paused_reason": "checking"},
        {"stripe_account_id": None},
    ],
)
def test_no_transfer_to_an_account_that_may_not_receive(seller, stripe_local, change):
    sell(10_000, stripe_local)
    SellerAccount.objects.filter(tenant=seller).update(**change)

    assert pay_out() == []
    assert balance(seller, in_days=8)[1] == 8_650


def test_an_account_that_is_restricted_after_the_claim_fails_the_payout_and_frees_its_entries(
    seller, stripe_local
):
    sell(10_000, stripe_local)
    account = SellerAccount.objects.get(tenant=seller)
    made = run_payouts(at=timezone.now() + EIGHT_DAYS)
    stripe_local.control(f"accounts/{account.stripe_account_id}/restrict", reason="requirements.past_due")
    run_jobs()

    payout = Payout.objects.get(pk=made[0].pk)
    assert payout.status == PayoutStatus.FAILED
    assert not PayoutEntry.objects.filter(released_at=None).exists()

    stripe_local.control(f"accounts/{account.stripe_account_id}/verify")
    sync_account(stripe_account_id=account.stripe_account_id)
    assert [payout.status for payout in pay_out()] == [PayoutStatus.SENT]


def test_a_seller_who_is_restricted_during_a_run_does_not_hold_up_the_others(
    seller, other_tenant, stripe_local
):
    onboard(other_tenant, stripe_local)
    for tenant in (seller, other_tenant):
        with tenant_scope(tenant):
            ShippingRate.objects.update(price_minor=0)
            sell(10_000, stripe_local)
    made = run_payouts(at=timezone.now() + EIGHT_DAYS)
    stripe_local.control(f"accounts/{account_of(seller)}/restrict", reason="requirements.past_due")
    run_jobs()

    found = dict(Payout.objects.values_list("tenant", "status"))
    assert len(made) == 2
    assert found == {seller.pk: PayoutStatus.FAILED, other_tenant.pk: PayoutStatus.SENT}
    assert balance(seller, in_days=8) == (0, 8_650, 0)
    assert balance(other_tenant, in_days=8) == (0, 0, 8_650)


def test_too_little_at_stripe_leaves_the_money_payable_for_the_next_run(seller, stripe_local):
    sell(10_000, stripe_local)
    stripe_local.control("faults", match="POST /v1/transfers", kind="insufficient_balance", times=1)

    (failed,) = pay_out()
    assert (failed.status, failed.failure_code) == (PayoutStatus.FAILED, "balance_insufficient")
    (paid,) = pay_out()
    assert (paid.status, paid.amount_minor) == (PayoutStatus.SENT, 8_650)
    assert len(stripe_local.client().v1.transfers.list().data) == 1


def test_a_lost_answer_from_stripe_makes_no_second_transfer(seller, stripe_local, settings):
    settings.STRIPE_TIMEOUT_SECONDS = 3
    sell(10_000, stripe_local)
    stripe_local.control("faults", match="POST /v1/transfers", kind="drop_reply", times=5)

    (payout,) = run_payouts(at=timezone.now() + EIGHT_DAYS)
    with pytest.raises(PaymentProviderUnavailable):
        send_payout(payout_id=payout.pk)
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.REQUESTED
    stripe_local.control("faults", clear=True)
    sweep_payouts()
    run_jobs()

    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.SENT
    assert len(stripe_local.client().v1.transfers.list().data) == 1
    assert LedgerTransaction.objects.filter(kind="transfer").count() == 1


def test_a_transfer_that_does_not_match_its_payout_is_left_for_a_person(seller, stripe_local):
    sell(10_000, stripe_local)
    (payout,) = run_payouts(at=timezone.now() + EIGHT_DAYS)
    stripe_local.client().v1.transfers.create(
        params={
            "amount": 5,
            "currency": "eur",
            "destination": payout.destination,
            "transfer_group": f"payout:{payout.pk}",
        }
    )
    run_jobs()

    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.UNKNOWN
    assert pay_out() == [], "no second payout while one is unknown"


def test_the_banks_word_settles_what_was_sent(seller, stripe_local):
    sell(10_000, stripe_local)
    (payout,) = pay_out()
    account = SellerAccount.objects.get(tenant=seller).stripe_account_id

    assert settle_payouts(stripe_account_id=account, at=timezone.now() + timedelta(minutes=1)) == 1
    payout.refresh_from_db()
    assert payout.status == PayoutStatus.PAID


def test_the_seller_is_told_of_a_payout_once(seller, stripe_local):
    sell(10_000, stripe_local)
    (payout,) = pay_out()
    send_payout(payout_id=payout.pk)

    with tenant_scope(seller):
        assert Notification.objects.filter(type="payout_sent", for_staff=True).count() == 1


def test_a_marketplace_that_bears_the_fee_books_it_as_its_own_expense(seller, stripe_local):
    CommissionRule.objects.update(fee_bearer="marketplace")
    sell(10_000, stripe_local)

    assert balance(seller) == (8_970, 0, 0)
    assert LedgerEntry.objects.get(account__kind="processing_fees").amount_minor == 320


def entry(number, minor, charge):
    return FreeEntry(id=number, currency="EUR", owed_minor=minor, charge_id=charge)


def test_what_stripe_cannot_move_yet_waits_oldest_sales_first_whole():
    entries = [
        entry(1, -500, None),
        entry(2, 1_000, "a"),
        entry(3, -100, "a"),
        entry(4, 5_000, "b"),
        entry(5, 600, "c"),
    ]

    assert choose_entries(entries, 10_000) == entries
    assert [row.id for row in choose_entries(entries, 1_000)] == [1, 2, 3, 5]
    assert [row.id for row in choose_entries(entries, 0)] == [1]


def test_free_entries_are_those_nobody_has_claimed(seller, stripe_local):
    sell(10_000, stripe_local)
    at = timezone.now() + EIGHT_DAYS
    assert sum(row.owed_minor for row in free_entries(tenant_id=seller.pk, at=at)["EUR"]) == 8_650

    run_payouts(at=at)
    assert free_entries(tenant_id=seller.pk, at=at) == {}
