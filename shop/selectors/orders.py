"""Reading orders: one query per relation, whatever the number of rows."""

from typing import Any
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from core.errors import NotFound
from shop.models import Order, OrderLine, Payment, Shipment, ShipmentLine


def whole_orders() -> QuerySet[Order]:
    """Orders with everything that is shown of one."""
    return Order.objects.prefetch_related(
        Prefetch("lines", OrderLine.objects.select_related("variant__product").order_by("position")),
        Prefetch("shipments", Shipment.objects.prefetch_related("lines__order_line")),
        Prefetch("payments", Payment.objects.prefetch_related("attempts")),
        "refunds__lines",
        "events",
    )


def _one(queryset: QuerySet[Order], **where: Any) -> Order:
    order = queryset.filter(**where).first()
    if order is None:
        raise NotFound(what="order")
    return order


def order_by_secret(secret: str) -> Order:
    """What the holder of the link may see. Raises NotFound."""
    return _one(whole_orders(), secret=secret)


def order_head(secret: str) -> Order:
    """The order alone, without what belongs to it. Raises NotFound."""
    return _one(Order.objects.all(), secret=secret)


def order_page(secret: str) -> Order:
    """As `order_by_secret`, with what the buyer's page shows and no more. Raises NotFound."""
    orders = Order.objects.prefetch_related(
        Prefetch("lines", OrderLine.objects.select_related("variant__product").order_by("position")),
        Prefetch(
            "shipments",
            Shipment.objects.prefetch_related(
                Prefetch("lines", ShipmentLine.objects.select_related("order_line"))
            ),
        ),
        "payments",
        "refunds",
    )
    return _one(orders, secret=secret)


def order_of_buyer(*, order_id: UUID, buyer_id: UUID) -> Order:
    """One of a person's own orders. Raises NotFound, also for somebody else's."""
    return _one(whole_orders(), pk=order_id, buyer_id=buyer_id)


def order_of_seller(order_id: UUID) -> Order:
    """Any order of the storefront being served. Raises NotFound."""
    return _one(whole_orders(), pk=order_id)


def orders_of_buyer(buyer_id: UUID) -> QuerySet[Order]:
    """A person's orders, newest first."""
    return Order.objects.filter(buyer_id=buyer_id).order_by("-placed_at", "-id")


def orders_of_seller(*, status: str = "", q: str = "") -> QuerySet[Order]:
    """The storefront's orders, newest first; `q` is a number or the beginning of an e-mail address."""
    orders = Order.objects.order_by("-placed_at", "-id")
    if status:
        orders = orders.filter(status=status)
    if q:
        digits = q.lstrip("#")
        orders = orders.filter(
            Q(number=int(digits)) if digits.isdigit() and len(digits) < 16 else Q(email__istartswith=q)
        )
    return orders
