"""Our copy of Stripe's balance transactions: read page by page, newest first, in as much memory as one batch takes.

A reading that breaks off leaves what it has read; the watermark stays, so that the next one covers the same time again.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Max

from core.clock import now
from payouts.models import StripeTransaction, Watermark
from services.stripe_gateway import STAGING_DESCRIPTION, stripe_api

MARK = "balance_transactions"
PAGE, BATCH = 100, 1_000
OVERLAP, TAIL = timedelta(days=1), timedelta(minutes=1)
MOST_LOOKS = 4

# Stripe's type of a balance transaction -> the natural key of its booking. Adjustments: see booking_of.
BOOKED_AS = {
    "charge": "charge:{}",
    "payment": "charge:{}",
    "refund": "refund:{}",
    "payment_refund": "refund:{}",
    "refund_failure": "refund_failed:{}",
    "payment_failure_refund": "refund_failed:{}",
    "transfer": "transfer:{}",
    "transfer_refund": "transfer_reversal:{}",
    "transfer_cancel": "transfer_reversal:{}",
}
DISPUTE_IDS = ("dp_", "du_")
# Begins the keys of balance transactions that are not compared with anything.
STAGING = "staging:"

Row = dict[str, Any]
Progress = Callable[[int], Any]


def booking_of(kind: str, source: str, amount_minor: int) -> str:
    """The key of the ledger transaction that must book a balance transaction; blank for what Souk does not book."""
    if kind == "adjustment" and source.startswith(DISPUTE_IDS):
        return f"dispute:{source}:{'withdrawn' if amount_minor < 0 else 'reinstated'}"
    return BOOKED_AS[kind].format(source) if source and kind in BOOKED_AS else ""


def read_stripe(*, is_full: bool = False, on_progress: Progress = lambda read: None) -> dict[str, int] | None:
    """Bring the copy up to date and return Stripe's balance per currency, of the same moment.

    Reads what is new, with a day's overlap; all of it the first time and when `is_full`, which also takes out what Stripe
    does not list. While Stripe's balance keeps moving under the reading there is no such moment: None. Calls Stripe.
    """
    balance = stripe_balance()
    _read(is_full=is_full, on_progress=on_progress)
    for _ in range(MOST_LOOKS):
        before, balance = balance, stripe_balance()
        if balance == before:
            return balance
        newest = StripeTransaction.objects.aggregate(at=Max("created"))["at"]
        _store(_listed(newest - TAIL if newest else None), now())
    return None


def stripe_balance() -> dict[str, int]:
    """What Stripe says it holds for us, available and pending, minor units per currency."""
    balance = _get("/v1/balance")
    held: dict[str, int] = {}
    for part in [*balance["available"], *balance["pending"]]:
        currency = part["currency"].upper()
        held[currency] = held.get(currency, 0) + part["amount"]
    return held


def _read(*, is_full: bool, on_progress: Progress) -> None:
    started = now()
    mark = Watermark.objects.filter(name=MARK).first()
    since = mark.at - OVERLAP if mark and not is_full else None
    _store(_listed(since), started, on_progress, is_full=is_full)
    if is_full:
        StripeTransaction.objects.filter(read_at__lt=started).delete()
    newest = StripeTransaction.objects.aggregate(at=Max("created"))["at"]
    if newest:
        Watermark.objects.update_or_create(name=MARK, defaults={"at": newest})


def _get(path: str, **params: Any) -> Any:
    """Plain JSON: for a hundred thousand rows the SDK's objects would take five times as long."""
    with stripe_api() as stripe:
        return stripe.raw_request("get", path, **params).data


def _listed(since: datetime | None) -> Iterator[Row]:
    params: dict[str, Any] = {"limit": PAGE}
    if since:
        params["created"] = {"gte": int(since.timestamp())}
    while True:
        page = _get("/v1/balance_transactions", **params)
        yield from page["data"]
        if not page["has_more"]:
            return
        params["starting_after"] = page["data"][-1]["id"]


COLUMNS = {
    "id": "text",
    "type": "text",
    "source": "text",
    "amount_minor": "bigint",
    "fee_minor": "bigint",
    "net_minor": "bigint",
    "currency": "text",
    "created": "timestamptz",
    "available_on": "timestamptz",
    "key": "text",
}
NAMES = ", ".join(COLUMNS)
STORE = (
    f"INSERT INTO public.payouts_stripetransaction ({NAMES}, read_at) SELECT l.*, %s"  # noqa: S608
    f" FROM unnest({', '.join(f'%s::{kind}[]' for kind in COLUMNS.values())}) AS l ON CONFLICT (id) DO "
)
KEEP = "NOTHING"
REPLACE = f"UPDATE SET ({NAMES}, read_at) = ROW ({', '.join(f'EXCLUDED.{name}' for name in COLUMNS)}, EXCLUDED.read_at)"


def _store(
    rows: Iterable[Row],
    read_at: datetime,
    on_progress: Progress = lambda read: None,
    *,
    is_full: bool = False,
) -> None:
    """Keep what is listed, a batch at a time, each by one statement. In order of ids: two readings do not deadlock."""
    read, listed = 0, iter(rows)
    while batch := list(islice(listed, BATCH)):
        values = sorted({row["id"]: _values(row) for row in batch}.values())
        with connection.cursor() as cursor:
            cursor.execute(
                STORE + (REPLACE if is_full else KEEP),
                [read_at, *(list(column) for column in zip(*values, strict=True))],
            )
        read += len(batch)
        on_progress(read)


def _key_of(row: Row, source: str) -> str:
    """What a staging copy was paid in an installation that runs in the test mode itself is in nobody's books."""
    if STAGING_DESCRIPTION in (row.get("description") or ""):
        return f"{STAGING}{row['id']}"
    return booking_of(row["type"], source, row["amount"])


def _values(row: Row) -> tuple[Any, ...]:
    source = row["source"] or ""
    return (
        row["id"],
        row["type"],
        source,
        row["amount"],
        row["fee"],
        row["net"],
        row["currency"].upper(),
        datetime.fromtimestamp(row["created"], UTC),
        datetime.fromtimestamp(row["available_on"], UTC),
        _key_of(row, source),
    )
