"""What sellers owe us: carried and netted against later earnings, taken back from earlier transfers when old, or written off.

A seller is in debt while the available balance is below zero: refunds or lost disputes of sales that were paid out.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from core.clock import now
from core.db import marketplace_work
from core.errors import Conflict, Invalid, NotFound
from core.jobs import enqueue
from core.money import Money
from payouts.models import (
    AccountKind,
    Debt,
    LedgerAccount,
    Payout,
    PayoutStatus,
    ReversalStatus,
    SellerAccount,
    TransferReversal,
    WriteOff,
)
from services import ledger_facts
from services.audit_services import record_audit
from services.ledger_services import ledger_account, lock_account, post, seller_balances
from services.stripe_gateway import PaymentProviderRefused, plain, stripe_api
from tenants.models import Tenant

log = structlog.get_logger("souk.debts")
REVERSIBLE = [PayoutStatus.SENT, PayoutStatus.PAID, PayoutStatus.RETURNED, PayoutStatus.REVERSED]


class OverReversal(Conflict):
    """More than is left of the transfer, or a reversal of it is being made. Facts: reason."""

    code = "over_reversal"
    title = "This much cannot be taken back"
    detail = "{reason}"


class NoSuchDebt(Conflict):
    """The seller does not owe that much. Facts: requested, owed."""

    code = "no_such_debt"
    title = "The seller does not owe that much"


def debt_of(tenant_id: UUID, currency: str, *, at: datetime | None = None) -> int:
    """What the seller owes us in this currency, minor units; 0 where the available balance is not below zero."""
    balances = {balance.currency: balance for balance in seller_balances(tenant_id=tenant_id, at=at)}
    return max(-balances[currency].available_minor, 0) if currency in balances else 0


@marketplace_work
def look_at_debts(*, at: datetime | None = None) -> int:
    """Note since when each seller is in debt, and take old debts back from earlier transfers. Returns how many are in debt.

    Run daily. Reversals are asked for only where Stripe says that the seller's balance there has something to take.
    """
    at = at or now()
    owing = 0
    for account in LedgerAccount.objects.filter(kind=AccountKind.SELLER_PAYABLE).order_by("pk"):
        tenant_id = account.tenant_id
        if tenant_id is None:  # a seller's account names its seller; PostgreSQL says so, too
            continue
        owed = debt_of(tenant_id, account.currency, at=at)
        if not owed:
            Debt.objects.filter(account=account).delete()
            continue
        owing += 1
        debt, _ = Debt.objects.update_or_create(
            account=account,
            defaults={"amount_minor": owed},
            create_defaults={"amount_minor": owed, "since": at},
        )
        if at - debt.since >= timedelta(days=settings.DEBT_REVERSAL_DAYS):
            take_back_debt(tenant_id, account.currency, owed)
    return owing


@marketplace_work
def take_back_debt(
    tenant_id: UUID,
    currency: str,
    owed_minor: int,
    *,
    reason: str = "debt",
    actor_id: UUID | None = None,
) -> int:
    """Ask for reversals of the newest transfers, as far as the seller's balance at Stripe has funds. Returns minor units.

    Calls Stripe. Raises PaymentProviderUnavailable.
    """
    account = SellerAccount.objects.filter(tenant_id=tenant_id).first()
    if account is None or not account.stripe_account_id:
        return 0
    wanted = min(owed_minor, _funds_of(account.stripe_account_id, currency))
    asked = 0
    payouts = Payout.objects.filter(
        tenant_id=tenant_id,
        currency=currency,
        status__in=REVERSIBLE,
        destination=account.stripe_account_id,
    ).order_by("-sent_at")
    for payout in payouts:
        amount = min(wanted - asked, payout.amount_minor - payout.reversed_minor)
        if amount <= 0:
            continue
        if payout.reversals.filter(status=ReversalStatus.REQUESTED).exists():
            break  # what is being taken back already is counted first
        request_reversal(payout_id=payout.pk, amount_minor=amount, reason=reason, actor_id=actor_id)
        asked += amount
    return asked


def _funds_of(stripe_account_id: str, currency: str) -> int:
    with stripe_api() as stripe:
        balance = stripe.v1.balance.retrieve(options={"stripe_account": stripe_account_id})
    return sum(max(part.amount, 0) for part in balance.available if part.currency.upper() == currency)


@marketplace_work
@transaction.atomic
def request_reversal(
    *, payout_id: UUID, amount_minor: int, reason: str, actor_id: UUID | None, left_minor: int | None = None
) -> TransferReversal:
    """Ask for part of a payout's transfer back; a job makes it at Stripe. Locks the payout.

    What comes back pays the seller's debt, or is payable again. `left_minor` is what was left of the transfer when
    somebody decided on it; a form that was sent twice is refused by it. Raises NotFound, Invalid, OverReversal.
    """
    payout = Payout.objects.select_for_update().filter(pk=payout_id).first()
    if payout is None:
        raise NotFound(what="payout")
    if amount_minor <= 0:
        raise Invalid(field="amount_minor", reason="must be above 0")
    left = payout.amount_minor - payout.reversed_minor
    if left_minor is not None and left != left_minor:
        raise OverReversal(reason="Something was taken back in the meantime. Look at what is left.")
    if payout.status not in REVERSIBLE or amount_minor > left:
        left_text = Money(left if payout.status in REVERSIBLE else 0, payout.currency).format()
        raise OverReversal(reason=f"{left_text} of this payout can be taken back.")
    if payout.reversals.filter(status=ReversalStatus.REQUESTED).exists():
        raise OverReversal(reason="A reversal of this payout is being made. Try again in a moment.")
    reversal = TransferReversal.objects.create(
        payout=payout,
        amount_minor=amount_minor,
        currency=payout.currency,
        reason=reason,
        actor_id=actor_id,
        requested_at=now(),
    )
    record_audit(
        "payout.reversal_requested",
        actor_id=actor_id,
        tenant=payout.tenant,
        payout=str(payout.pk),
        amount_minor=amount_minor,
        reason=reason,
    )
    enqueue("reversal.send", reversal_id=reversal.pk)
    return reversal


@marketplace_work
def send_reversal(*, reversal_id: UUID) -> TransferReversal:
    """Make a requested reversal at Stripe and record the answer, under the key `reversal:{id}`. Safe to run again.

    Refused (the seller's balance is too low): FAILED, and the debt is carried on.
    """
    reversal = TransferReversal.objects.select_related("payout").get(pk=reversal_id)
    if reversal.status != ReversalStatus.REQUESTED:
        return reversal
    transfer_id = reversal.payout.transfer_id or ""
    try:
        with stripe_api() as stripe:
            made = _reversal_of(stripe, transfer_id, reversal) or plain(
                stripe.v1.transfers.reversals.create(
                    transfer_id,
                    params={"amount": reversal.amount_minor, "metadata": {"reversal": str(reversal.pk)}},
                    options={"idempotency_key": f"reversal:{reversal.pk}"},
                )
            )
    except PaymentProviderRefused as refusal:
        with transaction.atomic():
            reversal = TransferReversal.objects.select_for_update().get(pk=reversal_id)
            if reversal.status == ReversalStatus.REQUESTED:
                reversal.fail(at=now(), message=str(refusal.facts["reason"]))
                reversal.save()
        return reversal
    record_reversals(payout_id=reversal.payout_id, listed=[made])
    return TransferReversal.objects.get(pk=reversal_id)


def _reversal_of(stripe: Any, transfer_id: str, reversal: TransferReversal) -> dict[str, Any] | None:
    """One that was made before and whose answer was lost."""
    for made in stripe.v1.transfers.reversals.list(transfer_id, params={"limit": 100}).auto_paging_iter():
        if (plain(made).get("metadata") or {}).get("reversal") == str(reversal.pk):
            return plain(made)
    return None


@marketplace_work
def sync_reversals(*, transfer_id: str) -> int:
    """Read all reversals of a transfer of ours from Stripe and record each; also those made in Stripe's dashboard."""
    payout_id = Payout.objects.values_list("pk", flat=True).get(transfer_id=transfer_id)
    with stripe_api() as stripe:
        pages = stripe.v1.transfers.reversals.list(transfer_id, params={"limit": 100})
        listed = [plain(made) for made in pages.auto_paging_iter()]
    return record_reversals(payout_id=payout_id, listed=listed)


@marketplace_work
@transaction.atomic
def record_reversals(*, payout_id: UUID, listed: list[dict[str, Any]]) -> int:
    """Bring our reversals of a payout to what Stripe says. Locks the payout; again it does nothing. Returns how many are new."""
    payout = Payout.objects.select_for_update().get(pk=payout_id)
    new = 0
    for made in listed:
        if TransferReversal.objects.filter(reversal_id=made["id"]).exists():
            continue
        new += 1
        at = datetime.fromtimestamp(made["created"], UTC)
        reversal = _asked_for(payout, made) or TransferReversal(
            payout=payout,
            amount_minor=made["amount"],
            currency=payout.currency,
            reason="made in Stripe's dashboard",
            requested_at=at,
        )
        reversal.make(at=at, reversal_id=made["id"])
        reversal.save()
        post(ledger_facts.transfer_reversal(reversal, payout, reversal_id=made["id"], at=at))
        payout.reverse(amount_minor=made["amount"])
        payout.save()
    return new


def _asked_for(payout: Payout, made: dict[str, Any]) -> TransferReversal | None:
    ours = (made.get("metadata") or {}).get("reversal")
    return (
        TransferReversal.objects.select_for_update()
        .filter(payout=payout, pk=ours, status=ReversalStatus.REQUESTED)
        .first()
        if ours
        else None
    )


@marketplace_work
@transaction.atomic
def write_off_debt(
    *,
    tenant_id: UUID,
    currency: str,
    amount_minor: int,
    reason: str,
    actor_id: UUID,
    request_key: str | None = None,
) -> WriteOff:
    """Give up what a seller owes, or a part of it: the marketplace bears it. Locks the seller's ledger account.

    Raises NotFound, Invalid (no reason, nothing), NoSuchDebt (more than is owed).
    """
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    if tenant is None:
        raise NotFound(what="storefront")
    if not reason.strip():
        raise Invalid(field="reason", reason="say why the debt is given up")
    if amount_minor <= 0:
        raise Invalid(field="amount_minor", reason="must be above 0")
    lock_account(ledger_account(AccountKind.SELLER_PAYABLE, tenant, currency))
    if request_key and (earlier := WriteOff.objects.filter(request_key=request_key).first()):
        return earlier
    owed = debt_of(tenant_id, currency)
    if amount_minor > owed:
        raise NoSuchDebt(
            requested=Money(amount_minor, currency).as_json(), owed=Money(owed, currency).as_json()
        )
    row = WriteOff.objects.create(
        tenant=tenant,
        currency=currency,
        amount_minor=amount_minor,
        reason=reason,
        actor_id=actor_id,
        request_key=request_key,
        created_at=now(),
    )
    post(ledger_facts.write_off(row))
    record_audit(
        "debt.written_off",
        actor_id=actor_id,
        tenant=tenant,
        amount_minor=amount_minor,
        currency=currency,
        reason=reason,
    )
    return row
