"""Figures of days as columns, in English."""

from babel.dates import format_skeleton
from babel.numbers import format_compact_currency

from core.charts import Chart, columns_chart
from core.money import Money, to_major
from tenants.desk_figures import Captured, Range


def _labels(asked: Range) -> list[str]:
    return [str(format_skeleton("MMMd", day, locale="en")) for day in asked.labels]


def volume_chart(captured: Captured, asked: Range, *, with_before: bool = True) -> Chart:
    """What was captured by day."""
    currency = captured.currency

    def axis(minor: int) -> str:
        return str(
            format_compact_currency(to_major(minor, currency), currency, locale="en", fraction_digits=1)
        )

    now, before = asked.spread(captured.amounts)
    return columns_chart(
        _labels(asked),
        now,
        before=before if with_before else (),
        text=lambda minor: Money(minor, currency).format("en"),
        axis=axis,
    )


def count_chart(figures: dict, asked: Range) -> Chart:
    """How many by day."""
    now, before = asked.spread(figures)
    return columns_chart(_labels(asked), now, before=before)
