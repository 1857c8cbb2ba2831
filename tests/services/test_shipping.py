"""Sending: parcel by parcel, never more than was bought, and SHIPPED with the last unit."""

import pytest
from django_fsm import TransitionNotAllowed

from core.errors import Invalid, NotFound
from core.ids import new_id
from services.order_history import Actor
from services.order_services import cancel_order, deliver_order
from services.shipping_services import TooManyUnits, set_flat_rate, ship_order
from shop.models import ActorKind, Notification, Order, OrderStatus, Shipment, ShippingRate
from tests.factories.shop import make_order, make_variant, pay

pytestmark = pytest.mark.usefixtures("serving")
SELLER = Actor(ActorKind.SELLER, new_id())


@pytest.fixture
def order(serving, stripe_local) -> Order:
    """Paid: three of one thing and one of another."""
    order = make_order((make_variant(), 3), (make_variant(), 1))
    pay(order, stripe_local)
    return order


def ship(order: Order, quantities: dict[int, int] | None = None) -> Shipment:
    shipment = ship_order(
        order_id=order.pk, carrier="DHL", tracking_number="JD01", actor=SELLER, quantities=quantities
    )
    order.refresh_from_db()
    return shipment


def test_without_a_list_a_parcel_takes_all_that_is_left(order):
    first, _ = order.lines.all()
    ship(order, {first.pk: 1})
    assert order.status == OrderStatus.CONFIRMED

    shipment = ship(order)

    assert order.status == OrderStatus.SHIPPED
    assert [line.quantity for line in shipment.lines.order_by("id")] == [2, 1]


def test_the_order_is_shipped_with_the_last_unit_and_not_before(order):
    first, second = order.lines.all()
    for quantities in ({first.pk: 1}, {first.pk: 2}):
        ship(order, quantities)
        assert (order.status, order.shipped_at) == (OrderStatus.CONFIRMED, None)
    ship(order, {second.pk: 1})
    assert order.status == OrderStatus.SHIPPED
    assert order.shipped_at is not None


def test_more_units_than_are_left_are_refused_with_the_number_left_and_nothing_is_sent(order):
    first, second = order.lines.all()
    ship(order, {first.pk: 2})

    with pytest.raises(TooManyUnits) as refusal:
        ship(order, {second.pk: 1, first.pk: 2})

    assert refusal.value.facts == {"line_id": first.pk, "left": 1}
    second.refresh_from_db()
    assert (second.shipped_quantity, Shipment.objects.count()) == (0, 1)


@pytest.mark.parametrize("quantities", [{}, {"first": 0}, {"first": -1}, {"first": 1, "second": -1}])
def test_a_parcel_has_at_least_one_unit_and_never_less_than_none_of_a_line(order, quantities):
    lines = dict(zip(("first", "second"), order.lines.all(), strict=True))
    with pytest.raises(Invalid):
        ship(order, {lines[name].pk: units for name, units in quantities.items()})
    assert not Shipment.objects.exists()


def test_lines_of_other_orders_are_not_found(order):
    foreign = make_order().lines.get()
    with pytest.raises(NotFound):
        ship(order, {foreign.pk: 1})
    with pytest.raises(NotFound):
        ship_order(order_id=new_id(), carrier="DHL", actor=SELLER)
    assert not Shipment.objects.exists()


def test_an_order_that_is_not_paid_is_not_sent():
    pending = make_order()
    with pytest.raises(TransitionNotAllowed):
        ship(pending)
    cancel_order(order_id=pending.pk, actor=SELLER)
    with pytest.raises(TransitionNotAllowed):
        ship(pending)


def test_an_order_that_was_sent_is_not_sent_again(order):
    ship(order)
    with pytest.raises(TransitionNotAllowed):
        ship(order)
    assert Shipment.objects.count() == 1


def test_only_what_was_sent_arrives(order):
    with pytest.raises(TransitionNotAllowed):
        deliver_order(order_id=order.pk, actor=SELLER)
    first, _ = order.lines.all()
    ship(order, {first.pk: 1})
    with pytest.raises(TransitionNotAllowed):
        deliver_order(order_id=order.pk, actor=SELLER)
    ship(order)

    delivered = deliver_order(order_id=order.pk, actor=SELLER, reason="signed for")

    assert delivered.status == OrderStatus.DELIVERED
    assert all(parcel.delivered_at == delivered.delivered_at for parcel in order.shipments.all())
    with pytest.raises(TransitionNotAllowed):
        deliver_order(order_id=order.pk, actor=SELLER)


def test_the_buyer_is_told_of_each_parcel_with_its_tracking(order):
    first, _ = order.lines.all()
    ship(order, {first.pk: 1})
    ship(order)
    told = Notification.objects.filter(type="order_shipped")
    assert told.count() == 2
    assert all("DHL JD01" in notice.message and notice.email == order.email for notice in told)


def test_the_history_names_the_parcel_and_the_move(order):
    ship(order)
    assert [(event.action, event.actor_id) for event in order.events.all()][-2:] == [
        ("parcel_sent", SELLER.id),
        ("shipped", SELLER.id),
    ]


def test_a_storefront_has_one_flat_rate():
    first = set_flat_rate(name="Post", price_minor=300, free_from_minor=None)
    second = set_flat_rate(name="Courier", price_minor=900, free_from_minor=5000)
    assert first.pk == second.pk
    assert [rate.name for rate in ShippingRate.objects.filter(is_active=True)] == ["Courier"]
