"""What a storefront knows of a person, given to them: to be read by people and programs."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from core.clock import now
from core.db import as_marketplace
from services.audit_services import record_audit
from services.person_services import Person, orders_of, person_by_email, person_of
from shop.models import ActorKind, Address, Cart, Notification, Order, OrderInvoice, Review
from tenants.context import current_tenant
from tenants.models import Session, User

ADDRESS = ("name", "company", "line1", "line2", "postal_code", "city", "region", "country", "phone")


def export_person(user: User) -> dict[str, Any]:
    """Everything this storefront keeps of somebody who is signed in: see `export_of`."""
    return export_of(person_of(user))


def export_person_by_email(email: str) -> dict[str, Any]:
    """Everything this storefront keeps of whoever reads this mailbox; the seller or an operator passes it on to there.

    Of an account in that name whose mailbox nobody has proved, only what was placed with the mail address: the rest may
    be a stranger's. Raises Invalid.
    """
    person = person_by_email(email)
    if person.user and person.user.email_verified_at is None:
        theirs = Q(email=person.email) & (Q(buyer_id=None) | Q(buyer_id=person.user.pk))
        return export_of(Person(person.email, None, reads_mail=True), orders=Order.objects.filter(theirs))
    return export_of(person)


def hand_out_person(*, email: str, actor_id: UUID | None) -> dict[str, Any]:
    """`export_person_by_email`, written down: that somebody's data was taken, and by whom; not whose."""
    told = export_person_by_email(email)
    record_audit("person.exported", actor_id=actor_id, tenant=current_tenant(), orders=len(told["orders"]))
    return told


def export_of(person: Person, *, orders: QuerySet[Order] | None = None) -> dict[str, Any]:
    """Everything this storefront keeps of a person (GDPR art. 15 and 20).

    Nothing of other storefronts, of other people or of the shop's own notes. Amounts are minor units, times UTC.
    """
    tenant = current_tenant()
    orders = orders_of(person) if orders is None else orders
    users = person.user_ids
    reviews = Review.objects.filter(Q(order_line__order__in=orders.values("pk")) | Q(buyer_id__in=users))
    told = Q(recipient_id__in=users) | Q(order_id__in=orders.values("pk"))
    if person.reads_mail:
        told |= Q(email=person.email)
    user = person.user
    return {
        "storefront": {"name": tenant.name, "address": tenant.url},
        "exported_at": now().isoformat(),
        "person": {
            "id": str(user.pk) if user else None,
            "email": person.email,
            "name": user.name if user else "",
            "since": user.created_at.isoformat() if user else None,
        },
        "given_to": [
            "Stripe, who takes the payments: mail address and amount; card and billing details are given to Stripe only"
        ],
        "addresses": [
            {**_columns(row, ADDRESS), "is_default": row.is_default}
            for row in Address.objects.filter(user_id__in=users)
        ],
        "carts": [_cart(cart) for cart in _open_carts(person)],
        "orders": [_order(order) for order in _with_parts(orders)],
        "reviews": [_review(row) for row in reviews.select_related("product").order_by("created_at")],
        "notifications": [
            _columns(row, ("type", "title", "message", "is_read", "created_at"))
            for row in Notification.objects.filter(told, for_staff=False).order_by("created_at")
        ],
        "sessions": _sessions(person),
    }


def _open_carts(person: Person) -> QuerySet[Cart]:
    mine = Cart.objects.filter(buyer_id__in=person.user_ids, order_id=None)
    return mine.prefetch_related("lines__variant")


def _with_parts(orders: QuerySet[Order]) -> QuerySet[Order]:
    parts = ("lines", "payments__attempts", "shipments", "refunds", "events")
    return orders.select_related("invoice").prefetch_related(*parts).order_by("placed_at", "pk")


def _sessions(person: Person) -> list[dict[str, Any]]:
    """Where they are signed in on this storefront's host."""
    with as_marketplace():
        rows = Session.objects.filter(
            user__in=person.user_ids, tenant=current_tenant(), is_support=False, revoked_at=None
        )
        return [_columns(row, ("created_at", "expires_at")) for row in rows.order_by("created_at")]


def _columns(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in names}
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()
    }


def _cart(cart: Cart) -> dict[str, Any]:
    return {
        "created_at": cart.created_at.isoformat(),
        "code": cart.promotion_code,
        "lines": [{"sku": line.variant.sku, "quantity": line.quantity} for line in cart.lines.all()],
    }


def _review(row: Review) -> dict[str, Any]:
    told = ("author", "rating", "title", "text", "answer", "status", "created_at", "updated_at")
    return _columns(row, told) | {"product": row.product.title}


def _order(order: Order) -> dict[str, Any]:
    whole = (
        "number",
        "status",
        "email",
        "currency",
        "shipping_address",
        "billing_address",
        "shipping_method",
        "promotion_code",
    )
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
    parcel = ("carrier", "tracking_number", "tracking_url", "shipped_at", "delivered_at")
    refund = ("amount_minor", "status", "reason", "created_at")
    return _columns(order, whole + amounts + times) | {
        "invoice": _invoice(order),
        "lines": [_columns(row, line) for row in order.lines.all()],
        "payments": [_payment(row) for row in order.payments.all()],
        "shipments": [_columns(row, parcel) for row in order.shipments.all()],
        "refunds": [_columns(row, refund) for row in order.refunds.all()],
        "your_moves": [
            _columns(row, ("at", "action", "reason"))
            for row in order.events.all()
            if row.actor_kind in (ActorKind.BUYER, ActorKind.GUEST)
        ],
    }


def _invoice(order: Order) -> dict[str, Any] | None:
    invoice: OrderInvoice | None = getattr(order, "invoice", None)
    return _columns(invoice, ("number", "issued_at")) if invoice else None


def _payment(row: Any) -> dict[str, Any]:
    attempt = ("created_at", "succeeded", "failure_message")
    return _columns(row, ("method", "status", "amount_minor", "created_at")) | {
        "attempts": [_columns(each, attempt) for each in row.attempts.all()]
    }
