"""What is left of Stripe's events once nobody may be in them any more: what they were about, and figures."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from core.db import marketplace_work

# Of an event's object: ids of Stripe's and ours, figures and states. Names, addresses, cards and mails are in all others.
KEPT = [
    "account",
    "amount",
    "amount_captured",
    "amount_refunded",
    "amount_reversed",
    "balance_transaction",
    "captured",
    "charge",
    "created",
    "currency",
    "destination",
    "id",
    "latest_charge",
    "livemode",
    "metadata",
    "object",
    "paid",
    "payment_intent",
    "refunded",
    "status",
    "transfer_group",
]
KEPT_METADATA = ["order", "payment", "tenant"]
REDUCE = """
UPDATE public.payouts_stripeevent SET body = (
  SELECT coalesce(jsonb_object_agg(e.key, e.value), '{{}}') FROM jsonb_each(body) e
   WHERE e.key IN ('id', 'object', 'type', 'account', 'created', 'livemode')
) || jsonb_build_object('data', jsonb_build_object('object', (
  SELECT coalesce(jsonb_object_agg(o.key, CASE WHEN o.key = 'metadata' THEN (
      SELECT coalesce(jsonb_object_agg(m.key, m.value), '{{}}')
        FROM jsonb_each(CASE jsonb_typeof(o.value) WHEN 'object' THEN o.value ELSE '{{}}' END) m
       WHERE m.key = ANY(%(metadata)s)) ELSE o.value END), '{{}}')
    FROM jsonb_each(CASE jsonb_typeof(body #> '{{data,object}}') WHEN 'object' THEN body #> '{{data,object}}' ELSE '{{}}' END) o
   WHERE o.key = ANY(%(kept)s) AND (o.key = 'metadata' OR jsonb_typeof(o.value) NOT IN ('object', 'array')))))
 WHERE {where}
"""


@marketplace_work
def reduce_event(event_id: str) -> int:
    """Leave of one event what says what it was about. It can be applied again as before. Returns how many."""
    return _reduce("event_id = %(event)s", event=event_id)


@marketplace_work
def reduce_events(*, object_ids: Iterable[Sequence[str]], account: str) -> int:
    """The same for all events about these objects of Stripe's (ids in batches) and about a seller's account ("": none)."""
    done = sum(_reduce("object_id = ANY(%(ids)s)", ids=list(ids)) for ids in object_ids)
    return done + (
        _reduce("account = %(account)s OR object_id = %(account)s", account=account) if account else 0
    )


def _reduce(where: str, **given: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(REDUCE.format(where=where), {"kept": KEPT, "metadata": KEPT_METADATA, **given})
        return int(cursor.rowcount)
