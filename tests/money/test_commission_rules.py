"""Which commission rule applies to which line: the operator's list, first match wins, frozen on the order."""

import pytest
from django.db import IntegrityError, transaction

from payouts.models import CommissionReturn, CommissionRule, LedgerEntry, SellerAccount
from services.ledger_services import seller_balances
from services.promotion_services import fund_promotion
from services.refund_services import request_refund
from shop.models import Category, Product, ShippingRate
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_promotion, make_variant, pay
from tests.money.support import SELLER

pytestmark = pytest.mark.usefixtures("serving")


def in_category(variant, category):
    Product.objects.filter(pk=variant.product_id).update(category=category)
    return variant


def commissions(order):
    return list(order.lines.values_list("commission_minor", flat=True))


def test_a_category_rule_is_for_its_lines_only_and_for_categories_inside_it():
    ShippingRate.objects.update(price_minor=0)
    art = Category.objects.create(slug="art", name="Art")
    prints = Category.objects.create(slug="prints", name="Prints", parent=art)
    CommissionRule.objects.create(position=1, basis_points=2000, category="art")
    CommissionRule.objects.create(position=2, basis_points=1000, fixed_minor=30)
    order = make_order(
        (in_category(make_variant(price_minor=10_000), prints), 1), (make_variant(price_minor=5_000), 1)
    )

    assert commissions(order) == [2_000, 530]
    assert order.commission_minor == 2_530
    assert [group["amount_minor"] for group in order.commission_rule["groups"]] == [2_000, 530]
    assert order.commission_rule["basis_points"] == 2000, "the rule of the larger part"


def test_the_operators_order_decides_not_how_special_a_rule_is():
    art = Category.objects.create(slug="art", name="Art")
    CommissionRule.objects.create(position=2, basis_points=2000, category="art")
    CommissionRule.objects.create(position=1, basis_points=1000)

    assert commissions(make_order((in_category(make_variant(price_minor=10_000), art), 1))) == [1_000]


def test_a_plan_has_its_own_rule(serving):
    CommissionRule.objects.create(position=1, basis_points=300, plan="pro")
    CommissionRule.objects.create(position=2, basis_points=1000)
    variant = make_variant(price_minor=10_000)
    before = make_order((variant, 1))
    SellerAccount.objects.filter(tenant=serving).update(plan="pro")

    assert (before.commission_minor, make_order((variant, 1)).commission_minor) == (1_000, 300)


def test_what_was_frozen_is_never_worked_out_again(stripe_local):
    ShippingRate.objects.update(price_minor=0)
    CommissionRule.objects.create(basis_points=1000, fixed_minor=30, tax_basis_points=1900)
    order = make_order((make_variant(price_minor=10_000), 1))
    CommissionRule.objects.update(basis_points=5000, tax_basis_points=0, returned=CommissionReturn.NONE)
    pay(order, stripe_local)
    request_refund(order_id=order.pk, amount_minor=5_000, reason="half", actor=SELLER)
    run_jobs()

    booked = dict(
        LedgerEntry.objects.filter(account__kind="seller_payable").values_list("part", "amount_minor")
    )
    assert (booked["commission"], booked["commission_tax"]) == (1_030, 196)
    assert -booked["commission_returned"] == 500
    assert -booked["commission_tax_returned"] == 95, "half of the tax on the 10.00 that can be returned"


def test_a_discount_the_marketplace_pays_for_lowers_neither_the_sellers_earnings_nor_the_base(
    serving, stripe_local
):
    ShippingRate.objects.update(price_minor=0)
    CommissionRule.objects.create(basis_points=1000)
    promotion = make_promotion(percentage_basis_points=2000)
    fund_promotion(tenant=serving, code=promotion.code, funded_basis_points=5000, actor_id=None)
    order = make_order((make_variant(price_minor=10_000), 1), code=promotion.code)
    pay(order, stripe_local)

    assert (order.total_minor, order.discount_minor, order.funded_minor) == (8_000, 2_000, 1_000)
    assert order.commission_minor == 900, "of 90.00: the seller's half of the discount lowers the base"
    fee = LedgerEntry.objects.get(part="fee", account__kind="seller_payable").amount_minor
    (balance,) = seller_balances(tenant_id=serving.pk)
    assert balance.earned_minor == 8_000 + 1_000 - 900 - fee
    funding = LedgerEntry.objects.get(account__kind="promotion_funding")
    assert funding.amount_minor == 1_000

    request_refund(order_id=order.pk, amount_minor=None, reason="returned", actor=SELLER)
    run_jobs()
    (balance,) = seller_balances(tenant_id=serving.pk)
    assert balance.earned_minor == -fee, "Stripe keeps its fee; everything else went back where it came from"


def test_an_order_that_costs_nothing_has_neither_commission_nor_funding(serving):
    ShippingRate.objects.update(price_minor=0)
    CommissionRule.objects.create(basis_points=1000, fixed_minor=30)
    promotion = make_promotion(percentage_basis_points=10_000)
    fund_promotion(tenant=serving, code=promotion.code, funded_basis_points=10_000, actor_id=None)

    order = make_order((make_variant(price_minor=10_000), 1), code=promotion.code)

    assert (order.total_minor, order.commission_minor, order.funded_minor) == (0, 0, 0)


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"floor_minor": 500, "cap_minor": 100}, "commission_floor_below_cap"),
        ({"tax_basis_points": 10_001}, "commission_tax_in_range"),
        ({"returned": "some"}, "commission_returned_known"),
        ({"basis_points": 10_001}, "commission_basis_points"),
        ({"fixed_minor": -1}, "commission_fixed_not_negative"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_the_database(values, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        CommissionRule.objects.create(**{"basis_points": 1000, **values})
