"""One order with all that its page in the dashboard shows, in as few queries as there are kinds of rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject

from core.db import tenant_connection
from core.errors import NotFound
from payouts.models import Dispute
from shop.models import (
    CreditLine,
    Order,
    OrderEvent,
    OrderLine,
    OrderStatus,
    Payment,
    PaymentAttempt,
    PaymentStatus,
    Refund,
    RefundStatus,
    Shipment,
    ShipmentLine,
)
from shop.selectors.order_lists import order_state, state_of_payment


@dataclass
class Parcel:
    """A shipment and what is in it."""

    shipment: Shipment
    lines: list[tuple[OrderLine, int]] = field(default_factory=list)


@dataclass(frozen=True)
class GivenBack:
    """A refund and how many units of which line it was for, where the units were named."""

    refund: Refund
    units: list[tuple[OrderLine, int]]


@dataclass(frozen=True)
class OrderInFull:
    """What the staff sees of an order. `payment` is the latest one; `tries` of all payments, oldest first."""

    order: Order
    lines: list[OrderLine]
    parcels: list[Parcel]
    payments: list[Payment]
    refunds: list[GivenBack]
    disputes: list[dict[str, Any]]
    events: list[OrderEvent]

    @property
    def payment(self) -> Payment | None:
        """The latest."""
        return self.payments[-1] if self.payments else None

    @property
    def state(self) -> str:
        """Of `shop.templatetags.panel`."""
        return order_state(self.order.status, sum(line.shipped_quantity for line in self.lines))

    @property
    def payment_state(self) -> str:
        """Of `shop.templatetags.panel`."""
        return state_of_payment(self.order, self.payment)

    @property
    def captured(self) -> Payment | None:
        """The payment that money was taken with."""
        return next((row for row in self.payments if row.status == PaymentStatus.CAPTURED), None)

    @property
    def authorised(self) -> Payment | None:
        """The payment that can be captured or let go."""
        return next((row for row in self.payments if row.status == PaymentStatus.AUTHORISED), None)

    @property
    def refundable_minor(self) -> int:
        """What is left to refund."""
        paid = self.captured
        left = sum(line.paid_minor - line.credited_minor for line in self.lines)
        return min(paid.captured_minor - paid.refunded_minor, left) if paid else 0

    @property
    def being_refunded_minor(self) -> int:
        """Promised to the buyer and not made yet."""
        return sum(
            row.refund.amount_minor for row in self.refunds if row.refund.status == RefundStatus.REQUESTED
        )

    @property
    def units_to_ship(self) -> int:
        """That no parcel has taken."""
        return sum(line.quantity - line.shipped_quantity for line in self.lines)

    @property
    def has_open_dispute(self) -> bool:
        """The bank has not decided."""
        return any(dispute["is_open"] for dispute in self.disputes)

    @property
    def variant_ids(self) -> list[UUID | None]:
        """Of its lines, for their pictures."""
        return [line.variant_id for line in self.lines]


def order_in_full(order_id: UUID) -> OrderInFull:
    """Raises NotFound."""
    order = (
        Order.objects.select_related("invoice")
        .defer("search", "commission_rule")
        .annotate(disputes=_disputes())
        .filter(pk=order_id)
        .first()
    )
    if order is None:
        raise NotFound(what="order")
    lines = list(OrderLine.objects.filter(order=order).select_related("variant").order_by("position"))
    by_id = {line.pk: line for line in lines}
    return OrderInFull(
        order=order,
        lines=lines,
        parcels=_parcels(order, by_id),
        payments=_payments(order),
        refunds=_refunds(order, by_id),
        disputes=[_dispute(row) for row in order.disputes],
        events=list(OrderEvent.objects.filter(order=order).order_by("-id")),
    )


def _disputes() -> ArraySubquery:
    names = ("dispute_id", "status", "amount_minor", "currency", "reason", "evidence_due_at", "closed_at")
    rows = Dispute.objects.filter(tenant=tenant_connection.tenant, order_id=OuterRef("pk")).order_by(
        "opened_at"
    )
    return ArraySubquery(rows.values(row=JSONObject(**{name: name for name in names})))


def _dispute(row: dict[str, Any]) -> dict[str, Any]:
    due = row["evidence_due_at"]
    return {
        **row,
        "is_open": row["closed_at"] is None,
        "evidence_due_at": datetime.fromisoformat(due) if due else None,
    }


def _parcels(order: Order, lines: dict[int, OrderLine]) -> list[Parcel]:
    parcels: dict[UUID, Parcel] = {}
    packed = ShipmentLine.objects.filter(shipment__order=order).select_related("shipment")
    for row in packed.order_by("shipment__shipped_at", "shipment_id", "id"):
        parcel = parcels.setdefault(row.shipment_id, Parcel(row.shipment))
        parcel.lines.append((lines[row.order_line_id], row.quantity))
    return list(parcels.values())


def _payments(order: Order) -> list[Payment]:
    names = ("transaction_id", "succeeded", "failure_code", "failure_message", "created_at")
    tries = PaymentAttempt.objects.filter(payment=OuterRef("pk")).order_by("id")
    rows: list[Any] = list(
        Payment.objects.filter(order=order)
        .annotate(tries=ArraySubquery(tries.values(row=JSONObject(**{name: name for name in names}))))
        .order_by("created_at")
    )
    for payment in rows:
        for row in payment.tries:
            row["created_at"] = datetime.fromisoformat(row["created_at"])
    return rows


def _refunds(order: Order, lines: dict[int, OrderLine]) -> list[GivenBack]:
    units = CreditLine.objects.filter(refund=OuterRef("pk"), quantity__gt=0).order_by("id")
    rows = Refund.objects.filter(order=order).annotate(
        units=ArraySubquery(units.values(row=JSONObject(line="order_line_id", quantity="quantity")))
    )
    return [
        GivenBack(refund, [(lines[row["line"]], row["quantity"]) for row in refund.units])
        for refund in rows.order_by("created_at")
    ]


def orders_to_pack(order_ids: Iterable[UUID]) -> list[tuple[Order, list[OrderLine]]]:
    """Orders with their lines for packing slips, by number. What is unpaid or cancelled is not packed and left out."""
    orders = (
        Order.objects.filter(pk__in=list(order_ids))
        .exclude(status__in=(OrderStatus.PENDING, OrderStatus.CANCELLED))
        .order_by("number")
    )
    found: dict[UUID, tuple[Order, list[OrderLine]]] = {order.pk: (order, []) for order in orders}
    for line in OrderLine.objects.filter(order__in=found).order_by("position"):
        found[line.order_id][1].append(line)
    return list(found.values())


def order_number(order_id: UUID) -> int:
    """Raises NotFound."""
    number = Order.objects.filter(pk=order_id).values_list("number", flat=True).first()
    if number is None:
        raise NotFound(what="order")
    return number


def order_by_number(number: int) -> UUID | None:
    """The id of the order with this number, if there is one."""
    return Order.objects.filter(number=number).values_list("pk", flat=True).first()
