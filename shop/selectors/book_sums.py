"""What a part of the books comes to, and what a seller has in reserve."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import QuerySet

from payouts.models import Reserve
from shop.selectors.books import is_of_no_order, posted_between
from tenants.models import Tenant

# More transactions than these are not added up while somebody waits for a page.
MOST_ADDED = 25_000
# One statement, so that the balance is the one of the moment in which the entries were added up. OFFSET 0: the entries are
# looked up transaction by transaction; left to choose, PostgreSQL reads those of the whole marketplace.
SUMS = """
WITH found AS MATERIALIZED (
  SELECT t.id FROM public.payouts_ledgertransaction t
   WHERE t.tenant_id = %(tenant)s AND (%(kinds)s::text[] IS NULL OR t.kind = ANY(%(kinds)s::text[]))
     AND (NOT %(of_no_order)s OR t.order_id IS NULL)
     AND (%(since)s::timestamptz IS NULL OR t.posted_at >= %(since)s::timestamptz)
     AND (%(until)s::timestamptz IS NULL OR t.posted_at < %(until)s::timestamptz)
   LIMIT %(most)s + 1
), added AS (
  SELECT e.account_id, e.part, -sum(e.amount_minor) AS minor
    FROM found f CROSS JOIN LATERAL (
      SELECT l.account_id, l.part, l.amount_minor FROM public.payouts_ledgerentry l WHERE l.transaction_id = f.id OFFSET 0) e
   WHERE (SELECT count(*) FROM found) <= %(most)s GROUP BY 1, 2
)
SELECT a.currency, -a.balance_minor, s.part, s.minor, (SELECT count(*) FROM found)
  FROM public.payouts_ledgeraccount a LEFT JOIN added s ON s.account_id = a.id
 WHERE a.tenant_id = %(tenant)s AND a.kind = 'seller_payable' ORDER BY a.currency
"""


@dataclass
class BookSum:
    """What a part of the books did to what the seller is owed in one currency, by what it was.

    `after_minor` is what was owed at its end: known where everything is in it, up to now.
    """

    currency: str
    parts: dict[str, int]
    after_minor: int | None

    @property
    def total_minor(self) -> int:
        """All of it."""
        return sum(self.parts.values())

    @property
    def before_minor(self) -> int | None:
        """What was owed before the first of it."""
        return None if self.after_minor is None else self.after_minor - self.total_minor


def book_sums(
    tenant: Tenant,
    *,
    kinds: Iterable[str] = (),
    since: date | None = None,
    until: date | None = None,
    zone: ZoneInfo,
    at: datetime,
) -> list[BookSum] | None:
    """What `books_of` the same comes to, per currency; None where it is too much to be added up. One query."""
    first, end = posted_between(since, until, zone)
    named = list(kinds) or None
    with connection.cursor() as cursor:
        cursor.execute(
            SUMS,
            {
                "tenant": tenant.pk,
                "kinds": named,
                "of_no_order": is_of_no_order(named or ()),
                "since": first,
                "until": end,
                "most": MOST_ADDED,
            },
        )
        rows = cursor.fetchall()
    if any(count > MOST_ADDED for *_, count in rows):
        return None
    is_until_now = named is None and (end is None or end > at)
    sums: dict[str, BookSum] = {}
    for currency, owed, part, minor, _ in rows:
        found = sums.setdefault(currency, BookSum(currency, {}, int(owed) if is_until_now else None))
        if part is not None:
            found.parts[part] = int(minor)
    return [found for found in sums.values() if found.parts]


def reserves_held(tenant: Tenant) -> QuerySet[Reserve]:
    """What is held back of single sales, the next to be released first."""
    held = Reserve.objects.filter(tenant=tenant, released_at=None).select_related("charge")
    return held.order_by("release_at", "id")


HELD = """
SELECT r.currency, (r.release_at AT TIME ZONE %(zone)s)::date AS released_on, count(*), sum(r.amount_minor)
  FROM public.payouts_reserve r WHERE r.tenant_id = %(tenant)s AND r.released_at IS NULL GROUP BY 1, 2
"""


@dataclass
class Held:
    """What is in reserve in one currency: of how many sales, how much, and what is released on which day, soonest first."""

    currency: str
    sales: int
    amount_minor: int
    days: list[tuple[date, int]]


def reserve_sums(tenant: Tenant, *, zone: ZoneInfo) -> list[Held]:
    """What is in reserve, per currency; days are the seller's. One query."""
    with connection.cursor() as cursor:
        cursor.execute(HELD, {"tenant": tenant.pk, "zone": str(zone)})
        rows: list[Any] = sorted(cursor.fetchall())
    held: dict[str, Held] = {}
    for currency, day, sales, minor in rows:
        found = held.setdefault(currency, Held(currency, 0, 0, []))
        found.sales += sales
        found.amount_minor += int(minor)
        found.days.append((day, int(minor)))
    return list(held.values())
