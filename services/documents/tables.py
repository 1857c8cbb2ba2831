"""Tables that keep their header on every page and their figures on the right."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.documents.layout import LEFT, POINT, RIGHT, Sheet

GAP = 0.44  # millimetres per point of the letters
LEADING = 1.45
GROWING_AT_LEAST = 38.0
SIZES = (8.0, 7.5, 7.0, 6.5, 6.0, 5.5, 5.0, 4.5, 4.0, 3.5, 3.0)  # figures are never cut, so they shrink


@dataclass(frozen=True, slots=True)
class Column:
    """`grows` is for the one column that gets the width that is left, and may wrap."""

    title: str
    right: bool = False
    grows: bool = False
    grey: bool = False
    at_most: float = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """`note` is set in grey below the cell of the growing column."""

    cells: Sequence[str]
    note: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class _Table:
    sheet: Sheet
    columns: Sequence[Column]
    widths: Sequence[float]
    size: float
    left: float

    @property
    def line(self) -> float:
        return self.size * POINT * LEADING

    def header(self) -> None:
        self.sheet.y += self.line
        for start, width, column in self._places():
            x = start + width if column.right else start
            self.sheet.write(
                column.title,
                x=x,
                y=self.sheet.y,
                size=self.size - 0.5,
                grey=True,
                room=width,
                right=column.right,
            )
        self.sheet.y += self.line * 0.55
        self.sheet.rule(self.sheet.y, start=self.left, end=self._end(), strong=True)

    def row(self, row: Row) -> None:
        texts = [
            self.sheet.wrap(cell, room=width, size=self.size) if column.grows and not row.strong else [cell]
            for cell, (_, width, column) in zip(row.cells, self._places(), strict=True)
        ]
        lines = max(len(text) for text in texts) + bool(row.note)
        height = (lines + 0.55) * self.line
        if self.sheet.lacks(height):
            self.sheet.new_page()
            self.header()
        if row.strong:
            self.sheet.rule(self.sheet.y, start=self.left, end=self._end(), strong=True)
        for text, (start, width, column) in zip(texts, self._places(), strict=True):
            x = start + width if column.right else start
            for index, line in enumerate(text):
                y = self.sheet.y + (index + 1.02) * self.line
                self.sheet.write(
                    line,
                    x=x,
                    y=y,
                    size=self.size,
                    bold=row.strong,
                    grey=column.grey,
                    room=width,
                    right=column.right,
                )
            if column.grows and row.note:
                y = self.sheet.y + (len(text) + 1.02) * self.line
                self.sheet.write(row.note, x=x, y=y, size=self.size - 0.5, grey=True, room=width)
        self.sheet.y += height
        self.sheet.rule(self.sheet.y, start=self.left, end=self._end())

    def _places(self) -> list[tuple[float, float, Column]]:
        places, x = [], self.left
        for width, column in zip(self.widths, self.columns, strict=True):
            places.append((x, width, column))
            x += width + GAP * self.size
        return places

    def _end(self) -> float:
        return self.left + sum(self.widths) + GAP * self.size * (len(self.widths) - 1)


def draw_table(
    sheet: Sheet,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    left: float = LEFT,
    right: float = RIGHT,
) -> None:
    """Draw from `sheet.y` on. The letters shrink until the growing column has its share of the width."""
    for size in SIZES:
        widths = _widths(sheet, columns, rows, size=size, whole=right - left)
        growing = next(width for width, column in zip(widths, columns, strict=True) if column.grows)
        if growing >= GROWING_AT_LEAST * size / SIZES[0]:
            break
    table = _Table(sheet, columns, widths, size, left)
    if sheet.lacks(table.line * 5):
        sheet.new_page()
    table.header()
    for row in rows:
        table.row(row)


def _widths(
    sheet: Sheet, columns: Sequence[Column], rows: Sequence[Row], *, size: float, whole: float
) -> list[float]:
    """As wide as the widest cell; the growing column gets the rest."""
    widths = [
        min(
            column.at_most,
            max(
                sheet.width(column.title, size=size - 0.5),
                *(sheet.width(row.cells[index], size=size, bold=row.strong) for row in rows),
            )
            + 0.1,
        )
        for index, column in enumerate(columns)
    ]
    rest = whole - sum(width for width, column in zip(widths, columns, strict=True) if not column.grows)
    rest -= GAP * size * (len(columns) - 1)
    return [max(rest, 10.0) if column.grows else width for width, column in zip(widths, columns, strict=True)]
