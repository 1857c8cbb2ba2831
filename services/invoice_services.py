"""The marketplace's invoices to its sellers: each month's commission, with the tax on it, under numbers without a gap."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from core.clock import now
from core.errors import Invalid
from payouts.models import CommissionInvoice, EntryPart, InvoiceSeries
from services.statement_services import credits_of, marketplace_details, seller_details, share_facts
from shop.models import Order, OrderLine
from tenants.context import tenant_scope
from tenants.models import Tenant

CHARGED = (EntryPart.COMMISSION, EntryPart.COMMISSION_TAX)
RETURNED = (EntryPart.COMMISSION_RETURNED, EntryPart.COMMISSION_TAX_RETURNED)
# Whom to invoice: by the moment of booking, so that a month that is over never changes.
OWED = """
SELECT DISTINCT t.tenant_id, e.currency FROM public.payouts_ledgertransaction t
  JOIN public.payouts_ledgerentry e ON e.transaction_id = t.id
  JOIN public.payouts_ledgeraccount a ON a.id = e.account_id AND a.kind = 'seller_payable'
 WHERE t.posted_at >= %(since)s AND t.posted_at < %(until)s AND e.part = ANY(%(parts)s)
   AND NOT EXISTS (SELECT 1 FROM public.payouts_commissioninvoice i
                    WHERE i.tenant_id = t.tenant_id AND i.currency = e.currency AND i.month = %(month)s)
   AND NOT EXISTS (SELECT 1 FROM public.tenants_tenant w WHERE w.id = t.tenant_id AND w.status = 'erased')
 ORDER BY t.tenant_id, e.currency
"""
FACTS = """
SELECT t.key, t.order_id, e.part, sum(e.amount_minor) FROM public.payouts_ledgertransaction t
  JOIN public.payouts_ledgerentry e ON e.transaction_id = t.id
  JOIN public.payouts_ledgeraccount a ON a.id = e.account_id AND a.kind = 'seller_payable'
 WHERE t.tenant_id = %(tenant)s AND e.currency = %(currency)s AND t.posted_at >= %(since)s AND t.posted_at < %(until)s
   AND e.part = ANY(%(parts)s)
 GROUP BY t.id, e.part ORDER BY t.id
"""


def first_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def issue_invoices(*, month: date | None = None, at: datetime | None = None) -> list[CommissionInvoice]:
    """Invoice each seller's commission of a month (UTC; by default the last one that is over), one per currency.

    A seller is invoiced once a month; run it again and only who is missing is done. Raises Invalid for a month that is
    not over. Locks: the series' row while a number is given.
    """
    at = at or now()
    this_month = first_of(at.astimezone(UTC).date())
    month = first_of(month) if month else first_of(this_month - timedelta(days=1))
    if month >= this_month:
        raise Invalid(field="month", reason=f"{month:%Y-%m} is not over")
    span = _span(month)
    with connection.cursor() as cursor:
        cursor.execute(OWED, {**span, "month": month, "parts": [*CHARGED, *RETURNED]})
        owed = cursor.fetchall()
    return [
        _issue(Tenant.objects.get(pk=tenant_id), currency, month, span, at) for tenant_id, currency in owed
    ]


def _span(month: date) -> dict[str, datetime]:
    since = datetime(month.year, month.month, 1, tzinfo=UTC)
    return {"since": since, "until": (since + timedelta(days=32)).replace(day=1)}


def _issue(
    tenant: Tenant, currency: str, month: date, span: dict[str, datetime], at: datetime
) -> CommissionInvoice:
    lines = _invoice_lines(tenant, currency, span)
    net, tax = sum(line["net_minor"] for line in lines), sum(line["tax_minor"] for line in lines)
    seller = seller_details(tenant.pk)
    with transaction.atomic():
        InvoiceSeries.objects.get_or_create(name=settings.INVOICE_SERIES)
        series = InvoiceSeries.objects.select_for_update().get(name=settings.INVOICE_SERIES)
        earlier = CommissionInvoice.objects.filter(tenant=tenant, month=month, currency=currency).first()
        if earlier is not None:
            return earlier
        series.last += 1
        series.save(update_fields=["last"])
        return CommissionInvoice.objects.create(
            series=series,
            sequence=series.last,
            tenant=tenant,
            month=month,
            currency=currency,
            net_minor=net,
            tax_minor=tax,
            total_minor=net + tax,
            lines=lines,
            seller=seller,
            issued_at=at,
        )


def _invoice_lines(tenant: Tenant, currency: str, span: dict[str, datetime]) -> list[dict[str, Any]]:
    """One line for each rate of tax: what was charged, and what was returned."""
    with tenant_scope(tenant):
        charged = _by_rate(_facts(tenant, currency, span, CHARGED))
        returned = _by_rate(_facts(tenant, currency, span, RETURNED))
    texts = (
        (charged, "Commission on {count} order{s}"),
        (returned, "Commission returned with {count} refund{s} and lost disputes"),
    )
    return [
        {
            "description": text.format(count=len(keys), s="" if len(keys) == 1 else "s"),
            "net_minor": net,
            "tax_basis_points": rate,
            "tax_minor": tax,
        }
        for rates, text in texts
        for rate, (net, tax, keys) in sorted(rates.items())
    ]


def _facts(
    tenant: Tenant, currency: str, span: dict[str, datetime], parts: Iterable[str]
) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(FACTS, {**span, "tenant": tenant.pk, "currency": currency, "parts": list(parts)})
        return [
            {"key": key, "order_id": order_id, "kind": part, "amount_minor": int(amount)}
            for key, order_id, part, amount in cursor.fetchall()
        ]


def _by_rate(facts: list[dict[str, Any]]) -> dict[int, tuple[int, int, set[str]]]:
    """Net, tax and the facts behind them, for each rate: every fact is shared over its order's lines, which know theirs."""
    by_order: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for fact in facts:
        by_order[fact["order_id"]].append(fact)
    rules = dict(Order.objects.filter(pk__in=by_order).values_list("pk", "commission_rule"))
    lines: dict[UUID, list[OrderLine]] = defaultdict(list)
    for line in OrderLine.objects.filter(order_id__in=by_order).order_by("position"):
        lines[line.order_id].append(line)
    credits = credits_of(by_order)
    rates: dict[int, tuple[int, int, set[str]]] = {}
    for order_id, of_order in by_order.items():
        rows = share_facts(lines[order_id], of_order, credits)
        for rate, row in zip(_rates(rules[order_id], len(rows)), rows, strict=True):
            net, tax = row.columns["commission"], row.columns["commission_tax"]
            before = rates.get(rate, (0, 0, set()))
            keys = before[2] | {fact["key"] for fact in of_order} if net or tax else before[2]
            rates[rate] = (before[0] + net, before[1] + tax, keys)
    return {rate: found for rate, found in rates.items() if found[0] or found[1]}


def _rates(rule: dict[str, Any], lines: int) -> list[int]:
    """Each line's rate of tax on the commission, as frozen on the order."""
    rates = [rule.get("tax_basis_points", 0)] * lines
    for group in rule.get("groups", ()):
        for index in group["lines"]:
            rates[index] = group["tax_basis_points"]
    return rates


def invoice_document(invoice: CommissionInvoice) -> dict[str, Any]:
    """An invoice in the shape that documents.invoice_pdf prints."""
    return {
        "number": invoice.number,
        "seller": invoice.seller,
        "marketplace": marketplace_details(),
        "month": f"{invoice.month:%Y-%m}",
        "issued_at": invoice.issued_at.isoformat(),
        "currency": invoice.currency,
        "lines": invoice.lines,
        "net_minor": invoice.net_minor,
        "tax_minor": invoice.tax_minor,
        "total_minor": invoice.total_minor,
    }
