"""Sending orders: parcels, tracking, and the move to SHIPPED when the last unit has left."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import F

from core.clock import now
from core.errors import Conflict, Invalid, NotFound
from core.jobs import enqueue
from services.notification_services import notify_shipped
from services.order_history import Actor, record_event
from services.order_services import lock_order
from shop.models import Order, OrderLine, OrderStatus, PaymentStatus, Shipment, ShipmentLine, ShippingRate
from tenants.context import current_tenant


class TooManyUnits(Conflict):
    """More units than are left to ship. Facts: line_id, left."""

    code = "too_many_units"
    title = "More units than are left to ship"


def ship_order(
    *,
    order_id: UUID,
    carrier: str,
    actor: Actor,
    tracking_number: str = "",
    tracking_url: str = "",
    quantities: Mapping[int, int] | None = None,
) -> Shipment:
    """Send a parcel with `quantities` (order line id -> units); None sends all that is left.

    The order becomes SHIPPED with the parcel that takes the last units; a payment that was only authorised is captured then.
    Locks: the order.
    Raises: NotFound (order, line), IllegalTransition (not confirmed), TooManyUnits, Invalid (nothing in it).
    """
    with transaction.atomic():
        order = lock_order(order_id)
        if order.status != OrderStatus.CONFIRMED:
            order.ship(at=now())  # raises: only confirmed orders are shipped
        lines = {line.pk: line for line in order.lines.all()}
        wanted = (
            dict(quantities)
            if quantities is not None
            else {pk: line.quantity - line.shipped_quantity for pk, line in lines.items()}
        )
        wanted = {pk: units for pk, units in wanted.items() if units}
        if not wanted or min(wanted.values()) < 0:
            raise Invalid(field="lines", reason="a parcel needs at least one unit")
        shipment = Shipment.objects.create(
            order=order,
            carrier=carrier,
            tracking_number=tracking_number,
            tracking_url=tracking_url,
            shipped_at=now(),
            actor_id=actor.id,
        )
        for line_id, units in sorted(wanted.items()):
            _pack(shipment, lines.get(line_id), units)
        record_event(order, "parcel_sent", actor, carrier=carrier, tracking_number=tracking_number)
        if not order.lines.filter(shipped_quantity__lt=F("quantity")).exists():
            _mark_shipped(order, actor)
        notify_shipped(order, shipment)
    return shipment


def _pack(shipment: Shipment, line: OrderLine | None, units: int) -> None:
    if line is None:
        raise NotFound(what="order line")
    packed = OrderLine.objects.filter(pk=line.pk, quantity__gte=F("shipped_quantity") + units).update(
        shipped_quantity=F("shipped_quantity") + units
    )
    if not packed:
        raise TooManyUnits(line_id=line.pk, left=line.quantity - line.shipped_quantity)
    ShipmentLine.objects.create(shipment=shipment, order_line=line, quantity=units)


def _mark_shipped(order: Order, actor: Actor) -> None:
    before, moment = order.status, now()
    order.ship(at=moment)
    order.save(update_fields=["status", "shipped_at"])
    record_event(order, "shipped", actor, from_status=before, at=moment)
    if order.payments.filter(status=PaymentStatus.AUTHORISED).exists():
        enqueue("payment.capture", order_id=order.pk)


def set_flat_rate(*, name: str, price_minor: int, free_from_minor: int | None) -> ShippingRate:
    """The storefront's one flat rate. Orders keep the price they were placed with."""
    with transaction.atomic():
        rate = ShippingRate.objects.select_for_update().filter(is_active=True).first() or ShippingRate(
            currency=current_tenant().currency
        )
        rate.name, rate.price_minor, rate.free_from_minor = name, price_minor, free_from_minor
        rate.save()
    return rate
