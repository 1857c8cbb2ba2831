"""The rows of a storefront, copied into another schema inside PostgreSQL, past the expressions of services.staging_scrubbing."""

from django.db import connection

from core.progress import Say, nobody
from services.schema_filling import SETTINGS, take_down
from services.schema_tables import one_look, sequences_of, set_sequences
from services.staging_scrubbing import NEW_KEY, Column, columns_of, scrubbed


def copy_rows(source: str, schema: str, say: Say = nobody) -> tuple[int, int]:
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
        remake = take_down(schema, cursor)
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
