"""The journal for bookkeeping: every ledger entry as CSV, or as a plain-text ledger that beancount reads and proves.

Entries are read through a cursor on the server, so memory does not grow with the books.
"""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, TextIO
from uuid import UUID

from django.db import connection, transaction

from core.money import to_major
from payouts.models import AccountKind
from services.documents.statement_csv import safe_cell

PAGE = 5_000
ENTRIES = """
SELECT t.id, t.occurred_at, t.key, t.kind, t.order_id, w.slug, w.name, a.kind, b.slug, e.part, e.amount_minor, e.currency
  FROM public.payouts_ledgertransaction t
  JOIN public.payouts_ledgerentry e ON e.transaction_id = t.id
  JOIN public.payouts_ledgeraccount a ON a.id = e.account_id
  LEFT JOIN public.tenants_tenant w ON w.id = t.tenant_id
  LEFT JOIN public.tenants_tenant b ON b.id = a.tenant_id
 WHERE {where} ORDER BY t.occurred_at, t.id, e.id
"""
SUMS = """
SELECT a.kind, b.slug, e.currency, sum(e.amount_minor), min(t.occurred_at), max(t.occurred_at)
  FROM public.payouts_ledgertransaction t
  JOIN public.payouts_ledgerentry e ON e.transaction_id = t.id
  JOIN public.payouts_ledgeraccount a ON a.id = e.account_id
  LEFT JOIN public.tenants_tenant b ON b.id = a.tenant_id
 WHERE {where} GROUP BY a.kind, b.slug, e.currency ORDER BY a.kind, b.slug, e.currency
"""


@dataclass(frozen=True)
class Period:
    """Days (UTC) from `since` to `until`, both included; None is without end. Of one storefront, or of all."""

    since: date | None = None
    until: date | None = None
    tenant_id: UUID | None = None

    def where(self, *, before: bool = False) -> tuple[str, dict[str, Any]]:
        """SQL and its parameters for what is in the period, or for what came before it."""
        parts, facts = (
            ["true"],
            {"since": _start(self.since), "until": _start(self.until, 1), "tenant": self.tenant_id},
        )
        if before:
            parts.append("t.occurred_at < %(since)s")
        elif self.since:
            parts.append("t.occurred_at >= %(since)s")
        if self.until:
            parts.append("t.occurred_at < %(until)s")
        if self.tenant_id:
            parts.append("t.tenant_id = %(tenant)s")
        return " AND ".join(parts), facts


@dataclass(frozen=True)
class JournalEntry:
    """One entry with what stands around it."""

    transaction_id: int
    occurred_at: datetime
    key: str
    kind: str
    order_id: UUID | None
    seller_slug: str | None
    seller_name: str | None
    account_kind: str
    account_slug: str | None
    part: str
    amount_minor: int
    currency: str


def _start(day: date | None, ahead: int = 0) -> datetime | None:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=ahead) if day else None


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def journal_entries(period: Period) -> Iterator[JournalEntry]:
    """Every entry of the period, oldest fact first. Read through a server-side cursor inside one transaction."""
    where, facts = period.where()
    with transaction.atomic():
        connection.ensure_connection()
        with connection.connection.cursor(name="journal") as cursor:
            cursor.itersize = PAGE
            cursor.execute(ENTRIES.format(where=where), facts)
            for row in cursor:
                yield JournalEntry(*row)


# CSV ------------------------------------------------------------------------------------------------------------------

COLUMNS = ("date", "transaction", "kind", "account", "part", "amount", "currency", "order", "storefront")


def journal_csv(out: TextIO, period: Period, *, on_progress: Callable[[int], Any] = lambda done: None) -> int:
    """One row for each entry; amounts in major units with the currency's decimals. Returns how many rows.

    Per transaction and currency the amounts sum to zero. Text is safe to open in a spreadsheet.
    """
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    rows = 0
    for rows, entry in enumerate(journal_entries(period), start=1):
        account = entry.account_kind + (f":{entry.account_slug}" if entry.account_slug else "")
        writer.writerow(
            [
                f"{entry.occurred_at.astimezone(UTC):%Y-%m-%d}",
                safe_cell(entry.key),
                entry.kind,
                account,
                entry.part,
                f"{to_major(entry.amount_minor, entry.currency):f}",
                entry.currency,
                str(entry.order_id or ""),
                entry.seller_slug or "",
            ]
        )
        on_progress(rows)
    return rows


# beancount ------------------------------------------------------------------------------------------------------------

SELLERS = {
    AccountKind.SELLER_PAYABLE: "Payable",
    AccountKind.SELLER_RESERVE: "Reserve",
    AccountKind.DISPUTE_HOLD: "Dispute-Hold",
}
MARKETPLACE = {
    AccountKind.STRIPE_BALANCE: "Assets:Stripe:Balance",
    AccountKind.COMMISSION_INCOME: "Income:Commission",
    AccountKind.PROCESSING_FEES: "Expenses:Processing-Fees",
    AccountKind.PROMOTION_FUNDING: "Expenses:Promotion-Funding",
    AccountKind.DISPUTE_LOSSES: "Expenses:Dispute-Losses",
    AccountKind.WRITE_OFFS: "Expenses:Write-Offs",
    AccountKind.COMMISSION_TAX: "Liabilities:Commission-Tax",
}
OPENING = "Equity:Opening-Balances"


def account_name(kind: str, slug: str | None) -> str:
    """An account as beancount writes it. Slugs are lower case, so a capital first letter keeps them apart."""
    if slug is None:
        return MARKETPLACE[AccountKind(kind)]
    return f"Liabilities:Sellers:{slug[:1].upper()}{slug[1:]}:{SELLERS[AccountKind(kind)]}"


def journal_beancount(
    out: TextIO, period: Period, *, on_progress: Callable[[int], Any] = lambda done: None
) -> int:
    """The period as a beancount file: accounts, one balanced transaction per fact, and each account's balance at the end.

    What came before the period is one opening transaction per currency. The closing balances are summed by PostgreSQL
    apart from the entries, so that `bean-check` proves the file and not itself. Returns how many transactions.
    """
    before = _sums(period, before=True) if period.since else []
    inside = _sums(period)
    opened = period.since or min((row.first for row in inside), default=date(1970, 1, 1))
    out.write('option "title" "Souk"\n\n')
    for name in sorted({row.account for row in [*before, *inside]} | ({OPENING} if before else set())):
        out.write(f"{opened} open {name}\n")
    _write_opening(out, before, opened)
    count = 0
    for _, entries in groupby(journal_entries(period), key=lambda entry: entry.transaction_id):
        count += 1
        _write_transaction(out, list(entries))
        on_progress(count)
    _write_balances(out, before, inside, period)
    return count


@dataclass(frozen=True)
class _Sum:
    account: str
    currency: str
    amount_minor: int
    first: date
    last: date


def _sums(period: Period, *, before: bool = False) -> list[_Sum]:
    where, facts = period.where(before=before)
    with connection.cursor() as cursor:
        cursor.execute(SUMS.format(where=where), facts)
        return [
            _Sum(account_name(kind, slug), currency, int(total), _day(first), _day(last))
            for kind, slug, currency, total, first, last in cursor.fetchall()
        ]


def _write_opening(out: TextIO, before: list[_Sum], day: date) -> None:
    for currency in sorted({row.currency for row in before}):
        out.write(f'\n{day} * "Souk" "Balances brought forward"\n')
        total = 0
        for row in before:
            if row.currency == currency and row.amount_minor:
                out.write(f"  {row.account}  {_amount(row.amount_minor, currency)}\n")
                total += row.amount_minor
        out.write(f"  {OPENING}  {_amount(-total, currency)}\n")


def _write_transaction(out: TextIO, entries: list[JournalEntry]) -> None:
    first = entries[0]
    payee, key = _text(first.seller_name or "Souk"), _text(first.key)
    out.write(f'\n{first.occurred_at.astimezone(UTC):%Y-%m-%d} * "{payee}" "{key}"\n')
    out.write(f'  kind: "{first.kind}"\n')
    if first.order_id:
        out.write(f'  order: "{first.order_id}"\n')
    for entry in entries:
        account = account_name(entry.account_kind, entry.account_slug)
        out.write(f"  {account}  {_amount(entry.amount_minor, entry.currency)}\n")
        out.write(f'    part: "{entry.part}"\n')


def _write_balances(out: TextIO, before: list[_Sum], inside: list[_Sum], period: Period) -> None:
    """beancount checks a balance at the beginning of its day, so it stands on the day after the last entry."""
    totals: dict[tuple[str, str], int] = {}
    for row in [*before, *inside]:
        totals[row.account, row.currency] = totals.get((row.account, row.currency), 0) + row.amount_minor
    last = max((row.last for row in [*before, *inside]), default=date(1970, 1, 1))
    day = (period.until or max(last, period.since or last)) + timedelta(days=1)
    out.write("\n")
    for (account, currency), total in sorted(totals.items()):
        out.write(f"{day} balance {account}  {_amount(total, currency)}\n")


def _amount(amount_minor: int, currency: str) -> str:
    amount: Decimal = to_major(amount_minor, currency)
    return f"{amount:f} {currency}"


def _text(text: str) -> str:
    """Inside beancount's quotes; line breaks and control characters become spaces."""
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029]", " ", text).replace("\\", "\\\\").replace('"', '\\"')
