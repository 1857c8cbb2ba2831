"""Promotions: the owner's rules, what a code takes off, and that it is used no more often than allowed."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from core.errors import Conflict, Invalid, NotFound
from core.ids import new_id
from services.order_history import SYSTEM
from services.order_services import cancel_order
from services.promotion_services import PromotionRefused, discount_lines, save_promotion
from shop.models import Promotion, PromotionRedemption
from tests.factories.shop import make_order, make_promotion, make_variant

pytestmark = pytest.mark.usefixtures("serving")
NOW = timezone.now()
VALID = {"kind": "percentage", "percentage_basis_points": 1000, "starts_at": NOW}
BROKEN = {
    "a percentage of nothing": {"percentage_basis_points": 0},
    "a negative percentage": {"percentage_basis_points": -1},
    "more than all of it": {"percentage_basis_points": 10_001},
    "a percentage that is missing": {"percentage_basis_points": None},
    "a percentage with an amount": {"amount_minor": 100},
    "a fixed amount of nothing": {"kind": "fixed", "percentage_basis_points": None, "amount_minor": 0},
    "a negative amount": {"kind": "fixed", "percentage_basis_points": None, "amount_minor": -1},
    "an amount that is missing": {"kind": "fixed", "percentage_basis_points": None},
    "an amount with a percentage": {"kind": "fixed", "amount_minor": 100},
    "an end before its start": {"ends_at": NOW - timedelta(seconds=1)},
    "an end at its start": {"ends_at": NOW},
    "a negative minimum": {"minimum_spend_minor": -1},
    "a code nobody can type": {"code": "TEN OFF"},
    "a code of one letter": {"code": "X"},
    "a negative limit": {"usage_limit": -1},
    "a kind we do not know": {"kind": "gift", "percentage_basis_points": 1000},
}


def reason_of(code: str, *, price_minor: int = 1000, quantity: int = 1, **order) -> str:
    with pytest.raises(PromotionRefused) as refusal:
        make_order((make_variant(price_minor=price_minor), quantity), code=code, **order)
    return refusal.value.facts["reason_code"]


@pytest.mark.parametrize("values", BROKEN.values(), ids=BROKEN)
def test_the_owners_rules_hold_in_the_service(values):
    with pytest.raises(Invalid):
        save_promotion(**{"code": "RULES", **VALID, **values})
    assert not Promotion.objects.exists()


@pytest.mark.parametrize("values", BROKEN.values(), ids=BROKEN)
def test_the_owners_rules_hold_in_the_database(values):
    with pytest.raises(IntegrityError), transaction.atomic():
        Promotion.objects.create(**{"code": "RULES", "currency": "EUR", **VALID, **values})


@pytest.mark.parametrize(
    "values",
    [
        {"percentage_basis_points": 1},
        {"percentage_basis_points": 10_000},
        {"kind": "fixed", "percentage_basis_points": None, "amount_minor": 1},
        {"ends_at": NOW + timedelta(microseconds=1)},
    ],
)
def test_the_edges_of_the_rules_are_inside(values):
    assert save_promotion(**{"code": "EDGE", **VALID, **values}).pk


def test_codes_are_one_spelling_and_unique():
    save_promotion(**VALID, code=" summer-25 ")
    assert Promotion.objects.get().code == "SUMMER-25"
    with pytest.raises(Conflict):
        save_promotion(**VALID, code="Summer-25")


def test_the_rules_hold_for_a_change_too_and_an_unknown_one_is_not_found():
    promotion = make_promotion()
    with pytest.raises(Invalid):
        save_promotion(promotion_id=promotion.pk, percentage_basis_points=10_001)
    with pytest.raises(NotFound):
        save_promotion(promotion_id=new_id(), is_active=False)


def test_a_limit_is_never_lowered_below_what_was_used():
    promotion = make_promotion(usage_limit=5)
    make_order(code=promotion.code)
    with pytest.raises(Invalid):
        save_promotion(promotion_id=promotion.pk, usage_limit=0)
    assert save_promotion(promotion_id=promotion.pk, usage_limit=1).usage_limit == 1


def test_a_code_applies_from_its_start_until_just_before_its_end():
    starts_later = make_promotion(starts_at=NOW + timedelta(hours=1))
    over = make_promotion(ends_at=timezone.now())
    switched_off = make_promotion(is_active=False)

    assert reason_of(starts_later.code) == "not_started"
    assert reason_of(over.code) == "ended"
    assert reason_of(switched_off.code) == "unknown"
    assert reason_of("NOSUCH") == "unknown"


def test_the_minimum_is_what_the_goods_cost_before_the_discount_and_without_shipping():
    promotion = make_promotion(minimum_spend_minor=2000)
    assert reason_of(promotion.code, price_minor=1999) == "minimum_spend"
    order = make_order((make_variant(price_minor=2000), 1), code=promotion.code)
    assert order.discount_minor == 200


def test_a_code_is_used_no_more_often_than_its_limit():
    promotion = make_promotion(usage_limit=2)
    make_order(code=promotion.code, email="a@example.com")
    make_order(code=promotion.code, email="b@example.com")

    assert reason_of(promotion.code) == "used_up"
    promotion.refresh_from_db()
    assert promotion.times_redeemed == 2


def test_a_buyer_uses_a_code_no_more_often_than_the_limit_for_one_however_the_address_is_written():
    promotion = make_promotion(per_buyer_limit=1)
    make_order(code=promotion.code, email="ada@example.com")

    assert reason_of(promotion.code, email="ADA@Example.com") == "used_by_you"
    make_order(code=promotion.code, email="grace@example.com")
    promotion.refresh_from_db()
    assert promotion.times_redeemed == 2


def test_a_refused_order_uses_nothing():
    promotion = make_promotion(per_buyer_limit=1)
    make_order(code=promotion.code)
    reason_of(promotion.code)
    promotion.refresh_from_db()
    assert (promotion.times_redeemed, PromotionRedemption.objects.count()) == (1, 1)


def test_cancelling_gives_the_use_back_once():
    promotion = make_promotion(usage_limit=1, per_buyer_limit=1)
    order = make_order(code=promotion.code)
    cancel_order(order_id=order.pk, actor=SYSTEM)

    promotion.refresh_from_db()
    assert promotion.times_redeemed == 0
    assert make_order(code=promotion.code).discount_minor > 0


def test_the_parts_of_a_discount_sum_to_the_whole_on_the_order_and_its_lines():
    promotion = make_promotion(percentage_basis_points=3333)
    order = make_order(*((make_variant(price_minor=1000), 1) for _ in range(3)), code=promotion.code)

    assert order.discount_minor == 1000
    assert sorted(line.discount_minor for line in order.lines.all()) == [333, 333, 334]
    assert PromotionRedemption.objects.get(order=order).discount_minor == 1000


def percentage(basis_points: int) -> Promotion:
    return Promotion(kind="percentage", percentage_basis_points=basis_points)


def fixed(amount_minor: int) -> Promotion:
    return Promotion(kind="fixed", amount_minor=amount_minor)


@pytest.mark.parametrize(
    ("promotion", "lines", "expected"),
    [
        pytest.param(fixed(40000), [20000, 60000], [10000, 30000], id="M7"),
        pytest.param(percentage(1000), [20000, 60000], [2000, 6000], id="M10"),
        pytest.param(percentage(1000), [106, 206, 306, 406], [11, 21, 30, 40], id="M23-taken-of-the-sum-102"),
        pytest.param(percentage(1000), [10], [1], id="M25-half-up"),
        pytest.param(percentage(300), [6 * 237, 328], [43, 10], id="M44-half-up-53"),
        pytest.param(fixed(300), [2400], [300], id="M37"),
        pytest.param(fixed(300), [1200, 1200], [150, 150], id="M38"),
        pytest.param(fixed(400), [200, 200, 200], [134, 133, 133], id="M40-first-of-equals"),
        pytest.param(fixed(100000), [3000, 1000], [3000, 1000], id="A29-never-more-than-the-goods"),
        pytest.param(fixed(500), [0, 0], [0, 0], id="A31-nothing-off-nothing"),
        pytest.param(percentage(3333), [3000, 1000], [1000, 333], id="A32"),
        pytest.param(percentage(10_000), [3000, 1000], [3000, 1000], id="M-all-of-it"),
    ],
)
def test_a_discount_is_taken_of_the_sum_half_up_and_shared_by_largest_remainder(promotion, lines, expected):
    assert discount_lines(promotion, lines) == expected


def test_one_code_per_order_so_nothing_is_stacked_beyond_all_of_it():
    order = make_order(
        (make_variant(price_minor=1000), 1), code=make_promotion(kind="fixed", amount_minor=5000).code
    )
    assert (order.discount_minor, order.total_minor) == (1000, 490)
