"""Statements: what a payout is made of, down to the order line, so that a seller can check it to the cent."""

from typing import Any

from django.db import connection

from payouts.models import Payout
from shop.models import OrderLine
from tenants.context import tenant_scope

ENTRIES = """
SELECT t.order_id, c.order_number, e.part, -sum(e.amount_minor), min(t.occurred_at)
  FROM public.payouts_payoutentry p
  JOIN public.payouts_ledgerentry e ON e.id = p.entry_id
  JOIN public.payouts_ledgertransaction t ON t.id = e.transaction_id
  LEFT JOIN public.payouts_charge c ON c.charge_id = e.charge_id
 WHERE p.payout_id = %s AND p.released_at IS NULL
 GROUP BY t.order_id, c.order_number, t.id, e.part ORDER BY min(t.occurred_at), t.id, min(e.id)
"""
BALANCE_BEFORE = """
SELECT coalesce(-sum(e.amount_minor), 0) FROM public.payouts_ledgerentry e
  JOIN public.payouts_ledgeraccount a ON a.id = e.account_id
 WHERE a.tenant_id = %s AND a.kind = 'seller_payable' AND a.currency = %s
"""


def freeze_statement(payout: Payout) -> dict[str, Any]:
    """The statement of a payout that is about to be marked as sent. Amounts in minor units from the seller's side.

    `lines` has one entry per ledger transaction and part (sale, commission, fee, refund ...), `orders` the lines behind them with each line's shares, `totals`
    adds `lines` up and equals the payout. Balances are what we owed before and after it, pending earnings included.
    """
    with connection.cursor() as cursor:
        cursor.execute(ENTRIES, [payout.pk])
        rows = cursor.fetchall()
        cursor.execute(BALANCE_BEFORE, [payout.tenant_id, payout.currency])
        before = int(cursor.fetchone()[0])
    lines = [
        {
            "order_id": str(order_id) if order_id else None,
            "order_number": order_number,
            "kind": part,
            "amount_minor": int(amount),
            "occurred_at": occurred_at.isoformat(),
        }
        for order_id, order_number, part, amount, occurred_at in rows
    ]
    totals: dict[str, int] = {}
    for line in lines:
        totals[line["kind"]] = totals.get(line["kind"], 0) + line["amount_minor"]
    return {
        "number": payout.number,
        "currency": payout.currency,
        "amount_minor": payout.amount_minor,
        "opening_balance_minor": before,
        "closing_balance_minor": before - payout.amount_minor,
        "totals": totals,
        "lines": lines,
        "orders": _orders_behind(payout, {line["order_id"] for line in lines if line["order_id"]}),
    }


def _orders_behind(payout: Payout, order_ids: set[str]) -> list[dict[str, Any]]:
    with tenant_scope(payout.tenant):
        lines = list(
            OrderLine.objects.filter(order_id__in=order_ids)
            .select_related("order")
            .order_by("order__number", "position")
        )
    return [
        {
            "order_number": line.order.number,
            "sku": line.sku,
            "title": f"{line.product_title} {line.variant_title}".strip(),
            "quantity": line.quantity,
            "subtotal_minor": line.subtotal_minor,
            "discount_minor": -line.discount_minor,
            "shipping_minor": line.shipping_minor,
            "tax_minor": line.tax_minor,
            "commission_minor": -line.commission_minor,
        }
        for line in lines
    ]
