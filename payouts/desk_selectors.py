"""What the operator's desk reads of money, over all storefronts: payouts, differences, debts, reserves. A few queries each."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from core.clock import now
from core.errors import NotFound
from core.ids import first_id_at
from core.models import Job, JobState, Schedule
from payouts.models import (
    CommissionRule,
    Difference,
    LedgerEntry,
    LedgerTransaction,
    Payout,
    Reserve,
    SellerAccount,
    StripeTransaction,
    WriteOff,
)
from tenants.models import AuditEntry, Tenant

# Of one payout no more than this is shown: the statement as a file has all of it.
MOST_SHOWN = 200


def tenant_named(slug: str) -> Tenant | None:
    """The storefront of a slug, as an operator types it."""
    return Tenant.objects.filter(slug=slug.strip().lower()).first() if slug else None


def since_days(days: str) -> datetime | None:
    """The beginning of "the last 30 days"; None where that is not a number of days."""
    return now() - timedelta(days=int(days)) if days.isdecimal() and 0 < int(days) <= 3650 else None


def _made_since(found: QuerySet[Payout], since: datetime | None) -> QuerySet[Payout]:
    """Ids are made in order of time and never before the moment they are for: the primary key finds the place."""
    return found.filter(pk__gte=first_id_at(since), requested_at__gte=since) if since else found


def payouts_of_all(
    *,
    status: str = "",
    tenant_id: UUID | None = None,
    currency: str = "",
    since: datetime | None = None,
) -> QuerySet[Payout]:
    """All storefronts' payouts, newest first (by id), without their statements."""
    found = _made_since(Payout.objects.select_related("tenant").defer("statement"), since)
    wanted = {"status": status, "tenant_id": tenant_id, "currency": currency}
    return found.filter(**{name: value for name, value in wanted.items() if value}).order_by("-pk")


def payout_sums(
    *, tenant_id: UUID | None = None, currency: str = "", since: datetime | None = None
) -> list[Any]:
    """How many and how much, per status and currency: rows of status, currency, count, minor, reversed."""
    wanted = {"tenant_id": tenant_id, "currency": currency}
    found = _made_since(Payout.objects.all(), since).filter(
        **{name: value for name, value in wanted.items() if value}
    )
    return list(
        found.values("status", "currency")
        .annotate(count=Count("pk"), minor=Sum("amount_minor"), reversed=Sum("reversed_minor"))
        .order_by("status", "currency")
    )


def payout_of_all(payout_id: UUID) -> Payout:
    """One payout with its storefront. Raises NotFound."""
    found = Payout.objects.select_related("tenant").filter(pk=payout_id).first()
    if found is None:
        raise NotFound(what="payout")
    return found


CLAIMED = """
SELECT c.order_number, t.order_id, min(t.key), e.part, -sum(e.amount_minor), min(t.occurred_at)
  FROM public.payouts_payoutentry p
  JOIN public.payouts_ledgerentry e ON e.id = p.entry_id
  JOIN public.payouts_ledgertransaction t ON t.id = e.transaction_id
  LEFT JOIN public.payouts_charge c ON c.charge_id = e.charge_id
 WHERE p.payout_id = %s
 GROUP BY t.id, c.order_number, e.part ORDER BY min(t.occurred_at), t.id, e.part LIMIT %s
"""


def claimed_by(payout_id: UUID) -> list[Any]:
    """What a payout without a statement claimed, or had claimed before it failed: the first facts of it."""
    names = ("order_number", "order_id", "key", "kind", "amount_minor", "occurred_at")
    with connection.cursor() as cursor:
        cursor.execute(CLAIMED, [payout_id, MOST_SHOWN])
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def audit_of_payout(payout: Payout) -> list[AuditEntry]:
    """What people did about it."""
    found = AuditEntry.objects.filter(
        tenant=payout.tenant, action__startswith="payout.", facts__payout=str(payout.pk)
    )
    return list(found.order_by("-at")[:50])


def job_of_payout(payout: Payout) -> Job | None:
    """The job that is to make its transfer."""
    return Job.objects.filter(task="payout.send", args__payout_id=str(payout.pk)).order_by("-pk").first()


# Reconciliation -----------------------------------------------------------------------------------------------------


def differences_found(*, state: str = "", kind: str = "", q: str = "") -> QuerySet[Difference]:
    """Differences in a state, of a kind, about a subject; found last first."""
    wanted = {"state": state, "kind": kind}
    found = Difference.objects.filter(**{name: value for name, value in wanted.items() if value})
    return (found.filter(subject__contains=q) if q else found).order_by("-first_seen_at", "-pk")


def difference_counts() -> dict[str, int]:
    """How many there are in each state."""
    return dict(Difference.objects.values_list("state").annotate(Count("pk")).order_by())


def difference_sums() -> list[Any]:
    """What stands open, per kind and currency: how many, the gap, and since when."""
    rows = (
        Difference.objects.filter(state="open")
        .values("kind", "currency")
        .annotate(
            count=Count("pk"), ours=Sum("ours_minor"), theirs=Sum("theirs_minor"), oldest=Min("first_seen_at")
        )
        .order_by("kind", "currency")
    )
    return [{**row, "gap": (row["theirs"] or 0) - (row["ours"] or 0)} for row in rows]


def find_difference(difference_id: int) -> Difference:
    """One of them, with the booking that ended it. Raises NotFound."""
    found = Difference.objects.select_related("solved_by").filter(pk=difference_id).first()
    if found is None:
        raise NotFound(what="difference")
    return found


@dataclass(frozen=True)
class BothSides:
    """What our books and what Stripe have on the subject of a difference."""

    booking: LedgerTransaction | None
    entries: list[LedgerEntry]
    theirs: list[StripeTransaction]


def both_sides(difference: Difference) -> BothSides:
    """The booking of its key with its entries, and Stripe's balance transactions of it."""
    subject = difference.subject
    booking = LedgerTransaction.objects.select_related("tenant").filter(key=subject).first()
    entries = list(booking.entries.select_related("account__tenant").order_by("pk")[:50]) if booking else []
    at_stripe = Q(key=subject) | Q(pk=subject.removeprefix("fee:"))
    return BothSides(
        booking, entries, list(StripeTransaction.objects.filter(at_stripe).order_by("created")[:20])
    )


def audit_of_difference(difference: Difference) -> list[AuditEntry]:
    """Who explained it, each time."""
    found = AuditEntry.objects.filter(
        tenant=None,
        action="difference.explained",
        facts__subject=difference.subject,
        facts__kind=difference.kind,
    )
    return list(found.order_by("-at")[:50])


# Debts, write-offs, reserves, terms ------------------------------------------------------------------------------------


def write_offs(*, tenant_id: UUID | None = None) -> QuerySet[WriteOff]:
    """What was given up, newest first."""
    found = WriteOff.objects.select_related("tenant").order_by("-created_at", "-pk")
    return found.filter(tenant_id=tenant_id) if tenant_id else found


def debt_sums() -> list[Any]:
    """What is owed in all, as of the daily look, and what was ever written off, per currency."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT currency, sum(owed), sum(sellers), sum(given_up) FROM ("
            " SELECT a.currency, d.amount_minor AS owed, 1 AS sellers, 0 AS given_up FROM public.payouts_debt d"
            "   JOIN public.payouts_ledgeraccount a ON a.id = d.account_id UNION ALL"
            " SELECT currency, 0, 0, amount_minor FROM public.payouts_writeoff) each GROUP BY currency ORDER BY currency"
        )
        names = ("currency", "owed", "sellers", "given_up")
        return [dict(zip(names, (row[0], *map(int, row[1:])), strict=True)) for row in cursor.fetchall()]


def reserves_by_seller() -> list[Any]:
    """What is held back of each seller, the most first: tenant_id, slug, name, currency, minor, count, next, last."""
    return list(
        Reserve.objects.filter(released_at=None)
        .values("tenant_id", "tenant__slug", "tenant__name", "currency")
        .annotate(
            minor=Sum("amount_minor"), count=Count("pk"), next=Min("release_at"), last=Max("release_at")
        )
        .order_by("-minor", "tenant_id")[:50]
    )


def reserves_of(tenant_id: UUID) -> list[Reserve]:
    """What is held back of one seller; what is released first comes first."""
    held = Reserve.objects.filter(tenant_id=tenant_id, released_at=None).select_related("charge")
    return list(held.order_by("release_at", "pk")[:50])


def seller_terms(tenant_id: UUID) -> SellerAccount:
    """A seller's account and terms, with the storefront. Raises NotFound."""
    found = SellerAccount.objects.select_related("tenant").filter(tenant_id=tenant_id).first()
    if found is None:
        raise NotFound(what="storefront")
    return found


def reversals_asked(tenant_id: UUID) -> list[Any]:
    """Reversals of a seller's payouts that are being made."""
    return list(
        Payout.objects.filter(tenant_id=tenant_id, reversals__status="requested")
        .values("currency")
        .annotate(minor=Sum("reversals__amount_minor"))
        .order_by("currency")
    )


# Commission ------------------------------------------------------------------------------------------------------------


def commission_rules() -> list[CommissionRule]:
    """All rules in the operator's order."""
    return list(CommissionRule.objects.select_related("tenant").order_by("position", "pk"))


def find_rule(rule_id: int) -> CommissionRule:
    """One of them. Raises NotFound."""
    found = CommissionRule.objects.select_related("tenant").filter(pk=rule_id).first()
    if found is None:
        raise NotFound(what="rule")
    return found


def rule_history(rule: CommissionRule) -> list[AuditEntry]:
    """Who changed a rule, newest first."""
    found = AuditEntry.objects.filter(action__startswith="commission.rule", facts__rule=str(rule.pk))
    return list(found.filter(Q(tenant=None) | Q(tenant=rule.tenant_id)).order_by("-at")[:20])


def seller_accounts(tenant_ids: set[UUID]) -> dict[object, SellerAccount]:
    """Terms of sellers, with their storefronts, by tenant id. One query, none for nobody."""
    if not tenant_ids:
        return {}
    found = SellerAccount.objects.select_related("tenant").filter(tenant_id__in=tenant_ids)
    return {account.tenant_id: account for account in found}


# Jobs -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TaskFigures:
    """The jobs of one task: how many in each state, and since when the oldest that is due waits."""

    task: str
    queued: int
    running: int
    parked: int
    waits_since: datetime | None


def job_figures() -> list[TaskFigures]:
    """Per task; those with parked ones first. One query."""
    rows = (
        Job.objects.values("task")
        .annotate(
            queued=Count("pk", filter=Q(state=JobState.QUEUED)),
            running=Count("pk", filter=Q(state=JobState.RUNNING)),
            parked=Count("pk", filter=Q(state=JobState.PARKED)),
            waits_since=Min("run_at", filter=Q(state=JobState.QUEUED, run_at__lte=now())),
        )
        .order_by("-parked", "task")
    )
    return [TaskFigures(**row) for row in rows]


def workers_seen() -> list[Any]:
    """Who holds jobs now: rows of locked_by, count, lease (how long the youngest lease is good for)."""
    return list(
        Job.objects.filter(state=JobState.RUNNING)
        .exclude(locked_by="")
        .values("locked_by")
        .annotate(count=Count("pk"), lease=Max("lease_until"))
        .order_by("locked_by")[:50]
    )


def jobs_in(*, state: str, task: str = "") -> QuerySet[Job]:
    """Jobs in a state, the newest first."""
    found = Job.objects.filter(state=state).order_by("-pk")
    return found.filter(task=task) if task else found


def find_job(job_id: int) -> Job:
    """One of them. Raises NotFound: one that is done is gone."""
    found = Job.objects.filter(pk=job_id).first()
    if found is None:
        raise NotFound(what="job")
    return found


def tenants_named(ids: set[UUID]) -> dict[UUID, Tenant]:
    """Storefronts by their ids. One query, none for nobody."""
    return Tenant.objects.in_bulk(ids) if ids else {}


def schedules() -> list[Schedule]:
    """What runs by schedule, what is next first."""
    return list(Schedule.objects.order_by("next_run_at", "name"))
