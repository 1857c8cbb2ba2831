"""A schema that is filled with many rows at once, before anybody is served from it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import transaction

from core.clock import now
from core.db import tenant_connection
from services.lifecycle_services import drop_if_there
from services.schema_names import generated_schema_name
from tenants.models import RetiredSchema, Tenant

# Indexes and references are made once the rows are there: that takes a fraction of keeping them up row by row. Those of a
# part of the rows stay: PostgreSQL writes their conditions in a way that it does not read as the same.
STRUCTURE = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', k.conrelid::regclass, k.conname),
       format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
  FROM pg_constraint k WHERE k.connamespace = %(schema)s::regnamespace AND k.contype IN ('f', 'p', 'u', 'x')
   AND k.conrelid::regclass::text <> ALL (%(left)s)
 ORDER BY k.contype <> 'f', k.conname
"""
INDEXES = """
SELECT format('DROP INDEX %%s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE c.relnamespace = %(schema)s::regnamespace AND i.indpred IS NULL AND i.indrelid::regclass::text <> ALL (%(left)s)
   AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
 ORDER BY 1
"""
SETTINGS = "SET LOCAL jit = off; SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL work_mem = '64MB'"


@contextmanager
def schema_to_fill(
    tenant: Tenant,
    make: Callable[[str], None],
    *,
    kept: timedelta,
    claim: Callable[[], str | None] = lambda: None,
) -> Iterator[str]:
    """An empty schema for a storefront, taken by `claim` from the pool or else made by `make(name)`; dropped where the
    block fails.

    Until the storefront is served from it (`tenant.schema_name`, see whoever adopts it) it stands among the retired ones:
    should this process be killed, it is dropped with them when `kept` is over. Call outside of transactions.
    """
    started = now()
    with transaction.atomic():
        ready = claim()
        schema = ready or generated_schema_name()
        RetiredSchema.objects.create(
            schema_name=schema,
            tenant=tenant,
            retired_at=started,
            drop_after=started + kept,
            is_unfinished=True,
        )
    try:
        if ready is None:
            make(schema)
        yield schema
    except BaseException:
        tenant_connection.set_schema_to_public()
        if not Tenant.objects.filter(schema_name=schema).exists():
            drop_if_there(schema)
            RetiredSchema.objects.filter(schema_name=schema).delete()
        raise


def take_down(schema: str, cursor: Any) -> list[str]:
    """Drop indexes, keys and references of a schema that nobody uses yet. Returns what makes them again, in an order that works.

    Call inside the transaction that fills the schema. What is made again checks all rows.
    """
    made_with_it = [f"{schema}.{table}" for table in ("django_migrations", "django_content_type")]
    given = {"schema": schema, "left": made_with_it}
    cursor.execute(STRUCTURE, given)
    constraints = cursor.fetchall()
    cursor.execute(INDEXES, given)
    indexes = cursor.fetchall()
    for drop, _ in constraints + indexes:
        cursor.execute(drop)
    keys_first = [made for _, made in reversed(constraints)]
    references = [made for made in keys_first if "FOREIGN KEY" in made]
    return (
        [made for made in keys_first if made not in references] + [made for _, made in indexes] + references
    )
