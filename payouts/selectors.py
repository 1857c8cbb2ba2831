"""What the operator reads of the money of all storefronts."""

from django.db import connection
from django.db.models import QuerySet

from payouts.models import Debt, Dispute


def debts() -> QuerySet[Debt]:
    """Who owes us, as of the last daily look."""
    return Debt.objects.select_related("account__tenant").order_by("-since", "-pk")


def disputes() -> QuerySet[Dispute]:
    """All storefronts' disputes."""
    return Dispute.objects.select_related("tenant").order_by("-opened_at", "-dispute_id")


WAITING = """
SELECT (SELECT count(*) FROM core_job WHERE state = 'parked'),
       (SELECT count(*) FROM payouts_stripeevent WHERE state = 'quarantined'),
       (SELECT count(*) FROM payouts_difference WHERE status = 'open'),
       (SELECT count(*) FROM payouts_payout WHERE status IN ('unknown', 'failed', 'returned')
          AND coalesce(settled_at, requested_at) > now() - interval '30 days'),
       (SELECT count(*) FROM tenants_fleetentry WHERE state <> 'current'),
       (SELECT count(*) FROM tenants_operation WHERE state IN ('queued', 'running'))
"""


def what_waits() -> dict[str, int]:
    """What an operator has to look at, in figures: jobs, events, differences, payouts, fleet, running. One query."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        row = cursor.fetchone()
    return dict(zip(("jobs", "events", "differences", "payouts", "fleet", "running"), row, strict=True))
