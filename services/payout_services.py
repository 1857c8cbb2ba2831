"""Paying sellers: gather what is available and claim it for a payout. Every seller is paid once.

Requesting is one transaction; the transfer is made by a job (transfer_services), outside of any.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, QuerySet, Sum

from core.clock import now
from core.db import marketplace_work
from core.errors import Conflict
from core.jobs import enqueue
from core.money import Money
from payouts.models import Payout, PayoutEntry, PayoutStatus, SellerAccount
from services.audit_services import record_audit
from services.schedule_services import is_due, local_date
from services.stripe_gateway import stripe_api

log = structlog.get_logger("souk.payouts")
RUN_LOCK = 0x50EF

# What sellers are owed that no living payout has claimed, of sales that are available and not frozen.
FREE_ENTRIES = """
SELECT u.entry_id, a.currency, u.amount_minor, u.charge_id, c.captured_at
  FROM public.payouts_ledgeraccount a
  JOIN public.payouts_unpaidentry u ON u.account_id = a.id
  LEFT JOIN public.payouts_charge c ON c.charge_id = u.charge_id
 WHERE a.tenant_id = %(tenant)s AND a.kind = 'seller_payable'
   AND (u.charge_id IS NULL OR c.available_at <= %(at)s AND NOT c.is_frozen)
 ORDER BY a.currency, c.captured_at NULLS FIRST, MIN(u.entry_id) OVER (PARTITION BY u.charge_id), u.entry_id
"""


# The same, summed: what each seller has, however many sales it is made of.
FREE_SUMS = """
SELECT a.tenant_id, a.currency, -sum(u.amount_minor)
  FROM public.payouts_ledgeraccount a
  JOIN public.payouts_unpaidentry u ON u.account_id = a.id
  LEFT JOIN public.payouts_charge c ON c.charge_id = u.charge_id
 WHERE a.kind = 'seller_payable' AND (%(tenants)s::uuid[] IS NULL OR a.tenant_id = ANY(%(tenants)s::uuid[]))
   AND (u.charge_id IS NULL OR c.available_at <= %(at)s AND NOT c.is_frozen)
 GROUP BY a.tenant_id, a.currency ORDER BY a.currency
"""
Progress = Callable[[int, int], None]


class NothingToPay(Conflict):
    """No payout can be made now. Facts: reason."""

    code = "nothing_to_pay"
    title = "There is nothing to pay out now"
    detail = "{reason}"


@dataclass(frozen=True)
class FreeEntry:
    """A ledger entry that can be paid out; `owed_minor` is positive when we owe it to the seller."""

    id: int
    currency: str
    owed_minor: int
    charge_id: str | None


@dataclass(frozen=True)
class Plan:
    """What would be paid to one seller in one currency now (`amount_minor`), or why it is not.

    `available_minor` is all that could be paid. `why` is the reason as a word: paused, not_verified, busy, owes,
    below_minimum, funds. A plan that a payout is made by has its `entries`.
    """

    account: SellerAccount
    currency: str
    available_minor: int
    amount_minor: int = 0
    entries: Sequence[FreeEntry] = ()
    source_charge: str | None = None
    why: str = ""
    reason: str = ""

    @property
    def waits_for_funds(self) -> bool:
        """Stripe cannot move the money yet; nothing else is in the way."""
        return self.why == "funds"


@marketplace_work
def run_payouts(
    *,
    tenant_ids: Sequence[UUID] | None = None,
    at: datetime | None = None,
    actor_id: UUID | None = None,
    only_due: bool = False,
    on_progress: Progress = lambda done, total: None,
) -> list[Payout]:
    """Request a payout for each seller and currency with enough available; jobs make the transfers.

    `only_due`: only sellers whose schedule names today, once a day. Run it as often and as many at once as you like: a
    seller is under an advisory lock while its payout is requested, and has at most one live payout per currency. Returns
    the payouts requested now. `on_progress` hears of each seller that was looked at. Raises PaymentProviderUnavailable.
    """
    at = at or now()
    movable: dict[str, int] | None = None
    requested: list[Payout] = []
    able = _sellers(tenant_ids).filter(payouts_enabled=True, transfers_active=True, payouts_paused_reason="")
    for number, account in enumerate(able, 1):
        if not only_due or is_due(account, at):
            if movable is None:
                movable = movable_at_stripe()
            requested += request_payouts(account, at=at, movable=movable, only_due=only_due)
        on_progress(number, len(able))
    if requested or not only_due:
        record_audit("payouts.run", actor_id=actor_id, requested=len(requested))
    return requested


@marketplace_work
def preview_payouts(
    *,
    tenant_ids: Sequence[UUID] | None = None,
    at: datetime | None = None,
    patience_seconds: int | None = None,
) -> list[Plan]:
    """What a run would request now, seller by seller, and what it would leave and why. Writes nothing.

    A few queries, however many sellers there are; sales are looked at only where not all of them can be paid. Stripe is
    asked first, and not waited for longer than `patience_seconds`. Raises PaymentProviderUnavailable.
    """
    at = at or now()
    movable = movable_at_stripe(patience_seconds=patience_seconds)
    sums, busy = free_sums(tenant_ids=tenant_ids, at=at), _busy(tenant_ids)
    plans: list[Plan] = []
    for account in _sellers(list(sums)):
        for currency, available in sums[account.tenant_id].items():
            limit = movable.get(currency, 0)
            is_busy = (account.tenant_id, currency) in busy
            plan = _plan_by_sum(account, currency, available, is_busy=is_busy, limit=limit)
            if plan is None:
                sales = free_entries(tenant_id=account.tenant_id, at=at).get(currency, [])
                found = list(_plans_by_sale(account, currency, sales, limit=limit))
            else:
                found = [plan]
            movable[currency] = limit - sum(each.amount_minor for each in found)
            plans += found
    return plans


@marketplace_work
def pay_now(*, tenant_id: UUID, actor_id: UUID | None, at: datetime | None = None) -> list[Payout]:
    """A seller asks for a payout of what is available. Raises NothingToPay with the reason."""
    made = run_payouts(tenant_ids=[tenant_id], at=at, actor_id=actor_id)
    if not made:
        reasons = [plan.reason for plan in preview_payouts(tenant_ids=[tenant_id], at=at) if plan.reason]
        raise NothingToPay(reason=reasons[0] if reasons else "Nothing is available yet.")
    return made


def _sellers(tenant_ids: Sequence[UUID] | None) -> QuerySet[SellerAccount]:
    accounts = SellerAccount.objects.exclude(stripe_account_id=None)
    if tenant_ids is not None:
        accounts = accounts.filter(tenant_id__in=tenant_ids)
    return accounts.select_related("tenant").order_by("tenant__created_at")


def movable_at_stripe(*, patience_seconds: int | None = None) -> dict[str, int]:
    """What Stripe says can be transferred now, per currency, less what payouts have asked for that are still being made."""
    with stripe_api(patience_seconds=patience_seconds) as stripe:
        balance = stripe.v1.balance.retrieve()
    movable = {part.currency.upper(): part.amount for part in balance.available}
    asked = Payout.objects.filter(status=PayoutStatus.REQUESTED, source_charge=None)
    for currency, amount in asked.values_list("currency").annotate(Sum("amount_minor")).order_by():
        movable[currency] = movable.get(currency, 0) - amount
    return movable


@transaction.atomic
def request_payouts(
    account: SellerAccount, *, at: datetime, movable: dict[str, int], only_due: bool = False
) -> list[Payout]:
    """Claim what is available to one seller, per currency, into new payouts. `movable` is lowered by what they ask for.

    Locks: an advisory lock per seller until the transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [RUN_LOCK, str(account.tenant_id)])
    # Read again under the lock: terms or Stripe's permission may have changed while we waited.
    account = SellerAccount.objects.select_related("tenant").get(pk=account.pk)
    if only_due and not is_due(account, at):
        return []
    requested = []
    plans = list(plan_payouts(account, at=at, movable=movable))
    for plan in plans:
        if plan.entries:
            requested.append(_claim(plan, at))
            if plan.source_charge is None:
                movable[plan.currency] = movable.get(plan.currency, 0) - plan.amount_minor
    if only_due and not any(plan.waits_for_funds for plan in plans):
        # A day on which Stripe could not move the money is not done with: the next run tries again.
        SellerAccount.objects.filter(pk=account.pk).update(last_run_on=local_date(account, at))
    return requested


def plan_payouts(account: SellerAccount, *, at: datetime, movable: dict[str, int]) -> Iterator[Plan]:
    """One plan per currency (per charge, where charges are transferred on their own), with its entries or the reason why not."""
    busy = _busy([account.tenant_id])
    for currency, entries in free_entries(tenant_id=account.tenant_id, at=at).items():
        available, limit = sum(entry.owed_minor for entry in entries), movable.get(currency, 0)
        is_busy = (account.tenant_id, currency) in busy
        plan = _plan_by_sum(account, currency, available, is_busy=is_busy, limit=limit)
        if plan is None:
            yield from _plans_by_sale(account, currency, entries, limit=limit)
        else:
            yield replace(plan, entries=entries if plan.amount_minor else ())


def _busy(tenant_ids: Sequence[UUID] | None) -> set[tuple[UUID, str]]:
    """Sellers and currencies of which an earlier payout is being made."""
    living = Payout.objects.filter(status__in=[PayoutStatus.REQUESTED, PayoutStatus.UNKNOWN])
    if tenant_ids is not None:
        living = living.filter(tenant_id__in=tenant_ids)
    return set(living.values_list("tenant_id", "currency"))


def _plan_by_sum(
    account: SellerAccount, currency: str, available: int, *, is_busy: bool, limit: int
) -> Plan | None:
    """The plan, where what is available in all decides it; None where the single sales have to be looked at."""
    why, reason = _why_not(account, currency, available, is_busy=is_busy)
    if why:
        return Plan(account, currency, available, why=why, reason=reason)
    if settings.TRANSFERS_PER_CHARGE:
        return None
    if available <= limit:
        return Plan(account, currency, available, available)
    return _waits(account, currency, available, limit) if limit < minimum_of(account, currency) else None


def _plans_by_sale(
    account: SellerAccount, currency: str, entries: Sequence[FreeEntry], *, limit: int
) -> Iterator[Plan]:
    if settings.TRANSFERS_PER_CHARGE:
        yield from _charge_by_charge(account, currency, entries)
        return
    available = sum(entry.owed_minor for entry in entries)
    chosen = choose_entries(entries, limit)
    amount = sum(entry.owed_minor for entry in chosen)
    if amount > 0 and amount >= minimum_of(account, currency):
        yield Plan(account, currency, available, amount, chosen)
    else:
        yield _waits(account, currency, available, limit)


def _waits(account: SellerAccount, currency: str, available: int, limit: int) -> Plan:
    can = Money(max(limit, 0), currency).format()
    reason = f"Only {can} can be moved at Stripe at the moment."
    return Plan(account, currency, available, why="funds", reason=reason)


def _why_not(account: SellerAccount, currency: str, available: int, *, is_busy: bool) -> tuple[str, str]:
    """As a word and as a sentence; both empty where nothing is in the way."""
    if account.payouts_paused_reason:
        return "paused", f"Payouts are paused: {account.payouts_paused_reason}"
    if not account.may_receive:
        return "not_verified", "Stripe does not let this account receive money yet; finish the onboarding."
    if is_busy:
        return "busy", "An earlier payout is still being made."
    if available < 0:
        return "owes", f"{Money(-available, currency).format()} is owed; later earnings pay it first."
    least = minimum_of(account, currency)
    if available < least:
        shown, needed = Money(available, currency).format(), Money(least, currency).format()
        return "below_minimum", f"{shown} is available, a payout needs {needed}."
    return "", ""


def minimum_of(account: SellerAccount, currency: str) -> int:
    """The least a payout is made for. The seller's minimum is in the storefront's own currency; others are paid from 1 on."""
    return max(account.payout_minimum_minor, 1) if currency == account.tenant.currency else 1


def _charge_by_charge(account: SellerAccount, currency: str, entries: Sequence[FreeEntry]) -> Iterator[Plan]:
    """A payout for each sale, oldest first. Debts come first: sales they eat up go along with the one that is left of."""
    available = sum(entry.owed_minor for entry in entries)
    sales = _by_sale(entries)
    loose = sales.pop(None, [])
    debts = {charge_id for charge_id, sale in sales.items() if sum(entry.owed_minor for entry in sale) <= 0}
    carried = [*loose, *(entry for entry in entries if entry.charge_id in debts)]
    for charge_id, sale in sales.items():
        if charge_id in debts:
            continue
        carried = [*carried, *sale]
        amount = sum(entry.owed_minor for entry in carried)
        if amount > 0:
            yield Plan(account, currency, available, amount, carried, source_charge=charge_id)
            carried = []


def free_sums(*, tenant_ids: Sequence[UUID] | None, at: datetime) -> dict[UUID, dict[str, int]]:
    """What could be paid out now, per seller and currency; sellers with nothing are not in it. One query."""
    with connection.cursor() as cursor:
        cursor.execute(FREE_SUMS, {"tenants": None if tenant_ids is None else list(tenant_ids), "at": at})
        rows = cursor.fetchall()
    sums: dict[UUID, dict[str, int]] = {}
    for tenant_id, currency, minor in rows:
        sums.setdefault(tenant_id, {})[currency] = int(minor)
    return sums


def free_entries(*, tenant_id: UUID, at: datetime) -> dict[str, list[FreeEntry]]:
    """What could be paid out now, per currency, oldest sales first."""
    with connection.cursor() as cursor:
        cursor.execute(FREE_ENTRIES, {"tenant": tenant_id, "at": at})
        rows = cursor.fetchall()
    by_currency: dict[str, list[FreeEntry]] = {}
    for entry_id, currency, amount_minor, charge_id, _ in rows:
        by_currency.setdefault(currency, []).append(FreeEntry(entry_id, currency, -amount_minor, charge_id))
    return by_currency


def _by_sale(entries: Sequence[FreeEntry]) -> dict[str | None, list[FreeEntry]]:
    sales: dict[str | None, list[FreeEntry]] = {}
    for entry in entries:
        sales.setdefault(entry.charge_id, []).append(entry)
    return sales


def choose_entries(entries: Sequence[FreeEntry], limit_minor: int) -> list[FreeEntry]:
    """Whole sales, oldest first, as many as fit into what Stripe can move; debts always count.

    A sale is taken with all its entries (price, fee, commission, refunds), or not at all.
    """
    if sum(entry.owed_minor for entry in entries) <= limit_minor:
        return list(entries)
    sales = _by_sale(entries)
    worth = {charge_id: sum(entry.owed_minor for entry in sale) for charge_id, sale in sales.items()}
    chosen = [entry for charge_id, sale in sales.items() if worth[charge_id] <= 0 for entry in sale]
    total = sum(entry.owed_minor for entry in chosen)
    for charge_id, sale in sales.items():
        if worth[charge_id] > 0 and total + worth[charge_id] <= limit_minor:
            chosen += sale
            total += worth[charge_id]
    return chosen


TAKE = "DELETE FROM public.payouts_unpaidentry WHERE entry_id = ANY(%s)"


def _claim(plan: Plan, at: datetime) -> Payout:
    """The payout, with its entries off the list of unpaid ones: the row count says that nobody else has them."""
    account, ids = plan.account, [entry.id for entry in plan.entries]
    last = Payout.objects.filter(tenant_id=account.tenant_id).aggregate(last=Max("number"))["last"] or 0
    payout = Payout.objects.create(
        tenant_id=account.tenant_id,
        number=last + 1,
        currency=plan.currency,
        amount_minor=plan.amount_minor,
        source_charge_id=plan.source_charge,
        destination=account.stripe_account_id or "",
        requested_at=at,
    )
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [ids])
        if cursor.rowcount != len(ids):
            raise RuntimeError(
                f"payout {payout.pk}: {len(ids) - cursor.rowcount} entries are claimed already"
            )
    PayoutEntry.objects.bulk_create(PayoutEntry(payout=payout, entry_id=entry_id) for entry_id in ids)
    enqueue("payout.send", payout_id=payout.pk)
    return payout


GIVE_BACK = """
INSERT INTO public.payouts_unpaidentry (entry_id, account_id, charge_id, amount_minor)
SELECT e.id, e.account_id, e.charge_id, e.amount_minor FROM public.payouts_payoutentry p
  JOIN public.payouts_ledgerentry e ON e.id = p.entry_id WHERE p.payout_id = %s AND p.released_at IS NULL
"""


@marketplace_work
def release_claims(payout: Payout) -> None:
    """The payout failed: what it had claimed is free for the next one. Call inside its transaction."""
    with connection.cursor() as cursor:
        cursor.execute(GIVE_BACK, [payout.pk])
    PayoutEntry.objects.filter(payout=payout, released_at=None).update(released_at=now())
