"""The books: each fact posted once, balanced, and never changed.

Signs are written from our side: an asset or expense grows with +, a liability or income with -.
Every function is called inside the transaction that records the fact, and returns None when the fact is booked already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from core.clock import now
from core.renderers import dumps
from payouts.models import (
    AccountKind,
    Charge,
    EntryPart,
    FeeBearer,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
)
from tenants.models import Tenant

SELLERS_KINDS = {AccountKind.SELLER_PAYABLE, AccountKind.SELLER_RESERVE, AccountKind.DISPUTE_HOLD}


class Unbalanced(ValueError):
    """The entries do not sum to zero: a bug. PostgreSQL would refuse the commit, too."""


@dataclass(frozen=True)
class Leg:
    """One entry to be posted."""

    kind: AccountKind
    amount_minor: int
    part: EntryPart


def post_transaction(
    *,
    key: str,
    kind: str,
    currency: str,
    legs: Sequence[Leg],
    tenant: Tenant | None,
    occurred_at: datetime,
    charge_id: str | None = None,
    order_id: UUID | None = None,
    **facts: Any,
) -> LedgerTransaction | None:
    """Book one fact under its natural key. None where it is booked already. Raises Unbalanced."""
    legs = [leg for leg in legs if leg.amount_minor]
    if sum(leg.amount_minor for leg in legs) or len(legs) < 2:
        raise Unbalanced(f"{key}: {legs}")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.payouts_ledgertransaction (key, kind, tenant_id, order_id, facts, occurred_at, posted_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING RETURNING id",
            [key, kind, tenant.pk if tenant else None, order_id, dumps(facts).decode(), occurred_at, now()],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            transaction_id=row[0],
            account=ledger_account(leg.kind, tenant, currency),
            currency=currency,
            amount_minor=leg.amount_minor,
            part=leg.part,
            charge_id=charge_id if leg.kind in SELLERS_KINDS else None,
        )
        for leg in legs
    )
    return LedgerTransaction.objects.get(pk=row[0])


def ledger_account(kind: AccountKind, tenant: Tenant | None, currency: str) -> LedgerAccount:
    """The account that holds this kind of money, made when first needed."""
    holder = tenant if kind in SELLERS_KINDS else None
    account, _ = LedgerAccount.objects.get_or_create(kind=kind, tenant=holder, currency=currency)
    return account


def post_capture(charge: Charge, *, tenant: Tenant, commission_minor: int) -> LedgerTransaction | None:
    """A payment was captured: Stripe holds it, we owe it to the seller, less our commission."""
    return post_transaction(
        key=f"charge:{charge.charge_id}",
        kind="capture",
        currency=charge.currency,
        tenant=tenant,
        occurred_at=charge.captured_at,
        charge_id=charge.charge_id,
        order_id=charge.order_id,
        legs=[
            Leg(AccountKind.STRIPE_BALANCE, charge.amount_minor, EntryPart.SALE),
            Leg(AccountKind.SELLER_PAYABLE, -charge.amount_minor, EntryPart.SALE),
            Leg(AccountKind.SELLER_PAYABLE, commission_minor, EntryPart.COMMISSION),
            Leg(AccountKind.COMMISSION_INCOME, -commission_minor, EntryPart.COMMISSION),
        ],
    )


def post_fee(
    charge: Charge, *, tenant: Tenant, fee_bearer: str, occurred_at: datetime
) -> LedgerTransaction | None:
    """Stripe's fee of a charge, as Stripe reports it, borne as the order's rule says."""
    if not charge.fee_minor:
        return None
    bearer = AccountKind.SELLER_PAYABLE if fee_bearer == FeeBearer.SELLER else AccountKind.PROCESSING_FEES
    return post_transaction(
        key=f"fee:{charge.balance_transaction_id}",
        kind="fee",
        currency=charge.currency,
        tenant=tenant,
        occurred_at=occurred_at,
        charge_id=charge.charge_id,
        order_id=charge.order_id,
        legs=[
            Leg(bearer, charge.fee_minor, EntryPart.FEE),
            Leg(AccountKind.STRIPE_BALANCE, -charge.fee_minor, EntryPart.FEE),
        ],
    )


def post_refund(
    charge: Charge,
    *,
    tenant: Tenant,
    stripe_refund_id: str,
    amount_minor: int,
    commission_minor: int,
    occurred_at: datetime,
    failed: bool = False,
) -> LedgerTransaction | None:
    """A refund left Stripe's balance; the seller bears it and gets commission back. `failed` posts the opposite."""
    sign = -1 if failed else 1
    return post_transaction(
        key=f"refund{'_failed' if failed else ''}:{stripe_refund_id}",
        kind="refund_failed" if failed else "refund",
        currency=charge.currency,
        tenant=tenant,
        occurred_at=occurred_at,
        charge_id=charge.charge_id,
        order_id=charge.order_id,
        legs=[
            Leg(AccountKind.SELLER_PAYABLE, sign * amount_minor, EntryPart.REFUND),
            Leg(AccountKind.STRIPE_BALANCE, -sign * amount_minor, EntryPart.REFUND),
            Leg(AccountKind.SELLER_PAYABLE, -sign * commission_minor, EntryPart.COMMISSION_RETURNED),
            Leg(AccountKind.COMMISSION_INCOME, sign * commission_minor, EntryPart.COMMISSION_RETURNED),
        ],
    )


def post_transfer(
    *,
    transfer_id: str,
    payout_id: UUID,
    tenant: Tenant,
    amount_minor: int,
    currency: str,
    occurred_at: datetime,
) -> LedgerTransaction | None:
    """Earnings moved to the seller's own balance at Stripe."""
    return post_transaction(
        key=f"transfer:{transfer_id}",
        kind="transfer",
        currency=currency,
        tenant=tenant,
        occurred_at=occurred_at,
        payout_id=payout_id,
        legs=[
            Leg(AccountKind.SELLER_PAYABLE, amount_minor, EntryPart.TRANSFER),
            Leg(AccountKind.STRIPE_BALANCE, -amount_minor, EntryPart.TRANSFER),
        ],
    )


BALANCES = """
SELECT a.currency,
       coalesce(-sum(e.amount_minor) FILTER (WHERE e.charge_id IS NOT NULL AND (c.available_at IS NULL OR c.available_at > %(at)s)), 0),
       coalesce(-sum(e.amount_minor) FILTER (WHERE e.charge_id IS NULL OR c.available_at <= %(at)s), 0),
       coalesce(sum(e.amount_minor) FILTER (WHERE e.part = 'transfer'), 0)
  FROM public.payouts_ledgeraccount a
  JOIN public.payouts_ledgerentry e ON e.account_id = a.id
  LEFT JOIN public.payouts_charge c ON c.charge_id = e.charge_id
 WHERE a.tenant_id = %(tenant)s AND a.kind = 'seller_payable'
 GROUP BY a.currency ORDER BY a.currency
"""


@dataclass(frozen=True)
class Balance:
    """What a seller has in one currency, minor units. `available` may be negative: a debt."""

    currency: str
    pending_minor: int
    available_minor: int
    paid_minor: int


def seller_balances(*, tenant_id: UUID, at: datetime | None = None) -> list[Balance]:
    """Pending, available and paid per currency, from the entries themselves."""
    with connection.cursor() as cursor:
        cursor.execute(BALANCES, {"tenant": tenant_id, "at": at or now()})
        return [Balance(*row) for row in cursor.fetchall()]
