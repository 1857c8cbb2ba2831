"""Invoices of the seller to its buyers, under numbers without a gap, and what they say."""

from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext_noop

from core.clock import now
from core.errors import Conflict, NotFound
from services.order_history import Actor, record_event
from services.order_services import lock_order
from services.statement_services import seller_details
from shop.models import Order, OrderEvent, OrderInvoice, OrderLine, PaymentStatus
from tenants.context import current_tenant

INVOICED = "invoiced"  # the event that keeps what an invoice says and the order does not


class NotPaid(Conflict):
    """An order is invoiced once its money was taken."""

    code = "not_paid"
    title = gettext_noop("This order is not paid")
    detail = gettext_noop("An invoice can be made once the money was taken.")


@transaction.atomic
def issue_order_invoice(*, order_id: UUID, actor: Actor) -> OrderInvoice:
    """Give an order its invoice number, the next of the storefront's; one that has it already keeps it.

    Locks: the order, then an advisory lock of the storefront's numbers until the transaction ends: numbers have no gap,
    since one that is not committed was never given. Raises NotFound, NotPaid.
    """
    order = lock_order(order_id)
    if invoice := OrderInvoice.objects.filter(order=order).first():
        return invoice
    if not is_invoiceable(order, is_paid=order.payments.filter(status=PaymentStatus.CAPTURED).exists()):
        raise NotPaid()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ':order_invoice', 0))"
        )
    tenant = current_tenant()
    last = max(OrderInvoice.objects.aggregate(last=Max("number"))["last"] or 0, tenant.invoice_floor)
    invoice = OrderInvoice.objects.create(order=order, number=last + 1, issued_at=now())
    record_event(
        order,
        INVOICED,
        actor,
        number=invoice.number,
        seller=seller_details(tenant.pk),
        shop={"name": tenant.name, "url": tenant.url},
        refunded_minor=order.refunded_minor,
    )
    return invoice


def is_invoiceable(order: Order, *, is_paid: bool) -> bool:
    """Its money was taken (`is_paid`), or there was none to take."""
    return is_paid or (not order.total_minor and order.confirmed_at is not None)


def order_invoice_document(order_id: UUID) -> dict[str, Any]:
    """What the invoice says: the order's frozen copies, and who the seller was and what had been refunded when it was issued.

    What is refunded or renamed later does not change it; a buyer who is forgotten leaves its numbers. Amounts are minor
    units. Raises NotFound: there is none before it is issued.
    """
    invoice = OrderInvoice.objects.select_related("order").filter(order_id=order_id).first()
    if invoice is None:
        raise NotFound(what="invoice")
    order = invoice.order
    paid = order.payments.filter(status=PaymentStatus.CAPTURED).first()
    issued = OrderEvent.objects.filter(order=order, action=INVOICED).latest("id").facts
    lines = OrderLine.objects.filter(order=order).order_by("position")
    return {
        "number": invoice.number,
        "issued_at": invoice.issued_at.isoformat(),
        "order_number": order.number,
        "placed_at": order.placed_at.isoformat(),
        "paid_at": paid.captured_at.isoformat() if paid and paid.captured_at else None,
        "seller": issued["seller"],
        "shop": issued["shop"],
        "bill_to": order.billing_address or order.shipping_address,
        "ship_to": order.shipping_address,
        "currency": order.currency,
        "lines": [
            {
                "sku": line.sku,
                "title": f"{line.product_title} {line.variant_title}".strip(),
                "quantity": line.quantity,
                "unit_price_minor": line.unit_price_minor,
                "discount_minor": line.discount_minor,
                "amount_minor": line.subtotal_minor - line.discount_minor,
            }
            for line in lines
        ],
        "subtotal_minor": order.subtotal_minor,
        "discount_minor": order.discount_minor,
        "shipping_minor": order.shipping_minor,
        "shipping_method": order.shipping_method,
        "tax_minor": order.tax_minor,
        "total_minor": order.total_minor,
        "uncaptured_minor": order.uncaptured_minor,
        "refunded_minor": issued["refunded_minor"],
    }
