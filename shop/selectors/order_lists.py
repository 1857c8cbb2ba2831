"""The staff's lists of orders: found by words, narrowed, newest first, with what is shown of each row."""

import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from core.db import tenant_connection
from core.search import begun_words
from payouts.models import Dispute
from shop.models import Order, Payment, PaymentStatus, Refund, RefundStatus, SavedView

NOTE = "note"  # the action of an event that is a note of the staff
ROW = (
    "number",
    "status",
    "email",
    "currency",
    "total_minor",
    "refunded_minor",
    "shipping_address",
    "needs_attention",
    "placed_at",
)


@dataclass(frozen=True)
class OrderFilter:
    """What a list of orders is narrowed to. `payment` is one of PAYMENTS; days are whole ones of UTC, the last included;
    amounts are minor units of the storefront's currency.
    """

    q: str = ""
    status: str = ""
    attention: bool = False
    payment: str = ""
    placed_from: date | None = None
    placed_to: date | None = None
    total_min: int | None = None
    total_max: int | None = None
    refunded: bool = False
    disputed: bool = False

    def as_params(self) -> dict[str, Any]:
        """As JSON keeps it, without what is not asked for."""
        return {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in asdict(self).items()
            if value not in ("", None, False)
        }

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> "OrderFilter":
        """The opposite of `as_params`."""
        values = dict(params)
        for name in ("placed_from", "placed_to"):
            if name in values:
                values[name] = date.fromisoformat(values[name])
        return cls(**values)


def search_query(q: str) -> SearchQuery | None:
    """What somebody typed, as a query of Order.search: all its words, the last may be only begun. None for no words.

    A lone number is meant whole: 101 is not the beginning of 1010.
    """
    words = begun_words(unicodedata.normalize("NFC", q))
    if not words:
        return None
    digits = q.strip().lstrip("#")
    return SearchQuery(digits if digits.isdecimal() else words, config="simple", search_type="raw")


def filtered_orders(wanted: OrderFilter) -> QuerySet[Order]:
    """The storefront's orders, newest first."""
    orders = Order.objects.order_by("-placed_at", "-id")
    if wanted.q:
        query = search_query(wanted.q)
        orders = orders.filter(search=query) if query is not None else orders.none()
    if wanted.status:
        orders = orders.filter(status=wanted.status)
    if wanted.attention:
        orders = orders.exclude(needs_attention="")
    if wanted.placed_from:
        orders = orders.filter(placed_at__gte=_midnight(wanted.placed_from))
    if wanted.placed_to:
        orders = orders.filter(placed_at__lt=_midnight(wanted.placed_to) + timedelta(days=1))
    if wanted.total_min is not None:
        orders = orders.filter(total_minor__gte=wanted.total_min)
    if wanted.total_max is not None:
        orders = orders.filter(total_minor__lte=wanted.total_max)
    if wanted.payment:
        orders = orders.filter(PAYMENTS[wanted.payment])
    if wanted.refunded:
        orders = orders.filter(pk__in=Refund.objects.exclude(status=RefundStatus.FAILED).values("order_id"))
    if wanted.disputed:
        orders = orders.filter(pk__in=_disputed())
    return orders


def listed_columns(orders: QuerySet[Order]) -> QuerySet[Order]:
    """With what a row of a list shows, and no more."""
    return orders.only(*ROW)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _disputed() -> QuerySet[Any]:
    return Dispute.objects.filter(tenant=tenant_connection.tenant, closed_at=None).values("order_id")


def _has_payment(*statuses: str, **more: Any) -> Exists:
    return Exists(Payment.objects.filter(order=OuterRef("pk"), status__in=statuses, **more))


# What can be asked of an order's payment.
PAYMENTS: dict[str, Q] = {
    "paid": Q(_has_payment(PaymentStatus.CAPTURED)),
    "authorised": Q(_has_payment(PaymentStatus.AUTHORISED)),
    "unpaid": Q(total_minor__gt=0)
    & ~Q(_has_payment(PaymentStatus.CAPTURED))
    & ~Q(_has_payment(PaymentStatus.AUTHORISED)),
    "declined": Q(_has_payment(PaymentStatus.PENDING, PaymentStatus.FAILED, failure_code__gt="")),
    "partly_refunded": Q(refunded_minor__gt=0, refunded_minor__lt=F("total_minor") - F("uncaptured_minor")),
    "refunded": Q(refunded_minor__gt=0, refunded_minor__gte=F("total_minor") - F("uncaptured_minor")),
}


@dataclass(frozen=True)
class OrderFacts:
    """What a row of a list says beside the order itself. `state` and `payment` are states of shop.templatetags.panel."""

    units: int
    state: str
    payment: str
    has_note: bool
    has_dispute: bool


FACTS = """
SELECT o.id, l.units, l.shipped, p.status, p.failure_code, p.captured_minor,
       EXISTS (SELECT FROM shop_orderevent e WHERE e.order_id = o.id AND e.action = %(note)s),
       o.id IN (SELECT d.order_id FROM public.payouts_dispute d WHERE d.tenant_id = %(tenant)s AND d.closed_at IS NULL)
  FROM unnest(%(ids)s::uuid[]) AS o(id)
 CROSS JOIN LATERAL (SELECT coalesce(sum(quantity), 0) AS units, coalesce(sum(shipped_quantity), 0) AS shipped
                       FROM shop_orderline WHERE order_id = o.id) l
  LEFT JOIN LATERAL (SELECT status, failure_code, captured_minor FROM shop_payment
                      WHERE order_id = o.id ORDER BY created_at DESC LIMIT 1) p ON true
"""


def facts_of(orders: Iterable[Order]) -> dict[UUID, OrderFacts]:
    """Of each order of a page. One query."""
    rows = {order.pk: order for order in orders}
    with connection.cursor() as cursor:
        cursor.execute(FACTS, {"ids": list(rows), "note": NOTE, "tenant": tenant_connection.tenant.pk})
        return {
            order_id: OrderFacts(
                units=units,
                state=order_state(rows[order_id].status, shipped),
                payment=payment_state(rows[order_id], status, failure_code, captured),
                has_note=has_note,
                has_dispute=has_dispute,
            )
            for order_id, units, shipped, status, failure_code, captured, has_note, has_dispute in cursor.fetchall()
        }


def order_state(status: str, shipped_units: int) -> str:
    """The status, and whether a part of it has left."""
    return "partly_shipped" if status == "confirmed" and shipped_units else status


def payment_state(
    order: Order, status: str | None, failure_code: str | None, captured_minor: int | None
) -> str:
    """How far the money of an order is, from its latest payment."""
    if not order.total_minor:
        return "free"
    if status == PaymentStatus.CAPTURED and order.refunded_minor:
        return "refunded" if order.refunded_minor >= (captured_minor or 0) else "partly_refunded"
    if status in (PaymentStatus.PENDING, PaymentStatus.FAILED, None):
        return "declined" if failure_code else "unpaid"
    return str(status)


def state_of_payment(order: Order, latest: Payment | None) -> str:
    """As `payment_state`, from the payment itself."""
    if latest is None:
        return payment_state(order, None, None, None)
    return payment_state(order, latest.status, latest.failure_code, latest.captured_minor)


def saved_views(section: str) -> list[SavedView]:
    """The lists the staff has saved, oldest first."""
    return list(SavedView.objects.filter(section=section))
