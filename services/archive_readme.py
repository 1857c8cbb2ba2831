"""What is written into an archive for people and for psql."""

from collections.abc import Sequence

README = """{name} ({slug}), as it was at {made_at}

This is a whole storefront. You can read it without Souk.

In a spreadsheet: every file in csv/ is one table of the shop, with a header. An empty cell is "unknown", two double quotes
are an empty text. Amounts are in the smallest unit of the currency (1999 EUR is 19.99 euros), times are UTC. These files
hold texts that other people wrote: open them as text or import them with formulas off.

In a database (PostgreSQL 18, with its command psql):
    createdb storefront
    psql -v ON_ERROR_STOP=1 -d storefront -f load.sql
makes the tables (structure.sql), loads the rows and checks all references.

shared/ is what the marketplace keeps about the shop: its domains and team, its sales, fees and payouts. They are to be read.
media/ are the pictures of the products.

Is it whole? In this folder: sha256sum -c SHA256SUMS
"""


def load_sql(tables: Sequence[tuple[str, Sequence[str]]], sequences: dict[str, tuple[int, bool]]) -> str:
    """For psql, in the unpacked folder: one transaction that makes the schema "storefront" and fills it."""
    lines = [
        "\\set ON_ERROR_STOP on",
        "BEGIN;",
        "CREATE SCHEMA storefront;",
        "SET LOCAL search_path = storefront;",
        "\\ir structure.sql",
        "DELETE FROM django_migrations;",
        "DELETE FROM django_content_type;",
        "SET CONSTRAINTS ALL DEFERRED;",
    ]
    for name, columns in tables:
        listed = ", ".join(f'"{column}"' for column in columns)
        lines.append(f"\\copy \"{name}\" ({listed}) FROM 'csv/{name}.csv' WITH (FORMAT csv, HEADER MATCH)")
    for name, (value, is_called) in sequences.items():
        lines.append(f"SELECT setval('storefront.\"{name}\"', {value}, {str(is_called).lower()});")
    return "\n".join([*lines, "COMMIT;", ""])
