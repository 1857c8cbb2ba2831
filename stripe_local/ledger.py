"""Balance transactions, and the balances that are always their sum."""

from collections.abc import Iterable
from typing import Any

from stripe_local.call import Call
from stripe_local.ids import new_id
from stripe_local.store import Document

REPORTING = {
    "refund_failure": "refund_failure",
    "transfer_refund": "transfer_reversal",
    "payment": "charge",
    "payment_refund": "refund",
    "payout_failure": "payout_reversal",
}


def post(
    call: Call,
    *,
    kind: str,
    amount: int,
    currency: str,
    source: str,
    fee: int = 0,
    available_on: int | None = None,
    account: str | None = None,
    description: str | None = None,
    reporting: str | None = None,
) -> Document:
    """Move `amount - fee` into (or out of) an account's balance from `available_on`, at once when None."""
    account = call.account if account is None else account
    now = call.now
    transaction = new_transaction(
        kind=kind,
        amount=amount,
        currency=currency,
        source=source,
        fee=fee,
        created=now,
        available_on=max(available_on or now, now),
        description=description,
        reporting=reporting,
    )
    call.store.insert(transaction, account=account)
    move(call, account, transaction)
    return transaction


def new_transaction(
    *,
    kind: str,
    amount: int,
    currency: str,
    source: str,
    fee: int,
    created: int,
    available_on: int,
    description: str | None = None,
    reporting: str | None = None,
) -> Document:
    """A balance transaction that is not kept yet."""
    return {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": available_on,
        "balance_type": "payments",
        "created": created,
        "currency": currency,
        "description": description,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": fee_details(fee, currency, kind),
        "net": amount - fee,
        "reporting_category": reporting or REPORTING.get(kind, kind),
        "source": source,
        "status": "pending",
        "type": kind,
    }


def fee_details(fee: int, currency: str, kind: str) -> list[dict[str, Any]]:
    """What the fee is for."""
    if not fee:
        return []
    description = "Dispute fee" if kind == "adjustment" else "Stripe processing fees"
    facts = {"amount": fee, "application": None, "currency": currency, "description": description}
    return [{**facts, "type": "stripe_fee"}]


def move(call: Call, account: str, transaction: Document) -> None:
    """Add a transaction to the balance it belongs to."""
    move_all(call, account, [transaction])


def move_all(call: Call, account: str, transactions: Iterable[Document]) -> None:
    """Add transactions to the balances they belong to."""
    settle(call)
    now, db = call.now, call.store.db
    sums: dict[str, list[int]] = {}
    waiting: list[tuple[int, str, str, str, int]] = []
    for each in transactions:
        net, currency, available_on = each["net"], each["currency"], each["available_on"]
        is_pending = available_on > now
        sums.setdefault(currency, [0, 0])[is_pending] += net
        if is_pending:
            waiting.append((available_on, each["id"], account, currency, net))
    db.executemany(
        "INSERT INTO balances (account, currency, available, pending) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET available = available + excluded.available, pending = pending + excluded.pending",
        [(account, currency, *both) for currency, both in sums.items()],
    )
    db.executemany(
        "INSERT INTO pending_funds (available_on, id, account, currency, net) VALUES (?, ?, ?, ?, ?)", waiting
    )


def settle(call: Call) -> None:
    """Make available what has become so by now."""
    db, now = call.store.db, call.now
    due = db.execute(
        "SELECT account, currency, sum(net) FROM pending_funds WHERE available_on <= ? GROUP BY account, currency",
        (now,),
    ).fetchall()
    if not due:
        return
    for account, currency, net in due:
        db.execute(
            "UPDATE balances SET available = available + ?, pending = pending - ? WHERE account = ? AND currency = ?",
            (net, net, account, currency),
        )
    db.execute("DELETE FROM pending_funds WHERE available_on <= ?", (now,))


def funds(call: Call, account: str, currency: str) -> tuple[int, int]:
    """Available and pending minor units of an account."""
    settle(call)
    row = call.store.db.execute(
        "SELECT available, pending FROM balances WHERE account = ? AND currency = ?", (account, currency)
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def all_funds(call: Call, account: str) -> list[tuple[str, int, int]]:
    """(currency, available, pending) of an account, in alphabetical order."""
    settle(call)
    query = "SELECT currency, available, pending FROM balances WHERE account = ? ORDER BY currency"
    return call.store.db.execute(query, (account,)).fetchall()
