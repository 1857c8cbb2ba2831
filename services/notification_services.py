"""Telling people: a row in the shop, and a mail sent by the worker once the transaction has committed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.utils import timezone

from core.clock import now
from core.ids import new_id
from core.jobs import enqueue
from core.money import Money
from shop.models import InventoryItem, MailState, Notification, Order, Refund, Shipment
from shop.models.order import NOBODY
from tenants.context import current_tenant
from tenants.models import Tenant
from tenants.selectors import is_member

_is_quiet: ContextVar[bool] = ContextVar("_is_quiet", default=False)


@contextmanager
def without_mail() -> Iterator[None]:
    """People find inside the shop what they are told meanwhile; no mail is sent. For what was told once already."""
    token = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(token)


def notify(
    *,
    type: str,
    title: str,
    message: str,
    dedupe_key: str,
    email: str = "",
    recipient_id: UUID | None = None,
    for_staff: bool = False,
    order_id: UUID | None = None,
) -> None:
    """Tell somebody something, once per `dedupe_key`, as part of the current transaction.

    Whoever was forgotten is not told: their order has no mail address any more.
    """
    if email.endswith(NOBODY):
        return
    is_mailed = bool(email) and not _is_quiet.get()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO shop_notification (id, recipient_id, for_staff, email, type, title, message, order_id,"
            " dedupe_key, is_read, mail_state, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, false, %s, %s)"
            " ON CONFLICT (dedupe_key) DO NOTHING RETURNING id",
            [
                new_id(),
                recipient_id,
                for_staff,
                email,
                type,
                title[:200],
                message,
                order_id,
                dedupe_key[:200],
                MailState.QUEUED if is_mailed else MailState.NONE,
                now(),
            ],
        )
        row = cursor.fetchone()
    if row and is_mailed:
        enqueue("mail.notification", notification_id=row[0])


def send_notification_mail(*, notification_id: UUID) -> None:
    """Send one queued mail. Raises when the mail server does not take it, so that the job tries again.

    The row is locked while it is sent, so two workers never send it twice; the Message-ID is the notification's, so
    that a mail system can recognise the one repeat that a crash between sending and recording can cause.
    """
    with transaction.atomic():
        row = (
            Notification.objects.select_for_update(skip_locked=True)
            .filter(pk=notification_id, mail_state=MailState.QUEUED)
            .first()
        )
        if row is None:
            return
        tenant = current_tenant()
        if not may_be_mailed(tenant, row.email):
            row.mail_state = MailState.NONE
            row.save(update_fields=["mail_state"])
            return
        EmailMessage(
            subject=" ".join(f"{row.title} · {tenant.name}".split()),
            body=f"{row.message}\n\n{tenant.name}\n{tenant.url}\n",
            to=[row.email],
            reply_to=[tenant.support_email] if tenant.support_email else None,
            headers={"Message-ID": f"<{row.pk}@{tenant.host}>"},
        ).send()
        row.mail_state, row.mailed_at = MailState.SENT, timezone.now()
        row.save(update_fields=["mail_state", "mailed_at"])


def may_be_mailed(tenant: Tenant, email: str) -> bool:
    """A staging copy writes to its members and to nobody else, whoever is in its data."""
    return not tenant.is_staging or is_member(tenant, email)


def mark_read(*, notification_ids: Sequence[UUID] | None, recipient_id: UUID | None) -> int:
    """Mark notifications of a person (None: of the staff) as read; all of them where no ids are given."""
    rows = Notification.objects.filter(is_read=False)
    rows = rows.filter(recipient_id=recipient_id) if recipient_id else rows.filter(for_staff=True)
    return (rows if notification_ids is None else rows.filter(pk__in=notification_ids)).update(is_read=True)


def order_url(order: Order) -> str:
    """The buyer's page of an order: whoever has the link may see it."""
    return f"{current_tenant().url}/orders/{order.secret}"


def notify_order_placed(order: Order) -> None:
    """To the buyer: we have your order, and here is where to follow it."""
    notify(
        type="order_placed",
        title=f"Order #{order.number} received",
        message=f"Thank you for your order of {order.total.format()}. It is kept for you until it is paid.\n\nFollow it here: {order_url(order)}",
        dedupe_key=f"order_placed:{order.pk}",
        email=order.email,
        recipient_id=order.buyer_id,
        order_id=order.pk,
    )


def notify_order_paid(order: Order, *, is_captured: bool = True) -> None:
    """To the buyer a confirmation, to the seller a new order. `is_captured`: the money was taken, not only promised."""
    total = order.total.format()
    paid = (
        f"We have received your payment of {total}."
        if is_captured
        else f"Your payment of {total} is authorised. It is taken when your order is sent."
    )
    notify(
        type="order_paid",
        title=f"Order #{order.number} is confirmed",
        message=f"{paid}\n\nFollow your order here: {order_url(order)}",
        dedupe_key=f"order_paid:{order.pk}",
        email=order.email,
        recipient_id=order.buyer_id,
        order_id=order.pk,
    )
    notify(
        type="order_paid",
        title=f"New order #{order.number}",
        message=f"{order.total.format()} paid by {order.email}. It is ready to be shipped.",
        dedupe_key=f"staff:order_paid:{order.pk}",
        email=current_tenant().support_email,
        for_staff=True,
        order_id=order.pk,
    )


def notify_order_cancelled(order: Order, reason: str) -> None:
    """To the buyer: nothing will come."""
    notify(
        type="order_cancelled",
        title=f"Order #{order.number} is cancelled",
        message=f"{reason or 'The order was cancelled.'} Anything already paid is refunded.\n\n{order_url(order)}",
        dedupe_key=f"order_cancelled:{order.pk}",
        email=order.email,
        recipient_id=order.buyer_id,
        order_id=order.pk,
    )


def notify_shipped(order: Order, shipment: Shipment) -> None:
    """To the buyer, for each parcel."""
    tracking = f"{shipment.carrier} {shipment.tracking_number}".strip()
    notify(
        type="order_shipped",
        title=f"A parcel of order #{order.number} is on its way",
        message=f"Sent with {tracking}. {shipment.tracking_url}\n\nFollow your order here: {order_url(order)}",
        dedupe_key=f"order_shipped:{shipment.pk}",
        email=order.email,
        recipient_id=order.buyer_id,
        order_id=order.pk,
    )


def notify_refunded(order: Order, refund: Refund) -> None:
    """To the buyer, once the refund is made."""
    amount = Money(refund.amount_minor, refund.currency).format()
    notify(
        type="order_refunded",
        title=f"Refund of {amount} for order #{order.number}",
        message=f"We have refunded {amount}. Your bank may take a few days to show it.\n\n{order_url(order)}",
        dedupe_key=f"order_refunded:{refund.pk}",
        email=order.email,
        recipient_id=order.buyer_id,
        order_id=order.pk,
    )


def notify_refund_failed(order: Order, refund: Refund) -> None:
    """To the seller: the buyer has not got the money."""
    notify(
        type="refund_failed",
        title=f"A refund of order #{order.number} failed",
        message=f"{Money(refund.amount_minor, refund.currency).format()} could not be returned. Try again or ask the buyer.",
        dedupe_key=f"staff:refund_failed:{refund.pk}",
        email=current_tenant().support_email,
        for_staff=True,
        order_id=order.pk,
    )


def notify_low_stock(variant_ids: Sequence[UUID]) -> None:
    """To the seller, once each time an item falls to its threshold."""
    if not variant_ids:
        return
    for item in InventoryItem.objects.filter(pk__in=variant_ids, low_stock_threshold__gt=0).select_related(
        "variant", "product"
    ):
        notify(
            type="low_stock",
            title=f"Low stock: {item.product.title} {item.variant.title}".strip(),
            message=f"{item.variant.sku} has {item.available_stock} left (you are warned at {item.low_stock_threshold}).",
            dedupe_key=f"staff:low_stock:{item.pk}:{item.low_stock_since:%Y%m%d%H%M%S%f}",
            email=current_tenant().support_email,
            for_staff=True,
        )
