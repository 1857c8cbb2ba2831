"""Disputes: from the bank's first question to won or lost, booked once whatever order Stripe tells it in."""

from datetime import timedelta
from itertools import permutations

import pytest
from django.db.models import Sum
from django.utils import timezone

from core.errors import NotFound
from payouts.models import (
    Charge,
    CommissionRule,
    Dispute,
    EventState,
    LedgerEntry,
    LedgerTransaction,
    Payout,
    StripeEvent,
)
from services.dispute_services import DisputeClosed, accept_dispute, answer_dispute, dispute_of, sync_dispute
from services.ledger_services import seller_balances
from services.order_history import SYSTEM
from services.payment_services import start_payment
from services.payout_services import run_payouts
from services.reconciliation_services import reconcile
from services.refund_services import OverRefund, request_refund
from services.shipping_services import ship_order
from services.stripe_gateway import PaymentProviderRefused
from services.webhook_services import apply_stripe_event, store_event
from shop.models import CreditLine, Notification, OrderEvent, OrderLine, ShippingRate
from tenants.context import tenant_scope
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_variant, pay
from tests.money.support import balance, faults, onboard, pay_out, sell

FEE = 1_500
NET = 8_650  # of 100.00: less 10.30 commission and 3.20 for Stripe


@pytest.fixture
def seller(serving, stripe_local):
    ShippingRate.objects.update(price_minor=0)
    CommissionRule.objects.create(basis_points=1000, fixed_minor=30)
    onboard(serving, stripe_local)
    return serving


@pytest.fixture
def sale(seller, stripe_local):
    return sell(10_000, stripe_local)


class Bank:
    """The buyer's bank, disputing a sale; after each step our copy is brought to what Stripe says, twice."""

    def __init__(self, stripe_local, order, **facts) -> None:
        self.stripe = stripe_local
        charge = order.payments.get().transaction_id
        self.id = stripe_local.control("disputes", charge=charge, **facts)["id"]

    def tell(self) -> Dispute:
        for _ in range(2):
            sync_dispute(self.id)
        return Dispute.objects.get(pk=self.id)

    def close(self, outcome: str, **facts) -> Dispute:
        self.stripe.control(f"disputes/{self.id}/close", outcome=outcome, **facts)
        return self.tell()


@pytest.fixture
def dispute(stripe_local):
    """Opens a dispute of an order, told."""

    def open_one(order, **facts) -> Bank:
        bank = Bank(stripe_local, order, **facts)
        bank.tell()
        return bank

    return open_one


def book(kind: str) -> int:
    """What an account holds, minor units as booked."""
    found = LedgerEntry.objects.filter(account__kind=kind).aggregate(sum=Sum("amount_minor"))
    return found["sum"] or 0


def earned(tenant) -> int:
    (found,) = seller_balances(tenant_id=tenant.pk)
    return found.earned_minor


def assert_books_agree() -> None:
    """Every transaction sums to zero, the audit finds nothing, and our balance at Stripe is Stripe's."""
    for row in LedgerTransaction.objects.all():
        assert row.entries.aggregate(sum=Sum("amount_minor"))["sum"] == 0, row.key
    assert faults() == []
    assert reconcile().differences == []


# Each step ----------------------------------------------------------------------------------------------------------------


def test_opened_the_amount_is_held_and_the_seller_bears_the_fee(sale, seller, dispute):
    bank = dispute(sale)

    found = Dispute.objects.get(pk=bank.id)
    assert (found.status, found.amount_minor, found.fee_minor) == ("needs_response", 10_000, FEE)
    assert found.is_withdrawn
    assert found.evidence_due_at > timezone.now()
    assert (book("dispute_hold"), book("stripe_balance")) == (10_000, 10_000 - 320 - 10_000 - FEE)
    assert (earned(seller), seller_balances(tenant_id=seller.pk)[0].in_dispute_minor) == (NET - FEE, 10_000)
    assert Charge.objects.get().is_frozen
    assert_books_agree()


def test_where_the_marketplace_bears_the_fees_it_bears_the_disputes_too(seller, stripe_local, dispute):
    CommissionRule.objects.update(fee_bearer="marketplace")
    bank = dispute(sell(10_000, stripe_local))

    assert (earned(seller), book("processing_fees")) == (8_970, 320 + FEE)
    bank.close("won", return_fee=True)
    assert (earned(seller), book("processing_fees")) == (8_970, 320)
    assert_books_agree()


def test_won_the_amount_is_back_and_the_fee_stays(sale, seller, dispute):
    found = dispute(sale).close("won")

    assert (found.status, found.fee_minor, found.is_open) == ("won", FEE, False)
    assert found.closed_at is not None
    assert (book("dispute_hold"), earned(seller)) == (0, NET - FEE)
    assert not CreditLine.objects.exists()
    assert_books_agree()


def test_won_with_the_fee_back_the_seller_is_as_before(sale, seller, dispute):
    found = dispute(sale).close("won", return_fee=True)

    assert found.fee_minor == 0
    assert (book("dispute_hold"), earned(seller)) == (0, NET)
    assert_books_agree()


def test_lost_the_seller_bears_it_and_commission_goes_back_by_the_refunds_rule(sale, seller, dispute):
    found = dispute(sale).close("lost")

    assert (found.status, found.is_open) == ("lost", False)
    assert (book("dispute_hold"), book("dispute_losses")) == (0, 0)
    assert earned(seller) == -320 - 30 - FEE
    charge = Charge.objects.get()
    assert (charge.disputed_minor, charge.refunded_minor, charge.is_frozen) == (10_000, 0, False)
    (line,) = OrderLine.objects.all()
    assert (line.credited_minor, line.credited_commission_minor) == (10_000, 1_000)
    assert_books_agree()


@pytest.mark.parametrize(("returned", "kept"), [("all", 0), ("none", 1_030)])
def test_lost_the_commission_goes_back_as_the_orders_rule_says(seller, stripe_local, dispute, returned, kept):
    CommissionRule.objects.update(returned=returned)
    dispute(sell(10_000, stripe_local)).close("lost")

    assert earned(seller) == -320 - kept - FEE
    assert_books_agree()


def test_lost_in_part_takes_that_part_and_no_more_than_the_rest_can_be_refunded(sale, seller, dispute):
    dispute(sale, amount=4_000).close("lost")
    assert earned(seller) == NET - FEE - 4_000 + 400
    charge = Charge.objects.get()
    assert (charge.disputed_minor, charge.refunded_minor) == (4_000, 0)

    with pytest.raises(OverRefund) as refusal:
        request_refund(order_id=sale.pk, amount_minor=6_001, reason="r", actor=SYSTEM)
    assert refusal.value.facts["left"] == {"amount": 6_000, "currency": "EUR"}
    assert_books_agree()


def test_a_refund_that_stripe_refuses_after_a_lost_dispute_leaves_the_rest_with_the_seller(
    sale, seller, dispute
):
    dispute(sale, amount=4_000).close("lost")
    before = earned(seller)
    refund = request_refund(order_id=sale.pk, amount_minor=None, reason="r", actor=SYSTEM)
    assert refund.amount_minor == 6_000
    run_jobs()

    refund.refresh_from_db()
    assert refund.status == "failed"
    (line,) = OrderLine.objects.all()
    assert (earned(seller), line.credited_minor, Charge.objects.get().is_frozen) == (before, 4_000, False)
    assert_books_agree()


def test_evidence_sent_at_stripe_is_followed_and_books_nothing(sale, dispute, stripe_local):
    bank = dispute(sale)
    before = LedgerTransaction.objects.count()
    stripe_local.client().v1.disputes.update(bank.id, {"evidence": {"uncategorized_text": "sent"}})
    found = bank.tell()

    assert (found.status, LedgerTransaction.objects.count()) == ("under_review", before)
    assert Charge.objects.get().is_frozen


def test_after_a_partial_refund_a_dispute_takes_no_more_than_is_left(sale, seller, dispute, stripe_local):
    request_refund(order_id=sale.pk, amount_minor=2_500, reason="r", actor=SYSTEM)
    run_jobs()
    with pytest.raises(ValueError, match="7500 of the charge is left"):
        Bank(stripe_local, sale, amount=7_501)
    bank = dispute(sale)

    assert Dispute.objects.get().amount_minor == book("dispute_hold") == 7_500
    bank.close("lost")
    assert book("dispute_losses") == 0
    assert earned(seller) == -320 - 30 - FEE
    assert_books_agree()


def test_a_refund_that_was_promised_when_the_dispute_came_is_not_paid_as_well(sale, seller, dispute):
    refund = request_refund(order_id=sale.pk, amount_minor=2_500, reason="r", actor=SYSTEM)
    bank = dispute(sale)
    run_jobs()
    refund.refresh_from_db()
    assert refund.status == "failed", "Stripe refunds nothing that a bank has taken back"

    bank.close("lost")
    assert (earned(seller), book("dispute_losses")) == (-320 - 30 - FEE, 0)
    assert_books_agree()


# What order it is told in ---------------------------------------------------------------------------------------------------


def story(stripe_local, outcome: str) -> list[dict]:
    """Every event of the dispute, one of each type."""
    found = {
        event["type"]: event for event in stripe_local.events() if event["type"].startswith("charge.dispute.")
    }
    assert {"charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"} <= set(found)
    assert ("charge.dispute.funds_reinstated" in found) == (outcome == "won")
    return list(found.values())


def bring(event: dict) -> None:
    """Deliver an event, and apply it."""
    store_event(event)
    apply_stripe_event(event_id=event["id"])


def booked() -> list[tuple[str, int]]:
    rows = LedgerEntry.objects.filter(transaction__key__startswith="dispute:")
    return sorted(rows.values_list("part", "amount_minor"))


@pytest.mark.parametrize("outcome", ["won", "lost"])
@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_every_order_of_the_events_of_a_dispute_ends_the_same(sale, seller, stripe_local, outcome, order):
    bank = Bank(stripe_local, sale)
    stripe_local.control(f"disputes/{bank.id}/close", outcome=outcome)
    told = [event for event in story(stripe_local, outcome) if "reinstated" not in event["type"]]
    assert len(told) == 3
    for index in order:
        bring(told[index])
        sync_dispute(bank.id)  # told twice

    assert set(StripeEvent.objects.values_list("state", flat=True)) == {EventState.APPLIED}
    assert Dispute.objects.get().status == outcome
    assert earned(seller) == {"won": NET - FEE, "lost": -320 - 30 - FEE}[outcome]
    assert (book("dispute_hold"), LedgerTransaction.objects.filter(key__startswith="dispute:").count()) == (
        0,
        2,
    )
    assert_books_agree()


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_events_that_come_while_the_dispute_goes_on_end_the_same(sale, seller, stripe_local, order):
    """Each event is read from Stripe as of then: what was told of the opening may arrive long after the end."""
    bank = Bank(stripe_local, sale)
    opening = [event for event in stripe_local.events() if event["type"].startswith("charge.dispute.")]
    if order[0] != 2:
        bring(opening[0])
    stripe_local.control(f"disputes/{bank.id}/close", outcome="lost")
    told = story(stripe_local, "lost")
    for index in order:
        bring(told[index])

    assert (earned(seller), book("dispute_hold")) == (-320 - 30 - FEE, 0)
    assert_books_agree()


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_step_by_step_or_only_in_the_end_the_books_are_the_same(seller, stripe_local, dispute, outcome):
    followed = dispute(sell(10_000, stripe_local))
    followed.close(outcome)
    step_by_step = booked()

    late = Bank(stripe_local, sell(10_000, stripe_local))
    late.close(outcome)

    assert booked() == sorted([*step_by_step, *step_by_step])
    assert_books_agree()


def test_a_dispute_told_before_its_payment_brings_the_payment_along(seller, stripe_local):
    order = make_order((make_variant(price_minor=10_000), 1))
    payment = start_payment(order_id=order.pk)
    stripe_local.pay(payment.session_id)
    charge = stripe_local.client().v1.charges.list().data[0].id
    opened = stripe_local.control("disputes", charge=charge)["id"]
    sync_dispute(opened)

    order.refresh_from_db()
    assert (order.status, Dispute.objects.get().order_id) == ("confirmed", order.pk)
    assert_books_agree()


def test_a_dispute_of_a_charge_that_is_not_ours_is_ignored(seller, stripe_local):
    client = stripe_local.client()
    intent = client.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "eur",
            "payment_method": "pm_card_visa",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "confirm": True,
        }
    )
    stripe_local.control("disputes", charge=intent.latest_charge)
    event = next(e for e in stripe_local.events() if e["type"] == "charge.dispute.created")
    bring(event)

    assert StripeEvent.objects.get(pk=event["id"]).state == EventState.IGNORED
    assert not Dispute.objects.exists()


# Inquiries -------------------------------------------------------------------------------------------------------------------


def test_an_inquiry_moves_no_money_and_the_sale_waits(sale, seller, dispute):
    bank = dispute(sale, inquiry=True)

    found = Dispute.objects.get(pk=bank.id)
    assert (found.status, found.is_withdrawn) == ("warning_needs_response", False)
    assert (book("dispute_hold"), earned(seller)) == (0, NET)
    assert Charge.objects.get().is_frozen
    assert pay_out() == []
    assert_books_agree()

    found = bank.close("warning_closed")
    assert (found.is_open, Charge.objects.get().is_frozen) == (False, False)
    assert not LedgerTransaction.objects.filter(key__startswith="dispute:").exists()
    assert [payout.amount_minor for payout in pay_out()] == [NET]


def test_an_inquiry_that_becomes_a_dispute_is_booked_from_then(sale, seller, dispute, stripe_local):
    bank = dispute(sale, inquiry=True)
    stripe_local.control(f"disputes/{bank.id}/escalate")
    found = bank.tell()

    assert (found.status, found.is_withdrawn, book("dispute_hold")) == ("needs_response", True, 10_000)
    bank.close("lost")
    assert earned(seller) == -320 - 30 - FEE
    assert_books_agree()


def test_two_disputes_one_after_the_other_are_two(sale, seller, dispute):
    dispute(sale, amount=3_000).close("won")
    second = dispute(sale, amount=4_000)
    assert (Dispute.objects.count(), book("dispute_hold")) == (2, 4_000)
    assert Charge.objects.get().is_frozen
    second.close("lost")

    assert earned(seller) == NET - 2 * FEE - 4_000 + 400
    assert not Charge.objects.get().is_frozen
    assert_books_agree()


def test_two_disputes_that_are_both_lost_take_no_more_than_the_sale(sale, seller, dispute, stripe_local):
    dispute(sale, amount=6_000).close("lost")
    with pytest.raises(ValueError, match="4000 of the charge is left"):
        Bank(stripe_local, sale, amount=6_000)
    dispute(sale).close("lost")

    assert (Charge.objects.get().disputed_minor, book("dispute_losses")) == (10_000, 0)
    assert earned(seller) == -320 - 30 - 2 * FEE
    assert_books_agree()


# Payouts ----------------------------------------------------------------------------------------------------------------------


def test_the_sale_waits_while_its_dispute_is_open_and_is_paid_after_it_is_won(
    sale, seller, dispute, stripe_local
):
    other = sell(5_000, stripe_local)
    bank = dispute(sale)
    stripe_local.control("funds", amount=10_000, currency="eur")

    (first,) = pay_out()
    assert first.amount_minor == 5_000 - 530 - 175
    assert {line["order_number"] for line in first.statement["orders"]} == {other.number}
    pending, available, _ = balance(seller, in_days=8)
    assert (pending, available) == (NET - FEE, 0)

    bank.close("won", return_fee=True)
    (second,) = pay_out()
    assert second.amount_minor == NET
    assert faults() == []


def test_a_sale_whose_dispute_comes_after_its_payout_makes_a_debt_that_later_sales_pay(
    sale, seller, dispute, stripe_local
):
    (paid,) = pay_out()
    assert paid.amount_minor == NET
    stripe_local.control("funds", amount=50_000, currency="eur")
    bank = dispute(sale)
    assert balance(seller, in_days=8) == (-FEE, 0, NET), "while it is open the fee waits with its sale"
    bank.close("lost")

    debt = 10_000 - 1_000 + FEE
    assert balance(seller, in_days=8) == (0, -debt, NET)
    assert pay_out() == []
    sell(20_000, stripe_local)
    (netted,) = pay_out()
    assert netted.amount_minor == 20_000 - 2_030 - 610 - debt
    assert balance(seller, in_days=8)[:2] == (0, 0)
    assert faults() == []


def test_a_payout_that_was_claimed_before_the_dispute_goes_on_and_the_loss_is_a_debt(
    sale, seller, dispute, stripe_local
):
    (claimed,) = run_payouts(at=timezone.now() + timedelta(days=8))
    stripe_local.control("funds", amount=50_000, currency="eur")
    bank = dispute(sale)
    run_jobs()
    assert Payout.objects.get(pk=claimed.pk).status == "sent"

    bank.close("lost")
    assert balance(seller, in_days=8)[1] == -(10_000 - 1_000 + FEE)
    assert faults() == []


def test_the_statement_shows_a_lost_dispute_by_its_orders_lines(seller, stripe_local, dispute):
    order = make_order((make_variant(price_minor=7_000), 1), (make_variant(price_minor=3_000), 1))
    pay(order, stripe_local)
    sell(50_000, stripe_local)
    dispute(order, amount=5_000).close("lost")

    (payout,) = pay_out()
    statement = payout.statement
    of_order = [line for line in statement["orders"] if line["order_number"] == order.number]
    lost = [line["amount_minor"] for line in statement["lines"] if line["kind"] == "dispute"]
    assert lost == [-5_000]
    # The fee has no shares of its own: it goes by what was paid.
    assert [line["disputed_minor"] for line in of_order] == [-3_500 - 1_050, -1_500 - 450]
    assert statement["totals"]["dispute"] == -5_000
    assert statement["totals"]["dispute_fee"] == -FEE
    assert sum(line["amount_minor"] for line in statement["lines"]) == payout.amount_minor
    assert sum(line["amount_minor"] for line in statement["orders"]) == payout.amount_minor
    assert faults() == []


# Who is told -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_the_seller_is_told_once_of_each_state(sale, seller, dispute, stripe_local, outcome):
    bank = dispute(sale)
    stripe_local.client().v1.disputes.update(bank.id, {"evidence": {"uncategorized_text": "sent"}})
    bank.tell()
    bank.close(outcome)
    bank.tell()

    keys = (
        Notification.objects.filter(type="dispute")
        .order_by("created_at")
        .values_list("dedupe_key", flat=True)
    )
    assert [key.rsplit(":", 1)[1] for key in keys] == ["needs_response", "under_review", outcome]
    assert all(Notification.objects.filter(type="dispute").values_list("for_staff", flat=True))
    history = OrderEvent.objects.filter(order=sale, action__startswith="dispute_").values_list(
        "action", flat=True
    )
    assert list(history) == ["dispute_needs_response", "dispute_under_review", f"dispute_{outcome}"]


def test_the_buyer_is_not_told_of_a_dispute(sale, dispute):
    dispute(sale).close("lost")
    assert not Notification.objects.filter(type="dispute", for_staff=False).exists()


# Answering ----------------------------------------------------------------------------------------------------------------------


def test_an_answer_goes_to_the_bank_once_with_the_parcels_tracking(sale, dispute, stripe_local):
    ship_order(order_id=sale.pk, carrier="DHL", tracking_number="T1", actor=SYSTEM)
    bank = dispute(sale)

    found = answer_dispute(dispute_id=bank.id, text="It was delivered.", actor=SYSTEM)

    assert found.status == "under_review"
    evidence = stripe_local.client().v1.disputes.retrieve(bank.id).evidence
    assert (evidence.shipping_carrier, evidence.shipping_tracking_number) == ("DHL", "T1")
    assert evidence.uncategorized_text == "It was delivered."
    with pytest.raises(DisputeClosed) as refusal:
        answer_dispute(dispute_id=bank.id, text="And more.", actor=SYSTEM)
    assert list(refusal.value.facts.values()) == ["under_review"]


def test_giving_in_loses_the_dispute(sale, seller, dispute):
    bank = dispute(sale)

    assert accept_dispute(dispute_id=bank.id, actor=SYSTEM).status == "lost"
    assert earned(seller) == -320 - 30 - FEE
    for answer in (
        lambda: accept_dispute(dispute_id=bank.id, actor=SYSTEM),
        lambda: answer_dispute(dispute_id=bank.id, text="t", actor=SYSTEM),
    ):
        with pytest.raises(DisputeClosed):
            answer()
    assert_books_agree()


def test_an_inquiry_cannot_be_given_in_to(sale, seller, dispute):
    bank = dispute(sale, inquiry=True)
    with pytest.raises(PaymentProviderRefused):
        accept_dispute(dispute_id=bank.id, actor=SYSTEM)
    assert (Dispute.objects.get().status, earned(seller)) == ("warning_needs_response", NET)


def test_another_sellers_dispute_is_none(sale, dispute, other_tenant):
    bank = dispute(sale)
    with tenant_scope(other_tenant):
        for ask in (
            lambda: dispute_of(bank.id),
            lambda: answer_dispute(dispute_id=bank.id, text="t", actor=SYSTEM),
            lambda: accept_dispute(dispute_id=bank.id, actor=SYSTEM),
        ):
            with pytest.raises(NotFound):
                ask()
    assert Dispute.objects.get().status == "needs_response"
