"""Comparing our books with Stripe's: every balance transaction has one booking, every booking one balance transaction.

Stripe is read into a copy, then both sides are compared by day and currency. Differences are kept, never mended.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from django.db import connection
from django.db.models import Count, Min

from core.clock import now
from payouts.models import Difference, DifferenceState, StripeTransaction
from services.difference_services import compare
from services.operator_services import tell_operators
from services.stripe_mirror_services import Progress, read_stripe
from tenants.models import Tenant

log = structlog.get_logger("souk.reconciliation")
MOST_LISTED = 1_000
DAILY_GRACE = timedelta(minutes=10)


@dataclass
class ReconcileReport:
    """What disagrees, and how much was compared.

    `differences` are the first 1,000 open ones, oldest first; `open` and `explained` count all that stand, `solved` those
    that this look found no more. `days`: both sides' totals per day (UTC) and currency.
    """

    at: datetime
    differences: list[Difference] = field(default_factory=list)
    open: int = 0
    explained: int = 0
    solved: int = 0
    balance_transactions: int = 0
    bookings: int = 0
    days: list[dict[str, Any]] = field(default_factory=list)
    has_balance: bool = True
    ledger_sum: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "differences": [self._line(difference) for difference in self.differences],
            "open": self.open,
            "explained": self.explained,
            "solved": self.solved,
            "compared": {"balance_transactions": self.balance_transactions, "bookings": self.bookings},
            "is_balance_compared": self.has_balance,
            "days": [{**day, "day": day["day"].isoformat()} for day in self.days],
            "ledger_sum": self.ledger_sum,
        }

    def _line(self, difference: Difference) -> dict[str, Any]:
        plain = ("id", "kind", "subject", "currency", "ours_minor", "theirs_minor", "detail", "state", "note")
        return {name: getattr(difference, name) for name in plain} | {
            "day": difference.day.isoformat(),
            "first_seen_at": difference.first_seen_at.isoformat(),
            "age_days": difference.age_days(self.at),
        }


def reconcile(
    *,
    is_full: bool = False,
    since: date | None = None,
    grace: timedelta = timedelta(),
    on_progress: Progress = lambda read: None,
) -> ReconcileReport:
    """Read what is new at Stripe (all of it when `is_full`) and compare everything booked on `stripe_balance` with it.

    `since` leaves out earlier days. What is younger than `grace` and on one side only is on its way, and no difference yet.
    Raises PaymentProviderUnavailable, ReconcileRunning; the next run is right whatever was read before.
    """
    read_at = now()
    balance = read_stripe(is_full=is_full, on_progress=on_progress)
    at = now()
    found = compare(at=at, read_at=read_at, grace=grace, since=since, balance=balance)
    standing = Difference.objects.filter(state=DifferenceState.OPEN)
    counts = dict(Difference.objects.values_list("state").annotate(Count("pk")))
    read = StripeTransaction.objects.all()
    return ReconcileReport(
        at=at,
        differences=list(standing.order_by("first_seen_at", "pk")[:MOST_LISTED]),
        open=counts.get(DifferenceState.OPEN, 0),
        explained=counts.get(DifferenceState.EXPLAINED, 0),
        solved=found.solved,
        balance_transactions=(read.filter(created__date__gte=since) if since else read).count(),
        bookings=found.bookings,
        days=found.days,
        has_balance=balance is not None,
        ledger_sum=_ledger_sums(),
    )


def _ledger_sums() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT currency, sum(amount_minor) FROM public.payouts_ledgerentry GROUP BY currency ORDER BY 1"
        )
        return {currency: int(amount) for currency, amount in cursor.fetchall()}


def reconcile_daily() -> ReconcileReport:
    """The nightly look. Open differences are mailed to the operators, shown at the desk, and an error in the log."""
    report = reconcile(grace=DAILY_GRACE)
    oldest = Difference.objects.filter(state=DifferenceState.OPEN).aggregate(at=Min("first_seen_at"))["at"]
    facts = {
        "open": report.open,
        "explained": report.explained,
        "solved": report.solved,
        "balance_transactions": report.balance_transactions,
    }
    if report.open or any(report.ledger_sum.values()):
        log.error("reconcile.differences", oldest=oldest and oldest.isoformat(), **facts)
        tell_operators(subject=f"{report.open} differences with Stripe", body=_letter(report))
    else:
        log.info("reconcile.agrees", **facts)
    return report


def _letter(report: ReconcileReport) -> str:
    """The report for people: the oldest differences first, both sides in minor units."""
    lines = [
        f"{row.age_days(report.at):>3} days  {row.day}  {row.kind}  {row.subject}: ours {row.ours_minor}, "
        f"Stripe's {row.theirs_minor} {row.currency}  {row.detail}"
        for row in report.differences[:100]
    ]
    rest = f"\n... and {report.open - len(lines)} more" if report.open > len(lines) else ""
    return (
        f"{report.open} open, {report.explained} explained, {report.solved} solved by this run, in "
        f"{report.balance_transactions} balance transactions and {report.bookings} bookings.\n\n"
        + "\n".join(lines)
        + rest
        + f"\n\n{Tenant.marketplace_url()}/desk/reconciliation\n"
    )
