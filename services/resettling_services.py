"""What Stripe and the marketplace's books know of a storefront that was restored, and it does not.

Its archive is older than they are. Facts about orders that it has are read from Stripe again; what cannot be brought in
is listed for a person. The books are never changed by this: every fact is booked under its natural key, once.
"""

from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from django.db import connection
from django.db.models import Max

from core.clock import now
from core.errors import DomainError, Unavailable
from core.jobs import enqueue
from core.money import Money
from services.notification_services import without_mail
from services.payment_services import expire_order, sync_payment
from services.refund_services import sync_refunds
from services.stripe_outcomes import NotOurs, Quarantined
from shop.models import Order, OrderInvoice, OrderStatus, Payment, PaymentStatus, Refund, RefundStatus
from tenants.context import current_tenant

MOST_LISTED = 500
MOST_NAMED = 20


@dataclass
class Settled:
    """What was learned from Stripe: numbers of orders."""

    paid: list[int] = field(default_factory=list)
    refunded: list[int] = field(default_factory=list)
    expired: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class Differences:
    """What the books and Stripe say otherwise than the storefront, once settled.

    lost_orders: paid, in the books, unknown to the storefront (placed after the archive was made). not_in_books: paid as the
    storefront says, unknown to the books. other_amounts: another sum was refunded. open_disputes: that wait for an answer.
    refunds_waiting: promised when the archive was made; Stripe knows nothing of them. forgotten_again: orders and accounts
    whose person was forgotten after it was made. Each list is bounded, its count is not.
    """

    lost_orders: list[dict[str, Any]] = field(default_factory=list)
    not_in_books: list[dict[str, Any]] = field(default_factory=list)
    other_amounts: list[dict[str, Any]] = field(default_factory=list)
    open_disputes: list[dict[str, Any]] = field(default_factory=list)
    refunds_waiting: list[dict[str, Any]] = field(default_factory=list)
    lost_invoice_numbers: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    settled: Settled = field(default_factory=Settled)
    forgotten_again: int = 0

    @property
    def is_clean(self) -> bool:
        """Nothing for a person to look at."""
        return not any(self.counts.values()) and not self.settled.problems

    def as_json(self) -> dict[str, Any]:
        """For machines and for operations' reports."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        known = self.settled
        told = [
            f"{what}: {', '.join(map(str, numbers[:MOST_NAMED]))}{' ...' if len(numbers) > MOST_NAMED else ''}"
            for what, numbers in (
                ("Paid since then, as Stripe says", known.paid),
                ("Refunded since then, as Stripe says", known.refunded),
                ("Not paid in time, and cancelled", known.expired),
            )
            if numbers
        ]
        if self.forgotten_again:
            told.append(
                f"Forgotten again, since they were forgotten meanwhile: {self.forgotten_again} orders and accounts"
            )
        told += [f"PROBLEM {problem}" for problem in known.problems]
        told += [f"{what}: {self.counts[name]}" for name, what in WORDS.items() if self.counts.get(name)]
        return told or ["The books say the same."]


WORDS = {
    "lost_orders": "Paid orders that the archive does not have (refund them, or enter them again)",
    "not_in_books": "Paid orders that the books do not have",
    "other_amounts": "Orders of which the books have other amounts",
    "open_disputes": "Disputes that wait for an answer",
    "refunds_waiting": "Refunds that were promised and that Stripe does not know",
    "lost_invoice_numbers": "Numbers of invoices that were given since then",
}


def resettle() -> Settled:
    """Ask Stripe about every payment that the restored storefront thinks is open, and every charge whose refunds differ.

    While the storefront is served. Orders whose time to pay is over are cancelled; for the others that is asked for again. No
    mail is sent. Where Stripe does not answer, or something does not fit, that is among the problems.
    """
    settled = Settled()
    with without_mail():
        open_payments = Payment.objects.filter(status__in=(PaymentStatus.PENDING, PaymentStatus.AUTHORISED))
        for payment in open_payments.exclude(session_id=None, intent_id=None).select_related("order"):
            _tried(settled, f"order {payment.order.number}", partial(sync_payment, payment_id=payment.pk))
            if Payment.objects.get(pk=payment.pk).status == PaymentStatus.CAPTURED:
                settled.paid.append(payment.order.number)
        for number, charge_id in _refunded_elsewhere():
            if _tried(settled, f"order {number}", partial(sync_refunds, charge_id=charge_id)):
                settled.refunded.append(number)
        _expire(settled)
    return settled


def _tried(settled: Settled, what: str, action: Any) -> bool:
    try:
        action()
    except Unavailable:
        settled.problems.append(f"{what}: Stripe does not answer")
    except (NotOurs, Quarantined, DomainError) as error:
        settled.problems.append(f"{what}: {error}")
    else:
        return True
    return False


def _expire(settled: Settled) -> None:
    for order in Order.objects.filter(status=OrderStatus.PENDING).order_by("number"):
        if order.deadline_at > now():
            enqueue("order.expire", run_at=order.deadline_at, order_id=order.pk)
        elif _tried(settled, f"order {order.number}", partial(expire_order, order_id=order.pk)):
            settled.expired.append(order.number)


# The storefront's tables and the shared ones may be on different machines, so the shared ones are read by themselves first.
BOOKED = "WITH c AS MATERIALIZED (SELECT * FROM public.payouts_charge WHERE tenant_id = %s) "
CHARGES = BOOKED + "SELECT {columns} FROM c {join} WHERE {condition} ORDER BY c.captured_at"  # noqa: S608 - our own text
ELSEWHERE = CHARGES.format(
    columns="c.order_number, c.charge_id",
    join="JOIN shop_payment p ON p.transaction_id = c.charge_id"
    " CROSS JOIN LATERAL (SELECT coalesce(sum(r.amount_minor) FILTER (WHERE r.status = 'succeeded'), 0) AS done,"
    " count(*) FILTER (WHERE r.status = 'requested') AS waiting FROM shop_refund r WHERE r.payment_id = p.id) AS r",
    condition="(c.refunded_minor <> r.done OR r.waiting > 0)",
)
LOST = CHARGES.format(
    columns="c.order_number, c.charge_id, c.amount_minor, c.refunded_minor, c.currency, c.captured_at",
    join="LEFT JOIN shop_payment p ON p.id = c.payment_id",
    condition="p.id IS NULL",
)
OTHER = CHARGES.format(
    columns="c.order_number, c.charge_id, c.amount_minor, c.refunded_minor, c.currency, p.captured_minor, r.done",
    join="JOIN shop_payment p ON p.id = c.payment_id"
    " CROSS JOIN LATERAL (SELECT coalesce(sum(r.amount_minor), 0)::bigint AS done FROM shop_refund r"
    " WHERE r.payment_id = p.id AND r.status = 'succeeded') AS r",
    condition="(c.amount_minor <> p.captured_minor OR c.refunded_minor <> r.done)",
)
UNBOOKED = (
    BOOKED
    + """
SELECT o.number, p.transaction_id, p.captured_minor, p.currency, p.captured_at FROM shop_payment p
  JOIN shop_order o ON o.id = p.order_id LEFT JOIN c ON c.payment_id = p.id
 WHERE p.status = 'captured' AND c.charge_id IS NULL ORDER BY p.captured_at
"""
)
DISPUTES = """
SELECT c.order_number, d.dispute_id, d.amount_minor, d.currency, d.status, d.evidence_due_at
  FROM public.payouts_dispute d JOIN public.payouts_charge c ON c.charge_id = d.charge_id
 WHERE d.tenant_id = %s AND d.closed_at IS NULL ORDER BY d.opened_at
"""


def _refunded_elsewhere() -> list[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(ELSEWHERE, [current_tenant().pk])
        return cursor.fetchall()


def differences() -> Differences:
    """Compare the storefront being served with the books. Reads only; Stripe is not asked."""
    found = Differences()
    for name, query in (
        ("lost_orders", LOST),
        ("not_in_books", UNBOOKED),
        ("other_amounts", OTHER),
        ("open_disputes", DISPUTES),
    ):
        rows = _listed(query)
        found.counts[name] = len(rows)
        setattr(found, name, rows[:MOST_LISTED])
    waiting = (
        Refund.objects.filter(status=RefundStatus.REQUESTED).select_related("order").order_by("created_at")
    )
    found.counts["refunds_waiting"] = len(waiting)
    found.refunds_waiting = [
        {"order": refund.order.number, **Money(refund.amount_minor, refund.currency).as_json()}
        for refund in waiting[:MOST_LISTED]
    ]
    last = OrderInvoice.objects.aggregate(last=Max("number"))["last"] or 0
    found.lost_invoice_numbers = list(range(last + 1, current_tenant().invoice_floor + 1))[:MOST_LISTED]
    found.counts["lost_invoice_numbers"] = max(current_tenant().invoice_floor - last, 0)
    return found


def _listed(query: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(query, [current_tenant().pk])
        names = [column.name for column in cursor.description or ()]
        return [
            {
                name: value.isoformat() if hasattr(value, "isoformat") else value
                for name, value in zip(names, row, strict=True)
            }
            for row in cursor.fetchall()
        ]
