"""What a storefront's schema holds, table by table, as PostgreSQL says: for whatever copies its rows."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from django.db import connection, transaction

from core.db import must_be_outside_transaction

TABLES = """
SELECT c.relname,
       array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attgenerated = ''),
       (SELECT array_agg(quote_ident(k.attname) || CASE WHEN k.attcollation <> 0 THEN ' COLLATE "C"' ELSE '' END
                         ORDER BY array_position(i.indkey::smallint[], k.attnum))
          FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = ANY (i.indkey)
         WHERE i.indrelid = c.oid AND i.indisprimary)
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p')
 GROUP BY c.oid ORDER BY c.relname COLLATE "C"
"""
SEQUENCES = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'S' ORDER BY 1
"""
# One spelling of every value, whatever the server's or the caller's taste.
SPELLING = (
    "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres';"
    " SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1"
)
CSV = "FORMAT csv, HEADER"
PIECE = 1 << 20


@dataclass(frozen=True)
class Table:
    """A table with the columns that are stored (not those PostgreSQL works out), and the SQL of its primary key's order."""

    schema: str
    name: str
    columns: tuple[str, ...]
    order: str

    @property
    def place(self) -> str:
        """As it stands in SQL."""
        return f'"{self.schema}"."{self.name}"'

    @property
    def column_list(self) -> str:
        """As it stands in SQL."""
        return ", ".join(f'"{name}"' for name in self.columns)


def tables_of(schema: str) -> list[Table]:
    """All tables of a schema, by name."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES, [schema])
        return [
            Table(schema, name, tuple(columns), ", ".join(order or ["1"]))
            for name, columns, order in cursor.fetchall()
        ]


def sequences_of(schema: str) -> dict[str, tuple[int, bool]]:
    """Each sequence of a schema with its last value and whether that was given to anybody."""
    with connection.cursor() as cursor:
        cursor.execute(SEQUENCES, [schema])
        found = {}
        for (name,) in cursor.fetchall():
            cursor.execute(f'SELECT last_value, is_called FROM "{schema}"."{name}"')  # noqa: S608 - its own name
            found[name] = cursor.fetchone()
    return found


def set_sequences(schema: str, values: dict[str, tuple[int, bool]]) -> None:
    """The opposite of `sequences_of`."""
    with connection.cursor() as cursor:
        for name, (last_value, is_called) in values.items():
            cursor.execute(
                "SELECT setval(format('%%I.%%I', %s::text, %s::text)::regclass, %s, %s)",
                [schema, name, last_value, is_called],
            )


@contextmanager
def one_look(*, may_write: bool = False) -> Iterator[None]:
    """Everything inside sees the same moment, values are spelled in one way, and no statement is too long.

    Must not be called inside a transaction.
    """
    must_be_outside_transaction()
    with transaction.atomic():
        with connection.cursor() as cursor:
            mode = "" if may_write else ", READ ONLY"
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ{mode}")
            cursor.execute(f"{SPELLING}; SET LOCAL statement_timeout = 0")
        yield


def copy_out(table: Table, stream: BinaryIO) -> int:
    """Write a table's rows as CSV with a header, in the order of its key; NULL is empty, "" is an empty text. Returns how many.

    Call inside `one_look`: two tables with the same rows are then the same bytes.
    """
    sql = (
        f"COPY (SELECT {table.column_list} FROM {table.place} ORDER BY {table.order}) TO STDOUT WITH ({CSV})"  # noqa: S608
    )
    buffered = io.BufferedWriter(stream, PIECE)
    with connection.cursor() as cursor:
        raw: Any = cursor.cursor
        raw.copy_expert(sql, buffered)
        rows = raw.rowcount
    buffered.flush()
    buffered.detach()
    return int(rows)


def copy_in(table: Table, columns: tuple[str, ...], stream: Any) -> int:
    """Load what `copy_out` wrote. Call inside a transaction. Returns how many rows."""
    listed = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        raw: Any = cursor.cursor
        raw.copy_expert(f"COPY {table.place} ({listed}) FROM STDIN WITH (FORMAT csv, HEADER MATCH)", stream)
        return int(raw.rowcount)


class Summed(io.RawIOBase):
    """Passes on what is written, and knows its length and SHA-256."""

    def __init__(self, stream: Any = None) -> None:
        self._stream = stream
        self._sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """All of it, or an error."""
        self._sha256.update(data)
        self.size += len(data)
        if self._stream is not None:
            self._stream.write(data)
        return len(data)

    @classmethod
    def of(cls, place: Path) -> "Summed":
        """A file that is there."""
        sums = cls()
        with place.open("rb") as file:
            while piece := file.read(PIECE):
                sums.write(piece)
        return sums

    @property
    def sha256(self) -> str:
        """Of what was written so far, as hexadecimal digits."""
        return self._sha256.hexdigest()


def row_digests(schema: str) -> dict[str, str]:
    """SHA-256 of each table's rows, by table. Equal where every row is equal. Call inside `one_look`."""
    digests = {}
    for table in tables_of(schema):
        sums = Summed()
        copy_out(table, sums)  # type: ignore[arg-type]
        digests[table.name] = sums.sha256
    return digests
