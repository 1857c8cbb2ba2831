"""Comparing our books with Stripe's: every balance transaction has one booking, every booking one balance transaction.

Differences are listed, never mended. Reads Stripe page by page; nothing is written.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import connection

from payouts.models import AccountKind
from services.stripe_gateway import plain, stripe_api

# Stripe's type of a balance transaction -> the natural key of its booking.
BOOKED_AS = {
    "charge": "charge",
    "payment": "charge",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund_failed",
    "payment_failure_refund": "refund_failed",
    "transfer": "transfer",
}


@dataclass(frozen=True)
class Difference:
    """One thing on which the two sides disagree; amounts in minor units, as each side has it."""

    kind: str
    subject: str
    currency: str
    ours_minor: int | None
    theirs_minor: int | None
    detail: str = ""


@dataclass
class ReconcileReport:
    """What disagrees, and how much was compared."""

    differences: list[Difference] = field(default_factory=list)
    balance_transactions: int = 0
    bookings: int = 0
    ledger_sum: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "differences": [asdict(difference) for difference in self.differences],
            "compared": {"balance_transactions": self.balance_transactions, "bookings": self.bookings},
            "ledger_sum": self.ledger_sum,
        }


BOOKINGS = """
SELECT t.key, a.currency, sum(e.amount_minor) FROM public.payouts_ledgertransaction t
  JOIN public.payouts_ledgerentry e ON e.transaction_id = t.id
  JOIN public.payouts_ledgeraccount a ON a.id = e.account_id AND a.kind = %s
 GROUP BY t.key, a.currency
"""


def reconcile(*, on_progress: Any = lambda done: None) -> ReconcileReport:
    """Compare everything booked on `stripe_balance` with Stripe's balance transactions and balance."""
    report = ReconcileReport(ledger_sum=_ledger_sums())
    ours = _bookings()
    report.bookings = len(ours)
    theirs_total: dict[str, int] = {}
    for transaction in _balance_transactions():
        report.balance_transactions += 1
        on_progress(report.balance_transactions)
        currency = transaction["currency"].upper()
        theirs_total[currency] = theirs_total.get(currency, 0) + transaction["net"]
        _compare(report, ours, transaction, currency)
    for (key, currency), amount in sorted(ours.items()):
        report.differences.append(
            Difference("only_in_our_books", key, currency, amount, None, "Stripe does not list it")
        )
    _compare_balances(report, theirs_total)
    return report


def _bookings() -> dict[tuple[str, str], int]:
    with connection.cursor() as cursor:
        cursor.execute(BOOKINGS, [AccountKind.STRIPE_BALANCE])
        return {(key, currency): int(amount) for key, currency, amount in cursor.fetchall()}


def _ledger_sums() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT currency, sum(amount_minor) FROM public.payouts_ledgerentry GROUP BY currency ORDER BY 1"
        )
        return {currency: int(amount) for currency, amount in cursor.fetchall()}


def _balance_transactions() -> Iterator[dict[str, Any]]:
    with stripe_api() as stripe:
        for transaction in stripe.v1.balance_transactions.list(params={"limit": 100}).auto_paging_iter():
            yield plain(transaction)


def _compare(
    report: ReconcileReport, ours: dict[tuple[str, str], int], transaction: dict[str, Any], currency: str
) -> None:
    """Takes what it finds out of `ours`, so that what remains is only in our books."""
    source = (
        transaction["source"]
        if isinstance(transaction["source"], str)
        else (transaction["source"] or {}).get("id")
    )
    prefix = BOOKED_AS.get(transaction["type"])
    if prefix is None:
        report.differences.append(
            Difference(
                "not_booked",
                transaction["id"],
                currency,
                None,
                transaction["net"],
                f"{transaction['type']} of {source}",
            )
        )
        return
    _expect(report, ours, f"{prefix}:{source}", currency, transaction["amount"])
    if transaction["fee"]:
        _expect(report, ours, f"fee:{transaction['id']}", currency, -transaction["fee"])


def _expect(
    report: ReconcileReport, ours: dict[tuple[str, str], int], key: str, currency: str, theirs: int
) -> None:
    booked = ours.pop((key, currency), None)
    if booked is None:
        report.differences.append(
            Difference("not_booked", key, currency, None, theirs, "our books do not have it")
        )
    elif booked != theirs:
        report.differences.append(Difference("amount_differs", key, currency, booked, theirs))


def _compare_balances(report: ReconcileReport, listed: dict[str, int]) -> None:
    with stripe_api() as stripe:
        balance = plain(stripe.v1.balance.retrieve())
    theirs: dict[str, int] = {}
    for part in [*balance["available"], *balance["pending"]]:
        currency = part["currency"].upper()
        theirs[currency] = theirs.get(currency, 0) + part["amount"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.currency, sum(e.amount_minor) FROM public.payouts_ledgerentry e"
            " JOIN public.payouts_ledgeraccount a ON a.id = e.account_id AND a.kind = %s GROUP BY 1",
            [AccountKind.STRIPE_BALANCE],
        )
        ours = {currency: int(amount) for currency, amount in cursor.fetchall()}
    for currency in sorted({*ours, *theirs, *listed}):
        if ours.get(currency, 0) != theirs.get(currency, 0):
            report.differences.append(
                Difference(
                    "balance_differs",
                    "stripe_balance",
                    currency,
                    ours.get(currency, 0),
                    theirs.get(currency, 0),
                )
            )
