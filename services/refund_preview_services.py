"""What a refund would come to, before anybody promises it."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from core.errors import NotFound
from services.credit_services import Taken, credit_rows, returned_with
from services.refund_services import refundable_payment, take_from_lines
from shop.models import Order


@dataclass(frozen=True)
class RefundPreview:
    """`taken` is each line's part, `commission_minor` what comes back to the seller, `left_minor` what could be refunded after."""

    order: Order
    taken: list[Taken]
    amount_minor: int
    commission_minor: int
    left_minor: int


def preview_refund(
    *,
    order_id: UUID,
    amount_minor: int | None,
    units: Mapping[int, int] | None = None,
    with_shipping: bool = False,
) -> RefundPreview:
    """As `request_refund` with the same arguments would do it now; nothing is written or locked.

    Raises NotFound, NotRefundable, DisputeOpen, OverRefund, TooManyUnitsBack, Invalid.
    """
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        raise NotFound(what="order")
    payment = refundable_payment(order)
    taken = take_from_lines(order, payment, amount_minor, units, with_shipping=with_shipping)
    amount = sum(part.amount for part in taken)
    return RefundPreview(
        order=order,
        taken=[part for part in taken if part.amount or part.quantity],
        amount_minor=amount,
        commission_minor=returned_with(credit_rows(order, taken)).commission_minor,
        left_minor=payment.captured_minor - payment.refunded_minor - amount,
    )
