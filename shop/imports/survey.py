"""The first reading of an export: where each product ends, and what appears twice."""

from contextlib import suppress
from dataclasses import dataclass, field

from shop.imports.cells import BadCell, parse_handle
from shop.imports.table import Table


@dataclass(slots=True)
class Survey:
    """Facts no single row can know. Handles are spelt as in the file."""

    rows_left: dict[str, int] = field(default_factory=dict)
    handle_by_slug: dict[str, str] = field(default_factory=dict)
    line_of_sku: dict[str, int] = field(default_factory=dict)


def survey(table: Table) -> Survey:
    """Read the whole file once, so that a file that breaks off is refused before its first product is used.

    The first handle of a slug and the first row of a SKU hold it. Raises UnreadableExport.
    """
    found = Survey()
    for row in table.rows():
        handle = row["Handle"]
        if handle not in found.rows_left:
            found.rows_left[handle] = 0
            with suppress(BadCell):  # told when the product is parsed
                found.handle_by_slug.setdefault(parse_handle(handle), handle)
        found.rows_left[handle] += 1
        if row["Variant SKU"]:
            found.line_of_sku.setdefault(row["Variant SKU"], row.line)
    return found
