"""Paying sellers: gather what is available, make one transfer, freeze the statement. Every seller is paid once.

Two transactions with the call to Stripe between them, never inside one. The key `payout:{id}` is committed before the
call; an answer that is lost leaves the payout REQUESTED, and the next try looks the transfer up before it asks again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import Max

from core.clock import now
from core.jobs import enqueue
from core.money import Money
from payouts.models import Payout, PayoutEntry, PayoutStatus, SellerAccount
from services.audit_services import record_audit
from services.ledger_services import post_transfer
from services.notification_services import notify
from services.statement_services import freeze_statement
from services.stripe_gateway import PaymentProviderRefused, plain, stripe_api
from tenants.context import tenant_scope

log = structlog.get_logger("souk.payouts")
RUN_LOCK = 0x50EF

# Entries of what sellers are owed that no living payout has claimed. A transfer's own entry is never gathered.
FREE_ENTRIES = """
SELECT e.id, a.currency, e.amount_minor, e.charge_id, c.captured_at
  FROM public.payouts_ledgeraccount a
  JOIN public.payouts_ledgerentry e ON e.account_id = a.id
  LEFT JOIN public.payouts_charge c ON c.charge_id = e.charge_id
 WHERE a.tenant_id = %(tenant)s AND a.kind = 'seller_payable' AND e.part <> 'transfer'
   AND (e.charge_id IS NULL OR c.available_at <= %(at)s)
   AND NOT EXISTS (SELECT 1 FROM public.payouts_payoutentry p WHERE p.entry_id = e.id AND p.released_at IS NULL)
 ORDER BY a.currency, c.captured_at NULLS FIRST, e.charge_id, e.id
"""


@dataclass(frozen=True)
class FreeEntry:
    """A ledger entry that can be paid out; `owed_minor` is positive when we owe it to the seller."""

    id: int
    currency: str
    owed_minor: int
    charge_id: str | None


def run_payouts(
    *, tenant_ids: Sequence[UUID] | None = None, at: datetime | None = None, actor_id: UUID | None = None
) -> list[Payout]:
    """Request a payout for each seller and currency with enough available; jobs make the transfers.

    Run it as often and as many at once as you like: a seller is under an advisory lock while its payout is requested, and
    has at most one live payout per currency. Returns the payouts requested now.
    """
    at = at or now()
    accounts = SellerAccount.objects.exclude(stripe_account_id=None).filter(
        payouts_enabled=True, transfers_active=True, payouts_paused_reason=""
    )
    if tenant_ids is not None:
        accounts = accounts.filter(tenant_id__in=tenant_ids)
    movable = movable_at_stripe()
    requested: list[Payout] = []
    for account in accounts.select_related("tenant").order_by("tenant__created_at"):
        requested += request_payouts(account, at=at, movable=movable)
    record_audit("payouts.run", actor_id=actor_id, requested=len(requested))
    return requested


def movable_at_stripe() -> dict[str, int]:
    """What Stripe says can be transferred now, per currency."""
    with stripe_api() as stripe:
        balance = stripe.v1.balance.retrieve()
    return {part.currency.upper(): part.amount for part in balance.available}


@transaction.atomic
def request_payouts(account: SellerAccount, *, at: datetime, movable: dict[str, int]) -> list[Payout]:
    """Claim what is available to one seller, per currency, into new payouts. `movable` is lowered by what they ask for.

    Locks: an advisory lock per seller until the transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [RUN_LOCK, str(account.tenant_id)])
    # Read again under the lock: terms or Stripe's permission may have changed while we waited.
    account = SellerAccount.objects.select_related("tenant").get(pk=account.pk)
    if not account.may_receive:
        return []
    busy = set(
        Payout.objects.filter(
            tenant_id=account.tenant_id, status__in=[PayoutStatus.REQUESTED, PayoutStatus.UNKNOWN]
        ).values_list("currency", flat=True)
    )
    requested = []
    for currency, entries in free_entries(tenant_id=account.tenant_id, at=at).items():
        if currency in busy:
            continue
        chosen = choose_entries(entries, movable.get(currency, 0))
        amount = sum(entry.owed_minor for entry in chosen)
        if amount > 0 and amount >= account.payout_minimum_minor:
            requested.append(_claim(account, currency, amount, chosen, at))
            movable[currency] = movable.get(currency, 0) - amount
    return requested


def free_entries(*, tenant_id: UUID, at: datetime) -> dict[str, list[FreeEntry]]:
    """What could be paid out now, per currency, oldest sales first."""
    with connection.cursor() as cursor:
        cursor.execute(FREE_ENTRIES, {"tenant": tenant_id, "at": at})
        rows = cursor.fetchall()
    by_currency: dict[str, list[FreeEntry]] = {}
    for entry_id, currency, amount_minor, charge_id, _ in rows:
        by_currency.setdefault(currency, []).append(FreeEntry(entry_id, currency, -amount_minor, charge_id))
    return by_currency


def choose_entries(entries: Sequence[FreeEntry], limit_minor: int) -> list[FreeEntry]:
    """Whole sales, oldest first, as many as fit into what Stripe can move; debts always count.

    A sale is taken with all its entries (price, fee, commission, refunds), or not at all.
    """
    if sum(entry.owed_minor for entry in entries) <= limit_minor:
        return list(entries)
    sales: dict[str | None, list[FreeEntry]] = {}
    for entry in entries:
        sales.setdefault(entry.charge_id, []).append(entry)
    worth = {charge_id: sum(entry.owed_minor for entry in sale) for charge_id, sale in sales.items()}
    chosen = [entry for charge_id, sale in sales.items() if worth[charge_id] <= 0 for entry in sale]
    total = sum(entry.owed_minor for entry in chosen)
    for charge_id, sale in sales.items():
        if worth[charge_id] > 0 and total + worth[charge_id] <= limit_minor:
            chosen += sale
            total += worth[charge_id]
    return chosen


def _claim(
    account: SellerAccount, currency: str, amount: int, entries: Sequence[FreeEntry], at: datetime
) -> Payout:
    last = Payout.objects.filter(tenant_id=account.tenant_id).aggregate(last=Max("number"))["last"] or 0
    payout = Payout.objects.create(
        tenant_id=account.tenant_id,
        number=last + 1,
        currency=currency,
        amount_minor=amount,
        destination=account.stripe_account_id or "",
        requested_at=at,
    )
    PayoutEntry.objects.bulk_create(PayoutEntry(payout=payout, entry_id=entry.id) for entry in entries)
    enqueue("payout.send", payout_id=payout.pk)
    return payout


def send_payout(*, payout_id: UUID) -> Payout:
    """Make a requested payout's transfer at Stripe and record the answer. Safe to run again, also after a crash.

    Refused by Stripe (balance too low, account restricted): FAILED, its entries are free for the next run.
    No answer: stays REQUESTED and raises, so that the job tries again.
    """
    payout = Payout.objects.get(pk=payout_id)
    if payout.status != PayoutStatus.REQUESTED:
        return payout
    try:
        with stripe_api() as stripe:
            made = _transfer_of(stripe, payout) or plain(
                stripe.v1.transfers.create(
                    params={
                        "amount": payout.amount_minor,
                        "currency": payout.currency.lower(),
                        "destination": payout.destination,
                        "transfer_group": transfer_group(payout),
                        "metadata": {"tenant": str(payout.tenant_id), "payout": str(payout.pk)},
                    },
                    options={"idempotency_key": f"payout:{payout.pk}"},
                )
            )
    except PaymentProviderRefused as refusal:
        return _record_failure(payout_id, refusal)
    return record_transfer(payout_id=payout_id, made=made)


def transfer_group(payout: Payout) -> str:
    """How a payout's transfer is found again at Stripe."""
    return f"payout:{payout.pk}"


def _transfer_of(stripe: Any, payout: Payout) -> dict[str, Any] | None:
    found = stripe.v1.transfers.list(params={"transfer_group": transfer_group(payout), "limit": 1}).data
    return plain(found[0]) if found else None


@transaction.atomic
def record_transfer(*, payout_id: UUID, made: dict[str, Any]) -> Payout:
    """REQUESTED -> SENT: post the transfer and freeze the statement. Locks the payout; again it does nothing."""
    payout = Payout.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=payout_id)
    if payout.transfer_id == made["id"]:
        return payout
    if (made["amount"], made["currency"].upper(), made["destination"]) != (
        payout.amount_minor,
        payout.currency,
        payout.destination,
    ):
        payout.lose_sight(
            message=f"transfer {made['id']} does not match: {made['amount']} {made['currency']} to {made['destination']}"
        )
        payout.save()
        return payout
    at = datetime.fromtimestamp(made["created"], UTC)
    statement = freeze_statement(payout)
    post_transfer(
        transfer_id=made["id"],
        payout_id=payout.pk,
        tenant=payout.tenant,
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        occurred_at=at,
    )
    payout.send(at=at, transfer_id=made["id"], statement=statement)
    payout.save()
    amount = Money(payout.amount_minor, payout.currency).format()
    with tenant_scope(payout.tenant):
        notify(
            type="payout_sent",
            title=f"Payout of {amount} is on its way",
            message=f"Payout {payout.number}: {amount} was moved to your account at Stripe, which sends it to your bank.",
            dedupe_key=f"staff:payout:{payout.pk}",
            email=payout.tenant.support_email,
            for_staff=True,
        )
    return payout


@transaction.atomic
def _record_failure(payout_id: UUID, refusal: PaymentProviderRefused) -> Payout:
    payout = Payout.objects.select_for_update().get(pk=payout_id)
    if payout.status == PayoutStatus.REQUESTED:
        payout.fail(at=now(), code=str(refusal.facts["reason_code"]), message=str(refusal.facts["reason"]))
        payout.save()
        PayoutEntry.objects.filter(payout=payout, released_at=None).update(released_at=now())
        log.warning("payout.failed", payout=str(payout.pk), code=payout.failure_code)
    return payout


def settle_payouts(*, stripe_account_id: str, at: datetime) -> int:
    """The bank has what was sent to this account before `at`: SENT -> PAID. Returns how many payouts."""
    with transaction.atomic():
        sent = list(
            Payout.objects.select_for_update().filter(
                destination=stripe_account_id, status=PayoutStatus.SENT, sent_at__lte=at
            )
        )
        for payout in sent:
            payout.settle(at=at)
            payout.save(update_fields=["status", "settled_at"])
    return len(sent)


def sweep_payouts() -> int:
    """Requested payouts whose job is gone (parked, or lost with a database) get a new one."""
    waiting = Payout.objects.filter(status=PayoutStatus.REQUESTED)
    for payout in waiting:
        enqueue("payout.send", payout_id=payout.pk)
    return len(waiting)
