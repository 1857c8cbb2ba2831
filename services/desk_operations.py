"""Long work of the marketplace: paying all sellers, comparing the books with Stripe's. Asked for at the desk, run by workers."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from core.clock import now
from core.db import marketplace_work
from core.models import OperationState
from payouts.models import Payout
from services.operation_services import Outcome, Say, runner, start_operation
from services.payout_services import Plan, preview_payouts, run_payouts
from services.reconciliation_services import DAILY_GRACE, ReconcileReport, reconcile
from tenants.models import Operation

PAYOUTS, RECONCILE = "payouts.run", "reconcile.run"
START_LOCK = 0x50F0
DAYS_SHOWN = 60


@marketplace_work
@transaction.atomic
def start_once(kind: str, *, actor_id: UUID, **params: Any) -> Operation:
    """Ask for long work of which one at a time makes sense: where one waits or runs already, it is that one.

    Locks: an advisory lock until the transaction ends, so that a form that is sent twice starts one.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [START_LOCK])
    living = running(kind, **params)
    started: Operation = living or start_operation(kind, actor_id=actor_id, **params)
    return started


def running(kind: str, **params: Any) -> Operation | None:
    """What waits or runs of this kind, asked for in the same way."""
    living = Operation.objects.filter(
        kind=kind, state__in=[OperationState.QUEUED, OperationState.RUNNING], params=params
    )
    return living.defer("input", "output").order_by("-created_at").first()


@runner(PAYOUTS)
@marketplace_work
def run_payouts_with_progress(operation: Operation, say: Say) -> Outcome:
    """A payout run as of the moment it was asked for, over all sellers or those named.

    That moment is how its payouts are known: one that is started over after its worker died pays nobody twice, and
    reports what it had requested before.
    """
    at, named = operation.created_at, operation.params.get("tenants")
    tenant_ids = [UUID(text) for text in named] if named else None
    before = preview_payouts(tenant_ids=tenant_ids, at=at)
    run_payouts(tenant_ids=tenant_ids, at=at, actor_id=operation.actor_id, on_progress=say)
    made = list(Payout.objects.filter(requested_at=at).defer("statement"))
    return Outcome(report=_run_report(made, before))


def _run_report(made: list[Payout], before: list[Plan]) -> dict[str, Any]:
    amounts: Counter[str] = Counter()
    for payout in made:
        amounts[payout.currency] += payout.amount_minor
    paid = {(payout.tenant_id, payout.currency) for payout in made}
    left: dict[str, Counter[str]] = {}
    for plan in before:
        if (plan.account.tenant_id, plan.currency) not in paid:
            # Promised and not made: another run was there first, or a term was changed in the meantime.
            reason = left.setdefault(plan.why or "changed", Counter())
            reason["sellers"] += 1
            reason[plan.currency] += max(plan.available_minor, 0)
    return {
        "made": len(made),
        "amounts": dict(amounts),
        "skipped": [
            {
                "why": why,
                "sellers": found["sellers"],
                "amounts": {name: minor for name, minor in found.items() if name != "sellers" and minor},
            }
            for why, found in sorted(left.items())
        ],
    }


@runner(RECONCILE)
def reconcile_with_progress(operation: Operation, say: Say) -> Outcome:
    """Compare the books with Stripe's. What is minutes old may still be on its way, as in the nightly look."""
    report = reconcile(
        is_full=bool(operation.params.get("is_full")), grace=DAILY_GRACE, on_progress=lambda read: say(read)
    )
    return Outcome(report=report_of(report))


def report_of(report: ReconcileReport) -> dict[str, Any]:
    """A look at both sides, as it is kept: its figures, and the totals of the last days."""
    lines = report.as_json()
    first = (report.at - timedelta(days=DAYS_SHOWN)).date().isoformat()
    names = ("open", "explained", "solved", "compared", "is_balance_compared", "ledger_sum")
    kept = {name: lines[name] for name in names}
    return {**kept, "days": [day for day in lines["days"] if day["day"] >= first]}


def keep_nightly_look(report: ReconcileReport) -> Operation:
    """The scheduled look stands in the same list as those that operators ask for."""
    return Operation.objects.create(
        kind=RECONCILE,
        state=OperationState.DONE,
        started_at=report.at,
        finished_at=now(),
        report=report_of(report),
    )
