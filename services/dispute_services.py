"""Disputes: a buyer's bank asks a payment back. Followed as Stripe tells, from its opening to won or lost.

Events only say where to look: `sync_dispute` reads the dispute from Stripe and books what its balance transactions and its
status say, each under its own natural key; told twice, late or backwards it books nothing more.
"""

from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import transaction

from core.clock import now
from core.db import marketplace_work
from core.errors import Conflict, NotFound
from core.money import Money
from payouts.models import (
    OPEN_STATUSES,
    AccountKind,
    Charge,
    Dispute,
    EntryPart,
    FeeBearer,
    LedgerEntry,
)
from services import ledger_facts
from services.charge_services import refresh_charge
from services.credit_services import Returned, by_amount, credit
from services.ledger_services import post
from services.notification_services import notify
from services.order_history import SYSTEM, Actor, record_event
from services.payment_services import sync_intent
from services.stripe_gateway import PaymentProviderRefused, plain, stripe_api
from services.stripe_outcomes import NotOurs, Quarantined
from shop.models import CreditKind, CreditLine, Order
from tenants.context import current_tenant, has_shop, tenant_scope

log = structlog.get_logger("souk.disputes")


class DisputeClosed(Conflict):
    """The bank has decided, or the answer was given already. Facts: dispute_status."""

    code = "dispute_closed"
    title = "This dispute cannot be answered any more"


@marketplace_work
def sync_dispute(dispute_id: str) -> bool:
    """Read a dispute from Stripe and apply it in its storefront. Raises NotOurs, Quarantined, weather.

    Returns whether there is a storefront to apply it in: of an erased one the books alone follow.
    """
    try:
        with stripe_api() as stripe:
            found = plain(stripe.v1.disputes.retrieve(dispute_id))
    except PaymentProviderRefused as error:
        raise NotOurs(f"no such dispute: {dispute_id}") from error
    charge_id = _id(found.get("charge"))
    if not Charge.objects.filter(charge_id=charge_id).exists() and found.get("payment_intent"):
        sync_intent(_id(found["payment_intent"]))  # the dispute was told before its payment
    charge = Charge.objects.select_related("tenant").filter(charge_id=charge_id).first()
    if charge is None:
        raise NotOurs(f"dispute {dispute_id} is of no charge of ours")
    if not has_shop(charge.tenant):
        apply_dispute(charge, found)
        return False
    with tenant_scope(charge.tenant):
        apply_dispute(charge, found)
    return True


def _id(value: Any) -> str:
    """An expandable field is an id or the object."""
    return str(value["id"] if isinstance(value, dict) else value or "")


@marketplace_work
@transaction.atomic
def apply_dispute(charge: Charge, found: dict[str, Any]) -> Dispute:
    """Bring our copy and the books to what Stripe says. Locks the order; then the charge and the seller's accounts.

    Of an erased storefront, whose orders are gone, the charge is locked, nobody is told, and commission is not returned:
    how much it was by line nobody knows any more. Raises Quarantined where the currency is not the charge's or money moved
    in a way disputes do not.
    """
    order = _order_of(charge)
    if found["currency"].upper() != charge.currency:
        raise Quarantined(f"dispute {found['id']} is in {found['currency']}, its charge in {charge.currency}")
    dispute, is_new = Dispute.objects.get_or_create(
        dispute_id=found["id"],
        defaults={
            "tenant_id": charge.tenant_id,
            "charge": charge,
            "order_id": charge.order_id,
            "currency": charge.currency,
            "amount_minor": found["amount"],
            "status": found["status"],
            "opened_at": _time(found["created"]),
        },
    )
    before = "" if is_new else dispute.status
    due = (found.get("evidence_details") or {}).get("due_by")
    dispute.amount_minor, dispute.status = found["amount"], found["status"]
    dispute.reason = str(found.get("reason") or "")[:60]
    dispute.evidence_due_at = _time(due) if due else None
    is_reinstated = _book_balance_transactions(order, charge, dispute, found)
    if dispute.status == "lost" and dispute.is_withdrawn:
        _book_loss(order, charge, dispute)
    is_over = dispute.status not in OPEN_STATUSES and (dispute.status != "won" or is_reinstated)
    if is_over and dispute.closed_at is None:
        dispute.closed_at = max(now(), dispute.opened_at)
    elif not is_over:
        dispute.closed_at = None
    dispute.save()
    refresh_charge(charge.charge_id)
    if dispute.status != before and order is not None:
        record_event(order, f"dispute_{dispute.status}", SYSTEM, dispute_id=dispute.pk)
        _tell_seller(order, dispute)
    return dispute


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _order_of(charge: Charge) -> Order | None:
    if has_shop(charge.tenant):
        return Order.objects.select_for_update().get(pk=charge.order_id)
    Charge.objects.select_for_update().get(pk=charge.pk)
    return None


def _bearer(order: Order | None, charge: Charge) -> str:
    """Who bears Stripe's fees: as the order's rule says, or as the books say of the sale's own fee."""
    if order is not None:
        return str(order.commission_rule["fee_bearer"])
    sellers = LedgerEntry.objects.filter(
        charge=charge, part=EntryPart.FEE, account__kind=AccountKind.SELLER_PAYABLE
    )
    return FeeBearer.SELLER if sellers.exists() else FeeBearer.MARKETPLACE


def _book_balance_transactions(
    order: Order | None, charge: Charge, dispute: Dispute, found: dict[str, Any]
) -> bool:
    """Book what Stripe took and gave back. Returns whether the amount is back."""
    bearer = _bearer(order, charge)
    moved = found.get("balance_transactions") or []
    taken = [part for part in moved if part["amount"] < 0]
    given = [part for part in moved if part["amount"] > 0]
    if len(taken) > 1 or len(given) > 1 or (given and not taken):
        raise Quarantined(f"dispute {found['id']} moved money {len(taken)} times out, {len(given)} times in")
    for part in taken:
        dispute.is_withdrawn, dispute.fee_minor = True, part["fee"]
        post(
            ledger_facts.dispute_withdrawn(
                dispute,
                charge,
                amount_minor=-part["amount"],
                fee_minor=part["fee"],
                bearer=bearer,
                at=_time(part["created"]),
            )
        )
    for part in given:
        dispute.fee_minor += part["fee"]
        post(
            ledger_facts.dispute_reinstated(
                dispute,
                charge,
                amount_minor=part["amount"],
                fee_minor=-part["fee"],
                bearer=bearer,
                at=_time(part["created"]),
            )
        )
    return bool(given)


def _book_loss(order: Order | None, charge: Charge, dispute: Dispute) -> None:
    """The seller bears it, as far as there was something left of the sale; commission goes back as with a refund."""
    if order is None:
        _post_loss(
            charge, dispute, charge.amount_minor - charge.refunded_minor - charge.disputed_minor, Returned()
        )
        return
    source = f"dispute:{dispute.pk}"
    if CreditLine.objects.filter(source=source).exists():
        return
    lines = list(order.lines.all())
    left = sum(line.paid_minor - line.credited_minor for line in lines)
    sellers = min(dispute.amount_minor, left)
    returned = credit(order, by_amount(lines, sellers), kind=CreditKind.DISPUTE, source=source)
    _post_loss(charge, dispute, sellers, returned)


def _post_loss(charge: Charge, dispute: Dispute, left_minor: int, returned: Returned) -> None:
    sellers = min(dispute.amount_minor, left_minor)
    lost = ledger_facts.dispute_lost(dispute, charge, sellers_minor=sellers, returned=returned, at=now())
    if post(lost):
        refresh_charge(charge.charge_id, disputed_by=sellers)


def _tell_seller(order: Order, dispute: Dispute) -> None:
    amount = Money(dispute.amount_minor, dispute.currency).format()
    if dispute.is_open:
        until = f" Answer until {dispute.evidence_due_at:%d %B %Y}." if dispute.evidence_due_at else ""
        title, message = (
            f"Dispute about {amount} of order #{order.number}",
            f"The buyer's bank asks {amount} back ({dispute.reason or 'no reason given'}).{until}",
        )
    else:
        outcome = {"won": "won", "lost": "lost"}.get(dispute.status, "closed")
        title, message = (
            f"Dispute about order #{order.number} is {outcome}",
            {
                "won": f"{amount} is yours again.",
                "lost": f"{amount} went back to the buyer and is taken off your balance.",
            }.get(outcome, "No money was moved."),
        )
    notify(
        type="dispute",
        title=title,
        message=message,
        dedupe_key=f"staff:dispute:{dispute.pk}:{dispute.status}",
        email=current_tenant().support_email,
        for_staff=True,
        order_id=order.pk,
    )


# Answering ----------------------------------------------------------------------------------------------------------


def dispute_of(dispute_id: str) -> Dispute:
    """A dispute of the storefront being served. Raises NotFound, also for another seller's."""
    dispute = Dispute.objects.filter(pk=dispute_id, tenant=current_tenant()).first()
    if dispute is None:
        raise NotFound(what="dispute")
    return dispute


@marketplace_work
def answer_dispute(*, dispute_id: str, text: str, actor: Actor) -> Dispute:
    """Send the seller's evidence to the bank, with the parcels' tracking. Opens no transaction during the call.

    The bank reads it once: what is submitted cannot be changed. Raises NotFound, DisputeClosed, PaymentProviderRefused.
    """
    dispute = dispute_of(dispute_id)
    if dispute.status not in ("needs_response", "warning_needs_response"):
        raise DisputeClosed(dispute_status=dispute.status)
    order = Order.objects.get(pk=dispute.order_id)
    parcel = order.shipments.order_by("shipped_at").last()
    evidence: Any = {"uncategorized_text": text, "customer_email_address": order.email}
    if parcel is not None:
        evidence |= {
            "shipping_carrier": parcel.carrier,
            "shipping_tracking_number": parcel.tracking_number,
            "shipping_date": f"{parcel.shipped_at:%Y-%m-%d}",
        }
    with stripe_api() as stripe:
        stripe.v1.disputes.update(dispute.pk, params={"evidence": evidence, "submit": True})
    record_event(order, "dispute_answered", actor, dispute_id=dispute.pk)
    sync_dispute(dispute.pk)
    return dispute_of(dispute_id)


@marketplace_work
def accept_dispute(*, dispute_id: str, actor: Actor) -> Dispute:
    """Give in: the money stays with the buyer. Raises NotFound, DisputeClosed, PaymentProviderRefused."""
    dispute = dispute_of(dispute_id)
    if not dispute.is_open:
        raise DisputeClosed(dispute_status=dispute.status)
    with stripe_api() as stripe:
        stripe.v1.disputes.close(dispute.pk)
    record_event(Order.objects.get(pk=dispute.order_id), "dispute_accepted", actor, dispute_id=dispute.pk)
    sync_dispute(dispute.pk)
    return dispute_of(dispute_id)
