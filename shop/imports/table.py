"""A CSV file as rows that know their line: bounded, UTF-8, with Shopify's old and new column names."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from shop.imports.cells import unguard
from shop.imports.parsed import UnreadableExport

MOST_BYTES = 20 * 1024 * 1024
MOST_ROWS = 50_000
MOST_CELL_CHARACTERS = 100_000
SPLIT_IT = "Split it into several files."
REQUIRED = ("Handle", "Title", "Variant Price")

OLD_NAME = {
    "URL handle": "Handle",
    "Description": "Body (HTML)",
    "Published on online store": "Published",
    "SKU": "Variant SKU",
    "Barcode": "Variant Barcode",
    "Price": "Variant Price",
    "Compare-at price": "Variant Compare At Price",
    "Inventory tracker": "Variant Inventory Tracker",
    "Inventory quantity": "Variant Inventory Qty",
    "Continue selling when out of stock": "Variant Inventory Policy",
    "Weight value (grams)": "Variant Grams",
    "Product image URL": "Image Src",
    "Variant image URL": "Variant Image",
}
COLUMNS = {
    *REQUIRED,
    *OLD_NAME.values(),
    *(f"Option{number} {part}" for number in (1, 2, 3) for part in ("Name", "Value")),
    *("Vendor", "Type", "Tags", "Status", "Gift Card", "Image Position", "Image Alt Text"),
}
_COLUMN_BY_HEADER = {name.casefold(): name for name in COLUMNS} | {
    new.casefold(): old for new, old in OLD_NAME.items()
}


@dataclass(frozen=True, slots=True)
class Row:
    """One record: `cells` by column, stripped at both ends. `surplus` is what stood beyond the header."""

    line: int
    cells: Mapping[str, str]
    surplus: str = ""

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def has_any(self, *columns: str) -> bool:
        """Whether at least one of these columns says something."""
        return any(self[column] for column in columns)


class Table:
    """A readable export. Columns go by Shopify's older names; `header_of` gives what the file calls them."""

    def __init__(self, source: bytes | BinaryIO) -> None:
        """Raises UnreadableExport."""
        self._text = _decode(_read(source))
        self._header = next((cells for _, cells in self._records()), [])
        self._index = _index_columns(self._header)

    def has(self, column: str) -> bool:
        """Whether the file has this column."""
        return column in self._index

    def header_of(self, column: str) -> str:
        """The column's name as the file spells it."""
        return self._header[self._index[column]].strip() if column in self._index else column

    def rows(self) -> Iterator[Row]:
        """Every record below the header that is not blank. Raises UnreadableExport."""
        records = self._records()
        next(records)
        for number, (line, cells) in enumerate(records, 1):
            if number > MOST_ROWS:
                raise UnreadableExport(f"The file has more than {MOST_ROWS:,} rows. {SPLIT_IT}")
            if any(len(cell) > MOST_CELL_CHARACTERS for cell in cells):
                raise UnreadableExport(
                    f"Line {line} has a cell of more than {MOST_CELL_CHARACTERS:,} characters."
                )
            given = {
                name: unguard(cells[at].strip())
                for name, at in self._index.items()
                if at < len(cells) and cells[at]
            }
            yield Row(line=line, cells=given, surplus="".join(cells[len(self._header) :]).strip())

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """(line on which it starts, cells) of each record, blank lines left out."""
        reader = csv.reader(io.StringIO(self._text, newline=""), strict=True)
        line = 1
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield line, cells
                line = reader.line_num + 1
        except csv.Error as error:
            raise UnreadableExport(
                f"The row that starts on line {line} is not valid CSV: {error}."
            ) from error


def _read(source: bytes | BinaryIO) -> bytes:
    data = source if isinstance(source, bytes) else source.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UnreadableExport(f"The file is larger than {MOST_BYTES // 1024**2} MB. {SPLIT_IT}")
    return data


def _decode(data: bytes) -> str:
    if data.startswith(b"PK\x03\x04"):
        raise UnreadableExport("This is a spreadsheet or ZIP file. Save it as CSV UTF-8 and upload that.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableExport(
            f"The file is not UTF-8 text: line {line} has the byte 0x{data[error.start]:02X}."
            " It may have been saved as Windows-1252. Export it again, or save it as CSV UTF-8."
        ) from error


def _index_columns(header: list[str]) -> dict[str, int]:
    if not header:
        raise UnreadableExport("The file is empty.")
    index: dict[str, int] = {}
    for at, cell in enumerate(header):
        column = _COLUMN_BY_HEADER.get(cell.strip().casefold())
        if column in index:
            raise UnreadableExport(f"The column {cell.strip()} appears twice.")
        if column is not None:
            index[column] = at
    missing = [column for column in REQUIRED if column not in index]
    if missing and len(header) == 1 and header[0].count(";") + header[0].count("\t") > 1:
        raise UnreadableExport("The columns are separated by semicolons or tabs. Save the file with commas.")
    if missing:
        names = ", ".join(missing)
        raise UnreadableExport(f"The file has no column {names}. Is it a product export from Shopify?")
    return index
