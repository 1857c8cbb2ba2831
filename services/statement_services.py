"""Statements: what a payout is made of, down to the order line, so that a seller can check it to the cent."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from core.money import split_minor
from payouts.models import EntryPart, Payout, SellerAccount
from shop.models import CreditKind, CreditLine, OrderLine, Refund
from tenants.context import has_shop, tenant_scope

ENTRIES = """
SELECT t.id, t.key, t.order_id, c.order_number, e.part, -sum(e.amount_minor), t.occurred_at
  FROM public.payouts_payoutentry p
  JOIN public.payouts_ledgerentry e ON e.id = p.entry_id
  JOIN public.payouts_ledgertransaction t ON t.id = e.transaction_id
  LEFT JOIN public.payouts_charge c ON c.charge_id = e.charge_id
 WHERE p.payout_id = %s AND p.released_at IS NULL
 GROUP BY t.id, c.order_number, e.part ORDER BY t.occurred_at, t.id, min(e.id)
"""
BALANCE_BEFORE = """
SELECT -balance_minor FROM public.payouts_ledgeraccount
 WHERE tenant_id = %s AND kind = 'seller_payable' AND currency = %s
"""
# In which column of an order line a part of the books is shown.
COLUMNS = {
    EntryPart.SALE: "sale",
    EntryPart.FUNDING: "funded",
    EntryPart.FUNDING_RETURNED: "funded",
    EntryPart.COMMISSION: "commission",
    EntryPart.COMMISSION_RETURNED: "commission",
    EntryPart.COMMISSION_TAX: "commission_tax",
    EntryPart.COMMISSION_TAX_RETURNED: "commission_tax",
    EntryPart.FEE: "fee",
    EntryPart.REFUND: "refunded",
    EntryPart.DISPUTE: "disputed",
    EntryPart.DISPUTE_FEE: "disputed",
    EntryPart.RESERVE_HELD: "reserve",
    EntryPart.RESERVE_RELEASED: "reserve",
}
SHOWN = ("sale", "funded", "commission", "commission_tax", "fee", "refunded", "disputed", "reserve")


def freeze_statement(payout: Payout, *, issued_at: datetime) -> dict[str, Any]:
    """The statement of a payout that is about to be marked as sent. Amounts in minor units from the seller's side.

    `lines` has one entry per fact and part (sale, commission, fee, refund ...); `totals` adds them up and equals the
    payout. `orders` shares each of them over the order's lines: each row adds up to its `amount_minor`, and all rows with
    the lines of no order to the payout. The balances are what we owed before and after it, pending earnings included.
    """
    with connection.cursor() as cursor:
        cursor.execute(ENTRIES, [payout.pk])
        rows = cursor.fetchall()
        cursor.execute(BALANCE_BEFORE, [payout.tenant_id, payout.currency])
        before = int(cursor.fetchone()[0])
    lines = [
        {
            "key": key,
            "order_id": str(order_id) if order_id else None,
            "order_number": order_number,
            "kind": part,
            "amount_minor": int(amount),
            "occurred_at": occurred_at.isoformat(),
        }
        for _, key, order_id, order_number, part, amount, occurred_at in rows
    ]
    totals: dict[str, int] = {}
    for line in lines:
        totals[line["kind"]] = totals.get(line["kind"], 0) + line["amount_minor"]
    return {
        "number": payout.number,
        "seller": seller_details(payout.tenant_id),
        "marketplace": marketplace_details(),
        "currency": payout.currency,
        "amount_minor": payout.amount_minor,
        "issued_at": issued_at.isoformat(),
        "opening_balance_minor": before,
        "closing_balance_minor": before - payout.amount_minor,
        "totals": totals,
        "lines": lines,
        "orders": _order_lines(payout, lines),
    }


def seller_details(tenant_id: UUID) -> dict[str, str]:
    """Who the seller is, as documents print it."""
    account = SellerAccount.objects.select_related("tenant").get(tenant_id=tenant_id)
    return {
        "name": account.legal_name or account.tenant.name,
        "address": account.legal_address or account.tenant.country,
        "tax_id": account.tax_id,
    }


def marketplace_details() -> dict[str, str]:
    """Who the marketplace is, as documents print it."""
    return {
        "name": settings.MARKETPLACE_LEGAL_NAME or settings.MARKETPLACE_NAME,
        "address": settings.MARKETPLACE_ADDRESS,
        "tax_id": settings.MARKETPLACE_TAX_ID,
    }


@dataclass
class Row:
    """An order line and what of this payout is its own, by column."""

    line: OrderLine
    uncaptured_minor: int = 0
    columns: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SHOWN, 0))

    def as_json(self, order_number: int) -> dict[str, Any]:
        """How the statement keeps it. The shares of the price are shown where the sale itself is in this payout."""
        line, sale = self.line, int(bool(self.columns["sale"]))
        return {
            "order_number": order_number,
            "sku": line.sku,
            "title": f"{line.product_title} {line.variant_title}".strip(),
            "quantity": line.quantity,
            "subtotal_minor": sale * line.subtotal_minor,
            "discount_minor": -sale * line.discount_minor,
            "shipping_minor": sale * line.shipping_minor,
            "tax_minor": sale * line.tax_minor,
            "uncaptured_minor": -sale * self.uncaptured_minor,
            **{f"{name}_minor": amount for name, amount in self.columns.items()},
            "amount_minor": sum(self.columns.values()),
        }


def _order_lines(payout: Payout, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_order: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        if line["order_id"]:
            by_order[UUID(line["order_id"])].append(line)
    if not has_shop(payout.tenant):
        return []  # its orders are gone; what came back later is paid all the same
    with tenant_scope(payout.tenant):
        found: dict[UUID, list[OrderLine]] = defaultdict(list)
        numbers: dict[UUID, int] = {}
        for order_line in (
            OrderLine.objects.filter(order_id__in=by_order).select_related("order").order_by("position")
        ):
            found[order_line.order_id].append(order_line)
            numbers[order_line.order_id] = order_line.order.number
        credits = credits_of(by_order)
    rows = []
    for order_id in sorted(found, key=lambda key: numbers[key]):
        rows += [
            row.as_json(numbers[order_id])
            for row in share_facts(found[order_id], by_order[order_id], credits)
        ]
    return rows


Credits = dict[tuple[str, int], CreditLine]


def credits_of(order_ids: Iterable[UUID]) -> Credits:
    """Credit lines by the key of the fact that caused them, and order line."""
    ids = list(order_ids)
    stripe_ids = dict(
        Refund.objects.filter(order_id__in=ids, transaction_id__isnull=False).values_list(
            "pk", "transaction_id"
        )
    )
    credits: Credits = {}
    for row in CreditLine.objects.filter(order_line__order_id__in=ids):
        if row.kind == CreditKind.REFUND and row.refund_id in stripe_ids:
            for key in ("refund", "refund_failed"):
                credits[f"{key}:{stripe_ids[row.refund_id]}", row.order_line_id] = row
        elif row.kind == CreditKind.DISPUTE:
            credits[f"{row.source}:lost", row.order_line_id] = row
        elif row.kind == CreditKind.UNCAPTURED:
            credits["uncaptured", row.order_line_id] = row
    return credits


def share_facts(order_lines: list[OrderLine], facts: list[dict[str, Any]], credits: Credits) -> list[Row]:
    """Each fact over the lines of its order, exactly: by what was written down for the line, else by what was paid."""
    rows = [Row(line, _amount(credits.get(("uncaptured", line.pk)))) for line in order_lines]
    for fact in facts:
        weights = [_weight(row.line, fact, credits) for row in rows]
        for row, share in zip(rows, split_minor(fact["amount_minor"], weights), strict=True):
            row.columns[COLUMNS[fact["kind"]]] += share
    return rows


def _amount(credit: CreditLine | None) -> int:
    return credit.goods_minor + credit.shipping_minor + credit.tax_minor if credit else 0


def _weight(line: OrderLine, fact: dict[str, Any], credits: Credits) -> int:
    """A line's own part of a fact, as it was written down; what was never split (fees, reserves) goes by what was paid."""
    part, credit, uncaptured = (
        fact["kind"],
        credits.get((fact["key"], line.pk)),
        credits.get(("uncaptured", line.pk)),
    )
    if part == EntryPart.COMMISSION:
        return line.commission_minor - (uncaptured.commission_minor if uncaptured else 0)
    if part == EntryPart.COMMISSION_TAX:
        return line.commission_tax_minor - (uncaptured.commission_tax_minor if uncaptured else 0)
    if part == EntryPart.FUNDING:
        return line.funded_minor - (uncaptured.funded_minor if uncaptured else 0)
    if part in (EntryPart.REFUND, EntryPart.DISPUTE):
        return _amount(credit)
    if part == EntryPart.COMMISSION_RETURNED:
        return credit.commission_minor if credit else 0
    if part == EntryPart.COMMISSION_TAX_RETURNED:
        return credit.commission_tax_minor if credit else 0
    if part == EntryPart.FUNDING_RETURNED:
        return credit.funded_minor if credit else 0
    return line.paid_minor - _amount(uncaptured)
