"""Stock: reserved is never more than there is, every change is a movement, and a shortage is told once.

Ids such as I8 are the cases collected from other shops. Where ours differs the test says by which rule.
"""

from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from core.errors import Conflict, Invalid, NotFound
from services.inventory_services import (
    InsufficientStock,
    StockLine,
    adjust_stock,
    change_stock,
    receive_stock,
    set_stock,
    set_stock_rules,
)
from services.order_history import SYSTEM
from services.order_services import cancel_order, place_order
from services.payment_services import sync_intent
from services.shipping_services import ship_order
from shop.models import (
    CartLine,
    InventoryItem,
    InventoryMovement,
    MovementKind,
    Notification,
    OrderStatus,
    Variant,
)
from tests.factories.shop import ADDRESS, item_of, make_cart, make_order, make_variant, pay

RESERVE, RELEASE, CONSUME, RETURN = (
    MovementKind.RESERVE,
    MovementKind.RELEASE,
    MovementKind.CONSUME,
    MovementKind.RETURN,
)


def move(kind: MovementKind, *lines: tuple[Variant, int]) -> None:
    with transaction.atomic():
        change_stock(kind, [StockLine(variant.pk, quantity) for variant, quantity in lines])


def counts(variant: Variant) -> tuple[int, int, int]:
    """Current, reserved, available."""
    item = item_of(variant)
    return item.current_stock, item.reserved_stock, item.available_stock


def low_stock_notices() -> list[str]:
    return list(
        Notification.objects.filter(type="low_stock").order_by("created_at").values_list("message", flat=True)
    )


def assert_movements_explain_the_stock() -> None:
    for item in InventoryItem.objects.all():
        sums = item.movements.aggregate(current=Sum("current_delta"), reserved=Sum("reserved_delta"))
        assert (item.current_stock, item.reserved_stock) == (sums["current"] or 0, sums["reserved"] or 0)


@pytest.fixture(autouse=True)
def every_count_is_explained(serving):
    """Whatever a test did, stock is the sum of its movements."""
    yield
    assert_movements_explain_the_stock()


# Counts --------------------------------------------------------------------------------------------------------------


def test_i1_available_is_what_is_there_less_what_is_promised():
    """Ours has two counts, not three: units that cannot be sold are taken off with a reason instead of kept apart."""
    variant = make_variant(stock=20)
    move(RESERVE, (variant, 6))
    adjust_stock(variant_id=variant.pk, delta=-10, reason="kept for the fair")

    assert counts(variant) == (10, 6, 4)


def test_i2_an_order_holds_units_until_it_is_paid_and_takes_them_then(stripe_local):
    """Ours differs: the units leave the count with the payment, not with the parcel."""
    variant = make_variant(stock=30)
    order = make_order((variant, 3))
    assert counts(variant) == (30, 3, 27)

    pay(order, stripe_local)
    assert counts(variant) == (27, 0, 27)

    ship_order(order_id=order.pk, carrier="DHL", actor=SYSTEM)
    assert counts(variant) == (27, 0, 27)


def test_i4_i5_part_of_what_is_held_can_be_let_go():
    variant = make_variant(stock=5)
    move(RESERVE, (variant, 3))
    assert counts(variant) == (5, 3, 2)

    move(RELEASE, (variant, 1))
    assert counts(variant) == (5, 2, 3)


def test_i7_cancelling_a_paid_order_puts_its_units_back(stripe_local):
    variant = make_variant(stock=5)
    order = make_order((variant, 2))
    pay(order, stripe_local)
    assert counts(variant) == (3, 0, 3)

    cancel_order(order_id=order.pk, actor=SYSTEM)

    assert counts(variant) == (5, 0, 5)
    last = InventoryMovement.objects.filter(item_id=variant.pk).latest("id")
    assert (last.kind, last.current_delta, last.order_id) == ("return", 2, order.pk)


def test_i8_more_than_there_is_is_refused_with_the_number_there_is_and_nothing_is_added():
    """Ours differs: the buyer is told that there are 3 and asked, instead of being given 3."""
    variant = make_variant(stock=3)

    with pytest.raises(InsufficientStock) as refusal:
        make_cart((variant, 5))

    assert refusal.value.facts == {
        "lines": [{"variant_id": str(variant.pk), "sku": variant.sku, "requested": 5, "available": 3}]
    }
    assert not CartLine.objects.exists()


def test_i10_nothing_is_sold_below_zero_whatever_the_threshold_says():
    """Ours differs: there are no back-orders; a seller who takes them sells the item untracked."""
    variant = make_variant(stock=3)
    with pytest.raises(IntegrityError), transaction.atomic():
        set_stock_rules(variant_id=variant.pk, low_stock_threshold=-5)
    with pytest.raises(InsufficientStock):
        make_order((variant, 8))


def test_i11_no_more_is_taken_than_is_held_and_there():
    variant = make_variant(stock=3)
    move(RESERVE, (variant, 3))
    with pytest.raises(InsufficientStock):
        move(CONSUME, (variant, 8))
    move(CONSUME, (variant, 3))
    assert counts(variant) == (0, 0, 0)

    receive_stock(variant_id=variant.pk, quantity=10)
    move(RESERVE, (variant, 5))
    move(CONSUME, (variant, 5))
    assert counts(variant) == (5, 0, 5)


def test_i13_i20_an_item_that_is_not_tracked_is_always_sold_and_never_counted(stripe_local):
    variant = make_variant(stock=0)
    set_stock_rules(variant_id=variant.pk, is_tracked=False)
    order = make_order((variant, 5))
    pay(order, stripe_local)

    assert order.status == OrderStatus.CONFIRMED
    assert counts(variant) == (0, 0, 0)
    assert not InventoryMovement.objects.filter(item_id=variant.pk).exists()


def test_i14_a_payment_told_twice_takes_the_units_once(stripe_local):
    variant = make_variant(stock=5)
    payment = pay(make_order((variant, 2)), stripe_local)

    sync_intent(payment.intent_id)

    assert counts(variant) == (3, 0, 3)
    kinds = InventoryMovement.objects.filter(item_id=variant.pk).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["receive", "reserve", "consume"]


def test_i16_an_order_holds_its_units_until_its_deadline_and_asking_again_holds_no_more(settings):
    """Ours holds from the order on, not from the cart; the same request again is the same order."""
    variant = make_variant(stock=10)
    cart = make_cart((variant, 3))
    order, again = (
        place_order(cart_token=cart.token, email="a@example.com", shipping_address=ADDRESS, request_key="k")
        for _ in range(2)
    )
    assert order.pk == again.pk
    assert order.deadline_at - order.placed_at == settings.ORDER_DEADLINE
    assert counts(variant) == (10, 3, 7)


def test_i17_i22_a_reservation_that_is_refused_leaves_nothing_behind():
    short, plenty = make_variant(stock=1), make_variant(stock=100)
    with pytest.raises(InsufficientStock) as refusal:
        move(RESERVE, (plenty, 5), (short, 3))

    assert [line["sku"] for line in refusal.value.facts["lines"]] == [short.sku]
    assert (counts(plenty), counts(short)) == ((100, 0, 100), (1, 0, 1))
    assert not InventoryMovement.objects.filter(kind="reserve").exists()


def test_i19_i26_entries_for_the_same_item_are_added_up_before_they_are_judged():
    variant = make_variant(stock=5)
    with pytest.raises(InsufficientStock) as refusal:
        move(RESERVE, (variant, 3), (variant, 3))
    assert refusal.value.facts["lines"][0]["requested"] == 6

    move(RESERVE, (variant, 3), (variant, 2))
    assert counts(variant) == (5, 5, 0)
    assert InventoryMovement.objects.filter(kind="reserve").count() == 1


def test_i23_no_more_is_held_than_is_free():
    variant = make_variant(stock=100)
    move(RESERVE, (variant, 80))
    with pytest.raises(InsufficientStock):
        move(RESERVE, (variant, 21))
    assert counts(variant) == (100, 80, 20)


def test_i25_there_is_one_stock_per_item_and_letting_go_of_more_than_is_held_is_refused():
    """Ours has one stock per item; letting go never reaches below what is held."""
    variant = make_variant(stock=4)
    move(RESERVE, (variant, 4))
    move(RELEASE, (variant, 4))
    with pytest.raises(InsufficientStock):
        move(RELEASE, (variant, 1))
    assert counts(variant) == (4, 0, 4)


def test_postgresql_itself_refuses_more_reserved_than_there_is():
    variant = make_variant(stock=3)
    for broken in ({"reserved_stock": 4}, {"reserved_stock": -1}, {"current_stock": -1}):
        with pytest.raises(IntegrityError, match="stock_reserved_within_current"), transaction.atomic():
            InventoryItem.objects.filter(pk=variant.pk).update(**broken)


# The seller's hand -----------------------------------------------------------------------------------------------------


def test_a_correction_below_what_is_reserved_is_refused():
    variant = make_variant(stock=10)
    move(RESERVE, (variant, 4))
    with pytest.raises(InsufficientStock):
        adjust_stock(variant_id=variant.pk, delta=-7, reason="counted")
    adjust_stock(variant_id=variant.pk, delta=-6, reason="counted")

    assert counts(variant) == (4, 4, 0)
    assert InventoryMovement.objects.latest("id").reason == "counted"


def test_a_correction_by_nothing_is_refused():
    variant = make_variant()
    with pytest.raises(Invalid):
        adjust_stock(variant_id=variant.pk, delta=0, reason="none")


@pytest.mark.parametrize("quantity", [0, -5])
def test_goods_that_come_in_are_at_least_one(quantity):
    variant = make_variant(stock=10)
    with pytest.raises(Invalid):
        receive_stock(variant_id=variant.pk, quantity=quantity)
    assert counts(variant) == (10, 0, 10)


def test_a_count_that_is_right_already_writes_no_movement():
    variant = make_variant(stock=10)
    set_stock(variant_id=variant.pk, current_stock=10, reason="stock-taking")
    set_stock(variant_id=variant.pk, current_stock=7, reason="stock-taking")

    movements = InventoryMovement.objects.filter(item_id=variant.pk).order_by("id")
    assert [(row.kind, row.current_delta) for row in movements] == [("receive", 10), ("adjust", -3)]


def test_each_movement_says_the_counts_after_it():
    variant = make_variant(stock=10)
    move(RESERVE, (variant, 4))
    move(CONSUME, (variant, 4))
    move(RETURN, (variant, 1))

    rows = InventoryMovement.objects.filter(item_id=variant.pk).order_by("id")
    assert [(row.current_after, row.reserved_after) for row in rows] == [(10, 0), (10, 4), (6, 0), (7, 0)]


def test_unknown_items_are_refused_and_the_known_ones_beside_them_stay_as_they_are():
    variant = make_variant(stock=10)
    for action in (
        lambda: receive_stock(variant_id=uuid4(), quantity=1),
        lambda: adjust_stock(variant_id=uuid4(), delta=1, reason="?"),
        lambda: set_stock(variant_id=uuid4(), current_stock=1, reason="?"),
        lambda: set_stock_rules(variant_id=uuid4(), low_stock_threshold=1),
    ):
        with pytest.raises(NotFound):
            action()
    with pytest.raises(NotFound), transaction.atomic():
        change_stock(RESERVE, [StockLine(variant.pk, 1), StockLine(uuid4(), 1)])
    assert counts(variant) == (10, 0, 10)


def test_restocking_is_dated_and_selling_is_not():
    variant = make_variant(stock=0)
    assert item_of(variant).last_restocked is None
    receive_stock(variant_id=variant.pk, quantity=2)
    restocked = item_of(variant).last_restocked
    assert restocked is not None

    move(RESERVE, (variant, 1))
    adjust_stock(variant_id=variant.pk, delta=-1, reason="broken")
    assert item_of(variant).last_restocked == restocked


# Tracking ----------------------------------------------------------------------------------------------------------------


def test_an_item_that_open_orders_hold_stays_tracked():
    variant = make_variant(stock=3)
    make_order((variant, 1))
    with pytest.raises(Conflict):
        set_stock_rules(variant_id=variant.pk, is_tracked=False)


def test_an_item_that_open_orders_wait_for_stays_untracked(stripe_local):
    """They hold nothing; were it counted now, their payment could not take what was never reserved."""
    variant = make_variant(stock=0)
    set_stock_rules(variant_id=variant.pk, is_tracked=False)
    order = make_order((variant, 2))

    with pytest.raises(Conflict):
        set_stock_rules(variant_id=variant.pk, is_tracked=True)
    pay(order, stripe_local)

    assert order.status == OrderStatus.CONFIRMED
    assert set_stock_rules(variant_id=variant.pk, is_tracked=True).is_tracked


# Telling -----------------------------------------------------------------------------------------------------------------


def test_low_stock_is_told_once_per_crossing():
    variant = make_variant(stock=8)
    for _ in range(3):
        move(RESERVE, (variant, 1))
    assert [notice.split(" left")[0] for notice in low_stock_notices()] == [f"{variant.sku} has 5"]

    move(RESERVE, (variant, 2))
    assert len(low_stock_notices()) == 1


def test_low_stock_is_told_again_after_restocking_and_another_crossing():
    variant = make_variant(stock=6)
    move(RESERVE, (variant, 1))
    receive_stock(variant_id=variant.pk, quantity=4)
    assert item_of(variant).low_stock_since is None
    move(RESERVE, (variant, 4))

    assert len(low_stock_notices()) == 2


def test_restocking_that_stays_under_the_threshold_starts_no_new_crossing():
    variant = make_variant(stock=6)
    move(RESERVE, (variant, 4))
    since = item_of(variant).low_stock_since
    receive_stock(variant_id=variant.pk, quantity=2)
    move(RESERVE, (variant, 1))

    assert item_of(variant).low_stock_since == since
    assert len(low_stock_notices()) == 1


def test_letting_go_of_what_an_order_held_ends_the_shortage():
    variant = make_variant(stock=6)
    move(RESERVE, (variant, 3))
    move(RELEASE, (variant, 3))
    assert item_of(variant).low_stock_since is None


def test_taking_what_was_held_is_no_new_crossing():
    variant = make_variant(stock=6)
    move(RESERVE, (variant, 2))
    move(CONSUME, (variant, 2))
    assert len(low_stock_notices()) == 1


def test_the_threshold_decides_and_a_new_one_counts_from_now_on():
    variant = make_variant(stock=10)
    set_stock_rules(variant_id=variant.pk, low_stock_threshold=9)
    move(RESERVE, (variant, 1))
    assert len(low_stock_notices()) == 1

    set_stock_rules(variant_id=variant.pk, low_stock_threshold=2)
    assert item_of(variant).low_stock_since is None
    move(RESERVE, (variant, 5))
    assert len(low_stock_notices()) == 1
    move(RESERVE, (variant, 2))
    assert len(low_stock_notices()) == 2


def test_a_seller_who_raises_the_threshold_above_the_stock_sees_it_as_low_and_is_not_told_what_they_just_did():
    variant = make_variant(stock=10)
    assert set_stock_rules(variant_id=variant.pk, low_stock_threshold=20).low_stock_since is not None
    move(RESERVE, (variant, 1))
    assert low_stock_notices() == []


def test_a_threshold_of_nothing_means_no_warnings():
    variant = make_variant(stock=2)
    set_stock_rules(variant_id=variant.pk, low_stock_threshold=0)
    move(RESERVE, (variant, 2))
    assert low_stock_notices() == []


def test_the_warning_goes_to_the_staff_by_mail_and_names_the_item(serving):
    variant = make_variant(stock=6, title="Blue bowl")
    move(RESERVE, (variant, 2))

    notice = Notification.objects.get(type="low_stock")
    assert (notice.title, notice.for_staff, notice.email) == (
        "Low stock: Blue bowl",
        True,
        serving.support_email,
    )
