"""The rows of a storefront, copied into another schema inside PostgreSQL, past the expressions of services.staging_scrubbing."""

from collections.abc import Callable
from typing import Any

from django.db import connection

from services.schema_tables import one_look, sequences_of, set_sequences
from services.staging_scrubbing import NEW_KEY, Column, columns_of, scrubbed

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


def copy_rows(
    source: str, schema: str, say: Callable[[int, int], Any] = lambda done, total: None
) -> tuple[int, int]:
    """Copy and scrub all rows into an empty schema of the same structure. Returns how many rows, in how many steps.

    One repeatable-read transaction: an order that is placed meanwhile is in the copy with all that belongs to it, or not at
    all. Takes no locks in the source but those of reading; the schema must be nobody's yet. References are checked when
    they are made again. Raises NotClassified, before anything is copied.
    """
    rows = 0
    with one_look(may_write=True), connection.cursor() as cursor:
        columns = columns_of(schema)
        expressions = scrubbed(columns)
        cursor.execute(f"{NEW_KEY}; {SETTINGS}")
        remake = _take_down(schema, cursor)
        steps = len(columns) + len(remake)
        for done, (table, its) in enumerate(columns.items(), start=1):
            cursor.execute(_insert(source, schema, its, expressions[table]))
            rows += cursor.rowcount
            say(done, steps)
        # Read after the rows: a number that is given meanwhile is not given again.
        set_sequences(schema, sequences_of(source))
        for done, statement in enumerate(remake, start=len(columns) + 1):
            cursor.execute(statement)
            say(done, steps)
    with connection.cursor() as cursor:
        for table in columns:
            cursor.execute(f'ANALYZE "{schema}"."{table}"')
    return rows, steps


def _insert(source: str, schema: str, columns: list[Column], expressions: list[str]) -> str:
    table = f'"{columns[0].table}"'
    names = ", ".join(column.sql for column in columns)
    return f'INSERT INTO "{schema}".{table} ({names}) SELECT {", ".join(expressions)} FROM "{source}".{table}'  # noqa: S608 - names of our own


def _take_down(schema: str, cursor: Any) -> list[str]:
    """Drop indexes, keys and references. Returns what makes them again, in an order that works."""
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
