"""Taking money: a payment page at Stripe, and recording what Stripe says became of it.

Events only say where to look. `sync_intent` reads the payment intent from Stripe and brings the order, the payment and
the books to what it says, under the order's lock; applied twice, late or out of order it changes nothing more.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils.translation import gettext_noop

from core.clock import now
from core.errors import Conflict, Invalid, NotFound
from core.jobs import enqueue
from core.money import Money
from payouts.models import Charge
from services import ledger_facts
from services.charge_services import hold_reserve, open_charge, refresh_charge
from services.credit_services import Returned, by_amount, credit, returned_by
from services.late_money_services import compare_with_books
from services.ledger_services import post
from services.order_history import SYSTEM, Actor, record_event
from services.order_services import close_order, confirm_order, lock_order, revive_order
from services.refund_services import DisputeOpen, record_refunds, refund_rest
from services.stripe_gateway import (
    STAGING_DESCRIPTION,
    PaymentProviderRefused,
    is_livemode,
    own_key,
    plain,
    stripe_api,
)
from services.stripe_outcomes import NotOurs, Quarantined, charge_of
from shop.models import (
    ActorKind,
    CancelReason,
    CreditKind,
    Order,
    OrderStatus,
    Payment,
    PaymentAttempt,
    PaymentStatus,
)
from tenants.context import current_tenant, has_shop, tenant_scope
from tenants.models import CaptureMethod, Tenant

log = structlog.get_logger("souk.payments")
# Stripe wants a page to live for half an hour from its opening, and a page may be opened until the order's deadline. Until
# then the deadline's job closes it; this is what remains should that job be late. The same for each try: Stripe's key asks so.
PAGE_OUTLIVES_DEADLINE = timedelta(minutes=31)
FEE_AND_CHARGE = "latest_charge.balance_transaction"


class NotPayable(Conflict):
    """The order is not waiting for money."""

    code = "not_payable"
    title = gettext_noop("This order is not waiting for a payment")


def start_payment(*, order_id: UUID) -> Payment:
    """Give the order's pending payment a page at Stripe where the buyer pays. Returns it with `checkout_url`.

    Safe to call again: Stripe is called with a key made of the payment's id, which was committed before.
    Raises NotPayable, PaymentProviderUnavailable, PaymentProviderRefused. Opens no transaction during the call.
    """
    payment = (
        Payment.objects.select_related("order")
        .filter(order_id=order_id, status=PaymentStatus.PENDING)
        .first()
    )
    if payment is None:
        raise NotPayable()
    return _open_page(payment)


def payment_page(order: Order) -> str | None:
    """Where an order that was just placed is paid; None where nothing is to be paid. Raises as `start_payment` does."""
    if not order.total_minor or order.status != OrderStatus.PENDING:
        return None
    return (
        _open_page(order.new_payment) if order.new_payment else start_payment(order_id=order.pk)
    ).checkout_url


def refresh_payment(order: Order) -> None:
    """Ask Stripe about a payment that waits, for a buyer who returns before the webhook does."""
    pending = order.payments.filter(status=PaymentStatus.PENDING).first()
    if pending is None or order.status != OrderStatus.PENDING:
        return
    if pending.session_id:
        sync_payment(payment_id=pending.pk)
    else:
        start_payment(order_id=order.pk)


def _open_page(payment: Payment) -> Payment:
    if payment.order.status != OrderStatus.PENDING:
        raise NotPayable()
    if payment.checkout_url:
        return payment
    with stripe_api() as stripe:
        session = stripe.v1.checkout.sessions.create(
            params=_page_params(current_tenant(), payment),
            options={"idempotency_key": own_key(f"payment:{payment.pk}")},
        )
    payment.session_id, payment.checkout_url = session.id, session.url or ""
    payment.intent_id = _id_of(session.payment_intent)
    payment.save(update_fields=["session_id", "checkout_url", "intent_id"])
    return payment


def _page_params(tenant: Tenant, payment: Payment) -> Any:
    order = payment.order
    metadata = {"tenant": str(tenant.pk), "order": str(order.pk), "payment": str(payment.pk)}
    page = f"{tenant.url}/orders/{order.secret}"
    return {
        "mode": "payment",
        "client_reference_id": str(order.pk),
        "customer_email": order.email,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": payment.currency.lower(),
                    "unit_amount": payment.amount_minor,
                    "product_data": {"name": f"Order #{order.number} at {tenant.name}"},
                },
            }
        ],
        "metadata": metadata,
        "payment_intent_data": {
            "metadata": metadata,
            "transfer_group": str(order.pk),
            **({"capture_method": "manual"} if tenant.capture_method == CaptureMethod.MANUAL else {}),
            **({} if tenant.keeps_books else {"description": STAGING_DESCRIPTION}),
        },
        "success_url": f"{page}?paid=1",
        "cancel_url": page,
        "expires_at": int((order.deadline_at + PAGE_OUTLIVES_DEADLINE).timestamp()),
    }


def _id_of(value: Any) -> str | None:
    """An expandable field is an id or the object."""
    return value if isinstance(value, str) or value is None else value.id


def close_page(*, payment_id: UUID) -> None:
    """Nobody should pay here any more: expire the page at Stripe. If somebody just has, that is recorded instead."""
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None or not payment.session_id or payment.status == PaymentStatus.CAPTURED:
        return
    try:
        with stripe_api() as stripe:
            stripe.v1.checkout.sessions.expire(payment.session_id)
    except PaymentProviderRefused:
        sync_payment(payment_id=payment.pk)


def sync_payment(*, payment_id: UUID) -> Payment:
    """Ask Stripe what became of a payment and record it. For buyers who return before the webhook does."""
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise NotFound(what="payment")
    intent_id = payment.intent_id
    if intent_id is None and payment.session_id:
        with stripe_api() as stripe:
            intent_id = _id_of(stripe.v1.checkout.sessions.retrieve(payment.session_id).payment_intent)
    if intent_id is not None:
        try:
            sync_intent(intent_id)
        except NotOurs:
            if current_tenant().keeps_books:
                raise
            # A payment that was copied: in this mode Stripe knows nothing of it.
    return Payment.objects.get(pk=payment.pk)


def expire_order(*, order_id: UUID) -> None:
    """The time to pay is over: close the page, and cancel the order unless the money has come after all."""
    order = Order.objects.filter(pk=order_id).first()
    if order is None or order.status != OrderStatus.PENDING or order.deadline_at > now():
        return
    for payment in order.payments.filter(status=PaymentStatus.PENDING):
        close_page(payment_id=payment.pk)
    with transaction.atomic():
        order = lock_order(order_id)
        if order.status == OrderStatus.PENDING:
            close_order(order, because=CancelReason.UNPAID, actor=SYSTEM)


# Capturing later ----------------------------------------------------------------------------------------------------


class NotAuthorised(Conflict):
    """There is no authorised payment that could be captured or voided."""

    code = "not_authorised"
    title = gettext_noop("There is no authorised payment")


class OverCapture(Conflict):
    """More than was authorised. Facts: requested, authorised."""

    code = "over_capture"
    title = gettext_noop("More than was authorised")


class ParcelsSent(Conflict):
    """An authorisation that parcels were sent for is captured, not let go."""

    code = "parcels_sent"
    title = gettext_noop("Parcels were sent already")
    detail = gettext_noop("Capture the payment for what was sent; a refund gives back the rest.")


VOID_REQUESTED = "void_requested"


def capture_payment(*, order_id: UUID, amount_minor: int | None = None, actor: Actor = SYSTEM) -> Payment:
    """Take what an order's buyer has authorised, or a part of it (None: all); the rest is let go.

    Safe to call again: Stripe captures an intent once, and where it refuses, what became of it before is recorded.
    Opens no transaction during the call. Raises NotAuthorised, OverCapture, PaymentProviderUnavailable,
    PaymentProviderRefused.
    """
    payment = _authorised(order_id)
    wanted, amount_minor = amount_minor, payment.amount_minor if amount_minor is None else amount_minor
    if amount_minor < 1:
        raise Invalid(field="amount_minor", reason="capture at least 1, or let the authorisation go")
    if amount_minor > payment.amount_minor:
        raise OverCapture(
            requested=Money(amount_minor, payment.currency).as_json(),
            authorised=Money(payment.amount_minor, payment.currency).as_json(),
        )
    record_event(payment.order, "capture_requested", actor, amount_minor=amount_minor)
    try:
        with stripe_api() as stripe:
            # Without a key of ours: under one, Stripe would repeat a failure of its own for a day.
            stripe.v1.payment_intents.capture(
                payment.intent_id or "", params={"amount_to_capture": amount_minor}
            )
    except PaymentProviderRefused:
        captured = sync_payment(payment_id=payment.pk)
        if captured.status != PaymentStatus.CAPTURED or captured.captured_minor != (
            wanted or captured.captured_minor
        ):
            raise
        return captured
    return sync_payment(payment_id=payment.pk)


def void_payment(*, payment_id: UUID) -> None:
    """Let an authorisation go at Stripe and record what became of it; captured meanwhile, that is recorded instead."""
    payment = Payment.objects.filter(pk=payment_id, status=PaymentStatus.AUTHORISED).first()
    if payment is None:
        return
    try:
        with stripe_api() as stripe:
            stripe.v1.payment_intents.cancel(
                payment.intent_id or "", options={"idempotency_key": own_key(f"void:{payment.pk}")}
            )
    except PaymentProviderRefused as error:
        log.warning("payment.not_voided", payment=str(payment.pk), reason=error.facts["reason"])
    sync_payment(payment_id=payment.pk)


def void_order_payment(*, order_id: UUID, actor: Actor) -> None:
    """Let an order's authorisation go; the order is cancelled with it. Raises NotAuthorised, ParcelsSent."""
    payment = _authorised(order_id)
    if payment.order.shipments.exists():
        raise ParcelsSent()
    record_event(payment.order, VOID_REQUESTED, actor)
    void_payment(payment_id=payment.pk)
    if Payment.objects.get(pk=payment.pk).status != PaymentStatus.VOIDED:
        raise NotAuthorised()


def _authorised(order_id: UUID) -> Payment:
    payment = (
        Payment.objects.select_related("order")
        .filter(order_id=order_id, status=PaymentStatus.AUTHORISED)
        .exclude(order__status=OrderStatus.CANCELLED)
        .first()
    )
    if payment is None:
        raise NotAuthorised()
    return payment


# What Stripe says --------------------------------------------------------------------------------------------------


def sync_intent(intent_id: str, *, livemode: bool | None = None) -> Tenant:
    """Read a payment intent from Stripe and apply it in its tenant, which is returned. Raises NotOurs, Quarantined, weather.

    `livemode`: in which of Stripe's modes it is, where nobody is served who says so. Of an erased storefront nothing is
    applied: it is compared with the books, and where they differ a person looks.
    """
    try:
        with stripe_api(livemode=livemode) as stripe:
            found = stripe.v1.payment_intents.retrieve(intent_id, params={"expand": [FEE_AND_CHARGE]})
    except PaymentProviderRefused as error:
        raise NotOurs(f"no such payment intent: {intent_id}") from error
    intent = plain(found)
    metadata = intent.get("metadata") or {}
    tenant = Tenant.objects.filter(pk=_uuid(metadata.get("tenant"))).first()
    if tenant is None:
        raise NotOurs(f"payment intent {intent_id} names no storefront of ours")
    if not has_shop(tenant):
        compare_with_books(tenant, intent)
    with tenant_scope(tenant):
        apply_intent(intent)
    return tenant


def _uuid(text: Any) -> UUID:
    """The id that metadata names, or one that nothing has."""
    try:
        return UUID(str(text))
    except ValueError:
        return UUID(int=0)


@transaction.atomic
def apply_intent(intent: dict[str, Any]) -> None:
    """Bring one payment to what its intent says. Locks: the order, the payment; stock and ledger follow.

    Checks livemode, amount and currency against what the order kept. Raises Quarantined, NotOurs.
    """
    metadata = intent["metadata"]
    order = Order.objects.select_for_update().filter(pk=_uuid(metadata.get("order"))).first()
    payment = (
        Payment.objects.select_for_update().filter(pk=_uuid(metadata.get("payment")), order=order).first()
    )
    if order is None or payment is None:
        raise NotOurs(f"payment intent {intent['id']} names no order of this storefront")
    if intent.get("livemode") != is_livemode():
        raise Quarantined(f"livemode is {intent.get('livemode')}")
    if payment.intent_id not in (None, intent["id"]):
        raise Quarantined(f"payment {payment.pk} belongs to {payment.intent_id}")
    if payment.intent_id is None:
        Payment.objects.filter(pk=payment.pk).update(intent_id=intent["id"])
        payment.intent_id = intent["id"]
    _record_failed_attempt(payment, intent)
    if intent["status"] == "succeeded":
        _record_capture(order, payment, intent)
    elif intent["status"] == "requires_capture":
        _record_authorisation(order, payment, intent)
    elif intent["status"] == "canceled":
        _record_void(order, payment)


def _record_failed_attempt(payment: Payment, intent: dict[str, Any]) -> None:
    error = intent.get("last_payment_error")
    if not error or not error.get("charge"):
        return
    PaymentAttempt.objects.get_or_create(
        transaction_id=error["charge"],
        defaults={
            "payment": payment,
            "succeeded": False,
            "failure_code": (error.get("decline_code") or error.get("code") or "")[:80],
            "failure_message": (error.get("message") or "")[:300],
            "gateway_response": {
                key: error.get(key) for key in ("code", "decline_code", "message", "type", "charge")
            },
        },
    )
    if payment.status == PaymentStatus.PENDING:
        payment.failure_code = (error.get("decline_code") or error.get("code") or "")[:80]
        payment.failure_message = (error.get("message") or "")[:300]
        payment.save(update_fields=["failure_code", "failure_message"])


RESPONSE_FIELDS = (
    "id",
    "object",
    "amount",
    "amount_captured",
    "amount_refunded",
    "currency",
    "created",
    "livemode",
    "paid",
    "status",
    "outcome",
)


def _record_authorisation(order: Order, payment: Payment, intent: dict[str, Any]) -> None:
    """The bank has promised the money: the order is confirmed, and the seller captures it later."""
    charge = charge_of(intent)
    if (charge["amount"], charge["currency"].upper()) != (payment.amount_minor, payment.currency):
        raise Quarantined(
            f"authorised {charge['amount']} {charge['currency']}, ordered {payment.amount_minor}"
        )
    if payment.status in (PaymentStatus.PENDING, PaymentStatus.FAILED):
        card = (charge.get("payment_method_details") or {}).get("card") or {}
        until = card.get("capture_before")
        response = {key: charge.get(key) for key in RESPONSE_FIELDS}
        payment.authorise(
            at=datetime.fromtimestamp(charge["created"], UTC),
            capture_before=datetime.fromtimestamp(until, UTC) if until else None,
            response=response,
        )
        payment.save()
        PaymentAttempt.objects.get_or_create(
            transaction_id=charge["id"],
            defaults={"payment": payment, "succeeded": True, "gateway_response": response},
        )
    if order.status == OrderStatus.PENDING:
        confirm_order(order, actor=SYSTEM, at=now(), is_captured=False)
    elif order.status == OrderStatus.CANCELLED and not (
        order.cancelled_because == CancelReason.UNPAID and revive_order(order, at=now())
    ):
        enqueue("payment.void", payment_id=payment.pk)


def _record_void(order: Order, payment: Payment) -> None:
    """Nothing was taken and nothing will be. An order that only had an authorisation is let go with it."""
    was_authorised = payment.status == PaymentStatus.AUTHORISED
    if payment.status not in (PaymentStatus.PENDING, PaymentStatus.AUTHORISED):
        return
    payment.void()
    payment.save(update_fields=["status"])
    if not was_authorised or order.status in (OrderStatus.PENDING, OrderStatus.CANCELLED):
        return
    if order.shipments.exists():
        order.needs_attention = "Parcels were sent, but the authorisation lapsed before it was captured."
        order.save(update_fields=["needs_attention"])
        return
    asked = order.events.filter(action=VOID_REQUESTED).order_by("-at").first()
    if asked is None:
        close_order(order, because=CancelReason.UNPAID, actor=SYSTEM, reason="the authorisation has lapsed")
    else:
        actor = Actor(ActorKind(asked.actor_kind), asked.actor_id)
        close_order(
            order, because=CancelReason.SELLER, actor=actor, reason="the seller has let the payment go"
        )


def _record_capture(order: Order, payment: Payment, intent: dict[str, Any]) -> None:
    charge = charge_of(intent)
    if not charge.get("captured"):
        raise Quarantined(f"intent {intent['id']} succeeded without a captured charge")
    captured_minor, currency = charge["amount_captured"], charge["currency"].upper()
    is_partial = intent.get("capture_method") == "manual" and 0 < captured_minor < payment.amount_minor
    if currency != payment.currency or (captured_minor != payment.amount_minor and not is_partial):
        raise Quarantined(
            f"captured {captured_minor} {currency}, ordered {payment.amount_minor} {payment.currency}"
        )
    captured_at = _captured_at(charge)
    if payment.status != PaymentStatus.CAPTURED:
        response = {key: charge.get(key) for key in RESPONSE_FIELDS}
        payment.capture(
            at=captured_at, charge_id=charge["id"], captured_minor=captured_minor, response=response
        )
        payment.method = ((charge.get("payment_method_details") or {}).get("type") or "card")[:20]
        payment.save()
        PaymentAttempt.objects.get_or_create(
            transaction_id=charge["id"],
            defaults={"payment": payment, "succeeded": True, "gateway_response": response},
        )
        if is_partial:
            _let_go_of_the_rest(order, payment)
    if current_tenant().keeps_books:
        row = open_charge(order, payment, charge_id=charge["id"], captured_at=captured_at)
        _book_capture(order, payment, row)
        _book_fee(order, row, charge.get("balance_transaction"))
    _settle_order(order, payment)
    if charge.get("amount_refunded"):
        record_refunds(charge_id=charge["id"])


def _captured_at(charge: dict[str, Any]) -> datetime:
    """When the money moved: its balance transaction's moment, since an authorised charge is older than its capture."""
    moved = charge.get("balance_transaction")
    created = moved["created"] if isinstance(moved, dict) else charge["created"]
    return datetime.fromtimestamp(created, UTC)


def _let_go_of_the_rest(order: Order, payment: Payment) -> None:
    """Part of the authorised amount was not captured: the lines are smaller by it, in proportion."""
    rest = payment.amount_minor - payment.captured_minor
    credit(
        order,
        by_amount(list(order.lines.all()), rest),
        kind=CreditKind.UNCAPTURED,
        source=f"uncaptured:{payment.pk}",
    )
    Order.objects.filter(pk=order.pk).update(uncaptured_minor=rest)
    order.uncaptured_minor = rest
    record_event(order, "captured_in_part", SYSTEM, captured_minor=payment.captured_minor, rest_minor=rest)


def _book_capture(order: Order, payment: Payment, row: Charge) -> None:
    rest = returned_by(f"uncaptured:{payment.pk}") if order.uncaptured_minor else Returned()
    taken = Returned(
        order.commission_minor - rest.commission_minor,
        order.commission_tax_minor - rest.commission_tax_minor,
        order.funded_minor - rest.funded_minor,
    )
    if post(ledger_facts.capture(row, taken)):
        net = row.amount_minor - taken.commission_minor - taken.commission_tax_minor + taken.funded_minor
        hold_reserve(row, net_minor=net)


def _book_fee(order: Order, row: Charge, balance_transaction: Any) -> None:
    """Stripe's fee and the day its money arrives; both may be told later than the charge."""
    if row.fee_minor is not None or not isinstance(balance_transaction, dict):
        return
    if balance_transaction["currency"].upper() != row.currency:
        # Without a rate of exchange in the books nothing is paid out of it; reconcile lists it.
        order.needs_attention = f"Stripe settled this payment in {balance_transaction['currency'].upper()}."
        order.save(update_fields=["needs_attention"])
        return
    row = refresh_charge(
        row.charge_id,
        balance_transaction_id=balance_transaction["id"],
        fee_minor=balance_transaction["fee"],
        funds_available_on=datetime.fromtimestamp(balance_transaction["available_on"], UTC),
    )
    post(ledger_facts.fee(row, bearer=order.commission_rule["fee_bearer"]))


def _settle_order(order: Order, payment: Payment) -> None:
    """Money and order meet: confirm it, or match late money to stock again, or give it back."""
    if order.status == OrderStatus.PENDING:
        confirm_order(order, actor=SYSTEM, at=now())
    elif order.status == OrderStatus.CANCELLED and not payment.refunded_minor:
        if order.cancelled_because == CancelReason.UNPAID and revive_order(order, at=now()):
            return
        order.needs_attention = "Paid after it was cancelled; the money is refunded."
        try:
            refund_rest(order, actor=SYSTEM, reason="paid after the order was cancelled")
        except DisputeOpen:
            order.needs_attention = (
                "Paid after it was cancelled; the buyer's bank asks the money back already."
            )
        order.save(update_fields=["needs_attention"])
        record_event(order, "late_payment_refunded", SYSTEM, reason=order.needs_attention)
