"""What a storefront knows of a person: given to them, or forgotten. What the law keeps stays, without the person in it."""

from typing import Any
from urllib.parse import quote_plus
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from core.clock import now
from core.errors import Conflict
from core.idempotency import caller_for
from core.ids import new_id
from services.auth_services import NotSignedIn, confirm_password, sign_out_everywhere
from shop.models import (
    ActorKind,
    Address,
    CancelReason,
    Cart,
    IdempotencyKey,
    InventoryMovement,
    Notification,
    Operation,
    Order,
    OrderEvent,
    OrderStatus,
    Payment,
    PaymentAttempt,
    PromotionRedemption,
    Refund,
    Review,
    SavedView,
)
from shop.selectors.order_lists import NOTE
from tenants.context import current_tenant
from tenants.models import User
from tenants.selectors import role_in

OPEN = (OrderStatus.PENDING, OrderStatus.CONFIRMED, OrderStatus.SHIPPED)
ERASED = {"name": "—", "company": "", "line1": "—", "line2": "", "city": "", "region": "", "phone": ""}
EXPORTS = ("orders.export", "customers.export")
MOVEMENT_WORDS = 200  # of a reason, in the log of stock
ADDRESS = ("name", "company", "line1", "line2", "postal_code", "city", "region", "country", "phone")


class StillNeeded(Conflict):
    """An order is still open, and it has to arrive somewhere."""

    code = "orders_open"
    title = gettext_noop("An order of yours is still open")
    detail = gettext_noop("Once it has arrived or is cancelled, you can delete your account.")


class StaffStays(Conflict):
    """People who work here have duties in the books."""

    code = "is_staff"
    title = gettext_noop("You work in this shop")
    detail = gettext_noop("Ask its owner to take your role away first.")


def export_person(user: User) -> dict[str, Any]:
    """Everything this storefront keeps of a person, to be read by people and programs (GDPR art. 15 and 20).

    Nothing of other storefronts, of other people or of the shop's own notes. Amounts are minor units, times UTC.
    """
    tenant = current_tenant()
    orders = Order.objects.filter(buyer_id=user.pk).order_by("placed_at")
    orders = orders.prefetch_related("lines", "payments", "shipments", "refunds")
    return {
        "storefront": {"name": tenant.name, "address": tenant.url},
        "exported_at": now().isoformat(),
        "person": {"id": str(user.pk), "email": user.email, "name": user.name},
        "addresses": [
            {**_columns(row, ADDRESS), "is_default": row.is_default}
            for row in Address.objects.filter(user_id=user.pk)
        ],
        "carts": [
            {
                "created_at": cart.created_at.isoformat(),
                "lines": [{"sku": line.variant.sku, "quantity": line.quantity} for line in cart.lines.all()],
            }
            for cart in Cart.objects.filter(buyer_id=user.pk, order_id=None).prefetch_related(
                "lines__variant"
            )
        ],
        "orders": [_order(order) for order in orders],
        "reviews": [
            _columns(row, ("author", "rating", "title", "text", "answer", "status", "created_at"))
            | {"product": row.product.title}
            for row in Review.objects.filter(buyer_id=user.pk).select_related("product")
        ],
        "notifications": [
            _columns(row, ("type", "title", "message", "is_read", "created_at"))
            for row in Notification.objects.filter(recipient_id=user.pk)
        ],
    }


def _columns(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in names}
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()
    }


def _order(order: Order) -> dict[str, Any]:
    whole = ("number", "status", "email", "currency", "shipping_address", "billing_address", "promotion_code")
    amounts = (
        "subtotal_minor",
        "discount_minor",
        "shipping_minor",
        "tax_minor",
        "total_minor",
        "refunded_minor",
    )
    times = ("placed_at", "confirmed_at", "shipped_at", "delivered_at", "cancelled_at")
    line = ("sku", "product_title", "variant_title", "quantity", "unit_price_minor", "subtotal_minor")
    parcel = ("carrier", "tracking_number", "shipped_at", "delivered_at")
    return _columns(order, whole + amounts + times) | {
        "lines": [_columns(row, line) for row in order.lines.all()],
        "payments": [_columns(row, ("method", "status", "amount_minor")) for row in order.payments.all()],
        "shipments": [_columns(row, parcel) for row in order.shipments.all()],
        "refunds": [
            _columns(row, ("amount_minor", "status", "reason", "created_at")) for row in order.refunds.all()
        ],
    }


def erase_person(*, user: User, password: str) -> None:
    """Forget a person in this storefront (GDPR art. 17).

    Addresses, carts, notifications and kept answers go. Orders stay for the books, reviews stay for their readers, both
    without the name, mail address, street and telephone number, and with nothing that leads back to the account. The
    account itself may be used in other storefronts and stays; here it is signed out everywhere. One transaction.
    Locks: the person's orders in ascending id. Raises NotSignedIn (password), StaffStays, StillNeeded.
    """
    tenant = current_tenant()
    confirm_password(user, password, refusal=NotSignedIn())
    if role_in(user.pk, tenant):
        raise StaffStays()
    nobody = f"erased-{new_id().hex[-12:]}@erased.invalid"
    with transaction.atomic():
        orders = list(Order.objects.select_for_update().filter(buyer_id=user.pk).order_by("pk"))
        if any(order.status in OPEN for order in orders):
            raise StillNeeded()
        Address.objects.filter(user_id=user.pk).delete()
        Notification.objects.filter(recipient_id=user.pk).delete()
        Cart.objects.filter(buyer_id=user.pk, order_id=None).delete()
        Cart.objects.filter(buyer_id=user.pk).update(buyer_id=None)
        IdempotencyKey.objects.filter(caller=caller_for(user.pk)).delete()
        Review.objects.filter(buyer_id=user.pk).update(buyer_id=None, email=nobody, author="—")
        _forget_in_notices(orders, nobody)
        _forget_in_history(orders, user.pk)
        _forget_in_payments(orders)
        _forget_in_lists(orders, user.email)
        _forget_in_orders(orders, nobody)
        sign_out_everywhere(user_id=user.pk, tenant=tenant)


def _forget_in_orders(orders: list[Order], nobody: str) -> None:
    PromotionRedemption.objects.filter(order__in=orders).update(buyer_key=nobody)
    for order in orders:
        order.buyer_id, order.email, order.request_key = None, nobody, None
        order.shipping_address = {**order.shipping_address, **ERASED}
        order.billing_address = order.billing_address and {**order.billing_address, **ERASED}
        order.save(update_fields=["buyer_id", "email", "request_key", "shipping_address", "billing_address"])


def _forget_in_notices(orders: list[Order], nobody: str) -> None:
    """What the buyer was told goes; what the staff was told stays, of nobody."""
    notices = Notification.objects.filter(order_id__in=[order.pk for order in orders])
    notices.filter(for_staff=False).delete()
    for row in notices:
        for order in orders:
            row.title, row.message = (text.replace(order.email, nobody) for text in (row.title, row.message))
        row.save(update_fields=["title", "message"])


def _forget_in_history(orders: list[Order], user_id: UUID) -> None:
    """That the buyer moved an order stays, without who that is and what they wrote; the shop's own words stay.

    Not the staff's notes: they are of the person as often as of the order. That there was one stays.
    """
    OrderEvent.objects.filter(order__in=orders, action=NOTE).update(facts={})
    moved = OrderEvent.objects.filter(order__in=orders, actor_kind__in=(ActorKind.BUYER, ActorKind.GUEST))
    words = set(moved.exclude(reason="").values_list("reason", flat=True))
    InventoryMovement.objects.filter(
        order_id__in=[order.pk for order in orders], reason__in={text[:MOVEMENT_WORDS] for text in words}
    ).update(reason=CancelReason.BUYER.value)
    Refund.objects.filter(order__in=orders, reason__in=words).update(reason="")
    Refund.objects.filter(order__in=orders, actor_id=user_id).update(actor_id=None)
    moved.update(actor_id=None, reason="")


def _forget_in_payments(orders: list[Order]) -> None:
    kept: tuple[Any, ...] = (
        *Payment.objects.filter(order__in=orders),
        *PaymentAttempt.objects.filter(payment__order__in=orders),
    )
    for row in kept:
        row.gateway_response = _without_person(row.gateway_response)
        row.save(update_fields=["gateway_response"])


def _forget_in_lists(orders: list[Order], email: str) -> None:
    """Files that the staff had made go, since everybody is in them, and so do saved lists that look for this person."""
    Operation.objects.filter(kind__in=EXPORTS, finished_at__isnull=False).update(
        output=None, output_type="", params={}
    )
    names = {str(order.shipping_address.get("name") or "") for order in orders}
    for words in {email, *names, *(order.email for order in orders)} - {""}:
        SavedView.objects.filter(query__icontains=quote_plus(words)).delete()


PERSONAL = {
    "billing_details",
    "customer_details",
    "customer_email",
    "receipt_email",
    "shipping",
    "email",
    "name",
    "phone",
}


def _without_person(kept: Any) -> Any:
    """What Stripe answered, without who paid."""
    if isinstance(kept, dict):
        return {key: _without_person(value) for key, value in kept.items() if key not in PERSONAL}
    return [_without_person(value) for value in kept] if isinstance(kept, list) else kept
