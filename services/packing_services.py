"""What is put into parcels: packing slips."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_noop

from core.errors import Conflict
from services.documents.packing_slip_pdf import packing_slips_pdf
from shop.models import Order, OrderLine
from shop.selectors.order_pages import orders_to_pack
from tenants.context import current_tenant


class NothingToPack(Conflict):
    """Unpaid and cancelled orders are not packed."""

    code = "nothing_to_pack"
    title = gettext_noop("There is nothing to pack")
    detail = gettext_noop("Orders that are not paid or were cancelled have no packing slip.")


def packing_slips(*, order_ids: Sequence[UUID]) -> bytes:
    """Slips of these orders as one PDF, by number. The same orders in the same state give the same bytes.

    Raises NothingToPack.
    """
    orders = orders_to_pack(order_ids)
    if not orders:
        raise NothingToPack()
    tenant = current_tenant()
    return packing_slips_pdf(
        [_slip(order, lines) for order, lines in orders],
        shop={"name": tenant.name, "contact": tenant.support_email},
        issued_at=max(order.confirmed_at or order.placed_at for order, _ in orders).isoformat(),
    )


def _slip(order: Order, lines: list[OrderLine]) -> dict[str, Any]:
    """What is left to pack; of an order that has left, all of it."""
    left = {line.pk: line.quantity - line.shipped_quantity for line in lines}
    is_sent, is_part = not any(left.values()), any(line.shipped_quantity for line in lines)
    return {
        "order_number": order.number,
        "placed_at": order.placed_at.isoformat(),
        "shipping_method": order.shipping_method,
        "ship_to": order.shipping_address,
        "lines": [
            {
                "sku": line.sku,
                "title": f"{line.product_title} {line.variant_title}".strip(),
                "quantity": line.quantity if is_sent else left[line.pk],
            }
            for line in lines
            if is_sent or left[line.pk]
        ],
        "note": "The rest of this order was sent before." if is_part and not is_sent else "",
    }
