"""Exact money: parts sum to the whole, halves go up, and commission comes back to the cent however a refund is cut."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import percent_of, split_minor
from services.commission_services import Commission, share_of

amounts = st.integers(min_value=0, max_value=10**12)
weights = st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=40)


@given(st.integers(min_value=-(10**12), max_value=10**12), weights)
def test_the_parts_sum_to_the_whole_and_each_is_within_one_of_exact(total, shares):
    parts = split_minor(total, shares)
    whole = sum(shares)
    exact = [Fraction(total * weight, whole) if whole else Fraction(total, len(shares)) for weight in shares]

    assert sum(parts) == total
    assert all(abs(part - ideal) < 1 for part, ideal in zip(parts, exact, strict=True))


@given(amounts, weights)
def test_nothing_falls_to_a_share_of_nothing_and_more_weight_never_gets_less(total, shares):
    parts = split_minor(total, shares)
    if any(shares):
        assert all(part == 0 for part, weight in zip(parts, shares, strict=True) if weight == 0)
    pairs = sorted(zip(shares, parts, strict=True))
    assert all(lighter[1] <= heavier[1] + (lighter[0] == heavier[0]) for lighter, heavier in pairwise(pairs))


@given(amounts, weights)
def test_a_negative_amount_is_the_mirror_image(total, shares):
    assert split_minor(-total, shares) == [-part for part in split_minor(total, shares)]


A_CASES = [
    pytest.param([4000, 2000, 2000], 300, [150, 75, 75], id="A1"),
    pytest.param([4000, 2000, 2000], -300, [-150, -75, -75], id="A2"),
    pytest.param([1000, 1000, 1000], 299, [100, 100, 99], id="A4"),
    pytest.param([10, 20, 10, 30, 50, 20, 10, 40], 95, [5, 10, 5, 15, 25, 10, 5, 20], id="A5"),
    pytest.param([10, 0], 40, [40, 0], id="A7"),
    pytest.param([0, 0], 10, [5, 5], id="A8"),
    pytest.param([100, 100], -20, [-10, -10], id="A10"),
    pytest.param([123], 300, [300], id="A11"),
    pytest.param([300, 1200], 750, [150, 600], id="A13"),
    pytest.param([1000, 1000], 2500, [1250, 1250], id="A14-the-discount-is-capped-before-it-is-split"),
    pytest.param([100, 200], 100, [33, 67], id="A16"),
    pytest.param([], 1500, [], id="A17"),
    pytest.param([1000, 2000], 300, [100, 200], id="A19"),
    pytest.param([50, 50, 50], 1500, [500, 500, 500], id="A20"),
    pytest.param([20, 30, 100], 1500, [200, 300, 1000], id="A22"),
    pytest.param([20, 0, 0], 1500, [1500, 0, 0], id="A23-what-is-not-eligible-weighs-nothing"),
    pytest.param([1, 1], 15, [8, 7], id="A25-the-odd-unit-goes-to-the-first-of-equals"),
    pytest.param([3000, 1000], 2000, [1500, 500], id="A28"),
    pytest.param([3000, 1000], 4000, [3000, 1000], id="A29"),
    pytest.param([0, 1000], 1000, [0, 1000], id="A31-shipping-only"),
    pytest.param([3000, 0], 3000, [3000, 0], id="A31-goods-only"),
    pytest.param([0, 0], 0, [0, 0], id="A31-nothing-at-all"),
    pytest.param([3000, 1000], 0, [0, 0], id="A31-nothing-off"),
    pytest.param([3000, 1000], 1333, [1000, 333], id="A32"),
    pytest.param([120, 230, 300], 5000, [923, 1769, 2308], id="50-over-120-230-300-by-largest-remainder"),
    pytest.param([1, 1, 1], 1000, [334, 333, 333], id="10-over-three-ties-go-to-the-lowest-index"),
    pytest.param([200, 200, 200], 400, [134, 133, 133], id="4-over-three-ties-go-to-the-lowest-index"),
]


@pytest.mark.parametrize(("shares", "total", "expected"), A_CASES)
def test_the_cases_of_other_shops_by_largest_remainder(shares, total, expected):
    """A26 has no place here: weights are numbers, and there is no `remaining`."""
    assert split_minor(total, shares) == expected


@given(amounts, st.integers(min_value=0, max_value=10_000))
def test_a_percentage_is_half_up(amount, basis_points):
    exact = Fraction(amount * basis_points, 10_000)
    floor = exact.numerator // exact.denominator
    assert percent_of(amount, basis_points) == floor + (exact - floor >= Fraction(1, 2))


@pytest.mark.parametrize(
    ("amount", "basis_points", "expected"),
    [
        pytest.param(12345, 1000, 1235, id="C41-half-up-on-the-positive-fee"),
        pytest.param(10000, 333, 333, id="C19"),
        pytest.param(1000, 333, 33, id="C20-yen"),
        pytest.param(5, 1000, 1, id="half"),
        pytest.param(4, 1000, 0, id="less-than-half"),
    ],
)
def test_halves_go_up(amount, basis_points, expected):
    assert percent_of(amount, basis_points) == expected


# Commission --------------------------------------------------------------------------------------------------------------

rules = st.builds(
    Commission,
    basis_points=st.integers(min_value=0, max_value=10_000),
    fixed_minor=st.integers(min_value=0, max_value=5_000),
    fee_bearer=st.just("seller"),
)


@given(rules, amounts)
def test_commission_is_never_below_zero_nor_above_the_goods(rule, base):
    assert 0 <= rule.of(base) <= base
    assert 0 <= rule.percentage_part(base) <= rule.of(base)
    assert rule.of(-base) == 0


@given(rules, weights)
def test_the_lines_shares_of_commission_sum_to_it(rule, bases):
    commission = rule.of(sum(bases))
    parts = split_minor(commission, bases)
    assert sum(parts) == commission
    assert all(0 <= part <= base for part, base in zip(parts, bases, strict=True))


@given(rules, st.integers(min_value=1, max_value=10**7), st.integers(min_value=0, max_value=10**5), st.data())
def test_however_refunds_are_cut_the_whole_of_them_leaves_exactly_the_fixed_part(rule, base, shipping, data):
    total, refunded, returned, parts = base + shipping, 0, 0, []
    while refunded < total:
        refunded += (
            data.draw(st.integers(min_value=1, max_value=total - refunded))
            if len(parts) < 12
            else total - refunded
        )
        part = share_of(rule.returnable(base), refunded, total) - returned
        returned += part
        parts.append(part)
        assert part >= 0
        assert abs(Fraction(rule.percentage_part(base) * refunded, total) - returned) <= Fraction(1, 2)

    assert returned == rule.percentage_part(base)
    assert rule.of(base) - returned == min(rule.fixed_minor, base - rule.percentage_part(base))
