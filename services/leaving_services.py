"""What stands against erasing a storefront: money on its way, orders to be sent, invoices to be written. In words, with what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from core.clock import now
from core.db import marketplace_work
from core.errors import Conflict
from core.money import Money
from payouts.models import AccountKind
from services.invoice_services import CHARGED, RETURNED
from services.schema_names import must_be_generated
from tenants.models import Tenant, TenantStatus


@dataclass(frozen=True)
class Reason:
    """Why a storefront cannot be erased now: a stable word, a sentence, and what to do about it."""

    code: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.remedy}".strip()


class NotErasable(Conflict):
    """Something stands against it. Facts: reasons, reason."""

    code = "not_erasable"
    title = "This storefront cannot be erased now"
    detail = "{reason}"

    def __init__(self, reasons: Sequence[Reason]) -> None:
        self.reasons = list(reasons)
        super().__init__(
            reason=" ".join(str(reason) for reason in reasons), reasons=[reason.code for reason in reasons]
        )


@marketplace_work
def why_not_erasable(tenant: Tenant) -> list[Reason]:
    """What stands against erasing it now; empty where nothing does."""
    return what_stands_against([tenant])[tenant.pk]


@marketplace_work
def what_stands_against(tenants: Sequence[Tenant]) -> dict[UUID, list[Reason]]:
    """For each of these storefronts what stands against erasing it. Four queries, however many they are.

    A staging copy's orders and money are nobody's: it only has to be closed.
    """
    reasons = {tenant.pk: _of_life(tenant) for tenant in tenants}
    real = [tenant for tenant in tenants if not tenant.is_staging and tenant.status != TenantStatus.ERASED]
    if real:
        books, shops = _books([tenant.pk for tenant in real]), _shops(real)
        for tenant in real:
            reasons[tenant.pk] += [*_of_money(books[tenant.pk]), *_of_orders(shops.get(tenant.pk, {}))]
    return reasons


@marketplace_work
def unfinished(tenant: Tenant) -> list[Reason]:
    """What the seller has to do before they close their storefront: after that they cannot."""
    return _of_orders(_shops([tenant]).get(tenant.pk, {}))


# Reading -----------------------------------------------------------------------------------------------------------------

BOOKS = """
SELECT t.id,
  (SELECT json_agg(json_build_array(a.kind, a.currency, a.balance_minor) ORDER BY a.kind, a.currency)
     FROM public.payouts_ledgeraccount a WHERE a.tenant_id = t.id AND a.balance_minor <> 0),
  (SELECT count(*) FROM public.payouts_debt d JOIN public.payouts_ledgeraccount a ON a.id = d.account_id
    WHERE a.tenant_id = t.id),
  (SELECT json_object_agg(p.status, p.many) FROM (SELECT status, count(*) AS many FROM public.payouts_payout
    WHERE tenant_id = t.id AND status IN ('requested', 'unknown', 'sent') GROUP BY 1) p),
  (SELECT count(*) FROM public.payouts_transferreversal r JOIN public.payouts_payout p ON p.id = r.payout_id
    WHERE p.tenant_id = t.id AND r.status = 'requested'),
  (SELECT count(*) FROM public.payouts_dispute d WHERE d.tenant_id = t.id AND d.closed_at IS NULL),
  (SELECT min(x.posted_at) FROM public.payouts_ledgertransaction x
     JOIN public.payouts_ledgerentry e ON e.transaction_id = x.id AND e.part = ANY(%(parts)s)
     JOIN public.payouts_ledgeraccount a ON a.id = e.account_id AND a.kind = 'seller_payable'
    WHERE x.tenant_id = t.id AND NOT EXISTS (SELECT FROM public.payouts_commissioninvoice i
      WHERE i.tenant_id = t.id AND i.currency = e.currency
        AND i.month = date_trunc('month', x.posted_at AT TIME ZONE 'UTC')::date))
  FROM unnest(%(tenants)s::uuid[]) AS t(id)
"""
COLUMNS = ("balances", "debts", "payouts", "reversals", "disputes", "uninvoiced")
SHOP = """
SELECT '{schema}', (SELECT count(*) FROM "{schema}".shop_order WHERE status = 'pending'),
       (SELECT count(*) FROM "{schema}".shop_order WHERE status = 'confirmed'),
       (SELECT count(*) FROM "{schema}".shop_refund WHERE status = 'requested')
"""


def _books(tenant_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(BOOKS, {"tenants": list(tenant_ids), "parts": [*CHARGED, *RETURNED]})
        return {row[0]: dict(zip(COLUMNS, row[1:], strict=True)) for row in cursor.fetchall()}


def _shops(tenants: Sequence[Tenant]) -> dict[UUID, dict[str, int]]:
    """Open orders and refunds of each, where there is a schema to look into."""
    by_schema = {must_be_generated(tenant.schema_name): tenant.pk for tenant in tenants}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s FROM unnest(%s::text[]) AS s WHERE to_regclass(s || '.shop_refund') IS NOT NULL",
            [list(by_schema)],
        )
        there = [schema for (schema,) in cursor.fetchall()]
        if not there:
            return {}
        cursor.execute(" UNION ALL ".join(SHOP.format(schema=schema) for schema in there))
        return {
            by_schema[schema]: {"pending": pending, "confirmed": confirmed, "refunds": refunds}
            for schema, pending, confirmed, refunds in cursor.fetchall()
        }


# In words ----------------------------------------------------------------------------------------------------------------


def _of_life(tenant: Tenant) -> list[Reason]:
    if tenant.status == TenantStatus.ERASED:
        return [Reason("erased", "It is erased already.")]
    if tenant.status != TenantStatus.CLOSED:
        return [Reason("not_closed", "It is not closed.", "Close it first.")]
    if tenant.is_staging:
        return []
    if tenant.erase_after is None:
        return [
            Reason(
                "no_date",
                "It was closed before closed storefronts were erased, so its owner was told of no day.",
                "Reopen it and close it again.",
            )
        ]
    if tenant.erase_after > now():
        return [
            Reason(
                "grace",
                f"The closing can be taken back until {_day(tenant.erase_after)}.",
                "It is erased by itself after that day.",
            )
        ]
    return []


def _day(moment: datetime | date) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _of_money(found: dict[str, Any]) -> list[Reason]:
    reasons = []
    for kind, currency, balance in found["balances"] or ():
        amount = Money(abs(balance), currency).format()
        if kind == AccountKind.SELLER_PAYABLE and balance < 0:
            reasons.append(
                Reason(
                    "payable",
                    f"The seller is owed {amount}.",
                    "Wait for its payout; below the minimum, lower that under Terms and start a payout run.",
                )
            )
        elif kind == AccountKind.SELLER_PAYABLE:
            reasons.append(
                Reason("owes", f"The seller owes {amount}.", "Take it back from a transfer, or write it off.")
            )
        elif kind == AccountKind.SELLER_RESERVE:
            reasons.append(
                Reason(
                    "reserve",
                    f"{amount} of the seller's is in reserve.",
                    "Wait until its time is over; then it is paid out.",
                )
            )
        else:
            reasons.append(Reason("held", f"{amount} is held for disputes.", "Wait for the bank's decision."))
    if found["debts"]:
        reasons.append(
            Reason(
                "debt", "A debt of the seller's is open.", "Take it back from a transfer, or write it off."
            )
        )
    return reasons + _of_what_moves(found)


PAYOUTS = {
    "requested": ("is asked for and not made", "Wait for the worker."),
    "unknown": ("may or may not have been made", "Look it up at Stripe, under Payouts."),
    "sent": ("is on its way to the bank", "Wait until Stripe says that it arrived."),
}


def _of_what_moves(found: dict[str, Any]) -> list[Reason]:
    reasons = []
    for status, many in sorted((found["payouts"] or {}).items()):
        words, remedy = PAYOUTS[status]
        reasons.append(Reason(f"payout_{status}", f"{_count(many, 'payout')} that {words}.", remedy))
    if many := found["reversals"]:
        reasons.append(
            Reason("reversal", f"{_count(many, 'reversal')} that is not made.", "Wait for the worker.")
        )
    if many := found["disputes"]:
        reasons.append(Reason("dispute", f"{_count(many, 'open dispute')}.", "Wait for the bank's decision."))
    if found["uninvoiced"]:
        reasons.append(
            Reason(
                "uninvoiced",
                f"The commission of {found['uninvoiced']:%B %Y} is not invoiced.",
                "It is on the second day of the month after; or run: manage.py invoices.",
            )
        )
    return reasons


def _of_orders(found: dict[str, int]) -> list[Reason]:
    reasons = []
    if many := found.get("pending"):
        reasons.append(
            Reason("pending", f"{_count(many, 'order')} that may still be paid.", "Wait, or cancel it.")
        )
    if many := found.get("confirmed"):
        reasons.append(
            Reason(
                "confirmed",
                f"{_count(many, 'order')} to be sent.",
                "Send it, or cancel it and give the money back; for that a closed storefront is reopened.",
            )
        )
    if many := found.get("refunds"):
        reasons.append(
            Reason("refund", f"{_count(many, 'refund')} on the way to a buyer.", "Wait until Stripe made it.")
        )
    return reasons


def _count(many: int, noun: str) -> str:
    return f"{many} {noun}{'' if many == 1 else 's'}"
