"""When the money of a sale may be paid out: funds, hold, delivery, freezes and the rolling reserve."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from core.clock import now
from core.db import as_marketplace, marketplace_work, tenant_connection
from core.money import percent_of
from payouts.models import Charge, Reserve, SellerAccount
from services.ledger_facts import reserve_held, reserve_released
from services.ledger_services import post
from shop.models import Order, Payment, PaymentStatus, Refund, RefundStatus
from tenants.context import current_tenant
from tenants.models import Tenant


@marketplace_work
def open_charge(order: Order, payment: Payment, *, charge_id: str, captured_at: datetime) -> Charge:
    """The row of a captured charge, with the seller's terms of now. The order must be locked by the caller."""
    tenant = current_tenant()
    terms = SellerAccount.objects.get(tenant=tenant)
    row, _ = Charge.objects.get_or_create(
        charge_id=charge_id,
        defaults={
            "tenant": tenant,
            "order_id": order.pk,
            "order_number": order.number,
            "payment_id": payment.pk,
            "currency": payment.currency,
            "amount_minor": payment.captured_minor,
            "captured_at": captured_at,
            "hold_until": captured_at + timedelta(days=terms.hold_days),
            "return_days": terms.return_days,
            "delivered_at": order.delivered_at,
        },
    )
    return row


@marketplace_work
def hold_reserve(charge: Charge, *, net_minor: int) -> Reserve | None:
    """Keep the seller's rolling reserve of a sale back: a share of what was paid, never more than the seller's part of it."""
    terms = SellerAccount.objects.get(tenant_id=charge.tenant_id)
    share = min(percent_of(charge.amount_minor, terms.reserve_basis_points), net_minor)
    if share <= 0 or not terms.reserve_days:
        return None
    reserve, is_new = Reserve.objects.get_or_create(
        charge=charge,
        defaults={
            "tenant_id": charge.tenant_id,
            "currency": charge.currency,
            "amount_minor": share,
            "held_at": charge.captured_at,
            "release_at": charge.captured_at + timedelta(days=terms.reserve_days),
        },
    )
    if is_new:
        post(reserve_held(reserve, charge))
    return reserve


@marketplace_work
def release_reserves(*, at: datetime | None = None) -> int:
    """Give back the reserves whose time is over and whose sale is not frozen. Returns how many."""
    at = at or now()
    due = Reserve.objects.filter(released_at=None, release_at__lte=at, charge__is_frozen=False)
    done = 0
    for reserve_id in list(due.values_list("pk", flat=True)):
        with transaction.atomic():
            done += release_reserve(reserve_id, at=at)
    return done


@marketplace_work
def release_reserve(reserve_id: UUID, *, at: datetime) -> bool:
    """Give one reserve back, once. Locks it. Call inside a transaction."""
    reserve = (
        Reserve.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("charge")
        .filter(pk=reserve_id, released_at=None)
        .first()
    )
    if reserve is None:
        return False
    reserve.released_at = at
    reserve.save(update_fields=["released_at"])
    post(reserve_released(reserve, reserve.charge, at=at))
    return True


def available_at(charge: Charge) -> datetime | None:
    """When the money of a sale can be paid out; None while Stripe's fee or the delivery is awaited.

    The latest of: Stripe's own date (not where each charge is transferred on its own: Stripe then lets the transfer wait for
    the charge), capture + hold days, delivery + return days. A sale that was taken back whole awaits no delivery.
    """
    if charge.fee_minor is None or charge.funds_available_on is None:
        return None
    moments = [charge.hold_until]
    if not settings.TRANSFERS_PER_CHARGE:
        moments.append(charge.funds_available_on)
    if charge.return_days is not None and charge.refunded_minor + charge.disputed_minor < charge.amount_minor:
        if charge.delivered_at is None:
            return None
        moments.append(charge.delivered_at + timedelta(days=charge.return_days))
    return max(moments)


def refresh_charge(charge_id: str, *, refunded_by: int = 0, disputed_by: int = 0, **changes: Any) -> Charge:
    """Change a charge under its lock and work out again when it is available and whether it is frozen.

    `refunded_by` and `disputed_by` are added, minor units. Frozen: a dispute is open or a refund is in progress. Call
    inside a transaction, while its storefront is served; of an erased one, which had no refund on its way, in the public
    schema.
    """
    with as_marketplace():
        charge = Charge.objects.select_for_update().get(charge_id=charge_id)
    charge.refunded_minor += refunded_by
    charge.disputed_minor += disputed_by
    for name, value in changes.items():
        setattr(charge, name, value)
    charge.available_at = available_at(charge)
    is_being_refunded = _is_being_refunded(charge_id)
    with as_marketplace():
        charge.is_frozen = is_being_refunded or charge.disputes.filter(closed_at=None).exists()
        charge.save()
        if charge.refunded_minor + charge.disputed_minor >= charge.amount_minor:
            for reserve in Reserve.objects.filter(charge=charge, released_at=None):
                release_reserve(reserve.pk, at=now())
    return charge


def _is_being_refunded(charge_id: str) -> bool:
    """Asked with the caller's rights, which are the storefront's own while it changes an order."""
    return isinstance(tenant_connection.tenant, Tenant) and (
        Refund.objects.filter(status=RefundStatus.REQUESTED, payment__transaction_id=charge_id).exists()
    )


def mark_delivered(order: Order) -> None:
    """The order has arrived: its money may become available after the return window. Call inside a transaction."""
    payment = order.payments.filter(status=PaymentStatus.CAPTURED).first()
    if payment is not None and Charge.objects.filter(charge_id=payment.transaction_id or "").exists():
        refresh_charge(payment.transaction_id or "", delivered_at=order.delivered_at)
