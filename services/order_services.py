"""Orders: from a cart to delivery or cancellation, each move by one named function."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_noop

from core.clock import now
from core.errors import Conflict, NotFound
from core.ids import new_id, new_secret
from core.jobs import enqueue
from core.money import Money
from services.cart_services import CartAlreadyOrdered, NotForSale
from services.charge_services import mark_delivered
from services.commission_services import OrderCommission, Saleable, commission_on_order
from services.inventory_services import InsufficientStock, StockLine, change_stock
from services.notification_services import notify_order_cancelled, notify_order_paid, notify_order_placed
from services.order_history import SYSTEM, Actor, record_event
from services.pricing import PricedCart, price_cart
from services.promotion_services import (
    PromotionRefused,
    redeem_promotion,
    release_promotion,
    retake_promotion,
)
from services.refund_services import refund_rest
from shop.models import (
    ActorKind,
    CancelReason,
    Cart,
    MovementKind,
    Order,
    OrderLine,
    OrderStatus,
    Payment,
    PaymentStatus,
)
from tenants.context import current_tenant
from tenants.models.user import normalise_email


class CartEmpty(Conflict):
    """There is nothing to order."""

    code = "cart_empty"
    title = gettext_noop("The cart is empty")


class TotalChanged(Conflict):
    """The buyer confirmed another total than the cart has now. Facts: expected, total."""

    code = "total_changed"
    title = gettext_noop("The total has changed")
    detail = gettext_noop("Show the buyer the new total and ask again.")


def place_order(
    *,
    cart_token: str,
    email: str,
    shipping_address: dict[str, Any],
    billing_address: dict[str, Any] | None = None,
    buyer_id: UUID | None = None,
    expected_total_minor: int | None = None,
    request_key: str | None = None,
) -> Order:
    """Turn a cart into a PENDING order and hold its stock until the deadline. Price, tax and shares are frozen.

    The same `request_key`, or the same cart by the same buyer, again: the order it made (a retry after a crash).
    Locks: the cart; the promotion; inventory items in ascending id, last, so that a hot item is held shortly.
    Raises: NotFound (cart), CartEmpty, CartAlreadyOrdered, NotForSale, InsufficientStock, PromotionRefused,
    TotalChanged. Emits: order placed (mail), a job at the deadline.
    """
    try:
        with transaction.atomic():
            return _place(
                cart_token=cart_token,
                email=normalise_email(email),
                shipping_address=shipping_address,
                billing_address=billing_address,
                buyer_id=buyer_id,
                expected_total_minor=expected_total_minor,
                request_key=request_key,
            )
    except IntegrityError:
        order = Order.objects.filter(request_key=request_key).first() if request_key else None
        if order is None:
            raise
        return order


def _place(
    *,
    cart_token: str,
    email: str,
    shipping_address: dict[str, Any],
    billing_address: dict[str, Any] | None,
    buyer_id: UUID | None,
    expected_total_minor: int | None,
    request_key: str | None,
) -> Order:
    moment, order_id = now(), new_id()
    cart = _claim_cart(cart_token, buyer_id=buyer_id, order_id=order_id, at=moment)
    if cart is None:
        return _order_of_cart(cart_token, buyer_id=buyer_id, request_key=request_key, at=moment)
    cart_id, promotion_code = cart
    priced = price_cart(
        cart_id=cart_id, promotion_code=promotion_code, currency=current_tenant().currency, at=moment
    )
    _check_orderable(priced, expected_total_minor)
    order = _new_order(
        order_id=order_id,
        priced=priced,
        email=email,
        buyer_id=buyer_id,
        shipping_address=shipping_address,
        billing_address=billing_address,
        request_key=request_key,
        at=moment,
    )
    record_event(
        order,
        "placed",
        SYSTEM if buyer_id is None else Actor(ActorKind.BUYER, buyer_id),
        from_status="",
        at=moment,
    )
    notify_order_placed(order)
    if order.total_minor:
        order.new_payment = Payment.objects.create(
            order=order, amount_minor=order.total_minor, currency=order.currency
        )
        enqueue("order.expire", run_at=order.deadline_at, order_id=order.pk)
    if priced.promotion is not None:
        redeem_promotion(priced.promotion, order=order, buyer_key=email, discount_minor=priced.discount_minor)
    change_stock(MovementKind.RESERVE, stock_lines(priced.lines), order_id=order.pk)
    if not order.total_minor:
        confirm_order(order, actor=SYSTEM, at=moment)
    return order


# One conditional UPDATE locks the cart and decides: of two orders for it, the second waits and then finds no row.
CLAIM = """
UPDATE shop_cart SET order_id = %(order)s
 WHERE token = %(token)s AND expires_at > %(now)s AND order_id IS NULL AND (buyer_id IS NULL OR buyer_id = %(buyer)s)
RETURNING id, promotion_code
"""


def _claim_cart(
    token: str, *, buyer_id: UUID | None, order_id: UUID, at: datetime
) -> tuple[UUID, str] | None:
    """(id, promotion code) of the cart, which belongs to this order now; None where there is none to be had."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"order": order_id, "token": token, "now": at, "buyer": buyer_id})
        return cursor.fetchone()


def _order_of_cart(token: str, *, buyer_id: UUID | None, request_key: str | None, at: datetime) -> Order:
    """The order that this very request has made before. Raises NotFound (cart), CartAlreadyOrdered."""
    cart = Cart.objects.filter(token=token, expires_at__gt=at).first()
    if cart is None or cart.order_id is None or cart.buyer_id not in (None, buyer_id):
        raise NotFound(what="cart")
    order = Order.objects.get(pk=cart.order_id)
    if request_key is None or order.request_key != request_key:
        raise CartAlreadyOrdered(order_id=str(cart.order_id))
    return order


def stock_lines(lines: Iterable[Any]) -> list[StockLine]:
    """What lines of a cart or an order mean for stock."""
    return [StockLine(line.variant_id, line.quantity) for line in lines if line.variant_id is not None]


def _check_orderable(priced: PricedCart, expected_total_minor: int | None) -> None:
    if not priced.lines:
        raise CartEmpty()
    for line in priced.lines:
        if not line.is_for_sale:
            raise NotForSale(variant_id=str(line.variant_id), sku=line.sku)
    if short := [line for line in priced.lines if line.is_short]:
        raise InsufficientStock(
            lines=[
                {
                    "variant_id": str(line.variant_id),
                    "sku": line.sku,
                    "requested": line.quantity,
                    "available": line.available,
                }
                for line in short
            ]
        )
    if priced.promotion_problem is not None:
        raise priced.promotion_problem
    if expected_total_minor is not None and expected_total_minor != priced.total_minor:
        raise TotalChanged(
            expected=Money(expected_total_minor, priced.currency).as_json(),
            total=Money(priced.total_minor, priced.currency).as_json(),
        )


def _new_order(
    *,
    order_id: UUID,
    priced: PricedCart,
    email: str,
    buyer_id: UUID | None,
    shipping_address: dict[str, Any],
    billing_address: dict[str, Any] | None,
    request_key: str | None,
    at: datetime,
) -> Order:
    commission, funded = commission_and_funding(priced)
    order = Order.objects.create(
        id=order_id,
        secret=new_secret(),
        request_key=request_key,
        buyer_id=buyer_id,
        email=email,
        currency=priced.currency,
        subtotal_minor=priced.subtotal_minor,
        discount_minor=priced.discount_minor,
        shipping_minor=priced.shipping_minor,
        total_minor=priced.total_minor,
        promotion_code=priced.promotion_code if priced.promotion else "",
        shipping_method=priced.shipping_method,
        shipping_address=shipping_address,
        billing_address=billing_address,
        commission_rule=commission.rule,
        commission_minor=commission.amount_minor,
        commission_tax_minor=commission.tax_minor,
        funded_minor=sum(funded),
        placed_at=at,
        deadline_at=at + settings.ORDER_DEADLINE,
    )
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            variant_id=line.variant_id,
            position=position,
            sku=line.sku,
            product_title=line.product_title,
            variant_title=line.variant_title,
            unit_price_minor=line.unit_price_minor,
            quantity=line.quantity,
            subtotal_minor=line.subtotal_minor,
            discount_minor=priced.discounts[position],
            shipping_minor=priced.shipping_shares[position],
            commission_minor=commission.lines[position].amount_minor,
            commission_tax_minor=commission.lines[position].tax_minor,
            commission_returnable_minor=commission.lines[position].returnable_minor,
            funded_minor=funded[position],
        )
        for position, line in enumerate(priced.lines)
    )
    return order


def commission_and_funding(priced: PricedCart) -> tuple[OrderCommission, list[int]]:
    """What the marketplace takes of an order and what it pays of the discount. Nothing where no money moves."""
    lines = [
        Saleable(line.subtotal_minor - discount + funded, shipping, line.product_id)
        if priced.total_minor
        else Saleable(0)
        for line, discount, funded, shipping in zip(
            priced.lines, priced.discounts, priced.funded, priced.shipping_shares, strict=True
        )
    ]
    commission = commission_on_order(tenant=current_tenant(), currency=priced.currency, lines=lines)
    return commission, priced.funded if priced.total_minor else [0] * len(lines)


def lock_order(order_id: UUID) -> Order:
    """The order, locked until the transaction ends. Raises NotFound."""
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is None:
        raise NotFound(what="order")
    return order


def confirm_order(order: Order, *, actor: Actor, at: datetime, is_captured: bool = True) -> None:
    """The money is there: PENDING -> CONFIRMED, reserved stock is consumed. The order must be locked by the caller."""
    before = order.status
    order.confirm(at=at)
    order.save(update_fields=["status", "confirmed_at"])
    change_stock(MovementKind.CONSUME, stock_lines(order.lines.all()), order_id=order.pk)
    record_event(order, "confirmed", actor, from_status=before, at=at)
    notify_order_paid(order, is_captured=is_captured)


def revive_order(order: Order, *, at: datetime) -> bool:
    """The money came after the deadline: take stock and promotion again. Returns False where they are gone."""
    try:
        with transaction.atomic():
            retake_promotion(order)
            lines = stock_lines(order.lines.all())
            change_stock(MovementKind.RESERVE, lines, order_id=order.pk, reason="paid after its deadline")
            change_stock(MovementKind.CONSUME, lines, order_id=order.pk)
    except (InsufficientStock, PromotionRefused):
        return False
    order.revive(at=at)
    order.needs_attention = "Paid after its time had run out; the stock was still there."
    order.save(
        update_fields=["status", "confirmed_at", "cancelled_at", "cancelled_because", "needs_attention"]
    )
    record_event(
        order, "revived", SYSTEM, from_status=OrderStatus.CANCELLED, reason="paid after its deadline", at=at
    )
    notify_order_paid(order)
    return True


def cancel_order(*, order_id: UUID, actor: Actor, reason: str = "") -> Order:
    """Cancel an order of which nothing was shipped. Stock goes back; what was paid is refunded.

    Locks: the order, its payment, inventory items. Raises NotFound, IllegalTransition, Conflict (partly shipped).
    """
    with transaction.atomic():
        order = lock_order(order_id)
        if order.shipments.exists():
            raise Conflict(reason="part of this order has been shipped; refund what is missing instead")
        because = CancelReason.SELLER if actor.kind == ActorKind.SELLER else CancelReason.BUYER
        close_order(order, because=because, actor=actor, reason=reason)
    return order


def close_order(order: Order, *, because: CancelReason, actor: Actor, reason: str = "") -> None:
    """PENDING or CONFIRMED -> CANCELLED. The order must be locked by the caller."""
    before, moment = order.status, now()
    order.cancel(at=moment, because=because)
    order.save(update_fields=["status", "cancelled_at", "cancelled_because"])
    release_promotion(order)
    record_event(order, "cancelled", actor, from_status=before, reason=reason or because.value, at=moment)
    if before == OrderStatus.CONFIRMED:
        refund_rest(order, actor=actor, reason=reason or "order cancelled")
        if authorised := order.payments.filter(status=PaymentStatus.AUTHORISED).first():
            enqueue("payment.void", payment_id=authorised.pk)
    elif payment := order.payments.select_for_update().filter(status=PaymentStatus.PENDING).first():
        payment.void()
        payment.save(update_fields=["status"])
        enqueue("payment.close_page", payment_id=payment.pk)
    kind = MovementKind.RELEASE if before == OrderStatus.PENDING else MovementKind.RETURN
    change_stock(kind, stock_lines(order.lines.all()), order_id=order.pk, reason=reason or because.value)
    notify_order_cancelled(
        order, reason or ("The time to pay has run out." if because == CancelReason.UNPAID else "")
    )


def deliver_order(*, order_id: UUID, actor: Actor, reason: str = "") -> Order:
    """SHIPPED -> DELIVERED, with all its parcels. Raises NotFound, IllegalTransition."""
    with transaction.atomic():
        order = lock_order(order_id)
        before, moment = order.status, now()
        order.deliver(at=moment)
        order.save(update_fields=["status", "delivered_at"])
        order.shipments.filter(delivered_at=None).update(delivered_at=moment)
        mark_delivered(order)
        record_event(order, "delivered", actor, from_status=before, reason=reason, at=moment)
    return order
