"""Charts as geometry: figures in, places in a 100 x 100 square out. Templates draw them as SVG, without scripts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

TICKS = 4


@dataclass(frozen=True)
class Column:
    """One figure: its column in the square, and what it says.

    `mark` is what stands below it on the axis, "" for most where there are many; every other mark is `is_minor`.
    """

    label: str
    mark: str
    is_minor: bool
    text: str
    x: float
    y: float
    width: float
    height: float
    before_text: str


@dataclass(frozen=True)
class Chart:
    """Columns, a line for the figures of the time before ("" for none), and the ticks of the axis, from the top.

    Everything is in a square of 100 x 100 with its origin at the top left, to be stretched to any size.
    """

    columns: list[Column]
    before: str
    ticks: list[str]
    is_empty: bool


def columns_chart(
    labels: Sequence[str],
    figures: Sequence[int],
    *,
    before: Sequence[int] = (),
    text: Callable[[int], str] = str,
    axis: Callable[[int], str] | None = None,
    most_marks: int = 8,
) -> Chart:
    """A column for each figure (zero or more), the `before` figures as a line, both on one scale from 0.

    `text` writes a figure out, `axis` (by default `text`) the ticks of the axis. At most `most_marks` of the labels stand on
    the axis, evenly apart.
    """
    top = _round_up(max([*figures, *before, 0]))
    step = 100 / max(len(figures), 1)
    write, every = axis or text, -(-len(labels) // most_marks) or 1
    columns = [
        Column(
            label=label,
            mark="" if index % every else label,
            is_minor=index // every % 2 == 1,
            text=text(figure),
            x=round(index * step + step * 0.14, 3),
            y=round(100 - _share(figure, top), 3),
            width=round(step * 0.72, 3),
            height=round(_share(figure, top), 3),
            before_text=text(before[index]) if index < len(before) else "",
        )
        for index, (label, figure) in enumerate(zip(labels, figures, strict=True))
    ]
    points = " ".join(
        f"{round((index + 0.5) * step, 3)},{round(100 - _share(figure, top), 3)}"
        for index, figure in enumerate(before[: len(figures)])
    )
    return Chart(
        columns=columns,
        before=points if any(before) else "",
        ticks=[write(top * number // TICKS) for number in range(TICKS, -1, -1)],
        is_empty=not any(figures) and not any(before),
    )


def _share(figure: int, top: int) -> float:
    return 100 * max(figure, 0) / top


def _round_up(figure: int) -> int:
    """The next number of the form 4, 8, 12, 20, 40, 60, 80 x 10^n: its quarters are whole."""
    size = 1
    while True:
        for lead in (4, 8, 12, 20, 40):
            if lead * size >= figure:
                return lead * size
        size *= 10


def change_percent(now: int, before: int) -> int | None:
    """By how many per cent a figure changed, rounded to whole ones; None where there was nothing before."""
    return round(100 * (now - before) / before) if before > 0 else None
