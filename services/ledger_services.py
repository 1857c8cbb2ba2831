"""The books: each fact posted once, balanced, and never changed. What is posted for which fact is in ledger_facts.

PostgreSQL refuses what is changed, deleted or unbalanced, and keeps the sellers' running balances with each posting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from core.clock import now
from core.db import marketplace_work
from core.renderers import dumps
from payouts.models import AccountKind, LedgerAccount
from services.ledger_facts import Fact, Leg
from tenants.models import Tenant

SELLERS_KINDS = {AccountKind.SELLER_PAYABLE, AccountKind.SELLER_RESERVE, AccountKind.DISPUTE_HOLD}
Holder = tuple[str, UUID | None, str]


class Unbalanced(ValueError):
    """The entries do not sum to zero: a bug. PostgreSQL would refuse the commit, too."""


# One statement for any number of facts: those whose key is known are left out, with their legs. The guards look at it once.
POST = """
WITH booked AS (
  INSERT INTO public.payouts_ledgertransaction (key, kind, tenant_id, order_id, facts, occurred_at, posted_at)
  SELECT f.key, f.kind, f.tenant_id, f.order_id, f.facts, f.occurred_at, %(now)s
    FROM unnest(%(keys)s::text[], %(kinds)s::text[], %(tenants)s::uuid[], %(orders)s::uuid[], %(facts)s::jsonb[],
                %(moments)s::timestamptz[]) AS f(key, kind, tenant_id, order_id, facts, occurred_at)
  ON CONFLICT (key) DO NOTHING RETURNING id, key
), posted AS (
  INSERT INTO public.payouts_ledgerentry (transaction_id, account_id, currency, amount_minor, part, charge_id)
  SELECT b.id, l.account_id, l.currency, l.amount_minor, l.part, l.charge_id
    FROM unnest(%(leg_keys)s::text[], %(accounts)s::bigint[], %(currencies)s::text[], %(amounts)s::bigint[],
                %(parts)s::text[], %(charges)s::text[])
         WITH ORDINALITY AS l(key, account_id, currency, amount_minor, part, charge_id, position)
    JOIN booked b ON b.key = l.key ORDER BY l.position
)
SELECT key, id FROM booked
"""


@marketplace_work
def post(*facts: Fact) -> dict[str, int]:
    """Book facts, each under its natural key, in the caller's transaction. Returns the id of each that is booked now.

    A fact that is booked already is left out. Locks: the sellers' ledger accounts, by id, until the transaction ends.
    Raises Unbalanced. A fact without a leg (a fee of 0) is no fact.
    """
    wanted = {fact.key: fact for fact in facts if any(leg.amount_minor for leg in fact.legs)}
    legs = [
        (fact, leg, _holder(leg.kind, fact.tenant_id, fact.currency))
        for fact in wanted.values()
        for leg in fact.legs
        if leg.amount_minor
    ]
    if not wanted:
        return {}
    for fact in wanted.values():
        if sum(leg.amount_minor for leg in fact.legs):
            raise Unbalanced(f"{fact.key}: {fact.legs}")
    accounts = _account_ids({holder for _, _, holder in legs})
    values = list(wanted.values())
    with connection.cursor() as cursor:
        cursor.execute(
            POST,
            {
                "now": now(),
                "keys": [fact.key for fact in values],
                "kinds": [fact.kind for fact in values],
                "tenants": [fact.tenant_id for fact in values],
                "orders": [fact.order_id for fact in values],
                "facts": [dumps(fact.facts).decode() for fact in values],
                "moments": [fact.occurred_at for fact in values],
                "leg_keys": [fact.key for fact, _, _ in legs],
                "accounts": [accounts[holder] for _, _, holder in legs],
                "currencies": [fact.currency for fact, _, _ in legs],
                "amounts": [leg.amount_minor for _, leg, _ in legs],
                "parts": [leg.part.value for _, leg, _ in legs],
                "charges": [fact.charge_id if leg.kind in SELLERS_KINDS else None for fact, leg, _ in legs],
            },
        )
        return dict(cursor.fetchall())


def _holder(kind: AccountKind, tenant_id: UUID | None, currency: str) -> Holder:
    return kind.value, tenant_id if kind in SELLERS_KINDS else None, currency


def _account_ids(holders: set[Holder]) -> dict[Holder, int]:
    """The accounts' ids; those that nobody needed before are made."""
    found = _find_accounts(holders)
    if len(found) < len(holders):
        LedgerAccount.objects.bulk_create(
            [
                LedgerAccount(kind=kind, tenant_id=tenant_id, currency=currency)
                for kind, tenant_id, currency in sorted(holders - found.keys(), key=str)
            ],
            ignore_conflicts=True,
        )
        found = _find_accounts(holders)
    return found


def _find_accounts(holders: set[Holder]) -> dict[Holder, int]:
    kinds, tenants, currencies = zip(*holders, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.kind, a.tenant_id, a.currency, a.id FROM public.payouts_ledgeraccount a"
            " JOIN unnest(%s::text[], %s::uuid[], %s::text[]) AS h(kind, tenant_id, currency)"
            " ON a.kind = h.kind AND a.currency = h.currency AND a.tenant_id IS NOT DISTINCT FROM h.tenant_id",
            [list(kinds), list(tenants), list(currencies)],
        )
        return {
            (kind, tenant_id, currency): account_id
            for kind, tenant_id, currency, account_id in cursor.fetchall()
        }


def post_transaction(
    *,
    key: str,
    kind: str,
    currency: str,
    legs: Sequence[Leg],
    tenant: Tenant | None,
    occurred_at: datetime,
    **facts: Any,
) -> int | None:
    """Book one fact that has no function of its own. Returns its id, None where it is booked already. Raises Unbalanced."""
    fact = Fact(key, kind, currency, legs, tenant.pk if tenant else None, occurred_at, facts=facts)
    return post(fact).get(key)


@marketplace_work
def ledger_account(kind: AccountKind, tenant: Tenant | None, currency: str) -> LedgerAccount:
    """The account that holds this kind of money, made when first needed."""
    holder = _holder(kind, tenant.pk if tenant else None, currency)
    return LedgerAccount.objects.get(pk=_account_ids({holder})[holder])


# What is owed is a running balance; what of it must wait is summed from the entries that nobody was paid for yet.
BALANCES = """
SELECT a.currency, -sum(a.balance_minor) FILTER (WHERE a.kind = 'seller_payable'),
       coalesce((SELECT -sum(u.amount_minor) FROM public.payouts_unpaidentry u
                   JOIN public.payouts_ledgeraccount p ON p.id = u.account_id AND p.kind = 'seller_payable'
                   JOIN public.payouts_charge c ON c.charge_id = u.charge_id
                  WHERE p.tenant_id = %(tenant)s AND c.tenant_id = %(tenant)s AND p.currency = a.currency
                    AND (c.available_at IS NULL OR c.available_at > %(at)s OR c.is_frozen)), 0),
       -sum(a.balance_minor) FILTER (WHERE a.kind = 'seller_reserve'),
       sum(a.balance_minor) FILTER (WHERE a.kind = 'dispute_hold'),
       (SELECT sum(p.amount_minor - p.reversed_minor) FROM public.payouts_payout p
         WHERE p.tenant_id = %(tenant)s AND p.currency = a.currency AND p.status IN ('sent', 'returned')),
       (SELECT sum(p.amount_minor - p.reversed_minor) FROM public.payouts_payout p
         WHERE p.tenant_id = %(tenant)s AND p.currency = a.currency AND p.transfer_id IS NOT NULL)
  FROM public.payouts_ledgeraccount a WHERE a.tenant_id = %(tenant)s
 GROUP BY a.currency ORDER BY a.currency
"""


def lock_account(account: LedgerAccount) -> int:
    """Let nobody post to an account until the transaction ends. Returns its balance. Postings lock theirs themselves."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT public.lock_ledger_account(%s)", [account.pk])
        return int(cursor.fetchone()[0])


@dataclass(frozen=True)
class Balance:
    """What a seller has in one currency, minor units.

    `pending` is owed but not available yet (a hold, an open dispute, a refund in progress), `available` can be paid out
    and may be negative (a debt), `reserved` is held back for a time, `in_transit` was moved to the seller's balance at
    Stripe and is not at the bank yet, `paid` is all that was ever moved, less what came back. Pending, available,
    reserved and paid together are what the seller has earned. `in_dispute` is what open disputes have withdrawn.
    """

    currency: str
    pending_minor: int
    available_minor: int
    reserved_minor: int
    in_dispute_minor: int
    in_transit_minor: int
    paid_minor: int

    @property
    def earned_minor(self) -> int:
        """Everything ever earned: sales less commission, fees, refunds and lost disputes."""
        return self.pending_minor + self.available_minor + self.reserved_minor + self.paid_minor


def seller_balances(*, tenant_id: UUID, at: datetime | None = None) -> list[Balance]:
    """The balances of a seller, one per currency. Reads a few rows, however long the history is."""
    with connection.cursor() as cursor:
        cursor.execute(BALANCES, {"tenant": tenant_id, "at": at or now()})
        rows = cursor.fetchall()
    balances = []
    for currency, *amounts in rows:
        owed, pending, reserved, in_dispute, in_transit, paid = (int(amount or 0) for amount in amounts)
        balances.append(Balance(currency, pending, owed - pending, reserved, in_dispute, in_transit, paid))
    return balances
