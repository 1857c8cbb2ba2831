"""Capturing later: what a bank has promised is nobody's money until it is taken, and it is taken once or let go."""

import random
from itertools import permutations

import pytest

from core.db import as_marketplace
from core.errors import Invalid
from core.money import split_minor
from payouts.models import Charge, CommissionRule, EventState, LedgerEntry, LedgerTransaction, StripeEvent
from services.ledger_services import seller_balances
from services.order_history import SYSTEM
from services.order_services import cancel_order
from services.payment_services import (
    NotAuthorised,
    OverCapture,
    ParcelsSent,
    capture_payment,
    start_payment,
    sync_payment,
    void_order_payment,
)
from services.refund_services import NotRefundable, OverRefund, request_refund
from services.shipping_services import ship_order
from services.stripe_gateway import PaymentProviderRefused, PaymentProviderUnavailable
from services.webhook_services import apply_stripe_event, store_event, sweep_events
from shop.models import (
    CancelReason,
    CreditLine,
    Notification,
    Order,
    OrderEvent,
    OrderStatus,
    Payment,
    PaymentStatus,
    Refund,
    ShippingRate,
)
from tenants.context import tenant_scope
from tenants.models import CaptureMethod
from tests.factories.jobs import make_due, run_jobs
from tests.factories.shop import item_of, make_order, make_variant, pay
from tests.factories.tenants import owner_of
from tests.factories.threads import at_once, failures
from tests.money.support import SELLER, earned, faults, lines_of, make_rich_order, pay_out, sell
from tests.tenancy.support import ask, tokens

WEEK = 7 * 86_400
SHARES = ("goods", "shipping", "tax")
CAPTURE = "POST /v1/payment_intents/*/capture"
CANCEL = "POST /v1/payment_intents/*/cancel"


@pytest.fixture
def manual(seller):
    """The seller captures later."""
    seller.capture_method = CaptureMethod.MANUAL
    seller.save(update_fields=["capture_method"])
    return seller


@pytest.fixture
def variant(manual):
    return make_variant(price_minor=5_000, stock=10)


@pytest.fixture
def order(variant, stripe_local):
    """Of 2 x 50.00, authorised."""
    order = make_order((variant, 2))
    pay(order, stripe_local)
    return order


@pytest.fixture
def rich(manual, stripe_local):
    """Of three lines with discount, funding, shipping, tax and tax on the commission, authorised."""
    ShippingRate.objects.update(price_minor=490)
    CommissionRule.objects.update(tax_basis_points=1900, includes_shipping=True)
    return make_rich_order(stripe_local)


def payment_of(order) -> Payment:
    return Payment.objects.get(order=order)


def intent_of(order, stripe_local):
    return stripe_local.client().v1.payment_intents.retrieve(payment_of(order).intent_id)


def outcome(order) -> tuple[str, str, int]:
    """Where the order and its payment are, and what was taken."""
    order.refresh_from_db()
    payment = payment_of(order)
    return order.status, payment.status, payment.captured_minor


def booked() -> dict[tuple[str, str], int]:
    """The amounts on each account by what they are."""
    rows = LedgerEntry.objects.values_list("account__kind", "part", "amount_minor")
    return {(kind, part): minor for kind, part, minor in rows}


def kinds() -> list[str]:
    return sorted(LedgerTransaction.objects.values_list("kind", flat=True))


def catch_up() -> None:
    """What Stripe told while nobody listened."""
    sweep_events()
    run_jobs()


def capture_at_stripe(order, stripe_local, minor: int) -> None:
    stripe_local.client().v1.payment_intents.capture(
        payment_of(order).intent_id, params={"amount_to_capture": minor}
    )


# Authorised ---------------------------------------------------------------------------------------------------------------


def test_an_authorised_order_is_confirmed_and_nothing_is_booked(order, variant, manual, stripe_local):
    assert outcome(order) == (OrderStatus.CONFIRMED, PaymentStatus.AUTHORISED, 0)
    payment = payment_of(order)
    assert (payment.capture_before - payment.authorised_at).total_seconds() == WEEK
    assert (item_of(variant).current_stock, item_of(variant).reserved_stock) == (8, 0)
    assert not LedgerTransaction.objects.exists()
    assert not Charge.objects.exists()
    assert seller_balances(tenant_id=manual.pk) == []
    assert pay_out() == []
    assert intent_of(order, stripe_local).status == "requires_capture"
    assert faults() == []


def test_what_was_only_authorised_cannot_be_refunded(order):
    with pytest.raises(NotRefundable):
        request_refund(order_id=order.pk, amount_minor=1, reason="r", actor=SELLER)


AUTHORISED = ("charge.succeeded", "payment_intent.amount_capturable_updated", "checkout.session.completed")


def test_every_order_of_answer_and_events_confirms_an_authorised_order_once(manual, stripe_local):
    outcomes = set()
    for steps in permutations((*AUTHORISED, "answer")):
        variant = make_variant(stock=3)
        order = make_order((variant, 2))
        known = len(stripe_local.events())
        stripe_local.pay(start_payment(order_id=order.pk).session_id)
        bring(order, steps, stripe_local.events()[known:])

        outcomes.add(
            (*outcome(order), item_of(variant).current_stock, order.events.filter(action="confirmed").count())
        )

    assert outcomes == {(OrderStatus.CONFIRMED, PaymentStatus.AUTHORISED, 0, 1, 1)}
    assert not LedgerTransaction.objects.exists()


def bring(order, steps, events) -> None:
    """Our own reading of Stripe's answer, and its events, in this order."""
    told = {event["type"]: event for event in events}
    for step in steps:
        if step == "answer":
            sync_payment(payment_id=payment_of(order).pk)
        else:
            store_event(told[step])
            apply_stripe_event(event_id=told[step]["id"])


# Captured -----------------------------------------------------------------------------------------------------------------


def test_a_whole_capture_is_booked_as_a_sale_is(order, manual, stripe_local):
    assert capture_payment(order_id=order.pk, actor=SELLER).status == PaymentStatus.CAPTURED

    assert outcome(order) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED, 10_000)
    assert kinds() == ["capture", "fee"]
    assert (earned(manual), order.uncaptured_minor) == (8_650, 0)
    assert not CreditLine.objects.exists()
    (paid,) = pay_out()
    assert paid.amount_minor == 8_650
    assert faults() == []


def test_the_sale_counts_from_its_capture_not_from_its_authorisation(order, stripe_local):
    stripe_local.advance(3 * 86_400)
    payment = capture_payment(order_id=order.pk)

    assert 0 <= (payment.captured_at - payment.authorised_at).total_seconds() - 3 * 86_400 < 60
    charge = Charge.objects.get()
    assert charge.captured_at == payment.captured_at
    assert (charge.hold_until - charge.captured_at).days == 7


@pytest.mark.parametrize("minor", [1, 33, 4_999, 9_999, 15_000])
def test_a_partial_capture_and_the_rest_sum_to_every_share_of_every_line(rich, manual, minor):
    assert min(rich.tax_minor, rich.discount_minor, rich.funded_minor, rich.shipping_minor) > 0
    before = lines_of(rich)
    rest = rich.total_minor - minor

    capture_payment(order_id=rich.pk, amount_minor=minor, actor=SELLER)

    assert outcome(rich) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED, minor)
    assert rich.uncaptured_minor == rest
    shares = [
        part
        for line in before
        for part in (line.subtotal_minor - line.discount_minor, line.shipping_minor, line.tax_minor)
    ]
    lines = lines_of(rich)
    let_go = [getattr(line, f"credited_{share}_minor") for line in lines for share in SHARES]
    assert let_go == split_minor(rest, shares)
    assert sum(line.paid_minor - line.credited_minor for line in lines) == minor
    assert [line.credited_quantity for line in lines] == [0, 0, 0]

    commission = rich.commission_minor - sum(line.credited_commission_minor for line in lines)
    tax = rich.commission_tax_minor - sum(line.credited_commission_tax_minor for line in lines)
    funding = rich.funded_minor - sum(line.credited_funded_minor for line in lines)
    entries = booked()
    assert entries["stripe_balance", "sale"] == minor
    assert -entries["seller_payable", "sale"] == minor
    assert -entries["commission_income", "commission"] == commission >= 30
    assert -entries.get(("commission_tax", "commission_tax"), 0) == tax
    assert entries.get(("promotion_funding", "funding"), 0) == funding
    assert earned(manual) == minor - commission - tax + funding - Charge.objects.get().fee_minor
    assert faults() == []


def test_the_commission_of_a_part_is_that_parts_percentage_and_the_fixed_amount_once(order, manual):
    capture_payment(order_id=order.pk, amount_minor=4_000)

    assert -booked()["commission_income", "commission"] == 400 + 30
    assert earned(manual) == 4_000 - 430 - Charge.objects.get().fee_minor
    (paid,) = pay_out()
    assert paid.amount_minor == earned(manual)
    (line,) = paid.statement["orders"]
    assert (line["sale_minor"], line["commission_minor"]) == (4_000, -430)
    assert faults() == []


def test_what_stripe_captured_is_what_is_booked(order, stripe_local):
    capture_payment(order_id=order.pk, amount_minor=4_000)

    intent = intent_of(order, stripe_local)
    assert (intent.status, intent.amount_received, intent.amount_capturable) == ("succeeded", 4_000, 0)
    (moved,) = stripe_local.client().v1.balance_transactions.list().data
    assert sum(
        LedgerEntry.objects.filter(account__kind="stripe_balance").values_list("amount_minor", flat=True)
    ) == (moved.amount - moved.fee)


def test_the_last_parcel_captures_what_was_authorised(order):
    ship_order(order_id=order.pk, carrier="DHL", actor=SELLER)
    run_jobs()

    assert outcome(order) == (OrderStatus.SHIPPED, PaymentStatus.CAPTURED, 10_000)
    assert kinds() == ["capture", "fee"]
    assert faults() == []


def test_what_the_seller_has_captured_is_not_captured_again_when_the_parcel_leaves(order, stripe_local):
    capture_payment(order_id=order.pk, amount_minor=4_000, actor=SELLER)
    ship_order(order_id=order.pk, carrier="DHL", actor=SELLER)
    run_jobs()

    assert outcome(order) == (OrderStatus.SHIPPED, PaymentStatus.CAPTURED, 4_000)
    assert intent_of(order, stripe_local).amount_received == 4_000
    assert kinds() == ["capture", "fee"]


def test_a_payment_that_was_captured_by_itself_is_not_captured_by_hand(seller, stripe_local):
    order = sell(10_000, stripe_local)

    with pytest.raises(NotAuthorised):
        capture_payment(order_id=order.pk)
    with pytest.raises(NotAuthorised):
        void_order_payment(order_id=order.pk, actor=SELLER)

    run_jobs()
    assert outcome(order) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED, 10_000)
    assert not Refund.objects.exists()
    assert kinds() == ["capture", "fee"]


def test_how_an_order_is_captured_was_decided_when_its_page_was_opened(order, manual):
    manual.capture_method = CaptureMethod.AUTOMATIC
    manual.save(update_fields=["capture_method"])

    capture_payment(order_id=order.pk)

    assert outcome(order) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED, 10_000)


# Refused ------------------------------------------------------------------------------------------------------------------


def test_no_more_than_was_authorised_can_be_captured(order, stripe_local):
    with pytest.raises(OverCapture) as refusal:
        capture_payment(order_id=order.pk, amount_minor=10_001)

    assert refusal.value.facts == {
        "requested": {"amount": 10_001, "currency": "EUR"},
        "authorised": {"amount": 10_000, "currency": "EUR"},
    }
    assert outcome(order) == (OrderStatus.CONFIRMED, PaymentStatus.AUTHORISED, 0)
    assert intent_of(order, stripe_local).status == "requires_capture"


@pytest.mark.parametrize("minor", [0, -1])
def test_nothing_and_less_cannot_be_captured(order, stripe_local, minor):
    with pytest.raises((OverCapture, Invalid)):
        capture_payment(order_id=order.pk, amount_minor=minor)

    assert outcome(order) == (OrderStatus.CONFIRMED, PaymentStatus.AUTHORISED, 0)
    assert intent_of(order, stripe_local).status == "requires_capture"


@pytest.mark.parametrize("minor", [None, 4_000, 6_000])
def test_the_rest_of_a_partial_capture_is_gone(order, stripe_local, minor):
    capture_payment(order_id=order.pk, amount_minor=4_000)

    with pytest.raises(NotAuthorised):
        capture_payment(order_id=order.pk, amount_minor=minor)

    assert outcome(order) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED, 4_000)
    assert kinds() == ["capture", "fee"]


def test_after_a_void_nothing_is_captured_and_after_a_capture_nothing_is_voided(order, variant, stripe_local):
    void_order_payment(order_id=order.pk, actor=SELLER)
    with pytest.raises(NotAuthorised):
        capture_payment(order_id=order.pk)
    other = make_order((variant, 1))
    pay(other, stripe_local)
    capture_payment(order_id=other.pk)
    with pytest.raises(NotAuthorised):
        void_order_payment(order_id=other.pk, actor=SELLER)

    assert outcome(order) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED, 0)
    assert outcome(other) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED, 5_000)


def test_an_order_that_nobody_has_paid_is_neither_captured_nor_voided(manual):
    order = make_order()

    with pytest.raises(NotAuthorised):
        capture_payment(order_id=order.pk)
    with pytest.raises(NotAuthorised):
        void_order_payment(order_id=order.pk, actor=SELLER)


# Through the API ----------------------------------------------------------------------------------------------------------


def ask_to(what: str, order, tenant, body=None):
    token = tokens(owner_of(tenant), tenant).access
    return ask(tenant.host, "POST", f"/api/v1/seller/orders/{order.pk}/{what}", body or {}, token=token)


@pytest.mark.parametrize("minor", [0, -1, 10.5, "4000", True, None, 10**13])
def test_an_amount_to_capture_that_is_no_whole_number_above_zero_is_a_400(order, manual, minor):
    answer = ask_to("capture", order, manual, {"amount_minor": minor})

    assert answer.status_code == 400, answer.content
    assert "amount_minor" in answer.content.decode()
    assert outcome(order) == (OrderStatus.CONFIRMED, PaymentStatus.AUTHORISED, 0)


def test_more_than_was_authorised_is_a_409_that_says_how_much_was(order, manual):
    answer = ask_to("capture", order, manual, {"amount_minor": 10_001})

    assert (answer.status_code, answer.json()["code"]) == (409, "over_capture")
    assert answer.json()["authorised"] == {"amount": 10_000, "currency": "EUR"}


def test_captured_or_voided_twice_is_a_409(order, variant, manual, stripe_local):
    other = make_order((variant, 1))
    pay(other, stripe_local)

    assert ask_to("capture", order, manual).status_code == 200
    assert ask_to("void", other, manual).status_code == 200

    for sale in (order, other):
        for what in ("capture", "void"):
            answer = ask_to(what, sale, manual)
            assert (answer.status_code, answer.json()["code"]) == (409, "not_authorised")
    assert outcome(order) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED, 10_000)
    assert outcome(other) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED, 0)


# Let go -------------------------------------------------------------------------------------------------------------------


def test_a_void_cancels_the_order_puts_the_goods_back_and_books_nothing(order, variant, stripe_local):
    void_order_payment(order_id=order.pk, actor=SELLER)
    run_jobs()

    assert outcome(order) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED, 0)
    assert (item_of(variant).current_stock, item_of(variant).reserved_stock) == (10, 0)
    assert intent_of(order, stripe_local).status == "canceled"
    assert not LedgerTransaction.objects.exists()
    assert not Refund.objects.exists()
    assert stripe_local.client().v1.refunds.list().data == []
    assert faults() == []


def test_who_cancels_an_authorised_order_lets_its_authorisation_go(order, variant, stripe_local):
    cancel_order(order_id=order.pk, actor=SELLER, reason="sold out")
    run_jobs()

    assert outcome(order) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED, 0)
    assert order.cancelled_because == CancelReason.SELLER
    assert intent_of(order, stripe_local).status == "canceled"
    assert item_of(variant).current_stock == 10
    assert not LedgerTransaction.objects.exists()


def test_an_authorisation_that_lapses_at_stripe_ends_the_order(order, variant, stripe_local):
    stripe_local.advance(WEEK + 1)
    with pytest.raises(PaymentProviderRefused):
        capture_payment(order_id=order.pk)
    catch_up()

    assert outcome(order) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED, 0)
    assert order.cancelled_because == CancelReason.UNPAID
    assert item_of(variant).current_stock == 10
    assert not LedgerTransaction.objects.exists()
    assert not StripeEvent.objects.filter(state=EventState.QUARANTINED).exists()
    assert faults() == []


@pytest.mark.parametrize("told", ["charge.expired", "payment_intent.canceled"])
def test_either_event_of_a_lapsed_authorisation_is_enough(order, stripe_local, told):
    stripe_local.advance(WEEK + 1)
    bring(order, [told], stripe_local.events())

    assert outcome(order) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED, 0)


def test_an_order_of_which_parcels_have_left_is_kept_for_a_person_when_its_authorisation_lapses(
    order, variant, stripe_local
):
    ship_order(order_id=order.pk, carrier="DHL", actor=SELLER, quantities={lines_of(order)[0].pk: 1})
    stripe_local.advance(WEEK + 1)
    catch_up()

    assert outcome(order) == (OrderStatus.CONFIRMED, PaymentStatus.VOIDED, 0)
    assert "authorisation lapsed" in order.needs_attention
    assert item_of(variant).current_stock == 8


# Told twice, late, or not at all ------------------------------------------------------------------------------------------


CAPTURED = ("charge.captured", "payment_intent.succeeded")


@pytest.mark.parametrize("minor", [10_000, 4_000])
@pytest.mark.parametrize("steps", list(permutations((*CAPTURED, "answer"))), ids=" ".join)
def test_answer_and_events_of_a_capture_are_booked_once_in_any_order(
    order, manual, stripe_local, steps, minor
):
    known = len(stripe_local.events())
    capture_at_stripe(order, stripe_local, minor)
    bring(order, steps, stripe_local.events()[known:])

    assert outcome(order) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED, minor)
    assert kinds() == ["capture", "fee"]
    assert order.uncaptured_minor == 10_000 - minor == sum(line.credited_minor for line in lines_of(order))
    assert OrderEvent.objects.filter(order=order, action="captured_in_part").count() == (minor < 10_000)
    with pytest.raises(NotAuthorised):
        capture_payment(order_id=order.pk, amount_minor=minor)
    assert faults() == []


def test_a_storm_of_all_events_of_a_partial_capture_changes_nothing_more(order, stripe_local):
    capture_payment(order_id=order.pk, amount_minor=4_000)
    before = (outcome(order), booked())
    told = stripe_local.events()
    random.Random(7).shuffle(told)

    for event in told:
        store_event(event)
    run_jobs()

    assert (outcome(order), booked()) == before
    assert not StripeEvent.objects.filter(state=EventState.QUARANTINED).exists()


def test_an_authorisation_told_after_its_void_does_not_bring_the_order_back(order, stripe_local):
    void_order_payment(order_id=order.pk, actor=SELLER)
    bring(order, AUTHORISED, stripe_local.events())
    run_jobs()

    assert outcome(order) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED, 0)
    assert not LedgerTransaction.objects.exists()


def test_a_capture_whose_answer_was_lost_is_recorded_when_stripe_is_asked_next(order, stripe_local):
    stripe_local.control("faults", match=CAPTURE, kind="drop_reply", times=5)
    with pytest.raises(PaymentProviderUnavailable):
        capture_payment(order_id=order.pk, amount_minor=4_000)
    assert outcome(order) == (OrderStatus.CONFIRMED, PaymentStatus.AUTHORISED, 0)
    assert not LedgerTransaction.objects.exists()
    assert intent_of(order, stripe_local).status == "succeeded"

    stripe_local.control("faults", clear=True)
    catch_up()

    assert outcome(order) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED, 4_000)
    assert kinds() == ["capture", "fee"]
    assert faults() == []


def test_a_capture_whose_answer_was_lost_may_be_asked_for_again(order, stripe_local):
    stripe_local.control("faults", match=CAPTURE, kind="drop_reply", times=5)
    with pytest.raises(PaymentProviderUnavailable):
        capture_payment(order_id=order.pk, amount_minor=4_000)
    stripe_local.control("faults", clear=True)

    assert capture_payment(order_id=order.pk, amount_minor=4_000).captured_minor == 4_000
    assert len(stripe_local.client().v1.balance_transactions.list().data) == 1
    assert kinds() == ["capture", "fee"]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_reply"},
        {"kind": "error_429"},
        {"kind": "error_500", "stored": False},
    ],
    ids=lambda fault: "_".join(map(str, fault.values())),
)
def test_the_job_that_captures_goes_on_until_stripe_answers(order, stripe_local, fault):
    stripe_local.control("faults", match=CAPTURE, times=5, **fault)
    ship_order(order_id=order.pk, carrier="DHL", actor=SELLER)
    run_jobs()
    assert outcome(order) == (OrderStatus.SHIPPED, PaymentStatus.AUTHORISED, 0)

    stripe_local.control("faults", clear=True)
    make_due()
    run_jobs()

    assert outcome(order) == (OrderStatus.SHIPPED, PaymentStatus.CAPTURED, 10_000)
    assert kinds() == ["capture", "fee"]
    assert len(stripe_local.client().v1.balance_transactions.list().data) == 1
    assert faults() == []


def test_a_void_whose_answer_was_lost_is_settled_by_the_job(order, variant, stripe_local):
    stripe_local.control("faults", match=CANCEL, kind="drop_reply", times=5)
    cancel_order(order_id=order.pk, actor=SELLER)
    run_jobs()
    assert outcome(order) == (OrderStatus.CANCELLED, PaymentStatus.AUTHORISED, 0)

    stripe_local.control("faults", clear=True)
    make_due()
    run_jobs()

    assert outcome(order) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED, 0)
    assert item_of(variant).current_stock == 10
    assert intent_of(order, stripe_local).status == "canceled"
    assert not LedgerTransaction.objects.exists()


# Refunds of a part --------------------------------------------------------------------------------------------------------


def test_refunds_after_a_partial_capture_end_at_what_was_captured(rich, stripe_local):
    capture_payment(order_id=rich.pk, amount_minor=9_000)
    with pytest.raises(OverRefund) as refusal:
        request_refund(order_id=rich.pk, amount_minor=9_001, reason="r", actor=SELLER)
    assert refusal.value.facts["left"] == {"amount": 9_000, "currency": "EUR"}

    request_refund(order_id=rich.pk, amount_minor=1_234, reason="r", actor=SELLER)
    run_jobs()
    with pytest.raises(OverRefund):
        request_refund(order_id=rich.pk, amount_minor=9_000 - 1_233, reason="r", actor=SELLER)
    request_refund(order_id=rich.pk, amount_minor=None, reason="r", actor=SELLER)
    run_jobs()

    assert payment_of(rich).refunded_minor == 9_000
    assert stripe_local.client().v1.charges.list().data[0].amount_refunded == 9_000
    assert [line.paid_minor - line.credited_minor for line in lines_of(rich)] == [0, 0, 0]
    assert faults() == []


def test_units_refunded_after_a_partial_capture_cost_what_was_captured_of_them(rich, stripe_local):
    capture_payment(order_id=rich.pk, amount_minor=9_000)
    for line in lines_of(rich):
        for _ in range(line.quantity):
            request_refund(
                order_id=rich.pk,
                amount_minor=None,
                units={line.pk: 1},
                with_shipping=True,
                reason="r",
                actor=SELLER,
            )
    run_jobs()

    assert sum(Refund.objects.values_list("amount_minor", flat=True)) == 9_000
    assert payment_of(rich).refunded_minor == 9_000
    lines = lines_of(rich)
    assert [line.paid_minor - line.credited_minor for line in lines] == [0, 0, 0]
    assert sum(line.credited_commission_minor for line in lines) == sum(
        line.commission_returnable_minor for line in lines
    )
    assert faults() == []


def test_a_cancelled_order_gives_back_what_was_captured_and_no_more(order, variant, manual, stripe_local):
    capture_payment(order_id=order.pk, amount_minor=4_000)
    fee = Charge.objects.get().fee_minor
    cancel_order(order_id=order.pk, actor=SELLER)
    run_jobs()

    assert outcome(order) == (OrderStatus.CANCELLED, PaymentStatus.CAPTURED, 4_000)
    assert Refund.objects.get().amount_minor == 4_000
    assert earned(manual) == -fee - 30, "Stripe's fee and the fixed part of the commission"
    assert item_of(variant).current_stock == 10
    assert faults() == []


# At the same moment -------------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(committed, tenant, stripe_local):
    """An authorised order of 100.00 of one thing, of 10."""
    tenant.capture_method = CaptureMethod.MANUAL
    tenant.save(update_fields=["capture_method"])
    with tenant_scope(tenant):
        variant = make_variant(price_minor=10_000, stock=10)
        order = make_order((variant, 1))
        pay(order, stripe_local)
    return order


def capture(order, minor=None):
    return lambda: capture_payment(order_id=order.pk, amount_minor=minor, actor=SYSTEM)


def void(order):
    return lambda: void_order_payment(order_id=order.pk, actor=SYSTEM)


@pytest.mark.parametrize("first", ["captures", "voids"])
def test_of_twenty_captures_and_voids_at_once_one_takes_effect_here_and_at_stripe(
    waiting, tenant, stripe_local, first
):
    captures = [capture(waiting, minor) for minor in (None, 10_490, 4_000, 5_000, 6_000) for _ in range(2)]
    voids = [void(waiting)] * 10
    actions = captures + voids if first == "captures" else voids + captures

    results = at_once(actions, tenant=tenant)

    assert failures(results, NotAuthorised, PaymentProviderRefused) == []
    with tenant_scope(tenant), as_marketplace():
        run_jobs()
        catch_up()
        intent = intent_of(waiting, stripe_local)
        stock = item_of(waiting.lines.get().variant).current_stock
        taken = intent.amount_received
        if intent.status == "canceled":
            assert outcome(waiting) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED, 0)
            assert (taken, stock, kinds()) == (0, 10, [])
        else:
            assert intent.status == "succeeded"
            assert outcome(waiting) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED, taken)
            assert (stock, kinds()) == (9, ["capture", "fee"])
            assert booked()["stripe_balance", "sale"] == taken
            assert waiting.uncaptured_minor == waiting.total_minor - taken
        assert len(stripe_local.client().v1.balance_transactions.list().data) == bool(taken)
    assert faults() == []


def test_of_twenty_captures_of_different_parts_at_once_one_is_made(waiting, tenant, stripe_local):
    results = at_once([capture(waiting, 1_000 + n) for n in range(20)], tenant=tenant)

    assert failures(results, NotAuthorised, PaymentProviderRefused) == []
    (made,) = [result for result in results if isinstance(result, Payment)]
    with tenant_scope(tenant):
        catch_up()
        assert outcome(waiting) == (OrderStatus.CONFIRMED, PaymentStatus.CAPTURED, made.captured_minor)
        assert intent_of(waiting, stripe_local).amount_received == made.captured_minor
        assert kinds() == ["capture", "fee"]
    assert faults() == []


# What must not be lost ------------------------------------------------------------------------------------------------


def send(order) -> None:
    ship_order(order_id=order.pk, carrier="DHL", actor=SELLER)


def test_what_was_shipped_and_never_captured_waits_for_a_person(order, stripe_local):
    """The worker was away for a week: the authorisation lapsed between the parcel and the capture."""
    send(order)
    stripe_local.advance(WEEK + 1)
    catch_up()
    assert outcome(order)[:2] == (OrderStatus.SHIPPED, PaymentStatus.VOIDED)
    assert "lapsed" in order.needs_attention


def test_what_parcels_were_sent_for_is_not_let_go(order):
    send(order)
    with pytest.raises(ParcelsSent):
        void_order_payment(order_id=order.pk, actor=SELLER)
    run_jobs()
    assert outcome(order)[:2] == (OrderStatus.SHIPPED, PaymentStatus.CAPTURED)


def test_the_payment_of_a_cancelled_order_is_not_captured(order):
    cancel_order(order_id=order.pk, actor=SELLER)
    with pytest.raises(NotAuthorised):
        capture_payment(order_id=order.pk, actor=SELLER)
    run_jobs()
    assert outcome(order)[:2] == (OrderStatus.CANCELLED, PaymentStatus.VOIDED)


def test_a_failure_of_stripes_own_does_not_stand_in_the_way_of_the_next_try(order, stripe_local):
    stripe_local.control("faults", match=CAPTURE, kind="error_500", times=1)
    send(order)
    for _ in range(2):
        run_jobs()
        make_due()
    assert outcome(order)[:2] == (OrderStatus.SHIPPED, PaymentStatus.CAPTURED)


def test_shipping_after_a_capture_whose_answer_was_lost_takes_nothing_more(order, stripe_local):
    capture_at_stripe(order, stripe_local, 1_000)
    send(order)
    run_jobs()
    assert outcome(order) == (OrderStatus.SHIPPED, PaymentStatus.CAPTURED, 1_000)
    assert faults() == []


def test_an_order_that_the_seller_let_go_says_so(order):
    void_order_payment(order_id=order.pk, actor=SELLER)
    assert Order.objects.get().cancelled_because == CancelReason.SELLER
    cancelled = OrderEvent.objects.get(order=order, action="cancelled")
    assert (cancelled.actor_kind, cancelled.reason) == ("seller", "the seller has let the payment go")


def test_a_buyer_is_not_told_that_money_was_taken_which_is_only_promised(order):
    message = Notification.objects.get(type="order_paid", email=order.email).message
    assert "authorised" in message
    assert "received" not in message
