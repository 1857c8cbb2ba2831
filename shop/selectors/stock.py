"""What the staff reads of the stock: the list, and one item with what happened to it and who holds it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Q, QuerySet

from core.clock import now
from core.errors import NotFound
from shop.models import InventoryItem, InventoryMovement, Order
from tenants.selectors import names_of

SHOWN = ("", "low", "sold_out", "not_tracked", "retired")
MOST_ORDERS = 20
IS_SOLD = Q(variant__is_active=True, product__archived_at=None)
IS_SOLD_OUT = Q(is_tracked=True, available_stock__lte=0)
# As the navigation counts it: what fell to its threshold, down to nothing.
IS_LOW = Q(is_tracked=True, low_stock_since__isnull=False)


def stock_state(item: InventoryItem) -> str:
    """not_tracked, sold_out, low or in_stock."""
    if not item.is_tracked:
        return "not_tracked"
    if item.available_stock <= 0:
        return "sold_out"
    return "low" if item.low_stock_since else "in_stock"


def stock_list(*, q: str = "", show: str = "") -> QuerySet[InventoryItem]:
    """Items with variant and product, newest first; `q` finds titles, SKUs and barcodes.

    `show`: low, sold_out, not_tracked, or retired (of products and variants that are not sold any more); else what is sold.
    """
    items = InventoryItem.objects.select_related("variant", "product").order_by("-variant_id")
    items = items.exclude(IS_SOLD) if show == "retired" else items.filter(IS_SOLD)
    if show == "low":
        items = items.filter(IS_LOW)
    elif show == "sold_out":
        items = items.filter(IS_SOLD_OUT)
    elif show == "not_tracked":
        items = items.filter(is_tracked=False)
    if q:
        items = items.filter(
            Q(product__title__icontains=q) | Q(variant__sku__icontains=q) | Q(variant__barcode=q)
        )
    return items


FIGURES = """
SELECT coalesce(sum(i.current_stock) FILTER (WHERE i.is_tracked), 0),
       coalesce(sum(i.reserved_stock) FILTER (WHERE i.is_tracked), 0),
       count(*) FILTER (WHERE i.is_tracked AND i.low_stock_since IS NOT NULL),
       count(*) FILTER (WHERE i.is_tracked AND i.available_stock <= 0)
  FROM shop_inventoryitem i JOIN shop_variant v ON v.id = i.variant_id AND v.is_active
  JOIN shop_product p ON p.id = v.product_id AND p.archived_at IS NULL
"""


def stock_figures() -> dict[str, int]:
    """Units there are, units that orders hold, and how many items are low and sold out. One query."""
    with connection.cursor() as cursor:
        cursor.execute(FIGURES)
        units, reserved, low, sold_out = cursor.fetchone()
    return {"units": units, "reserved": reserved, "low": low, "sold_out": sold_out}


def stock_item(variant_id: UUID) -> InventoryItem:
    """One item with its variant and product. Raises NotFound."""
    found = InventoryItem.objects.select_related("variant", "product").filter(pk=variant_id).first()
    if found is None:
        raise NotFound(what="inventory item")
    return found


def variant_with_sku(sku: str) -> UUID:
    """The variant of a SKU. Raises NotFound."""
    found = InventoryItem.objects.filter(variant__sku=sku).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound(what="inventory item")
    return found


def movements_of(variant_id: UUID) -> QuerySet[InventoryMovement]:
    """What happened to an item, the newest first; in the order of the log, which its index has."""
    return InventoryMovement.objects.filter(item_id=variant_id).order_by("-id")


def with_reasons(movements: Iterable[InventoryMovement]) -> list[InventoryMovement]:
    """Movements with `order_number` and `actor` (a name or ""), in two queries for all of them."""
    rows = list(movements)
    numbers = dict(
        Order.objects.filter(pk__in={row.order_id for row in rows if row.order_id}).values_list(
            "pk", "number"
        )
    )
    names = names_of({row.actor_id for row in rows if row.actor_id})
    for row in rows:
        row.order_number = numbers.get(row.order_id) if row.order_id else None  # type: ignore[attr-defined]
        row.actor = names.get(row.actor_id, "") if row.actor_id else ""  # type: ignore[attr-defined]
    return rows


@dataclass(frozen=True)
class Holders:
    """Who waits for an item: unpaid orders that hold units, and units that are paid and still on the shelf."""

    orders: list[dict[str, Any]]
    has_more: bool
    to_send: int


HOLDERS = """
SELECT (SELECT coalesce(sum(l.quantity - l.shipped_quantity), 0)
          FROM shop_orderline l JOIN shop_order o ON o.id = l.order_id AND o.status = 'confirmed'
         WHERE l.variant_id = %(variant)s),
       (SELECT coalesce(json_agg(held), '[]') FROM (
          SELECT o.id AS order_id, o.number, l.quantity
            FROM shop_orderline l JOIN shop_order o ON o.id = l.order_id AND o.status = 'pending'
           WHERE l.variant_id = %(variant)s ORDER BY o.placed_at DESC LIMIT %(most)s) held)
"""


def holders_of(variant_id: UUID) -> Holders:
    """Up to MOST_ORDERS orders that wait for their payment, the newest first, each {order_id, number, quantity}. One query."""
    with connection.cursor() as cursor:
        cursor.execute(HOLDERS, {"variant": variant_id, "most": MOST_ORDERS + 1})
        to_send, held = cursor.fetchone()
    return Holders(orders=held[:MOST_ORDERS], has_more=len(held) > MOST_ORDERS, to_send=to_send)


CLOSING = """
SELECT last.day, m.current_after
  FROM (SELECT (created_at AT TIME ZONE %(zone)s)::date AS day, max(id) AS id FROM shop_inventorymovement
         WHERE item_id = %(item)s AND created_at >= %(since)s GROUP BY 1) last
  JOIN shop_inventorymovement m USING (id)
UNION ALL
(SELECT NULL, m.current_after FROM shop_inventorymovement m
  WHERE m.item_id = %(item)s AND m.created_at < %(since)s ORDER BY m.id DESC LIMIT 1)
"""


def stock_by_day(
    variant_id: UUID, *, days: int, zone: ZoneInfo, at: datetime | None = None
) -> list[tuple[date, int]]:
    """How many units there were at the end of each of the last `days` days, as the movement log says."""
    today = (at or now()).astimezone(zone).date()
    first = today - timedelta(days=days - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=zone)
    with connection.cursor() as cursor:
        cursor.execute(CLOSING, {"zone": zone.key, "item": variant_id, "since": since})
        closing: dict[date | None, int] = dict(cursor.fetchall())
    units, found = closing.get(None, 0), []
    for day in (first + timedelta(days=number) for number in range(days)):
        units = closing.get(day, units)
        found.append((day, units))
    return found
