"""Moving a payout's money at Stripe, and following it to the bank.

Two transactions with the call to Stripe between them, never inside one. The key `payout:{id}` is committed before the
call; an answer that is lost leaves the payout REQUESTED, and the next try looks the transfer up before it asks again.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q

from core.clock import now
from core.db import marketplace_work
from core.errors import Conflict, IllegalTransition, NotFound
from core.jobs import enqueue
from core.money import Money
from payouts.models import Payout, PayoutStatus, SellerAccount
from services import ledger_facts
from services.audit_services import record_audit
from services.ledger_services import post
from services.notification_services import notify
from services.payout_services import release_claims
from services.schedule_services import local_date
from services.statement_services import freeze_statement
from services.stripe_gateway import PaymentProviderRefused, plain, stripe_api
from tenants.context import has_shop, tenant_scope

log = structlog.get_logger("souk.payouts")


@marketplace_work
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
                    params=_transfer_params(payout), options={"idempotency_key": f"payout:{payout.pk}"}
                )
            )
    except PaymentProviderRefused as refusal:
        return _record_failure(payout_id, refusal)
    return record_transfer(payout_id=payout_id, made=made)


def _transfer_params(payout: Payout) -> Any:
    """`source_transaction` lets Stripe make the transfer now and move it when the charge's own funds are there."""
    source = {"source_transaction": payout.source_charge_id} if payout.source_charge_id else {}
    return {
        "amount": payout.amount_minor,
        "currency": payout.currency.lower(),
        "destination": payout.destination,
        "transfer_group": transfer_group(payout),
        "metadata": {"tenant": str(payout.tenant_id), "payout": str(payout.pk)},
        **source,
    }


def transfer_group(payout: Payout) -> str:
    """How a payout's transfer is found again at Stripe."""
    return f"payout:{payout.pk}"


def _transfer_of(stripe: Any, payout: Payout) -> dict[str, Any] | None:
    found = stripe.v1.transfers.list(params={"transfer_group": transfer_group(payout), "limit": 1}).data
    return plain(found[0]) if found else None


@marketplace_work
@transaction.atomic
def record_transfer(*, payout_id: UUID, made: dict[str, Any]) -> Payout:
    """REQUESTED -> SENT: post the transfer and freeze the statement. Locks the payout; again it does nothing."""
    payout = Payout.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=payout_id)
    if payout.transfer_id == made["id"]:
        return payout
    if not _is_of(made, payout):
        payout.lose_sight(
            message=f"transfer {made['id']} does not match: {made['amount']} {made['currency']} to {made['destination']}"
        )
        payout.save()
        return payout
    at = datetime.fromtimestamp(made["created"], UTC)
    statement = freeze_statement(payout, issued_at=at)
    post(ledger_facts.transfer(payout, transfer_id=made["id"], at=at))
    payout.send(at=at, transfer_id=made["id"], statement=statement)
    payout.save()
    amount = Money(payout.amount_minor, payout.currency).format()
    _tell_seller(
        payout,
        "payout_sent",
        f"Payout of {amount} is on its way",
        f"Payout {payout.number}: {amount} was moved to your account at Stripe, which sends it to your bank.",
        once=f"payout:{payout.pk}",
    )
    return payout


def _tell_seller(payout: Payout, kind: str, title: str, message: str, *, once: str) -> None:
    if not has_shop(payout.tenant):
        return
    with tenant_scope(payout.tenant):
        notify(
            type=kind,
            title=title,
            message=message,
            dedupe_key=f"staff:{once}",
            email=payout.tenant.support_email,
            for_staff=True,
        )


@transaction.atomic
def _record_failure(payout_id: UUID, refusal: PaymentProviderRefused) -> Payout:
    payout = Payout.objects.select_for_update().get(pk=payout_id)
    if payout.status == PayoutStatus.REQUESTED:
        payout.fail(at=now(), code=str(refusal.facts["reason_code"]), message=str(refusal.facts["reason"]))
        payout.save()
        release_claims(payout)
        _try_again(payout)
        log.warning("payout.failed", payout=str(payout.pk), code=payout.failure_code)
    return payout


def _try_again(payout: Payout) -> None:
    """The payout day is not done with: Stripe does not try a refused transfer again, the next scheduled run does."""
    account = SellerAccount.objects.get(tenant_id=payout.tenant_id)
    day = local_date(account, payout.requested_at)
    if account.last_run_on is not None and account.last_run_on >= day:
        SellerAccount.objects.filter(pk=account.pk).update(last_run_on=day - timedelta(days=1))


@marketplace_work
def sweep_payouts() -> int:
    """Requested payouts whose job is gone (parked, or lost with a database) get a new one."""
    waiting = Payout.objects.filter(status=PayoutStatus.REQUESTED)
    for payout in waiting:
        enqueue("payout.send", payout_id=payout.pk)
    return len(waiting)


# What a person does about one that is stuck ---------------------------------------------------------------------------


class TransferDiffers(Conflict):
    """Stripe has a transfer in this payout's name that is not what was asked for. Facts: transfer, amount."""

    code = "transfer_differs"
    title = "Stripe's transfer is another than this payout"
    detail = (
        "Stripe made {transfer} of {amount} instead. Take it back in Stripe's dashboard, then look again."
    )


@marketplace_work
@transaction.atomic
def resend_payout(*, payout_id: UUID, actor_id: UUID) -> Payout:
    """The operator's button: a payout that is still REQUESTED is given to a worker again, now. It stays the same payout.

    Locks the payout. Raises NotFound, IllegalTransition.
    """
    payout = _locked(payout_id)
    if payout.status != PayoutStatus.REQUESTED:
        raise IllegalTransition(what="This payout", state=payout.status, move="send")
    enqueue("payout.send", payout_id=payout.pk)
    record_audit("payout.sent_again", actor_id=actor_id, tenant=payout.tenant, payout=payout.pk)
    return payout


@marketplace_work
def look_up_payout(*, payout_id: UUID, actor_id: UUID) -> Payout:
    """Ask Stripe what became of an UNKNOWN payout, and record it: SENT, or FAILED where Stripe holds no money of it.

    Calls Stripe, then locks the payout. Raises NotFound, IllegalTransition, TransferDiffers, PaymentProviderUnavailable.
    """
    payout = Payout.objects.filter(pk=payout_id).first()
    if payout is None:
        raise NotFound(what="payout")
    if payout.status != PayoutStatus.UNKNOWN:
        raise IllegalTransition(what="This payout", state=payout.status, move="look up")
    with stripe_api() as stripe:
        listed = stripe.v1.transfers.list(params={"transfer_group": transfer_group(payout), "limit": 100})
        standing = [made for made in map(plain, listed.data) if made["amount_reversed"] < made["amount"]]
    if any(_is_of(made, payout) for made in standing):
        found = record_transfer(payout_id=payout_id, made=next(m for m in standing if _is_of(m, payout)))
    elif standing:
        amount = Money(standing[0]["amount"], standing[0]["currency"].upper()).format()
        raise TransferDiffers(transfer=standing[0]["id"], amount=amount)
    else:
        found = _give_up(payout_id)
    record_audit(
        "payout.looked_up", actor_id=actor_id, tenant=found.tenant, payout=found.pk, found=found.status
    )
    return found


def _is_of(made: dict[str, Any], payout: Payout) -> bool:
    """Whether a transfer at Stripe is what this payout asked for."""
    wanted = (payout.amount_minor, payout.currency, payout.destination)
    return (made["amount"], made["currency"].upper(), made["destination"]) == wanted


@transaction.atomic
def _give_up(payout_id: UUID) -> Payout:
    payout = _locked(payout_id)
    if payout.status == PayoutStatus.UNKNOWN:
        payout.fail(at=now(), code="not_at_stripe", message="Stripe holds no transfer of this payout.")
        payout.save()
        release_claims(payout)
        _try_again(payout)
    return payout


def _locked(payout_id: UUID) -> Payout:
    payout = (
        Payout.objects.select_for_update(of=("self",)).select_related("tenant").filter(pk=payout_id).first()
    )
    if payout is None:
        raise NotFound(what="payout")
    return payout


# The bank ------------------------------------------------------------------------------------------------------------


@marketplace_work
def sync_bank_payout(*, stripe_account_id: str, bank_payout_id: str) -> int:
    """Read a connected account's payout to its bank from Stripe, and follow it. Returns how many payouts of ours moved.

    Read rather than told, so that "paid" and "failed" may arrive in any order: a failure after a success wins.
    """
    with stripe_api() as stripe:
        found = plain(
            stripe.v1.payouts.retrieve(bank_payout_id, options={"stripe_account": stripe_account_id})
        )
    at = datetime.fromtimestamp(found["created"], UTC)
    if found["status"] == "paid":
        return settle_payouts(stripe_account_id=stripe_account_id, at=at, bank_payout_id=bank_payout_id)
    if found["status"] == "failed":
        return return_payouts(
            stripe_account_id=stripe_account_id,
            at=at,
            bank_payout_id=bank_payout_id,
            code=str(found.get("failure_code") or "failed"),
            message=str(found.get("failure_message") or "The bank sent the money back."),
        )
    return 0


@marketplace_work
@transaction.atomic
def settle_payouts(*, stripe_account_id: str, at: datetime, bank_payout_id: str = "") -> int:
    """The bank has what was sent to this account before `at`: SENT or RETURNED -> PAID. Returns how many payouts."""
    sent = list(
        Payout.objects.select_for_update().filter(
            destination=stripe_account_id,
            status__in=[PayoutStatus.SENT, PayoutStatus.RETURNED],
            sent_at__lte=at,
        )
    )
    for payout in sent:
        payout.settle(at=at, bank_payout_id=bank_payout_id)
        payout.save()
    return len(sent)


@marketplace_work
@transaction.atomic
def return_payouts(
    *, stripe_account_id: str, at: datetime, bank_payout_id: str, code: str, message: str
) -> int:
    """The bank sent it back: SENT, or PAID by that very bank payout -> RETURNED, and the seller is told.

    The money is in the seller's balance at Stripe, which tries again once the bank account is mended: no second transfer.
    """
    came_back = list(
        Payout.objects.select_for_update(of=("self",))
        .select_related("tenant")
        .filter(
            Q(status=PayoutStatus.SENT) | Q(status=PayoutStatus.PAID, bank_payout_id=bank_payout_id),
            destination=stripe_account_id,
            sent_at__lte=at,
        )
    )
    for payout in came_back:
        payout.come_back(at=now(), code=code, message=message)
        payout.save()
        amount = Money(payout.amount_minor, payout.currency).format()
        _tell_seller(
            payout,
            "payout_returned",
            f"Your bank sent {amount} back",
            f"Payout {payout.number} of {amount} could not be credited: {message} Check your bank account at Stripe; "
            "the money is in your balance there and is sent again.",
            once=f"payout_returned:{payout.pk}:{bank_payout_id}",
        )
    return len(came_back)
