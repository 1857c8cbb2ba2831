"""That somebody was forgotten, remembered without them: so that an older archive does not bring them back.

What is kept is a digest of the storefront's id and that of an account or an order. Ids are random: nobody finds one by
trying, and no row says which orders were whose.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TextIO
from uuid import UUID

from django.db import connection, transaction

from core.clock import now
from core.db import as_marketplace, marketplace_work
from core.errors import Invalid
from core.ids import new_id
from services.forgetting_services import Trail, follow, forget_in_storefront
from services.shared_forgetting_services import forget_in_shared
from shop.models import Order
from shop.models.order import NOBODY
from tenants.context import tenant_scope
from tenants.models import GONE, Erasure, Tenant, User

PERSON, ORDER = "person", "order"
BATCH = 2_000


def digest_of(tenant_id: UUID, kind: str, id: UUID) -> str:
    """What is kept of an id."""
    return hashlib.sha256(f"{tenant_id}:{kind}:{id}".encode()).hexdigest()


def record_erasure(
    *, tenant_id: UUID, users: Iterable[UUID] = (), orders: Iterable[UUID] = (), on: date | None = None
) -> int:
    """Remember that these accounts and orders lost their person, in the caller's transaction. Returns how many are new.

    An account that is forgotten again is remembered with the later day.
    """
    digests = [digest_of(tenant_id, PERSON, id) for id in users] + [
        digest_of(tenant_id, ORDER, id) for id in orders
    ]
    return _keep([(tenant_id, digest, on or now().astimezone(UTC).date()) for digest in digests])


KEEP = """
INSERT INTO public.tenants_erasure AS e (id, tenant_id, digest, erased_on)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::date[])
ON CONFLICT (tenant_id, digest) DO UPDATE SET erased_on = excluded.erased_on WHERE e.erased_on < excluded.erased_on
RETURNING xmax = 0
"""


@marketplace_work
def _keep(rows: list[tuple[UUID, str, date]]) -> int:
    if not rows:
        return 0
    tenants, digests, days = zip(*sorted(set(rows)), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(KEEP, [[new_id() for _ in tenants], list(tenants), list(digests), list(days)])
        return sum(is_new for (is_new,) in cursor.fetchall())


# After a restore --------------------------------------------------------------------------------------------------------

RECORDED_ORDERS = """
SELECT o.id, e.erased_on FROM shop_order o JOIN public.tenants_erasure e
    ON e.tenant_id = %(of)s AND e.digest = encode(sha256(convert_to(%(of)s::text || ':order:' || o.id::text, 'UTF8')), 'hex')
 WHERE o.email NOT LIKE %(nobody)s ORDER BY o.id
"""
# Accounts with something here that is as old as their erasure.
RECORDED_PEOPLE = """
SELECT p.id, e.erased_on FROM (
  SELECT id, min(at) AS since FROM (
    SELECT user_id, created_at FROM shop_address UNION ALL SELECT buyer_id, created_at FROM shop_cart
    UNION ALL SELECT recipient_id, created_at FROM shop_notification WHERE NOT for_staff
    UNION ALL SELECT buyer_id, created_at FROM shop_review) kept(id, at)
   WHERE id IS NOT NULL GROUP BY id) p
  JOIN public.tenants_erasure e
    ON e.tenant_id = %(of)s AND e.digest = encode(sha256(convert_to(%(of)s::text || ':person:' || p.id::text, 'UTF8')), 'hex')
 WHERE p.since < (e.erased_on + 1)::timestamp AT TIME ZONE 'UTC' ORDER BY p.id
"""


def reapply_erasures(tenant: Tenant, *, recorded_of: UUID | None = None) -> int:
    """Forget again whoever was forgotten before and came back with an older archive. Returns how many orders and accounts.

    Call it outside of transactions, while nobody uses the storefront; again, it does nothing. `recorded_of`: the storefront
    whose erasures count, where the data is another one's. An order that is open in the archive loses its person, too: the
    erasure wins. Nobody is told. What an account has kept here since the day after its erasure stays: it has come back.
    Batches of a bounded size, each a transaction; locks the orders of a batch in ascending id.
    """
    source = recorded_of or tenant.pk
    with tenant_scope(tenant):
        orders, people = _recorded(RECORDED_ORDERS, source), dict(_recorded(RECORDED_PEOPLE, source))
        for batch in _batches([order_id for order_id, _ in orders]):
            _forget_again(batch, {}, tenant)
        for users in _batches(list(people)):
            _forget_again([], {user_id: _day_after(people[user_id]) for user_id in users}, tenant)
    return len(orders) + len(people)


def _recorded(sql: str, source: UUID) -> list[Any]:
    """With the marketplace's rights, in the storefront's schema."""
    with as_marketplace(), connection.cursor() as cursor:
        cursor.execute(sql, {"of": source, "nobody": f"%{NOBODY}"})
        return cursor.fetchall()


def _day_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _batches(ids: list[UUID]) -> Iterator[list[UUID]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


@transaction.atomic
def _forget_again(orders: list[UUID], until: dict[UUID, datetime], tenant: Tenant) -> None:
    """One batch. A guest was forgotten because the mailbox was theirs; of an account, we know whether it is."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
    rows = (
        Order.objects.select_for_update()
        .filter(pk__in=orders)
        .order_by("pk")
        .values_list("buyer_id", "email")
    )
    placed = list(rows)
    with as_marketplace():
        known = User.objects.filter(pk__in={*until, *(buyer for buyer, _ in placed if buyer)})
        accounts = list(known.values_list("email", "name", "email_verified_at"))
    proved = {email for buyer, email in placed if buyer is None}
    proved |= {email for email, _, verified_at in accounts if verified_at}
    trail = Trail(orders, list(until), proved, until=until)
    trail = follow(trail, names=[name for _, name, _ in accounts])
    forget_in_storefront(trail)
    forget_in_shared(trail, tenant)


# To another installation ------------------------------------------------------------------------------------------------


@marketplace_work
def export_erasures(file: TextIO) -> int:
    """Write all erasures, one JSON object a line. Returns how many."""
    count = 0
    rows = Erasure.objects.order_by("tenant_id", "digest").values_list("tenant_id", "digest", "erased_on")
    for tenant_id, digest, erased_on in rows.iterator(chunk_size=5_000):
        file.write(
            json.dumps({"tenant": str(tenant_id), "digest": digest, "erased_on": str(erased_on)}) + "\n"
        )
        count += 1
    return count


@marketplace_work
def import_erasures(lines: Iterable[str]) -> dict[str, int]:
    """Take in what `export_erasures` wrote, and forget whoever is found in a storefront because of it.

    Returns how many lines are `new`, `known` already, of a storefront that is `missing` here, and how many orders and
    accounts were `forgotten`. Restore storefronts first. Safe to run twice. Raises Invalid, before anything is done.
    """
    rows = [_row(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    tenants = {tenant.pk: tenant for tenant in Tenant.objects.filter(pk__in={row[0] for row in rows})}
    ours = [row for row in rows if row[0] in tenants]
    new = 0
    for start in range(0, len(ours), 5_000):
        new += _keep(ours[start : start + 5_000])
    forgotten = sum(reapply_erasures(tenant) for tenant in tenants.values() if tenant.status not in GONE)
    return {"new": new, "known": len(ours) - new, "missing": len(rows) - len(ours), "forgotten": forgotten}


def _row(number: int, line: str) -> tuple[UUID, str, date]:
    try:
        told = json.loads(line)
        digest = bytes.fromhex(told["digest"])
        if len(digest) != hashlib.sha256().digest_size:
            raise ValueError(digest)
        return UUID(told["tenant"]), digest.hex(), date.fromisoformat(told["erased_on"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(field=f"line {number}", reason="this is not an erasure") from error
