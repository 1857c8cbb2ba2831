"""Shopify's product CSV export, older and newer column names: rows to products, each product all or nothing.

Pure: no Django, no database, no network. Rows of a product need not stand together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shop.imports.parsed import (
    ImportProblem,
    ParsedImage,
    ParsedProduct,
    ParsedVariant,
    RejectedProduct,
    UnreadableExport,
)
from shop.imports.product import parse_product
from shop.imports.survey import Survey, survey
from shop.imports.table import Row, Table

__all__ = [
    "ImportProblem",
    "ParsedImage",
    "ParsedProduct",
    "ParsedVariant",
    "ReadExport",
    "RejectedProduct",
    "UnreadableExport",
    "parse_products",
    "read_export",
]


@dataclass(frozen=True, slots=True)
class ReadExport:
    """An export that can be read: how many products it has, and each of them."""

    total: int
    products: Iterator[ParsedProduct | RejectedProduct]


def read_export(source: bytes | BinaryIO, *, decimals: int) -> ReadExport:
    """As `parse_products`, with the number of products in the file. Raises UnreadableExport."""
    table = Table(source)
    known = survey(table)
    total = len(known.rows_left)
    return ReadExport(total=total, products=_each_product(table, known, decimals=decimals))


def parse_products(source: bytes | BinaryIO, *, decimals: int) -> Iterator[ParsedProduct | RejectedProduct]:
    """Each product of the export, as soon as its last row is read.

    `decimals` is how many the shop's currency has: EUR 2, JPY 0, KWD 3. The file is read through once before
    this returns, so a file that cannot be read is refused here, not in the middle of the iteration.

    Raises: UnreadableExport.
    """
    return read_export(source, decimals=decimals).products


def _each_product(table: Table, known: Survey, *, decimals: int) -> Iterator[ParsedProduct | RejectedProduct]:
    open_rows: dict[str, list[Row]] = {}
    for row in table.rows():
        handle = row["Handle"]
        open_rows.setdefault(handle, []).append(row)
        known.rows_left[handle] -= 1
        if known.rows_left[handle] == 0:
            yield parse_product(open_rows.pop(handle), table=table, known=known, decimals=decimals)
