"""What happened to a seller's money: the books in the order they were kept, and when pending money comes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery

from payouts.models import AccountKind, LedgerEntry, LedgerTransaction, Payout
from shop.models import Order
from tenants.models import Tenant

DAYS_AHEAD = 14
# What is pending, as seller_balances counts it, by the day on which it is available; null where nobody knows it yet.
COMING = """
SELECT a.currency,
       CASE WHEN NOT c.is_frozen THEN (c.available_at AT TIME ZONE %(zone)s)::date END AS available_on,
       -sum(u.amount_minor)
  FROM public.payouts_ledgeraccount a
  JOIN public.payouts_unpaidentry u ON u.account_id = a.id
  JOIN public.payouts_charge c ON c.charge_id = u.charge_id
 WHERE a.tenant_id = %(tenant)s AND a.kind = 'seller_payable' AND c.tenant_id = %(tenant)s
   AND (c.available_at IS NULL OR c.available_at > %(at)s OR c.is_frozen)
 GROUP BY 1, 2
"""


@dataclass
class Coming:
    """Pending money in one currency by the day it is available, minor units: `days` from today on, what comes after them,
    and what waits for something that has no day."""

    currency: str
    first: date
    days: list[int] = field(default_factory=lambda: [0] * DAYS_AHEAD)
    later_minor: int = 0
    unknown_minor: int = 0

    @property
    def soon_minor(self) -> int:
        """All of the days."""
        return sum(self.days)

    @property
    def total_minor(self) -> int:
        """All that is pending."""
        return self.soon_minor + self.later_minor + self.unknown_minor


def money_coming(tenant: Tenant, *, zone: ZoneInfo, at: datetime) -> dict[str, Coming]:
    """What is pending per currency, by day on the seller's clock, today and the 13 days after it. One query."""
    first = at.astimezone(zone).date()
    with connection.cursor() as cursor:
        cursor.execute(COMING, {"tenant": tenant.pk, "zone": str(zone), "at": at})
        rows = cursor.fetchall()
    coming: dict[str, Coming] = {}
    for currency, day, minor in rows:
        of = coming.setdefault(currency, Coming(currency, first))
        if day is None:
            of.unknown_minor += int(minor)
        elif (day - first).days < DAYS_AHEAD:
            of.days[max((day - first).days, 0)] += int(minor)
        else:
            of.later_minor += int(minor)
    return coming


# Facts that belong to no order. Among many sales they are few, and found by that.
OF_NO_ORDER = {"transfer", "transfer_reversal", "write_off"}


def is_of_no_order(kinds: Iterable[str]) -> bool:
    """Whether facts of these kinds, and there are any, can only be of no order."""
    named = set(kinds)
    return bool(named) and named <= OF_NO_ORDER


def books_of(
    tenant: Tenant,
    *,
    kinds: Iterable[str] = (),
    since: date | None = None,
    until: date | None = None,
    zone: ZoneInfo,
) -> QuerySet[Any]:
    """The ledger transactions of a seller, newest first, each with its order's number; days are the seller's, the last included."""
    number = Order.objects.filter(pk=OuterRef("order_id")).values("number")[:1]
    rows = LedgerTransaction.objects.filter(tenant=tenant).annotate(order_number=Subquery(number))
    named = list(kinds)
    if named:
        rows = rows.filter(kind__in=named)
    if is_of_no_order(named):
        rows = rows.filter(order_id=None)
    first, end = posted_between(since, until, zone)
    if first:
        rows = rows.filter(posted_at__gte=first)
    if end:
        rows = rows.filter(posted_at__lt=end)
    return rows.order_by("-posted_at", "-id")


def posted_between(
    since: date | None, until: date | None, zone: ZoneInfo
) -> tuple[datetime | None, datetime | None]:
    """The moments at which the seller's days begin and are over."""
    return (
        _midnight(since, zone) if since else None,
        _midnight(until + timedelta(days=1), zone) if until else None,
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone)


@dataclass(frozen=True)
class Move:
    """What a transaction did to one of the seller's accounts: `amount_minor` is positive where it grew."""

    account: str
    part: str
    amount_minor: int


@dataclass
class Booked:
    """What a transaction did to the seller's money: `amount_minor` to what the seller is owed, and the moves it is made of."""

    currency: str = ""
    amount_minor: int = 0
    moves: list[Move] = field(default_factory=list)


def booked(tenant: Tenant, rows: Iterable[LedgerTransaction]) -> dict[int, Booked]:
    """What each of these transactions did to the seller's money. One query."""
    found = {row.pk: Booked() for row in rows}
    entries = (
        LedgerEntry.objects.filter(transaction_id__in=list(found), account__tenant=tenant)
        .order_by("id")
        .values_list("transaction_id", "currency", "account__kind", "part", "amount_minor")
    )
    for pk, currency, account, part, minor in entries:
        # The hold of a dispute is an asset: it grows with +.
        gained = minor if account == AccountKind.DISPUTE_HOLD else -minor
        found[pk].currency = currency
        found[pk].moves.append(Move(account, part, gained))
        if account == AccountKind.SELLER_PAYABLE:
            found[pk].amount_minor += gained
    return found


def payout_numbers(rows: Iterable[LedgerTransaction]) -> dict[str, int]:
    """The numbers of the payouts that transfers and their reversals are of, by the payout's id. One query, or none."""
    ids = {row.facts["payout_id"] for row in rows if "payout_id" in row.facts}
    if not ids:
        return {}
    return {str(pk): number for pk, number in Payout.objects.filter(pk__in=ids).values_list("pk", "number")}


BESIDE = """
SELECT a.currency, d.since,
       coalesce((SELECT sum(p.amount_minor) FROM public.payouts_payout p
                  WHERE p.tenant_id = a.tenant_id AND p.currency = a.currency AND p.status IN ('requested', 'unknown')), 0)
  FROM public.payouts_ledgeraccount a LEFT JOIN public.payouts_debt d ON d.account_id = a.id
 WHERE a.tenant_id = %s AND a.kind = 'seller_payable'
"""


@dataclass(frozen=True)
class Beside:
    """What a balance does not say: payouts that are being made and have not left yet (minor units; the next one waits for
    them), and since when the seller owes us, which is noted once a day."""

    being_paid_minor: int
    owes_since: datetime | None


def beside_balances(tenant: Tenant) -> dict[str, Beside]:
    """By currency. One query."""
    with connection.cursor() as cursor:
        cursor.execute(BESIDE, [tenant.pk])
        return {currency: Beside(int(minor), since) for currency, since, minor in cursor.fetchall()}
