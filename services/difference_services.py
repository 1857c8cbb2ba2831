"""Differences between our books and Stripe's balance transactions: found by sets, in PostgreSQL, and kept with age and state.

Nothing here writes to the ledger. One is solved when it is found no more, and an operator can say why one stands.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from core.errors import Conflict, IllegalTransition, Invalid, NotFound
from payouts.models import Difference, DifferenceState
from services.audit_services import record_audit
from services.difference_sql import BALANCES, BOOKINGS, DAYS, KEEP, LINES, SELLERS, SOLVE

COMPARE_LOCK = 0x50B2


@dataclass(frozen=True)
class Comparison:
    """What a look at both sides found: totals of each day (UTC) and currency, and how many bookings were compared."""

    days: list[dict[str, Any]]
    bookings: int
    solved: int


class ReconcileRunning(Conflict):
    """Another look is being taken."""

    code = "reconcile_running"
    title = "The books are being compared already"
    detail = "Try again when it is done."


@transaction.atomic
def compare(
    *,
    at: datetime,
    read_at: datetime,
    grace: timedelta,
    since: date | None,
    balance: dict[str, int] | None,
) -> Comparison:
    """Find what differs now, keep it, and solve what is found no more. Writes to the differences only.

    `read_at`: when the reading of Stripe began; what we booked since may not be in it. What is younger than `grace` is on its
    way to the other side. `balance`: Stripe's, where it is of the same moment as what was read. `since` (a day) leaves earlier ones as they are; sums are always of everything.
    Locks: an advisory lock until the transaction ends. Raises ReconcileRunning.
    """
    facts: dict[str, Any] = {
        "now": at,
        "settled": read_at - grace,
        "grace": grace.total_seconds(),
        "since": since,
        "has_balance": balance is not None,
        "currencies": list(balance or {}),
        "held": list((balance or {}).values()),
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [COMPARE_LOCK])
        if not cursor.fetchone()[0]:
            raise ReconcileRunning
        cursor.execute("SET LOCAL statement_timeout = '10min'")
        cursor.execute(LINES, facts)
        cursor.execute(SELLERS, facts)
        cursor.execute("ANALYZE reconcile_line")
        cursor.execute(KEEP, facts | {"balances": False})
        if balance is not None:
            cursor.execute(BALANCES, facts)
            cursor.execute(KEEP, facts | {"balances": True})
        cursor.execute(SOLVE, facts)
        solved = cursor.rowcount
        cursor.execute(DAYS, facts)
        names = [column.name for column in cursor.description]
        days = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        cursor.execute(BOOKINGS, facts)
        return Comparison(days=days, bookings=cursor.fetchone()[0], solved=solved)


def differences(*, state: str = "") -> QuerySet[Difference]:
    """All differences, or those in a state, found last first."""
    found = Difference.objects.order_by("-first_seen_at", "-id")
    return found.filter(state=state) if state else found


@transaction.atomic
def explain_difference(*, difference_id: int, note: str, actor_id: UUID | None) -> Difference:
    """An operator says why a difference stands: it is listed no more as open while it stays as it is. Locks the difference.

    Raises NotFound, Invalid (no note), IllegalTransition (not open).
    """
    found = Difference.objects.select_for_update().filter(pk=difference_id).first()
    if found is None:
        raise NotFound(what="difference")
    note = note.strip()
    if not note or len(note) > 300:
        raise Invalid(field="note", reason="say in up to 300 characters why the two sides differ")
    if found.state != DifferenceState.OPEN:
        raise IllegalTransition(what="This difference", state=found.state, move="explain")
    found.explain(note=note, actor_id=actor_id)
    found.save()
    record_audit(
        "difference.explained",
        actor_id=actor_id,
        reason=note,
        kind=found.kind,
        subject=found.subject,
        currency=found.currency,
        gap_minor=found.gap_minor,
    )
    return found
