"""Refunds by line: what a unit was paid comes back with its shares, and however it is cut it ends at exactly nothing."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from core.errors import Invalid, NotFound
from core.ids import new_id
from core.money import split_minor
from payouts.models import Charge, CommissionRule, LedgerEntry, LedgerTransaction
from services.credit_services import TooManyUnitsBack
from services.dispute_services import sync_dispute
from services.order_history import SYSTEM
from services.refund_services import (
    DisputeOpen,
    NotRefundable,
    OverRefund,
    request_refund,
    send_refund,
    sync_refunds,
)
from shop.models import CreditLine, Order, OrderLine, Payment, Promotion, Refund, RefundStatus, ShippingRate
from tenants.context import tenant_scope
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_promotion, make_variant, pay
from tests.factories.tenants import owner_of
from tests.factories.threads import Gate, at_once, failures
from tests.money.support import earned, faults, lines_of, make_rich_order
from tests.tenancy.support import ask, tokens

SHARES = ("goods", "shipping", "tax")
GOES_BACK = ("commission", "commission_tax", "funded")


@pytest.fixture
def rule(serving):
    """10 % + 0.30 with 19 % tax on it, shipping included."""
    return CommissionRule.objects.create(
        basis_points=1000, fixed_minor=30, tax_basis_points=1900, includes_shipping=True
    )


@pytest.fixture
def order(rule, stripe_local):
    found = make_rich_order(stripe_local)
    assert min(found.tax_minor, found.discount_minor, found.funded_minor, found.shipping_minor) > 0
    return found


def make_plain_order(stripe_local, *prices: int) -> Order:
    """A paid order of one unit of each, without shipping."""
    ShippingRate.objects.update(price_minor=0)
    order = make_order(*((make_variant(price_minor=price), 1) for price in prices))
    pay(order, stripe_local)
    return order


def give_back(order, amount_minor=None, **options) -> Refund:
    return request_refund(order_id=order.pk, amount_minor=amount_minor, reason="r", actor=SYSTEM, **options)


def left(order) -> list[int]:
    return [line.paid_minor - line.credited_minor for line in lines_of(order)]


def assert_all_is_back(order) -> None:
    for line in lines_of(order):
        assert line.credited_goods_minor == line.subtotal_minor - line.discount_minor
        assert (line.credited_shipping_minor, line.credited_tax_minor) == (
            line.shipping_minor,
            line.tax_minor,
        )
        assert line.credited_commission_minor == line.commission_returnable_minor
        assert line.credited_funded_minor == line.funded_minor
    order.refresh_from_db()
    payment = order.payments.get()
    assert order.refunded_minor == payment.refunded_minor == payment.captured_minor == order.total_minor
    charge = Charge.objects.get()
    assert (charge.refunded_minor, charge.is_frozen) == (charge.amount_minor, False)
    assert faults() == []


# By units ----------------------------------------------------------------------------------------------------------------


def test_unit_by_unit_each_with_its_shares_the_order_ends_at_nothing(order, serving):
    refunds = [
        give_back(order, units={line.pk: 1}, with_shipping=True)
        for line in lines_of(order)
        for _ in range(line.quantity)
    ]
    run_jobs()

    assert len(refunds) == 6
    for refund in refunds:
        (taken,) = [row for row in refund.lines.all() if row.quantity]
        assert refund.amount_minor == taken.goods_minor + taken.shipping_minor + taken.tax_minor
        assert min(taken.goods_minor, taken.shipping_minor, taken.tax_minor) > 0
    assert_all_is_back(order)


def test_a_units_shares_are_those_of_the_line_by_its_units_half_up(order):
    (line, *_) = lines_of(order)
    refund = give_back(order, units={line.pk: 1}, with_shipping=True)
    (taken,) = refund.lines.all()

    for share in SHARES:
        whole = {
            "goods": line.subtotal_minor - line.discount_minor,
            "shipping": line.shipping_minor,
            "tax": line.tax_minor,
        }[share]
        assert getattr(taken, f"{share}_minor") == (2 * whole + 3) // 6, share


def test_shipping_stays_with_the_seller_unless_it_is_asked_for(order):
    for line in lines_of(order):
        give_back(order, units={line.pk: line.quantity})
    run_jobs()

    assert left(order) == [line.shipping_minor for line in lines_of(order)]
    give_back(order)
    run_jobs()
    assert_all_is_back(order)


def test_units_of_several_lines_are_one_refund(order):
    first, second, _ = lines_of(order)
    refund = give_back(order, units={first.pk: 2, second.pk: 1}, with_shipping=True)

    assert {row.order_line_id: row.quantity for row in refund.lines.all()} == {first.pk: 2, second.pk: 1}
    assert [line.credited_quantity for line in lines_of(order)] == [2, 1, 0]
    assert refund.amount_minor == sum(line.credited_minor for line in lines_of(order))


def test_more_units_than_are_left_are_refused_and_nothing_is_written(order):
    line = lines_of(order)[0]
    give_back(order, units={line.pk: 2})
    before = (left(order), Refund.objects.count())

    with pytest.raises(TooManyUnitsBack) as refusal:
        give_back(order, units={line.pk: 2})

    assert refusal.value.facts == {"line_id": line.pk, "left": 1}
    assert (left(order), Refund.objects.count()) == before


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_quantity_is_at_least_one(order, quantity):
    with pytest.raises(Invalid):
        give_back(order, units={lines_of(order)[0].pk: quantity})


def test_a_line_of_another_order_is_none(order, stripe_local):
    other = make_order()
    with pytest.raises(NotFound):
        give_back(order, units={other.lines.get().pk: 1})


def test_units_of_a_line_that_is_credited_already_are_nothing_to_refund(rule, stripe_local):
    order = make_plain_order(stripe_local, 1_000, 2_000)
    first = lines_of(order)[0]
    give_back(order, 1_000, units={first.pk: 1})

    with pytest.raises(TooManyUnitsBack):
        give_back(order, units={first.pk: 1})


# By amount ---------------------------------------------------------------------------------------------------------------


def test_an_amount_is_shared_over_the_lines_by_largest_remainder(rule, stripe_local):
    order = make_plain_order(stripe_local, 1_000, 2_000, 3_000)

    give_back(order, 1_001)

    assert [line.credited_minor for line in lines_of(order)] == [167, 334, 500]
    assert [line.credited_quantity for line in lines_of(order)] == [0, 0, 0]


def test_an_amount_takes_of_each_share_what_is_left_in_proportion(order):
    refund = give_back(order, 5_001)

    remaining = [
        part
        for line in lines_of(order)
        for part in (line.subtotal_minor - line.discount_minor, line.shipping_minor, line.tax_minor)
    ]
    taken = [
        part
        for line in lines_of(order)
        for part in (line.credited_goods_minor, line.credited_shipping_minor, line.credited_tax_minor)
    ]
    assert taken == split_minor(5_001, remaining)
    assert sum(taken) == refund.amount_minor == 5_001


def test_an_amount_of_certain_lines_is_taken_of_those_alone(order):
    first, second, third = lines_of(order)
    refund = give_back(order, 1_234, units={first.pk: 1, second.pk: 1})

    after = lines_of(order)
    assert after[0].credited_minor + after[1].credited_minor == refund.amount_minor == 1_234
    assert after[2].credited_minor == third.credited_minor == 0
    assert [line.credited_quantity for line in after] == [1, 1, 0]


def test_an_amount_of_certain_lines_is_no_more_than_is_left_of_them(order):
    line = lines_of(order)[1]

    with pytest.raises(OverRefund) as refusal:
        give_back(order, line.paid_minor + 1, units={line.pk: 1})

    assert refusal.value.facts["left"] == {"amount": line.paid_minor, "currency": "EUR"}
    assert not Refund.objects.exists()


def test_units_amounts_and_the_rest_in_turn_end_at_exactly_nothing(order):
    first, second, _ = lines_of(order)
    give_back(order, 777)
    give_back(order, units={first.pk: 1})
    give_back(order, 333, units={second.pk: 1})
    give_back(order, units={first.pk: 2}, with_shipping=True)
    give_back(order, 1)
    give_back(order)
    run_jobs()

    assert left(order) == [0, 0, 0]
    assert_all_is_back(order)
    with pytest.raises(OverRefund):
        give_back(order, 1)
    with pytest.raises(OverRefund):
        give_back(order)


def test_more_than_the_order_has_left_is_refused(order):
    with pytest.raises(OverRefund):
        give_back(order, order.total_minor + 1)
    give_back(order, order.total_minor - 1)
    with pytest.raises(OverRefund):
        give_back(order, 2)
    give_back(order, 1)


def test_postgresql_itself_refuses_to_credit_more_than_a_line_was_paid(order):
    line = lines_of(order)[0]
    for share in ("goods", "shipping", "tax", "commission", "commission_tax", "funded"):
        with pytest.raises(IntegrityError), transaction.atomic():
            OrderLine.objects.filter(pk=line.pk).update(**{f"credited_{share}_minor": 10**9})
    with pytest.raises(IntegrityError), transaction.atomic():
        OrderLine.objects.filter(pk=line.pk).update(credited_quantity=line.quantity + 1)


# What goes back between seller and marketplace ------------------------------------------------------------------------------


@pytest.mark.parametrize("returned", ["all", "percentage", "none"])
def test_commission_its_tax_and_the_funding_go_back_with_the_refunds_and_end_exactly(
    rule, stripe_local, serving, returned
):
    CommissionRule.objects.update(returned=returned)
    order = make_rich_order(stripe_local)
    lines = lines_of(order)
    kept = {
        "all": 0,
        "none": order.commission_minor,
        "percentage": 30,
    }[returned]

    give_back(order, 999)
    give_back(order, units={lines[0].pk: 1}, with_shipping=True)
    give_back(order, 1)
    give_back(order)
    run_jobs()

    after = lines_of(order)
    back = {name: sum(getattr(line, f"credited_{name}_minor") for line in after) for name in GOES_BACK}
    assert back["commission"] == order.commission_minor - kept
    assert back["funded"] == order.funded_minor
    if returned == "all":
        assert back["commission_tax"] == order.commission_tax_minor
    if returned == "none":
        assert back["commission_tax"] == 0
    fee = Charge.objects.get().fee_minor
    assert earned(serving) == -fee - kept - (order.commission_tax_minor - back["commission_tax"])
    assert_all_is_back(order)


def test_half_of_a_sale_gives_half_of_the_percentage_back(rule, stripe_local, serving):
    order = make_plain_order(stripe_local, 10_000)
    assert (order.commission_minor, order.commission_tax_minor) == (1_030, 196)

    give_back(order, 5_000)
    run_jobs()

    (line,) = lines_of(order)
    assert line.credited_commission_minor == 500
    # Tax follows the commission: of 1.96 on 10.30 the part on 10.00 is 1.90, and half of it is 0.95.
    assert line.credited_commission_tax_minor == 95
    assert earned(serving) == 10_000 - 1_030 - 196 - 320 - 5_000 + 500 + 95


def test_the_funding_of_a_discount_comes_back_to_the_marketplace_in_proportion(rule, stripe_local):
    ShippingRate.objects.update(price_minor=0)
    code = make_promotion(percentage_basis_points=2000).code
    Promotion.objects.filter(code=code).update(funded_basis_points=5000)
    order = make_order((make_variant(price_minor=10_000), 1), code=code)
    pay(order, stripe_local)
    assert (order.total_minor, order.funded_minor, order.commission_minor) == (8_000, 1_000, 930)

    give_back(order, 2_000)
    run_jobs()

    funding = LedgerEntry.objects.filter(account__kind="promotion_funding")
    assert list(funding.order_by("pk").values_list("amount_minor", flat=True)) == [1_000, -250]


def test_commission_of_an_order_is_its_own_whatever_the_rule_says_by_the_time_of_the_refund(
    rule, stripe_local
):
    order = make_plain_order(stripe_local, 10_000)
    CommissionRule.objects.update(basis_points=5000, fixed_minor=0, returned="none")

    give_back(order)
    run_jobs()

    assert lines_of(order)[0].credited_commission_minor == 1_000


def test_what_one_refund_gives_back_is_on_the_refund_and_in_the_books(order):
    refund = give_back(order, 3_000)
    run_jobs()

    refund.refresh_from_db()
    booked = LedgerEntry.objects.get(
        transaction__key=f"refund:{refund.transaction_id}",
        account__kind="seller_payable",
        part="commission_returned",
    )
    assert -booked.amount_minor == refund.commission_returned_minor > 0
    assert refund.commission_returned_minor == sum(row.commission_minor for row in refund.lines.all())


# Refunds that fail ----------------------------------------------------------------------------------------------------------


def test_a_refund_that_stripe_refuses_gives_its_shares_back(order, stripe_local):
    before = left(order)
    stripe_local.control("faults", match="POST /v1/refunds", kind="insufficient_balance", times=1)
    line = lines_of(order)[0]
    refund = give_back(order, units={line.pk: 3}, with_shipping=True)
    run_jobs()

    refund.refresh_from_db()
    assert refund.status == RefundStatus.FAILED
    assert left(order) == before
    assert [row.credited_quantity for row in lines_of(order)] == [0, 0, 0]
    assert not LedgerTransaction.objects.filter(kind="refund").exists()
    again = give_back(order, units={line.pk: 3}, with_shipping=True)
    run_jobs()
    again.refresh_from_db()
    assert (again.status, again.amount_minor) == (RefundStatus.SUCCEEDED, refund.amount_minor)
    assert faults() == []


def test_a_refund_that_fails_later_can_be_made_again_and_still_ends_at_nothing(order, stripe_local, serving):
    before = earned(serving)
    line = lines_of(order)[0]
    refund = give_back(order, units={line.pk: 2}, with_shipping=True)
    run_jobs()
    refund.refresh_from_db()
    stripe_local.control(f"refunds/{refund.transaction_id}/fail", reason="lost_or_stolen_card")
    for _ in range(2):
        sync_refunds(charge_id=order.payments.get().transaction_id)

    refund.refresh_from_db()
    assert refund.status == RefundStatus.FAILED
    assert earned(serving) == before
    assert [row.credited_quantity for row in lines_of(order)] == [0, 0, 0]
    assert LedgerTransaction.objects.filter(kind="refund_failed").count() == 1
    assert faults() == []
    give_back(order)
    run_jobs()
    assert_all_is_back(order)


def test_the_answer_and_the_event_of_a_refund_are_one_posting(order):
    refund = give_back(order, 500)
    send_refund(refund_id=refund.pk)
    for _ in range(2):
        sync_refunds(charge_id=order.payments.get().transaction_id)
    run_jobs()

    assert LedgerTransaction.objects.filter(kind="refund").count() == 1
    assert Charge.objects.get().refunded_minor == 500


def test_a_refund_made_in_stripes_dashboard_takes_of_the_lines_like_any_other(order, stripe_local):
    charge = order.payments.get().transaction_id
    stripe_local.client().v1.refunds.create({"charge": charge, "amount": 1_000})
    for _ in range(2):
        sync_refunds(charge_id=charge)

    assert sum(line.credited_minor for line in lines_of(order)) == 1_000
    give_back(order)
    run_jobs()
    assert_all_is_back(order)


def test_money_waits_while_a_refund_is_in_progress(order):
    give_back(order, 500)
    assert Charge.objects.get().is_frozen
    run_jobs()
    assert not Charge.objects.get().is_frozen


# Refusals -------------------------------------------------------------------------------------------------------------------


def test_while_a_dispute_is_open_nothing_is_refunded(order, stripe_local):
    charge = order.payments.get().transaction_id
    dispute = stripe_local.control("disputes", charge=charge, amount=1_000)["id"]
    sync_dispute(dispute)

    for options in ({}, {"units": {lines_of(order)[0].pk: 1}}):
        with pytest.raises(DisputeOpen) as refusal:
            give_back(order, **options)
        assert refusal.value.facts == {"dispute_id": dispute}
    assert not Refund.objects.exists()

    stripe_local.control(f"disputes/{dispute}/close", outcome="won")
    sync_dispute(dispute)
    give_back(order, 500)


def test_an_order_that_nobody_paid_is_not_refundable(rule):
    order = make_order()
    with pytest.raises(NotRefundable):
        give_back(order, 100)
    with pytest.raises(NotRefundable):
        give_back(order, units={order.lines.get().pk: 1})
    with pytest.raises(NotFound):
        request_refund(order_id=new_id(), amount_minor=1, reason="r", actor=SYSTEM)


@pytest.mark.parametrize(
    "amount", [0, -1, -5_000, 10.5, 19.999, "10", "10.00", "ten", True, None, 1e400, {"amount": 1}]
)
def test_an_amount_that_is_no_whole_number_above_zero_is_a_400(order, serving, amount):
    answer = ask_for_refund(order, serving, {"amount_minor": amount, "reason": "r"})

    assert answer.status_code == 400, answer.content
    assert "amount_minor" in answer.content.decode() or "JSON" in answer.content.decode()
    assert not Refund.objects.exists()


@pytest.mark.parametrize(
    "extra",
    [
        {"currency": "USD"},
        {"currency": "EUR"},
        {"amount": {"amount": 1, "currency": "JPY"}},
        {"refund_id": "re"},
    ],
)
def test_another_currency_cannot_be_asked_for(order, serving, extra):
    answer = ask_for_refund(order, serving, {"amount_minor": 100, "reason": "r", **extra})

    assert answer.status_code == 400, answer.content
    assert next(iter(extra)) in answer.content.decode()
    assert not Refund.objects.exists()


def test_more_than_is_left_is_a_409_that_says_how_much_is(order, serving):
    answer = ask_for_refund(order, serving, {"amount_minor": order.total_minor + 1, "reason": "r"})

    assert answer.status_code == 409, answer.content
    assert answer.json()["left"] == {"amount": order.total_minor, "currency": "EUR"}


def ask_for_refund(order, tenant, body):
    token = tokens(owner_of(tenant), tenant).access
    path = f"/api/v1/seller/orders/{order.pk}/refunds"
    return ask(tenant.host, "POST", path, body, token=token, HTTP_IDEMPOTENCY_KEY="refund-1")


# At the same moment ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def paid(committed, tenant, stripe_local):
    """An order of 4 lines of 5 units at 5.00, paid."""
    with tenant_scope(tenant):
        ShippingRate.objects.update(price_minor=0)
        order = make_order(*((make_variant(price_minor=500), 5) for _ in range(4)))
        pay(order, stripe_local)
        assert order.total_minor == 10_000
    return order


def test_a_hundred_refunds_of_units_amounts_and_all_at_once_take_no_line_below_nothing(
    paid, tenant, stripe_local
):
    with tenant_scope(tenant):
        ids = [line.pk for line in lines_of(paid)]
    wishes = [
        {"units": {ids[n % 4]: n % 3 + 1}}
        if n % 3
        else {"amount_minor": 100 * (n % 9 + 1)}
        if n % 30
        else {"amount_minor": None}
        for n in range(1, 101)
    ]

    results = []
    for batch in (wishes[:50], wishes[50:]):
        results += at_once([lambda wish=wish: ask_back(paid, **wish) for wish in batch], tenant=tenant)

    refusals = failures(results, OverRefund, TooManyUnitsBack, NotRefundable)
    assert [error for error in refusals if not isinstance(error, Invalid)] == []
    with tenant_scope(tenant):
        promised = Refund.objects.aggregate(total=Sum("amount_minor"))["total"]
        assert promised == Payment.objects.get().refunded_minor <= 10_000
        assert promised == sum(line.credited_minor for line in lines_of(paid))
        assert all(0 <= line.credited_minor <= line.paid_minor for line in lines_of(paid))
        assert all(line.credited_quantity <= line.quantity for line in lines_of(paid))
    run_jobs()
    assert stripe_local.client().v1.charges.list().data[0].amount_refunded == promised
    assert faults() == []


def ask_back(order, amount_minor=None, units=None):
    return request_refund(order_id=order.pk, amount_minor=amount_minor, units=units, reason="r", actor=SYSTEM)


def test_of_many_refunds_of_the_same_last_units_at_once_one_is_made(paid, tenant):
    with tenant_scope(tenant):
        line = lines_of(paid)[0]

    results = at_once([lambda: ask_back(paid, units={line.pk: 5})] * 16, tenant=tenant)

    assert failures(results, TooManyUnitsBack) == []
    assert sum(isinstance(result, Refund) for result in results) == 1


def test_control_reading_a_lines_units_before_writing_them_gives_them_back_twice(paid, tenant):
    everybody_has_read = Gate(3)

    def naive() -> bool:
        line = OrderLine.objects.filter(order_id=paid.pk).order_by("position").first()
        left_units = line.quantity - line.credited_quantity
        everybody_has_read.wait()
        if left_units < 5:
            return False
        Refund.objects.create(
            order_id=paid.pk,
            payment=Payment.objects.get(order_id=paid.pk),
            amount_minor=5 * line.unit_price_minor,
            currency="EUR",
        )
        OrderLine.objects.filter(pk=line.pk).update(credited_quantity=5, credited_goods_minor=2_500)
        return True

    assert at_once([naive] * 3, tenant=tenant) == [True] * 3
    with tenant_scope(tenant):
        assert Refund.objects.aggregate(total=Sum("amount_minor"))["total"] == 7_500
        assert lines_of(paid)[0].credited_minor == 2_500
        assert not CreditLine.objects.exists()
