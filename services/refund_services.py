"""Giving money back: promised under a lock, made by a job, recorded once - also when made in Stripe's dashboard."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_noop

from core.clock import now
from core.db import tenant_connection
from core.errors import Conflict, Invalid, NotFound
from core.jobs import enqueue
from core.money import Money
from payouts.models import Charge, Dispute
from services import ledger_facts
from services.charge_services import refresh_charge
from services.credit_services import Taken, by_amount, by_units, credit, returned_by, take_credit_back
from services.inventory_services import StockLine, change_stock
from services.ledger_services import post
from services.notification_services import notify_refund_failed, notify_refunded
from services.order_history import SYSTEM, Actor, record_event
from services.stripe_gateway import PaymentProviderRefused, own_key, plain, stripe_api
from shop.models import (
    CreditKind,
    MovementKind,
    Order,
    OrderLine,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from tenants.context import current_tenant, tenant_scope
from tenants.models import Tenant


class OverRefund(Conflict):
    """More than is left of what was captured. Facts: requested, left."""

    code = "over_refund"
    title = "More than is left to refund"


class NotRefundable(Conflict):
    """Nothing was captured for this order."""

    code = "not_refundable"
    title = "There is no payment to refund"


class RefundChanged(Conflict):
    """What was shown is not what it comes to any more. Facts: expected, amount."""

    code = "refund_changed"
    title = gettext_noop("The refund comes to another amount now")
    detail = gettext_noop(
        "Something of this order was refunded meanwhile. Look at the new amount and send it again."
    )


class DisputeOpen(Conflict):
    """The buyer's bank has asked the money back already; a refund as well would pay it twice. Facts: dispute_id."""

    code = "dispute_open"
    title = "A dispute of this payment is open"
    detail = "Accept the dispute to give the money back, or answer it."


def request_refund(
    *,
    order_id: UUID,
    amount_minor: int | None,
    reason: str,
    actor: Actor,
    units: Mapping[int, int] | None = None,
    with_shipping: bool = False,
    restock: Sequence[StockLine] = (),
    request_key: str | None = None,
    expected_minor: int | None = None,
) -> Refund:
    """Promise a refund; a job makes it at Stripe.

    With `units` (order line id -> units): what those units cost, with their tax and, if wanted, their part of the shipping;
    with an amount as well: that amount, taken from those lines. Without: `amount_minor`, shared out over everything that
    is left, or all that is left (None). `expected_minor` is what somebody was shown that it comes to.

    Locks: the order, its payment, restocked items. Raises NotFound, NotRefundable, DisputeOpen, OverRefund,
    TooManyUnitsBack, RefundChanged, Invalid.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().filter(pk=order_id).first()
        if order is None:
            raise NotFound(what="order")
        if request_key and (earlier := Refund.objects.filter(request_key=request_key).first()):
            return earlier
        return _promise(
            order,
            amount_minor,
            reason=reason,
            actor=actor,
            units=units,
            with_shipping=with_shipping,
            restock=restock,
            request_key=request_key,
            expected_minor=expected_minor,
        )


def refund_rest(order: Order, *, actor: Actor, reason: str) -> Refund | None:
    """Promise whatever is left of an order the caller has locked. None where nothing was paid or is left."""
    payment = order.payments.filter(status=PaymentStatus.CAPTURED).first()
    if payment is None or payment.captured_minor == payment.refunded_minor:
        return None
    return _promise(order, None, reason=reason, actor=actor)


def _promise(
    order: Order,
    amount_minor: int | None,
    *,
    reason: str,
    actor: Actor,
    units: Mapping[int, int] | None = None,
    with_shipping: bool = False,
    restock: Sequence[StockLine] = (),
    request_key: str | None = None,
    expected_minor: int | None = None,
) -> Refund:
    payment = refundable_payment(order, for_update=True)
    taken = take_from_lines(order, payment, amount_minor, units, with_shipping=with_shipping)
    amount_minor = sum(part.amount for part in taken)
    if expected_minor not in (None, amount_minor):
        raise RefundChanged(expected=expected_minor, amount=amount_minor)
    _count(payment, amount_minor)
    refund = Refund.objects.create(
        order=order,
        payment=payment,
        amount_minor=amount_minor,
        currency=order.currency,
        reason=reason,
        actor_id=actor.id,
        request_key=request_key,
        restock=[{"variant_id": str(line.variant_id), "quantity": line.quantity} for line in restock],
    )
    returned = credit(order, taken, kind=CreditKind.REFUND, source=str(refund.pk), refund=refund)
    refund.commission_returned_minor = returned.commission_minor
    refund.save(update_fields=["commission_returned_minor"])
    _look_again(payment)
    _take_back(order, restock)
    record_event(order, "refund_requested", actor, reason=reason, amount_minor=amount_minor)
    enqueue("refund.send", refund_id=refund.pk)
    return refund


def refundable_payment(order: Order, *, for_update: bool = False) -> Payment:
    """The payment that can be given back, locked if so wanted. Raises NotRefundable, DisputeOpen."""
    payments = order.payments.select_for_update() if for_update else order.payments
    payment = payments.filter(status=PaymentStatus.CAPTURED).first()
    if payment is None:
        raise NotRefundable()
    if dispute := Dispute.objects.filter(charge_id=payment.transaction_id, closed_at=None).first():
        raise DisputeOpen(dispute_id=dispute.pk)
    return payment


def take_from_lines(
    order: Order,
    payment: Payment,
    amount_minor: int | None,
    units: Mapping[int, int] | None,
    *,
    with_shipping: bool,
) -> list[Taken]:
    """What a refund takes of each line. Raises NotFound, OverRefund, TooManyUnitsBack, Invalid."""
    lines = list(order.lines.all())
    left = min(
        payment.captured_minor - payment.refunded_minor,
        sum(line.paid_minor - line.credited_minor for line in lines),
    )
    if units is not None:
        taken = by_units(lines, units, with_shipping=with_shipping)
        if amount_minor is None:
            return taken
        named = [line for line in lines if line.pk in units]
        most = sum(line.paid_minor - line.credited_minor for line in named)
        if amount_minor > most:
            raise _over(order, amount_minor, most)
        by_line = {part.line.pk: part.quantity for part in taken}
        taken = by_amount(named, amount_minor)
        for part in taken:
            part.quantity = by_line[part.line.pk]
        return taken
    amount_minor = left if amount_minor is None else amount_minor
    if amount_minor <= 0 and left > 0:
        raise Invalid(field="amount_minor", reason="must be above 0")
    if amount_minor > left or not left:
        raise _over(order, amount_minor, left)
    return by_amount(lines, amount_minor)


def _over(order: Order, requested: int, left: int) -> OverRefund:
    return OverRefund(
        requested=Money(requested, order.currency).as_json(), left=Money(left, order.currency).as_json()
    )


def _count(payment: Payment, amount_minor: int) -> None:
    """The conditional UPDATE that decides: no more is ever promised than was captured. Raises OverRefund, Invalid."""
    if amount_minor <= 0:
        raise Invalid(field="lines", reason="there is nothing left to refund of these lines")
    counted = Payment.objects.filter(pk=payment.pk, captured_minor__gte=F("refunded_minor") + amount_minor)
    if not counted.update(refunded_minor=F("refunded_minor") + amount_minor):
        raise _over(payment.order, amount_minor, payment.captured_minor - payment.refunded_minor)


def _take_back(order: Order, restock: Sequence[StockLine]) -> None:
    """Goods that come back go on the shelf again, no more than were sold."""
    for line in restock:
        returned = OrderLine.objects.filter(
            order=order, variant_id=line.variant_id, quantity__gte=F("returned_quantity") + line.quantity
        ).update(returned_quantity=F("returned_quantity") + line.quantity)
        if not returned:
            raise Invalid(field="restock", reason="more units than were sold, or not of this order")
    change_stock(MovementKind.RETURN, restock, order_id=order.pk, reason="refund")


def send_refund(*, refund_id: UUID) -> None:
    """Make a promised refund at Stripe, outside of any transaction, under the key `refund:{id}`. Safe to run again."""
    refund = Refund.objects.select_related("payment").filter(pk=refund_id).first()
    if refund is None or refund.status != RefundStatus.REQUESTED:
        return
    try:
        with stripe_api() as stripe:
            made = _find_at_stripe(stripe, refund) or plain(
                stripe.v1.refunds.create(
                    params={
                        "charge": refund.payment.transaction_id or "",
                        "amount": refund.amount_minor,
                        "metadata": {"tenant": str(current_tenant().pk), "refund": str(refund.pk)},
                    },
                    options={"idempotency_key": own_key(f"refund:{refund.pk}")},
                )
            )
    except PaymentProviderRefused as error:
        with transaction.atomic():
            _fail(_lock(refund.pk), {"error": error.facts})
        return
    with transaction.atomic():
        refund = _lock(refund.pk)
        record_refund(refund.order, refund.payment, _charge_of(refund.payment), made)


def _charge_of(payment: Payment) -> Charge | None:
    """In the books; None where the storefront's money is in nobody's."""
    if not current_tenant().keeps_books:
        return None
    return Charge.objects.get(charge_id=payment.transaction_id)


def _look_again(payment: Payment) -> None:
    """Whether the sale's money may be paid out."""
    if current_tenant().keeps_books:
        refresh_charge(payment.transaction_id or "")


def _find_at_stripe(stripe: Any, refund: Refund) -> dict[str, Any] | None:
    """Stripe forgets idempotency keys after a day; a refund that old is looked up before it is made again."""
    if (now() - refund.created_at).total_seconds() < 20 * 3600:
        return None
    for candidate in stripe.v1.refunds.list(
        params={"charge": refund.payment.transaction_id or "", "limit": 100}
    ).data:
        if (plain(candidate).get("metadata") or {}).get("refund") == str(refund.pk):
            return plain(candidate)
    return None


def _lock(refund_id: UUID) -> Refund:
    """Locks the order first, like everybody."""
    order_id = Refund.objects.values_list("order_id", flat=True).get(pk=refund_id)
    order = Order.objects.select_for_update().get(pk=order_id)
    refund = Refund.objects.select_for_update(of=("self",)).select_related("payment").get(pk=refund_id)
    refund.order = order
    return refund


def sync_refunds(*, charge_id: str) -> None:
    """Read all refunds of a charge from Stripe and record each, in the charge's tenant. Needs the charge to be ours.

    A charge of a staging copy is in no books: it is looked for in the copy that is being served.
    """
    charge = Charge.objects.select_related("tenant").filter(charge_id=charge_id).first()
    if charge is None:
        _sync_unbooked(charge_id)
        return
    with tenant_scope(charge.tenant):
        _record_listed(charge.order_id, charge.payment_id, charge, list_refunds(charge_id))


def _sync_unbooked(charge_id: str) -> None:
    """Raises Charge.DoesNotExist where no staging copy is served that has such a payment."""
    served = tenant_connection.tenant
    is_unbooked = isinstance(served, Tenant) and not served.keeps_books
    payment = Payment.objects.filter(transaction_id=charge_id).first() if is_unbooked else None
    if payment is None:
        raise Charge.DoesNotExist(f"charge {charge_id}")
    _record_listed(payment.order_id, payment.pk, None, list_refunds(charge_id))


@transaction.atomic
def _record_listed(
    order_id: UUID, payment_id: UUID, charge: Charge | None, listed: Sequence[dict[str, Any]]
) -> None:
    order = Order.objects.select_for_update().get(pk=order_id)
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    for made in listed:
        record_refund(order, payment, charge, made)


def list_refunds(charge_id: str) -> list[dict[str, Any]]:
    """Every refund Stripe knows of a charge."""
    with stripe_api() as stripe:
        pages = stripe.v1.refunds.list(params={"charge": charge_id, "limit": 100})
        return [plain(made) for made in pages.auto_paging_iter()]


def record_refunds(*, charge_id: str) -> None:
    """The charge says something was refunded: a job reads what, since this runs inside a transaction."""
    enqueue("refund.sync", charge_id=charge_id)


def record_refund(order: Order, payment: Payment, charge: Charge | None, made: dict[str, Any]) -> None:
    """Bring one refund to what Stripe says of it. The order must be locked by the caller; applied again it does nothing.
    Without a charge nothing is booked.

    A refund we did not ask for (Stripe's dashboard) becomes one of ours.
    """
    refund = (
        Refund.objects.filter(transaction_id=made["id"]).first()
        or _requested_one(order, made)
        or _adopt(order, payment, made)
    )
    moment = datetime.fromtimestamp(made["created"], UTC)
    if refund.transaction_id is None:
        refund.transaction_id = made["id"]
        refund.save(update_fields=["transaction_id"])
    if (
        made["status"] in ("succeeded", "pending")
        and refund.status == RefundStatus.REQUESTED
        and made.get("balance_transaction")
    ):
        _succeed(order, charge, refund, made, moment)
    elif made["status"] in ("failed", "canceled") and refund.status != RefundStatus.FAILED:
        if refund.status == RefundStatus.REQUESTED and made.get("balance_transaction"):
            _succeed(order, charge, refund, made, moment, tell=False)
        if refund.status == RefundStatus.SUCCEEDED:
            _undo(order, charge, refund)
        _fail(refund, _response(made))


def _undo(order: Order, charge: Charge | None, refund: Refund) -> None:
    """The bank sent a refund back: the opposite is booked."""
    Order.objects.filter(pk=order.pk).update(refunded_minor=F("refunded_minor") - refund.amount_minor)
    if charge is None:
        return
    returned = returned_by(refund.pk)
    is_news = post(
        ledger_facts.refund_failed(charge, refund.transaction_id or "", refund.amount_minor, returned, now())
    )
    refresh_charge(charge.pk, refunded_by=-refund.amount_minor if is_news else 0)


def _requested_one(order: Order, made: dict[str, Any]) -> Refund | None:
    ours = (made.get("metadata") or {}).get("refund")
    return Refund.objects.filter(order=order, pk=ours).first() if ours else None


def _adopt(order: Order, payment: Payment, made: dict[str, Any]) -> Refund:
    """Made at Stripe without us: it takes its part of what may be refunded like any other."""
    Payment.objects.filter(pk=payment.pk).update(refunded_minor=F("refunded_minor") + made["amount"])
    record_event(
        order, "refund_found", SYSTEM, reason="made in Stripe's dashboard", amount_minor=made["amount"]
    )
    refund = Refund.objects.create(
        order=order,
        payment=payment,
        amount_minor=made["amount"],
        currency=order.currency,
        reason="made in Stripe's dashboard",
        transaction_id=made["id"],
    )
    taken = by_amount(list(order.lines.all()), made["amount"])
    returned = credit(order, taken, kind=CreditKind.REFUND, source=str(refund.pk), refund=refund)
    refund.commission_returned_minor = returned.commission_minor
    refund.save(update_fields=["commission_returned_minor"])
    return refund


def _response(made: dict[str, Any]) -> dict[str, Any]:
    return {
        key: made.get(key)
        for key in ("id", "amount", "currency", "status", "reason", "failure_reason", "created", "charge")
    }


def _succeed(
    order: Order,
    charge: Charge | None,
    refund: Refund,
    made: dict[str, Any],
    moment: datetime,
    *,
    tell: bool = True,
) -> None:
    refund.succeed(at=moment, response=_response(made))
    refund.save()
    Order.objects.filter(pk=order.pk).update(refunded_minor=F("refunded_minor") + refund.amount_minor)
    if charge is not None:
        # A storefront that was restored learns again what the books know already.
        is_news = post(
            ledger_facts.refund(charge, made["id"], refund.amount_minor, returned_by(refund.pk), moment)
        )
        refresh_charge(charge.pk, refunded_by=refund.amount_minor if is_news else 0)
    if tell:
        notify_refunded(order, refund)


def _fail(refund: Refund, response: dict[str, Any]) -> None:
    """The promise is taken back: the amount may be refunded again, and the seller is told."""
    refund.fail(at=now(), response=response)
    refund.save(update_fields=["status", "settled_at", "gateway_response"])
    Payment.objects.filter(pk=refund.payment_id).update(
        refunded_minor=F("refunded_minor") - refund.amount_minor
    )
    take_credit_back(str(refund.pk))
    _look_again(refund.payment)
    notify_refund_failed(refund.order, refund)
