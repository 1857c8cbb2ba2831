"""Many buyers, few goods: nothing is sold twice, nobody is turned away by a deadlock.

Threads and commits are real. Each race has a control that shows it where the protection is left out.
"""

import pytest
from django.db import transaction
from django.db.models import F, Sum

from services.inventory_services import InsufficientStock, StockLine, change_stock, receive_stock
from services.order_history import SYSTEM
from services.order_services import cancel_order, place_order
from shop.models import InventoryItem, MovementKind, Notification, Order, OrderLine, Variant
from tenants.context import tenant_scope
from tests.factories.shop import ADDRESS, item_of, make_cart, make_order, make_variant
from tests.factories.threads import Gate, at_once, failures

pytestmark = pytest.mark.usefixtures("committed")


def checkout(cart_token: str, email: str = "a@example.com", **fields) -> Order:
    return place_order(cart_token=cart_token, email=email, shipping_address=ADDRESS, **fields)


def test_the_last_unit_goes_to_one_of_forty_buyers(tenant):
    with tenant_scope(tenant):
        variant = make_variant(stock=1)
        tokens = [make_cart((variant, 1)).token for _ in range(40)]

    results = at_once([lambda token=token: checkout(token) for token in tokens], tenant=tenant)

    assert sum(isinstance(result, Order) for result in results) == 1
    assert failures(results, InsufficientStock) == []
    with tenant_scope(tenant):
        assert (item_of(variant).current_stock, item_of(variant).reserved_stock) == (1, 1)
        assert Order.objects.count() == 1


def test_control_reading_the_stock_before_writing_it_sells_the_last_unit_twice(tenant):
    with tenant_scope(tenant):
        variant = make_variant(stock=1)
    everybody_has_read = Gate(4)

    def naive() -> bool:
        item = InventoryItem.objects.get(pk=variant.pk)
        everybody_has_read.wait()
        if item.current_stock - item.reserved_stock >= 1:
            InventoryItem.objects.filter(pk=variant.pk).update(reserved_stock=item.reserved_stock + 1)
            return True
        return False

    assert sum(result is True for result in at_once([naive] * 4, tenant=tenant)) == 4


def test_carts_with_the_same_things_in_opposite_order_do_not_lock_each_other_out(tenant):
    with tenant_scope(tenant):
        first, second = make_variant(stock=30), make_variant(stock=30)
        tokens = [
            make_cart(*(((first, 1), (second, 1)) if number % 2 else ((second, 1), (first, 1)))).token
            for number in range(50)
        ]

    results = at_once([lambda token=token: checkout(token) for token in tokens], tenant=tenant)

    assert failures(results, InsufficientStock) == []
    assert sum(isinstance(result, Order) for result in results) == 30
    with tenant_scope(tenant):
        for variant in (first, second):
            item = item_of(variant)
            assert (item.current_stock, item.reserved_stock, item.available_stock) == (30, 30, 0)
            assert OrderLine.objects.filter(variant=variant).aggregate(sold=Sum("quantity"))["sold"] == 30


def test_control_locking_in_the_carts_order_deadlocks(tenant):
    with tenant_scope(tenant):
        first, second = make_variant(stock=5), make_variant(stock=5)
    one_is_held = Gate(2)

    def naive(*variants: Variant) -> None:
        with transaction.atomic():
            for number, variant in enumerate(variants):
                InventoryItem.objects.filter(pk=variant.pk).update(reserved_stock=F("reserved_stock") + 1)
                if number == 0:
                    one_is_held.wait()

    results = at_once([lambda: naive(first, second), lambda: naive(second, first)], tenant=tenant)

    (error,) = failures(results)
    assert "deadlock" in str(error)


def test_orders_and_cancellations_at_once_leave_exactly_what_open_orders_hold(tenant):
    with tenant_scope(tenant):
        variants = [make_variant(stock=20) for _ in range(3)]
        placed = [make_order(*((variant, 1) for variant in variants)) for _ in range(10)]
        tokens = [make_cart(*((variant, 1) for variant in reversed(variants))).token for _ in range(15)]
    actions = [lambda order=order: cancel_order(order_id=order.pk, actor=SYSTEM) for order in placed]
    actions += [lambda token=token: checkout(token) for token in tokens]

    results = at_once(actions, tenant=tenant)

    assert failures(results, InsufficientStock) == []
    with tenant_scope(tenant):
        pending = Order.objects.filter(status="pending").count()
        assert {item_of(variant).reserved_stock for variant in variants} == {pending}


def test_receiving_at_once_loses_no_unit(tenant):
    with tenant_scope(tenant):
        variant = make_variant(stock=0)
    at_once([lambda: receive_stock(variant_id=variant.pk, quantity=1)] * 20, tenant=tenant)
    with tenant_scope(tenant):
        item = item_of(variant)
        assert item.current_stock == 20
        after = list(item.movements.order_by("id").values_list("current_after", flat=True))
        assert after == list(range(1, 21))


def test_a_shortage_that_many_buyers_cause_together_is_told_once(tenant):
    with tenant_scope(tenant):
        variant = make_variant(stock=12)
        tokens = [make_cart((variant, 1)).token for _ in range(12)]
    at_once([lambda token=token: checkout(token) for token in tokens], tenant=tenant)
    with tenant_scope(tenant):
        assert Notification.objects.filter(type="low_stock").count() == 1


def test_stock_is_changed_in_a_transaction_or_not_at_all(tenant):
    with tenant_scope(tenant), pytest.raises(RuntimeError, match="transaction"):
        change_stock(MovementKind.RECEIVE, [StockLine(make_variant().pk, 1)])


def test_two_tabs_adding_to_the_same_cart_lose_no_unit(tenant):
    from services.cart_services import add_to_cart

    with tenant_scope(tenant):
        variant = make_variant(stock=50)
        cart = make_cart((variant, 1))
    results = at_once([lambda: add_to_cart(cart=cart, variant_id=variant.pk, quantity=1)] * 10, tenant=tenant)
    assert failures(results) == []
    with tenant_scope(tenant):
        assert cart.lines.get().quantity == 11
