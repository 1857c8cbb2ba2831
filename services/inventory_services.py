"""Stock: one statement changes it, whatever the reason. The database decides, the row count answers.

Locks: inventory items in ascending id, in the same statement, so that orders for the same goods never deadlock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_noop

from core.clock import now
from core.errors import Conflict, Invalid, NotFound
from core.jobs import enqueue
from services.notification_services import notify_low_stock
from shop.models import InventoryItem, MovementKind, OrderLine, OrderStatus


class InsufficientStock(Conflict):
    """Fewer units are available than requested. Facts: lines, each {variant_id, sku, requested, available}."""

    code = "insufficient_stock"
    title = gettext_noop("Not enough stock")

    @property
    def sentence(self) -> str:
        """Says how many there are of each."""
        lines: list[dict] = self.facts["lines"]  # type: ignore[assignment]
        return " ".join(
            f"{line['sku']}: {line['requested']} requested, {line['available']} available." for line in lines
        )


MOST_UNITS = 1_000_000


@dataclass(frozen=True)
class StockLine:
    """So many units of a variant."""

    variant_id: UUID
    quantity: int


# What one unit of each kind of movement does to (current, reserved).
EFFECT: dict[MovementKind, tuple[int, int]] = {
    MovementKind.RECEIVE: (1, 0),
    MovementKind.RESERVE: (0, 1),
    MovementKind.RELEASE: (0, -1),
    MovementKind.CONSUME: (-1, -1),
    MovementKind.RETURN: (1, 0),
    MovementKind.ADJUST: (1, 0),
}

# Items that are not tracked are left alone and count as changed. An item that has too little drops out of `changed`.
CHANGE = """
WITH wanted AS (
  SELECT * FROM unnest(%(ids)s::uuid[], %(units)s::int[]) AS w(variant_id, units)
), locked AS (
  SELECT variant_id FROM shop_inventoryitem WHERE variant_id = ANY(%(ids)s::uuid[]) ORDER BY variant_id FOR UPDATE
), changed AS (
  UPDATE shop_inventoryitem i
     SET current_stock = i.current_stock + w.units * %(current)s,
         reserved_stock = i.reserved_stock + w.units * %(reserved)s,
         last_restocked = CASE WHEN %(restocks)s THEN %(now)s ELSE i.last_restocked END,
         low_stock_since = CASE
           WHEN (i.current_stock - i.reserved_stock) + w.units * (%(current)s - %(reserved)s) > i.low_stock_threshold THEN NULL
           ELSE coalesce(i.low_stock_since, %(now)s) END
    FROM wanted w, locked l
   WHERE i.variant_id = w.variant_id AND l.variant_id = i.variant_id AND i.is_tracked
     AND i.current_stock + w.units * %(current)s >= i.reserved_stock + w.units * %(reserved)s
     AND i.reserved_stock + w.units * %(reserved)s >= 0
  RETURNING i.variant_id, w.units, i.current_stock, i.reserved_stock, i.low_stock_since
), logged AS (
  INSERT INTO shop_inventorymovement
    (item_id, kind, current_delta, reserved_delta, current_after, reserved_after, order_id, reason, actor_id, created_at)
  SELECT variant_id, %(kind)s::varchar, units * %(current)s, units * %(reserved)s, current_stock, reserved_stock,
         %(order_id)s::uuid, %(reason)s::varchar, %(actor_id)s::uuid, %(now)s
    FROM changed
)
SELECT w.variant_id, c.variant_id IS NOT NULL OR NOT i.is_tracked, coalesce(c.low_stock_since = %(now)s, false)
  FROM wanted w JOIN shop_inventoryitem i USING (variant_id) LEFT JOIN changed c USING (variant_id)
"""


def change_stock(
    kind: MovementKind,
    lines: Iterable[StockLine],
    *,
    order_id: UUID | None = None,
    reason: str = "",
    actor_id: UUID | None = None,
) -> None:
    """Move stock for all lines, or for none. Call inside a transaction; roll it back when this raises.

    Lines of the same variant are added up first. Locks the items in ascending id. Writes one movement per tracked item
    and tells the seller once when an item falls to its threshold. Raises InsufficientStock, NotFound (no such item).
    """
    if not connection.in_atomic_block:
        raise RuntimeError("change_stock needs a transaction")
    units: dict[UUID, int] = {}
    for line in lines:
        units[line.variant_id] = units.get(line.variant_id, 0) + line.quantity
    if not units:
        return
    current, reserved = EFFECT[kind]
    with connection.cursor() as cursor:
        cursor.execute(
            CHANGE,
            {
                "ids": list(units),
                "units": list(units.values()),
                "current": current,
                "reserved": reserved,
                "restocks": kind in (MovementKind.RECEIVE, MovementKind.RETURN),
                "now": now(),
                "kind": kind.value,
                "order_id": order_id,
                "reason": reason[:200],
                "actor_id": actor_id,
            },
        )
        rows = cursor.fetchall()
    if len(rows) < len(units):
        raise NotFound(what="inventory item")
    if short := [variant_id for variant_id, is_done, _ in rows if not is_done]:
        raise insufficient(short, units)
    notify_low_stock([variant_id for variant_id, _, is_low_now in rows if is_low_now])
    if kind != MovementKind.RESERVE:  # a checkout is not burdened; the order's payment or end says it
        enqueue("directory.refresh")


def insufficient(variant_ids: Sequence[UUID], requested: dict[UUID, int]) -> InsufficientStock:
    """The refusal that says how many there are."""
    items = InventoryItem.objects.filter(pk__in=variant_ids).select_related("variant")
    return InsufficientStock(
        lines=[
            {
                "variant_id": str(item.pk),
                "sku": item.variant.sku,
                "requested": requested[item.pk],
                "available": item.available_stock,
            }
            for item in items
        ]
    )


@transaction.atomic
def receive_stock(
    *, variant_id: UUID, quantity: int, reason: str = "", actor_id: UUID | None = None
) -> InventoryItem:
    """Goods came in, at least one unit. Returns the item as it is now."""
    if quantity < 1:
        raise Invalid(field="quantity", reason="must be above 0")
    change_stock(MovementKind.RECEIVE, [StockLine(variant_id, quantity)], reason=reason, actor_id=actor_id)
    return InventoryItem.objects.select_related("variant", "product").get(pk=variant_id)


@transaction.atomic
def adjust_stock(*, variant_id: UUID, delta: int, reason: str, actor_id: UUID | None = None) -> InventoryItem:
    """Correct the count by `delta`; a reason is required. Raises InsufficientStock below what is reserved."""
    if delta == 0:
        raise Invalid(field="delta", reason="a change of 0 changes nothing")
    change_stock(MovementKind.ADJUST, [StockLine(variant_id, delta)], reason=reason, actor_id=actor_id)
    return InventoryItem.objects.select_related("variant", "product").get(pk=variant_id)


@transaction.atomic
def set_stock(*, variant_id: UUID, current_stock: int, reason: str, actor_id: UUID | None = None) -> None:
    """Make the count what it should be (imports, stock-taking). No movement where it already is."""
    item = InventoryItem.objects.select_for_update().filter(pk=variant_id).first()
    if item is None:
        raise NotFound(what="inventory item")
    if delta := current_stock - item.current_stock:
        kind = MovementKind.RECEIVE if delta > 0 and item.current_stock == 0 else MovementKind.ADJUST
        change_stock(kind, [StockLine(variant_id, delta)], reason=reason, actor_id=actor_id)


@dataclass(frozen=True)
class Count:
    """What somebody counted, and what the count was when they began."""

    variant_id: UUID
    counted: int
    seen: int


@dataclass(frozen=True)
class Counted:
    """What came of a count. `moved`: items whose count is another by now than it was; `short`: items of which orders hold
    more than were counted. Both are as they were, by their current and their reserved units."""

    changed: int
    moved: dict[UUID, int]
    short: dict[UUID, int]


@transaction.atomic
def take_stock(*, counts: Sequence[Count], reason: str, actor_id: UUID | None = None) -> Counted:
    """Make counts what was counted, all that can be in one transaction, each with a movement and the reason.

    Nothing is overwritten: an item that was sold, received or counted by somebody else since is left alone and told, and
    so is one of which more units are reserved. An item whose count was right has no movement. Items that are not counted
    are left alone. Locks the items in ascending id. Raises Invalid, NotFound.
    """
    if not reason.strip():
        raise Invalid(field="reason", reason="say why, for whoever reads the log")
    if any(not 0 <= count.counted <= MOST_UNITS for count in counts):
        raise Invalid(field="counted", reason=f"must be between 0 and {MOST_UNITS}")
    wanted = {count.variant_id: count for count in counts}
    items = list(InventoryItem.objects.select_for_update().filter(pk__in=wanted).order_by("pk"))
    if len(items) < len(wanted):
        raise NotFound(what="inventory item")
    moved, short, lines = {}, {}, []
    for item in items:
        count = wanted[item.pk]
        if not item.is_tracked or count.counted == item.current_stock:
            continue
        if item.current_stock != count.seen:
            moved[item.pk] = item.current_stock
        elif count.counted < item.reserved_stock:
            short[item.pk] = item.reserved_stock
        else:
            lines.append(StockLine(item.pk, count.counted - item.current_stock))
    change_stock(MovementKind.ADJUST, lines, reason=reason, actor_id=actor_id)
    return Counted(changed=len(lines), moved=moved, short=short)


@transaction.atomic
def set_stock_rules(
    *, variant_id: UUID, low_stock_threshold: int | None = None, is_tracked: bool | None = None
) -> InventoryItem:
    """When the seller wants to be warned, and whether this item is counted at all.

    Orders that wait for money hold units, or none, by what the item was when they were placed; so while there are such
    orders, whether it is counted stays. Locks the item. Raises NotFound, Conflict.
    """
    item = (
        InventoryItem.objects.select_for_update()
        .select_related("variant", "product")
        .filter(pk=variant_id)
        .first()
    )
    if item is None:
        raise NotFound(what="inventory item")
    if is_tracked is not None and is_tracked != item.is_tracked:
        if OrderLine.objects.filter(variant_id=variant_id, order__status=OrderStatus.PENDING).exists():
            raise Conflict(field="is_tracked", reason="open orders of this item wait for their payment")
        item.is_tracked = is_tracked
    if low_stock_threshold is not None:
        item.low_stock_threshold = low_stock_threshold
        is_low = item.available_stock <= low_stock_threshold
        item.low_stock_since = (item.low_stock_since or now()) if is_low else None
    item.save(update_fields=["is_tracked", "low_stock_threshold", "low_stock_since"])
    if is_tracked is not None:
        enqueue("directory.refresh")
    return item
