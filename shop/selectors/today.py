"""What happened in the shop lately: sales by day or hour against the time before, and what sold best."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from shop.models import InventoryItem, Order, OrderStatus

RANGES = (1, 7, 30, 90, 364)
SALES = """
SELECT date_trunc(%(unit)s, confirmed_at AT TIME ZONE %(zone)s) AS bucket,
       count(*) FILTER (WHERE total_minor > refunded_minor + uncaptured_minor OR total_minor = 0),
       sum(total_minor - refunded_minor - uncaptured_minor)
  FROM shop_order
 WHERE confirmed_at >= %(since)s AND confirmed_at < %(until)s AND currency = %(currency)s
 GROUP BY 1
"""
# Of the last orders of the range: what sells now, at a price that does not grow with the shop.
NEWEST = 2_000
BEST = """
WITH recent AS (
  SELECT id FROM shop_order WHERE confirmed_at >= %(since)s AND confirmed_at < %(until)s ORDER BY confirmed_at DESC LIMIT %(newest)s)
SELECT v.product_id, max(l.product_title), sum(l.quantity - l.credited_quantity),
       sum(l.subtotal_minor - l.discount_minor - l.credited_goods_minor)
  FROM recent r JOIN shop_orderline l ON l.order_id = r.id JOIN shop_variant v ON v.id = l.variant_id
 GROUP BY v.product_id HAVING sum(l.quantity - l.credited_quantity) > 0 ORDER BY 3 DESC, 4 DESC LIMIT 5
"""


@dataclass(frozen=True)
class Sales:
    """Figures of a range and of the range of the same length before it; minor units, less what was refunded since.
    Orders that were refunded in full are not counted.

    `buckets` are the days of the range in the seller's time zone, oldest first; its hours where it is one day, its weeks
    where it is longer than a hundred.
    """

    since: date
    until: date
    buckets: list[datetime]
    amounts: list[int]
    amounts_before: list[int]
    orders: int
    orders_before: int

    @property
    def amount(self) -> int:
        """All of the range."""
        return sum(self.amounts)

    @property
    def amount_before(self) -> int:
        """All of the range before."""
        return sum(self.amounts_before)


def sales(*, days: int, zone: ZoneInfo, currency: str, at: datetime) -> Sales:
    """Paid orders of the last `days` days (more than a hundred: whole weeks, up to now), today included. One query, by index."""
    today = at.astimezone(zone).date()
    unit, number = ("hour", 24) if days == 1 else ("week", days // 7) if days > 100 else ("day", days)
    first = today - timedelta(days=days - 1)
    if unit == "week":
        first = today - timedelta(days=today.weekday() + days - 7)
    before = first - timedelta(days=days)
    params: dict[str, Any] = {
        "unit": unit,
        "zone": str(zone),
        "since": _midnight(before, zone),
        "until": _midnight(today + timedelta(days=1), zone),
        "currency": currency,
    }
    with connection.cursor() as cursor:
        cursor.execute(SALES, params)
        found = {bucket: (count, int(amount)) for bucket, count, amount in cursor.fetchall()}
    now, then = _buckets(first, number, unit), _buckets(before, number, unit)
    return Sales(
        since=first,
        until=today,
        buckets=now,
        amounts=[found.get(bucket, (0, 0))[1] for bucket in now],
        amounts_before=[found.get(bucket, (0, 0))[1] for bucket in then],
        orders=sum(found.get(bucket, (0, 0))[0] for bucket in now),
        orders_before=sum(found.get(bucket, (0, 0))[0] for bucket in then),
    )


def best_sellers(*, days: int, zone: ZoneInfo, at: datetime) -> list[dict[str, Any]]:
    """What sold most in the range (of its newest 2,000 orders): product_id, title, units, amount_minor. One query."""
    today = at.astimezone(zone).date()
    params: dict[str, Any] = {
        "since": _midnight(today - timedelta(days=days - 1), zone),
        "until": _midnight(today + timedelta(days=1), zone),
        "newest": NEWEST,
    }
    with connection.cursor() as cursor:
        cursor.execute(BEST, params)
        return [
            {"product_id": product_id, "title": title, "units": int(units), "amount_minor": int(amount)}
            for product_id, title, units, amount in cursor.fetchall()
        ]


def orders_to_ship(limit: int = 5) -> list[Order]:
    """Those that have waited longest for their parcel."""
    return list(Order.objects.filter(status=OrderStatus.CONFIRMED).order_by("placed_at", "id")[:limit])


def low_items(limit: int = 5) -> list[InventoryItem]:
    """Stock that has just fallen to its threshold, with product and variant."""
    return list(
        InventoryItem.objects.filter(
            is_tracked=True, low_stock_since__isnull=False, variant__is_active=True, product__archived_at=None
        )
        .select_related("variant", "product")
        .order_by("-low_stock_since")[:limit]
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone)


def _buckets(first: date, number: int, unit: str) -> list[datetime]:
    """As PostgreSQL truncates: the beginning of each hour, day or week on the seller's clock, without a zone."""
    begin, step = datetime.combine(first, time.min), timedelta(**{f"{unit}s": 1})
    return [begin + index * step for index in range(number)]
