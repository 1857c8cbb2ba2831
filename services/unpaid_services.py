"""Why money is not paid yet: one decision, made in PostgreSQL for one sale as for all of them."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString
from uuid import UUID

from django.db import connection

from core.clock import now
from core.errors import Invalid
from core.money import Money
from core.pagination import decode_cursor, encode_cursor
from payouts.models import PayoutSchedule, SellerAccount
from services.ledger_services import Balance, seller_balances
from services.payout_services import minimum_of
from services.schedule_services import next_payout_on

STATES = (
    "dispute_open",
    "refund_in_progress",
    "awaiting_fee",
    "awaiting_delivery",
    "hold",
    "return_window",
    "funds_pending",
    "paused",
    "account_restricted",
    "debt",
    "below_minimum",
    "on_request",
    "scheduled",
    "nothing_due",
)
# States in which nothing of the seller is paid, whatever a sale has left.
ALL_STAYS = ("paused", "account_restricted", "debt")

# What is unpaid of each sale, and the first thing that stands in its way. `is_pending` as the balance counts it. What
# stands in the way of money that is available is the seller's standing in its currency: `due` of what is owed to the
# seller, `settled` of what refunds, fees or disputes have eaten up. Refunds are the storefront's: on a cluster they are on
# another machine, and asked for by themselves.
JUDGED: LiteralString = """
WITH refunding AS MATERIALIZED (
  SELECT r.order_id FROM shop_refund r WHERE r.status = 'requested'
), unpaid AS (
  SELECT u.charge_id, -sum(u.amount_minor) AS unpaid_minor
    FROM public.payouts_ledgeraccount a JOIN public.payouts_unpaidentry u ON u.account_id = a.id
   WHERE a.tenant_id = %(tenant)s AND a.kind = 'seller_payable' AND u.charge_id IS NOT NULL
     AND (%(charges)s::text[] IS NULL OR u.charge_id = ANY(%(charges)s::text[]))
   GROUP BY u.charge_id
), judged AS (
  SELECT c.charge_id, c.order_id, c.order_number, c.currency, c.captured_at, c.available_at, c.return_days, u.unpaid_minor,
         c.is_frozen OR c.available_at IS NULL OR c.available_at > %(at)s AS is_pending,
         CASE WHEN c.is_frozen AND EXISTS (
                SELECT 1 FROM public.payouts_dispute d WHERE d.charge_id = c.charge_id AND d.closed_at IS NULL)
              THEN 'dispute_open'
              WHEN c.is_frozen AND EXISTS (
                SELECT 1 FROM refunding r WHERE r.order_id = c.order_id)
              THEN 'refund_in_progress'
              WHEN c.fee_minor IS NULL THEN 'awaiting_fee'
              WHEN c.available_at IS NULL THEN 'awaiting_delivery'
              WHEN c.available_at > %(at)s THEN
                CASE WHEN c.available_at = c.hold_until THEN 'hold'
                     WHEN c.available_at = c.delivered_at + make_interval(hours => 24 * c.return_days) THEN 'return_window'
                     ELSE 'funds_pending' END
              WHEN u.unpaid_minor > 0 THEN s.due ELSE s.settled END AS state
    FROM unpaid u JOIN public.payouts_charge c ON c.charge_id = u.charge_id
    JOIN unnest(%(currencies)s::text[], %(due)s::text[], %(settled)s::text[]) AS s(currency, due, settled)
      ON s.currency = c.currency
)
"""
CHOSEN: LiteralString = """
, chosen AS (
  SELECT * FROM judged j
   WHERE (%(state)s::text IS NULL OR j.state = %(state)s::text)
     AND (%(is_pending)s::boolean IS NULL OR j.is_pending = %(is_pending)s::boolean)
     AND (%(before)s::timestamptz IS NULL OR (j.captured_at, j.charge_id) < (%(before)s::timestamptz, %(before_id)s::text))
   ORDER BY j.captured_at DESC, j.charge_id DESC LIMIT %(limit)s
)
"""
COLUMNS: LiteralString = """
       j.charge_id, j.order_id, j.order_number, j.currency, j.captured_at, j.unpaid_minor, j.state, j.return_days,
       CASE WHEN j.state IN ('hold', 'return_window', 'funds_pending') THEN j.available_at END,
       CASE WHEN j.state = 'dispute_open' THEN (
         SELECT CASE WHEN d.status = 'needs_response' THEN d.evidence_due_at END FROM public.payouts_dispute d
          WHERE d.charge_id = j.charge_id AND d.closed_at IS NULL ORDER BY d.dispute_id LIMIT 1) END
"""
NEWEST: LiteralString = " ORDER BY j.captured_at DESC, j.charge_id DESC"
ROWS: LiteralString = CHOSEN + "SELECT" + COLUMNS + "FROM chosen j" + NEWEST
SUMS: LiteralString = """
SELECT j.currency, j.state, j.is_pending, count(*), sum(j.unpaid_minor) FROM judged j GROUP BY 1, 2, 3
"""
# Both of one look at the sales: there can be very many.
PAGE: LiteralString = (
    CHOSEN  # noqa: S608
    + ", added (currency, state, is_pending, sales, unpaid_minor) AS ("
    + SUMS
    + """), told AS (
  SELECT jsonb_agg(jsonb_build_array(a.currency, a.state, a.is_pending, a.sales, a.unpaid_minor)) AS sums FROM added a
)
SELECT told.sums,"""
    + COLUMNS
    + "FROM told LEFT JOIN chosen j ON true"
    + NEWEST
)
# What is unpaid and of no sale: what was taken back from payouts, and debts that were given up.
LOOSE = """
SELECT a.currency, -sum(u.amount_minor)
  FROM public.payouts_ledgeraccount a JOIN public.payouts_unpaidentry u ON u.account_id = a.id AND u.charge_id IS NULL
 WHERE a.tenant_id = %s AND a.kind = 'seller_payable' GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class Standing:
    """What stands between a seller's available money in one currency and the bank.

    `state`: paused, account_restricted, debt, below_minimum, on_request, scheduled. `pays_on` is the next payout's day.
    """

    currency: str
    state: str
    reason: str
    available_minor: int
    minimum_minor: int
    pays_on: date | None

    @property
    def pays_minor(self) -> int:
        """What a payout made now would be."""
        return self.available_minor if self.state in ("on_request", "scheduled") else 0

    @property
    def settled_state(self) -> str:
        """Of a sale that has nothing left for the seller."""
        return self.state if self.state in ALL_STAYS else "nothing_due"


@dataclass(frozen=True)
class Unpaid:
    """A sale with money that is not paid yet: how much (minor units), why, and until when, where that is known.

    `answer_by` is when an answer to its dispute is due.
    """

    charge_id: str
    order_id: UUID
    order_number: int
    currency: str
    captured_at: datetime
    unpaid_minor: int
    state: str
    reason: str
    until: datetime | None
    answer_by: datetime | None
    return_days: int | None


@dataclass(frozen=True)
class UnpaidSum:
    """How many sales wait for the same reason, and what is unpaid of them, in one currency."""

    currency: str
    state: str
    is_pending: bool
    sales: int
    unpaid_minor: int


def stand(account: SellerAccount, balance: Balance, *, at: datetime) -> Standing:
    """The seller's standing in the balance's currency. Reads nothing."""
    state, reason = _stand(account, balance, at)
    return Standing(
        currency=balance.currency,
        state=state,
        reason=reason,
        available_minor=balance.available_minor,
        minimum_minor=minimum_of(account, balance.currency),
        pays_on=next_payout_on(account, at),
    )


def _stand(account: SellerAccount, balance: Balance, at: datetime) -> tuple[str, str]:
    available, least = balance.available_minor, minimum_of(account, balance.currency)
    if account.payouts_paused_reason:
        return "paused", f"Payouts are paused: {account.payouts_paused_reason}"
    if not account.may_receive:
        return "account_restricted", "Finish your account at Stripe, so that it can receive payouts."
    if available < 0:
        owed = Money(-available, balance.currency).format()
        return "debt", f"It goes towards {owed} that refunds and disputes took after they were paid out."
    if available < least:
        has, needs = (Money(amount, balance.currency).format() for amount in (available, least))
        return "below_minimum", f"{has} is available; a payout needs at least {needs}."
    if account.schedule == PayoutSchedule.MANUAL:
        return "on_request", "It can be paid out: ask for a payout."
    day = next_payout_on(account, at)
    return "scheduled", f"It is part of the next payout{f', on {day:%d %B %Y}' if day else ''}."


def standings(*, tenant_id: UUID, at: datetime) -> dict[str, Standing]:
    """The seller's standing in each currency there is a balance of."""
    account = SellerAccount.objects.select_related("tenant").get(tenant_id=tenant_id)
    return {
        balance.currency: stand(account, balance, at=at)
        for balance in seller_balances(tenant_id=tenant_id, at=at)
    }


def why_unpaid(*, tenant_id: UUID, charge_ids: list[str], at: datetime | None = None) -> dict[str, Unpaid]:
    """The answer to "why is this not paid yet?" for each of these sales of the storefront being served. Three queries.

    Those that have nothing unpaid are left out.
    """
    at = at or now()
    found = standings(tenant_id=tenant_id, at=at)
    rows = _judge(ROWS, tenant_id, found, at, charges=charge_ids, **_EVERYTHING, limit=None)
    return {row[0]: _unpaid(row, found) for row in rows}


def unpaid_sales(
    *,
    tenant_id: UUID,
    standings: dict[str, Standing],
    at: datetime,
    state: str | None = None,
    is_pending: bool | None = None,
    cursor: str = "",
    limit: int = 25,
) -> tuple[list[Unpaid], str | None]:
    """A page of the storefront's unpaid sales, newest first, and the cursor of the next. One query. Raises Invalid (cursor)."""
    asked = _asked(state, is_pending, cursor, limit)
    return _page(_judge(ROWS, tenant_id, standings, at, **asked), standings, limit)


def unpaid_page(
    *,
    tenant_id: UUID,
    standings: dict[str, Standing],
    at: datetime,
    state: str | None = None,
    is_pending: bool | None = None,
    limit: int = 25,
) -> tuple[list[Unpaid], str | None, list[UnpaidSum]]:
    """The first page of `unpaid_sales`, the cursor of the next, and `unpaid_sums`. One query, for half of what two cost."""
    rows = _judge(PAGE, tenant_id, standings, at, **_asked(state, is_pending, "", limit))
    sums = [UnpaidSum(*told) for told in json.loads(rows[0][0] or "[]")]
    page, following = _page([row[1:] for row in rows if row[1] is not None], standings, limit)
    return page, following, _in_order(sums)


def _asked(state: str | None, is_pending: bool | None, cursor: str, limit: int) -> dict[str, Any]:
    before, before_id = _position(cursor) if cursor else (None, "")
    return {
        "state": state,
        "is_pending": is_pending,
        "before": before,
        "before_id": before_id,
        "limit": limit + 1,
    }


def _page(
    rows: list[tuple[Any, ...]], standings: dict[str, Standing], limit: int
) -> tuple[list[Unpaid], str | None]:
    page = [_unpaid(row, standings) for row in rows[:limit]]
    more = len(rows) > limit
    return page, encode_cursor([page[-1].captured_at.isoformat(), page[-1].charge_id]) if more else None


def unpaid_sums(*, tenant_id: UUID, standings: dict[str, Standing], at: datetime) -> list[UnpaidSum]:
    """All unpaid sales by currency and reason, in the order of STATES. One query."""
    rows = _judge(SUMS, tenant_id, standings, at)
    sums = [
        UnpaidSum(currency, state, is_pending, sales, int(minor))
        for currency, state, is_pending, sales, minor in rows
    ]
    return _in_order(sums)


def _in_order(sums: list[UnpaidSum]) -> list[UnpaidSum]:
    return sorted(sums, key=lambda each: (each.currency, STATES.index(each.state), not each.is_pending))


def unpaid_of_no_sale(*, tenant_id: UUID) -> dict[str, int]:
    """What is unpaid and of no sale, per currency, minor units: reversals of payouts, and debts that were given up."""
    with connection.cursor() as cursor:
        cursor.execute(LOOSE, [tenant_id])
        return {currency: int(minor) for currency, minor in cursor.fetchall()}


_EVERYTHING: dict[str, Any] = {"state": None, "is_pending": None, "before": None, "before_id": ""}


def _judge(
    query: LiteralString,
    tenant_id: UUID,
    standings: dict[str, Standing],
    at: datetime,
    *,
    charges: list[str] | None = None,
    **params: Any,
) -> list[tuple[Any, ...]]:
    found = list(standings.values())
    with connection.cursor() as cursor:
        cursor.execute(
            JUDGED + query,
            {
                "tenant": tenant_id,
                "at": at,
                "charges": charges,
                "currencies": [each.currency for each in found],
                "due": [each.state for each in found],
                "settled": [each.settled_state for each in found],
                **params,
            },
        )
        return cursor.fetchall()


def _position(cursor: str) -> tuple[datetime, str]:
    try:
        moment, charge_id = decode_cursor(cursor, 2)
        before = datetime.fromisoformat(moment)
    except (TypeError, ValueError) as error:
        raise Invalid(
            field="cursor", reason="does not belong to this list; start again without it"
        ) from error
    if before.tzinfo is None or not isinstance(charge_id, str) or "\0" in charge_id:
        raise Invalid(field="cursor", reason="does not belong to this list; start again without it")
    return before, charge_id


def _unpaid(row: tuple[Any, ...], standings: dict[str, Standing]) -> Unpaid:
    charge_id, order_id, number, currency, captured_at, minor, state, return_days, until, answer_by = row
    return Unpaid(
        charge_id=charge_id,
        order_id=order_id,
        order_number=number,
        currency=currency,
        captured_at=captured_at,
        unpaid_minor=int(minor),
        state=state,
        reason=_reason(state, standings[currency], return_days, answer_by),
        until=until,
        answer_by=answer_by,
        return_days=return_days,
    )


SAID = {
    "dispute_open": "The buyer's bank disputes this payment.",
    "refund_in_progress": "A refund of this order is being made.",
    "awaiting_fee": "Stripe has not told its fee yet.",
    "hold": "Sales are held for a time before they are paid out.",
    "return_window": "The buyer can still return the order.",
    "funds_pending": "Stripe has not received the money from the buyer's bank yet.",
    "nothing_due": "Refunds, fees or disputes took all of it; it is settled with the next payout.",
}


def _reason(state: str, standing: Standing, return_days: int | None, answer_by: datetime | None) -> str:
    if state == "awaiting_delivery":
        return f"It becomes available {return_days} days after the order is delivered."
    if state == "dispute_open" and answer_by:
        return f"{SAID[state]} Answer it until {answer_by:%d %B %Y}."
    return SAID.get(state, standing.reason)
