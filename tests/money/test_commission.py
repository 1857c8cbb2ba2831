"""Commission: figures of the specification and of other systems' tests."""

import pytest

from core.money import split_minor
from payouts.models import CommissionRule
from services.commission_services import Commission, commission_for, share_of
from tests.factories.shop import make_order, make_promotion, make_variant
from tests.factories.tenants import make_tenant


def rule(basis_points, fixed_minor=0):
    return Commission(basis_points, fixed_minor, "seller")


@pytest.mark.parametrize(
    ("case", "basis_points", "fixed", "base", "expected"),
    [
        ("C1", 1000, 0, 10_000, 1_000),
        ("C2", 1000, 0, 30_000, 3_000),
        ("C7", 1000, 0, 10_000, 1_000),
        ("C10", 1000, 0, -40_000, 0),
        ("C16", 1000, 0, 10_000, 1_000),
        ("C19 without tax", 333, 0, 10_000, 333),
        ("C20 in yen", 333, 0, 1_000, 33),
        ("C41: half up, where that system rounds down", 1000, 0, 12_345, 1_235),
        ("F1", 500, 50, 12_000, 650),
        ("F2", 389, 35, 12_000, 502),
        ("the specification's order A", 1000, 30, 10_000, 1_030),
        ("the specification's order B", 1000, 30, 5_999, 630),
        ("the specification's order C", 1000, 30, 20_000, 2_030),
        ("never more than the base", 1000, 300, 200, 200),
    ],
)
def test_commission_of_a_base(case, basis_points, fixed, base, expected):
    assert rule(basis_points, fixed).of(base) == expected


def test_the_specifications_refunds_give_back_the_percentage_part():
    frozen = rule(1000, 30)

    assert share_of(frozen.returnable(10_000), 2_500, 10_000) == 250
    assert share_of(frozen.returnable(5_999), 5_999, 5_999) == 600


def test_the_first_rule_that_matches_wins_and_tenants_come_where_the_operator_puts_them(db):
    mine, other = make_tenant(), make_tenant()
    CommissionRule.objects.create(position=20, basis_points=1500)
    CommissionRule.objects.create(position=10, tenant=mine, basis_points=800, fixed_minor=10)
    CommissionRule.objects.create(position=5, tenant=mine, basis_points=1, is_active=False)
    CommissionRule.objects.create(position=6, tenant=mine, basis_points=2, currency="JPY")

    assert commission_for(tenant=mine, currency="EUR").basis_points == 800
    assert commission_for(tenant=mine, currency="JPY").basis_points == 2
    assert commission_for(tenant=other, currency="EUR").basis_points == 1500


def test_without_rules_the_settings_decide(db, settings):
    settings.COMMISSION_BASIS_POINTS, settings.COMMISSION_FIXED_MINOR = 700, 5

    assert commission_for(tenant=make_tenant(), currency="EUR") == Commission(700, 5, "seller")


def test_an_order_keeps_the_rule_it_was_placed_with(serving):
    kept = CommissionRule.objects.create(basis_points=1000, fixed_minor=30)
    order = make_order((make_variant(price_minor=10_000), 1))
    CommissionRule.objects.filter(pk=kept.pk).update(basis_points=5000)

    order.refresh_from_db()
    assert (order.commission_minor, order.commission_rule["basis_points"]) == (1_030, 1000)


def test_each_line_holds_its_part_of_the_commission_after_discounts(serving):
    CommissionRule.objects.create(basis_points=1000, fixed_minor=30)
    promotion = make_promotion(percentage_basis_points=1000)
    order = make_order(
        (make_variant(price_minor=1_999), 1), (make_variant(price_minor=2_501), 2), code=promotion.code
    )

    base = 1_999 + 5_002 - order.discount_minor
    assert order.discount_minor == 700
    assert order.commission_minor == 630 + 30
    assert base == 6_301
    parts = list(order.lines.values_list("commission_minor", flat=True))
    assert sum(parts) == order.commission_minor
    assert parts == split_minor(660, [1_999 - 200, 5_002 - 500])
