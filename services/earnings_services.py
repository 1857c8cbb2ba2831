"""Why an order's money is paid, or is not paid yet: one answer for each order, from the books and the terms."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from core.clock import now
from core.errors import NotFound
from payouts.models import Charge, PayoutStatus, Reserve
from services.unpaid_services import why_unpaid
from shop.models import Order, PaymentStatus
from tenants.context import current_tenant

PARTS = """
SELECT e.part, -sum(e.amount_minor), -sum(e.amount_minor) FILTER (WHERE u.entry_id IS NOT NULL)
  FROM public.payouts_ledgerentry e
  JOIN public.payouts_ledgeraccount a ON a.id = e.account_id AND a.kind = 'seller_payable'
  LEFT JOIN public.payouts_unpaidentry u ON u.entry_id = e.id
 WHERE e.charge_id = %s GROUP BY e.part ORDER BY min(e.id)
"""
PAYOUTS = """
SELECT p.id, p.number, p.status, p.settled_at, -sum(e.amount_minor)
  FROM public.payouts_ledgerentry e JOIN public.payouts_payoutentry c ON c.entry_id = e.id AND c.released_at IS NULL
  JOIN public.payouts_payout p ON p.id = c.payout_id
 WHERE e.charge_id = %s GROUP BY p.id ORDER BY p.number
"""


@dataclass(frozen=True)
class Earnings:
    """What an order earns its seller, minor units, by part of the books, and where that money is.

    `state`: not_captured, refund_in_progress, dispute_open, awaiting_fee, awaiting_delivery, funds_pending, hold,
    return_window, account_restricted, paused, debt, below_minimum, scheduled, on_request, being_paid, in_transit,
    returned, paid, nothing_due. `until` is when that ends, where it is known.
    """

    order_id: UUID
    currency: str
    state: str
    reason: str
    until: datetime | None
    parts: dict[str, int]
    net_minor: int
    unpaid_minor: int
    reserved_minor: int
    reserve_release_at: datetime | None
    payouts: list[dict[str, Any]]


def explain_earnings(*, order_id: UUID, at: datetime | None = None) -> Earnings:
    """The answer to "why is this not paid yet?" for an order of the storefront being served. Raises NotFound."""
    at = at or now()
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        raise NotFound(what="order")
    charge = (
        Charge.objects.filter(tenant=current_tenant(), order_id=order.pk).order_by("-captured_at").first()
    )
    if charge is None:
        state, reason = "not_captured", _why_not_captured(order)
        return Earnings(order.pk, order.currency, state, reason, None, {}, 0, 0, 0, None, [])
    with connection.cursor() as cursor:
        cursor.execute(PARTS, [charge.pk])
        rows = cursor.fetchall()
        cursor.execute(PAYOUTS, [charge.pk])
        payouts = [
            {
                "id": pk,
                "number": number,
                "status": status,
                "settled_at": settled_at,
                "amount_minor": int(minor),
            }
            for pk, number, status, settled_at, minor in cursor.fetchall()
        ]
    state, reason, until = _where_it_went(payouts[-1] if payouts else None)
    if any(row[2] is not None for row in rows):
        waiting = why_unpaid(tenant_id=charge.tenant_id, charge_ids=[charge.pk], at=at)[charge.pk]
        state, reason, until = waiting.state, waiting.reason, waiting.until
    reserve = Reserve.objects.filter(charge=charge, released_at=None).first()
    return Earnings(
        order_id=order.pk,
        currency=charge.currency,
        state=state,
        reason=reason,
        until=until,
        parts={part: int(amount) for part, amount, _ in rows},
        net_minor=sum(int(row[1]) for row in rows),
        unpaid_minor=sum(int(row[2] or 0) for row in rows),
        reserved_minor=reserve.amount_minor if reserve else 0,
        reserve_release_at=reserve.release_at if reserve else None,
        payouts=payouts,
    )


def _why_not_captured(order: Order) -> str:
    if not current_tenant().keeps_books:
        return "This is a staging copy: its money is in nobody's books."
    if order.payments.filter(status=PaymentStatus.AUTHORISED).exists():
        return "The buyer's bank has promised the money. Capture it, or ship the order."
    return "Nothing has been paid for this order."


Answer = tuple[str, str, datetime | None]


def _where_it_went(payout: dict[str, Any] | None) -> Answer:
    if payout is None:
        return "nothing_due", "This order has earned nothing.", None
    number = payout["number"]
    return {
        PayoutStatus.REQUESTED: ("being_paid", f"It is part of payout {number}, which is being made.", None),
        PayoutStatus.UNKNOWN: ("being_paid", f"Payout {number} is being looked at by a person.", None),
        PayoutStatus.SENT: ("in_transit", f"Payout {number} is on its way to your bank.", None),
        PayoutStatus.PAID: ("paid", f"It was paid with payout {number}.", payout["settled_at"]),
        PayoutStatus.RETURNED: (
            "returned",
            f"Your bank sent payout {number} back; the money is in your balance at Stripe.",
            None,
        ),
        PayoutStatus.REVERSED: ("paid", f"It was paid with payout {number}, part of which came back.", None),
    }[payout["status"]]
