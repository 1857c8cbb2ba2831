"""Counting while others sell and count: a count is saved on what was seen, or told. Threads and commits are real."""

import pytest

from services.inventory_services import Count, Counted, set_stock, take_stock
from services.order_services import place_order
from shop.models import InventoryMovement, Order
from tenants.context import tenant_scope
from tests.factories.shop import ADDRESS, item_of, make_cart, make_variant
from tests.factories.threads import at_once, failures

pytestmark = pytest.mark.usefixtures("committed")


def test_of_many_who_counted_the_same_shelf_one_is_believed_and_the_others_are_told(tenant):
    with tenant_scope(tenant):
        first, second = make_variant(stock=10), make_variant(stock=10)

    def count(number: int) -> Counted:
        sheet = [Count(first.pk, 20 + number, 10), Count(second.pk, 20 + number, 10)]
        return take_stock(counts=sheet if number % 2 else sheet[::-1], reason=f"sheet {number}")

    results = at_once([lambda number=number: count(number) for number in range(12)], tenant=tenant)

    assert failures(results) == []
    assert sorted(result.changed for result in results) == [0] * 11 + [2]
    assert all(len(result.moved) == 2 for result in results if not result.changed)
    with tenant_scope(tenant):
        assert item_of(first).current_stock == item_of(second).current_stock != 10
        assert InventoryMovement.objects.filter(kind="adjust").count() == 2


def test_control_setting_the_count_without_what_was_seen_overwrites_the_others(tenant):
    with tenant_scope(tenant):
        variant = make_variant(stock=10)

    at_once(
        [lambda n=n: set_stock(variant_id=variant.pk, current_stock=20 + n, reason="x") for n in range(6)],
        tenant=tenant,
    )

    with tenant_scope(tenant):
        assert InventoryMovement.objects.filter(kind="adjust").count() > 1


def test_counting_takes_nothing_from_those_who_buy_meanwhile(tenant):
    with tenant_scope(tenant):
        variant = make_variant(stock=10)
        tokens = [make_cart((variant, 1)).token for _ in range(10)]
    buyers = [
        lambda token=token: place_order(cart_token=token, email="a@example.com", shipping_address=ADDRESS)
        for token in tokens
    ]
    counter = lambda: take_stock(counts=[Count(variant.pk, 4, 10)], reason="x")  # noqa: E731

    results = at_once([*buyers[:5], counter, *buyers[5:]], tenant=tenant)

    sold = sum(isinstance(result, Order) for result in results)
    (outcome,) = (result for result in results if isinstance(result, Counted))
    with tenant_scope(tenant):
        item = item_of(variant)
    assert item.reserved_stock == sold <= item.current_stock
    assert item.current_stock == (4 if outcome.changed else 10)
    assert bool(outcome.changed) != bool(outcome.short)
