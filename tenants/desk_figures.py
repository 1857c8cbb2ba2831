"""How the marketplace does: sign-ups, what was captured, what it earned, and which storefronts sell most. Days are UTC's.

Charges have no index by the time of their capture. But none is available before it was captured: the index by
storefront and availability finds those of the last days, and those that are not available yet, without the history.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from core.clock import UTC
from tenants.models import Tenant

RANGES = (7, 30, 90)
LATELY = "c.captured_at >= %(since)s AND (c.available_at >= %(since)s OR c.available_at IS NULL)"
DAY = "date_bin('1 day', c.captured_at, timestamptz '2000-01-01 00:00Z')"
# Of the last days storefront by storefront, by index; where the time is so long that it is much of all, one after another.
BY_INDEX, ONE_AFTER_ANOTHER = (
    "tenants_tenant t JOIN payouts_charge c ON c.tenant_id = t.id",
    "payouts_charge c",
)
LONG_DAYS = 90
SOLD = f"""
SELECT {DAY} AS day, c.tenant_id, c.currency, c.captured_at >= %(turn)s AS is_now, count(*), sum(c.amount_minor)
  FROM {{charges}} WHERE {LATELY}
 GROUP BY GROUPING SETS ((day, c.currency), (c.tenant_id, c.currency, is_now))
"""  # noqa: S608
BY_DAY = f"""
SELECT {DAY}, c.currency, count(*), sum(c.amount_minor)
  FROM payouts_charge c WHERE c.tenant_id = %(tenant)s AND {LATELY} GROUP BY 1, 2
"""  # noqa: S608
SIGN_UPS = """
SELECT (created_at AT TIME ZONE 'UTC')::date, count(*) FROM tenants_tenant WHERE created_at >= %(since)s GROUP BY 1
"""
# Entries are numbered as they are posted: where a time begins among them is found by halving.
INCOME = """
WITH RECURSIVE halved(at, low, high) AS (
  SELECT moments.at, (SELECT coalesce(min(id), 0) FROM payouts_ledgerentry),
         (SELECT coalesce(max(id), -1) + 1 FROM payouts_ledgerentry)
    FROM unnest(ARRAY[%(since)s, %(turn)s]::timestamptz[]) AS moments(at)
  UNION ALL
  SELECT at, CASE WHEN posted_at < at THEN middle + 1 ELSE low END, CASE WHEN posted_at < at THEN high ELSE middle END
    FROM halved, LATERAL (SELECT (low + high) / 2 AS middle) half, LATERAL (
      SELECT t.posted_at FROM payouts_ledgerentry e JOIN payouts_ledgertransaction t ON t.id = e.transaction_id
       WHERE e.id >= middle ORDER BY e.id LIMIT 1) posted
   WHERE low < high),
first AS (SELECT max(low) FILTER (WHERE at = %(since)s) AS since, max(low) FILTER (WHERE at = %(turn)s) AS turn FROM halved)
SELECT a.currency, -coalesce(sum(e.amount_minor) FILTER (WHERE e.id >= first.turn), 0),
       -coalesce(sum(e.amount_minor) FILTER (WHERE e.id < first.turn), 0)
  FROM first, payouts_ledgeraccount a JOIN payouts_ledgerentry e ON e.account_id = a.id
 WHERE a.kind = 'commission_income' AND a.tenant_id IS NULL AND e.id >= first.since GROUP BY 1
"""
STANDING = """
SELECT count(*) FILTER (WHERE status = 'active'), count(*) FILTER (WHERE status = 'suspended'), count(*) FILTER (WHERE status = 'closed'),
       count(*) FILTER (WHERE status NOT IN ('closed', 'erased') AND schema_version <> %s)
  FROM tenants_tenant
"""


@dataclass(frozen=True)
class Range:
    """Whole days up to today, and as many before them."""

    days: int
    until: date

    @classmethod
    def of(cls, days: int, at: datetime) -> "Range":
        """The last `days` days, today included."""
        return cls(days, at.astimezone(UTC).date())

    @property
    def first(self) -> date:
        """The first day."""
        return self.until - timedelta(days=self.days - 1)

    @property
    def turn(self) -> datetime:
        """When the range begins and the one before it ends."""
        return datetime.combine(self.first, time.min, tzinfo=UTC)

    @property
    def since(self) -> datetime:
        """When the range before begins."""
        return self.turn - timedelta(days=self.days)

    def spread(self, figures: dict[date, int]) -> tuple[list[int], list[int]]:
        """Figures by day of the range, and of the one before; days without any are 0."""
        days = [self.first + timedelta(days=number) for number in range(-self.days, self.days)]
        values = [figures.get(day, 0) for day in days]
        return values[self.days :], values[: self.days]

    @property
    def labels(self) -> list[date]:
        """The days of the range."""
        return [self.first + timedelta(days=number) for number in range(self.days)]


@dataclass
class Captured:
    """What was captured in one currency, by day."""

    currency: str
    amounts: dict[date, int] = field(default_factory=dict)
    orders: dict[date, int] = field(default_factory=dict)


@dataclass
class Sold:
    """What was captured in a range and the one before it, by currency and day, and by storefront.

    `storefronts` has (orders, amount) of each storefront in each currency, now and before.
    """

    captured: dict[str, Captured] = field(default_factory=dict)
    storefronts: dict[tuple[UUID, str, bool], tuple[int, int]] = field(default_factory=dict)

    def active(self, *, is_now: bool) -> int:
        """How many storefronts captured anything."""
        return len({tenant_id for tenant_id, _, when in self.storefronts if when == is_now})


def sold(asked: Range) -> Sold:
    """Everything that was captured on the marketplace, read once."""
    found = Sold()
    charges = ONE_AFTER_ANOTHER if asked.days >= LONG_DAYS else BY_INDEX
    with connection.cursor() as cursor:
        cursor.execute(SOLD.format(charges=charges), {"since": asked.since, "turn": asked.turn})
        for moment, tenant_id, currency, is_now, orders, amount in cursor.fetchall():
            if tenant_id is None:
                _note(found.captured, currency, moment, orders, amount)
            else:
                found.storefronts[tenant_id, currency, is_now] = (orders, int(amount))
    return found


def _note(captured: dict[str, Captured], currency: str, moment: datetime, orders: int, amount: Any) -> None:
    row, day = captured.setdefault(currency, Captured(currency)), moment.astimezone(UTC).date()
    row.amounts[day], row.orders[day] = int(amount), orders


def largest(found: Sold, *, currency: str, limit: int = 8) -> list[dict[str, Any]]:
    """The storefronts that captured most in one currency: tenant, orders, amount, amount_before. One query."""
    ranked = sorted(
        (
            (-amount, str(tenant_id), tenant_id, orders)
            for (tenant_id, code, is_now), (orders, amount) in found.storefronts.items()
            if is_now and code == currency
        ),
    )[:limit]
    tenants = Tenant.objects.in_bulk([tenant_id for _, _, tenant_id, _ in ranked])
    return [
        {
            "tenant": tenants[tenant_id],
            "orders": orders,
            "amount": -negative,
            "amount_before": found.storefronts.get((tenant_id, currency, False), (0, 0))[1],
        }
        for negative, _, tenant_id, orders in ranked
    ]


def sign_ups_by_day(asked: Range) -> dict[date, int]:
    """Storefronts opened, of the range and the one before. One query."""
    with connection.cursor() as cursor:
        cursor.execute(SIGN_UPS, {"since": asked.since})
        return dict(cursor.fetchall())


def commission_income(asked: Range) -> dict[str, tuple[int, int]]:
    """What the marketplace's commission came to, less what it gave back: by currency, of the range and the one before.

    By when it was booked. One query, which reads the entries of that time only.
    """
    with connection.cursor() as cursor:
        cursor.execute(INCOME, {"since": asked.since, "turn": asked.turn})
        return {currency: (int(now), int(before)) for currency, now, before in cursor.fetchall()}


def standing(*, version: str) -> dict[str, int]:
    """How many storefronts are active, suspended, closed, and how many lack the schema's `version`. One query."""
    with connection.cursor() as cursor:
        cursor.execute(STANDING, [version])
        return dict(zip(("active", "suspended", "closed", "lagging"), cursor.fetchone(), strict=True))


def volume_by_day(tenant: Tenant, asked: Range) -> dict[str, Captured]:
    """What one storefront captured, by currency. One query."""
    found: dict[str, Captured] = {}
    with connection.cursor() as cursor:
        cursor.execute(BY_DAY, {"since": asked.since, "tenant": tenant.pk})
        for moment, currency, orders, amount in cursor.fetchall():
            _note(found, currency, moment, orders, amount)
    return found


VOLUMES = f"""
SELECT t.id, c.currency, sum(c.amount_minor), count(*)
  FROM unnest(%(tenants)s::uuid[]) AS t(id) JOIN payouts_charge c ON c.tenant_id = t.id
 WHERE {LATELY} GROUP BY 1, 2 ORDER BY 3 DESC
"""  # noqa: S608


def volumes(tenant_ids: list[UUID], *, since: datetime) -> dict[UUID, list[tuple[str, int, int]]]:
    """(currency, amount, orders) of each storefront since then, the largest first. One query."""
    found: dict[UUID, list[tuple[str, int, int]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(VOLUMES, {"tenants": tenant_ids, "since": since})
        for tenant_id, currency, amount, orders in cursor.fetchall():
            found.setdefault(tenant_id, []).append((currency, int(amount), orders))
    return found
