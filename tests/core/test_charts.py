"""Charts: every column is in its place, none is outside, and the axis has whole ticks."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from core.charts import change_percent, columns_chart

FIGURES = st.lists(st.integers(0, 10**12), min_size=1, max_size=400)


@example([0, 1], [200_001])
@given(FIGURES, st.lists(st.integers(0, 10**12), max_size=400))
def test_columns_are_in_the_square_in_order_and_in_proportion(figures, before):
    chart = columns_chart([str(n) for n in range(len(figures))], figures, before=before[: len(figures)])

    assert len(chart.columns) == len(figures)
    assert all(c.x >= 0 and c.x + c.width <= 100.01 for c in chart.columns)
    assert all(c.y >= 0 and abs(c.y + c.height - 100) < 0.01 for c in chart.columns)
    assert [c.x for c in chart.columns] == sorted(c.x for c in chart.columns)
    # Figures that differ by less than can be drawn are as tall as one another.
    heights = [c.height for c in chart.columns]
    assert heights[figures.index(max(figures))] == max(heights)


@given(FIGURES)
def test_the_highest_tick_is_above_all_figures_and_ticks_are_evenly_apart(figures):
    ticks = [int(tick) for tick in columns_chart(["x"] * len(figures), figures).ticks]

    assert ticks[-1] == 0
    assert ticks[0] >= max(figures)
    assert len({above - below for above, below in pairwise(ticks)}) == 1


@given(st.integers(1, 400), st.integers(1, 12))
def test_no_more_marks_than_wanted(number, most):
    chart = columns_chart(["x"] * number, [1] * number, most_marks=most)

    assert 1 <= sum(bool(c.mark) for c in chart.columns) <= most


def test_a_time_in_which_nothing_happened_is_empty():
    assert columns_chart(["a", "b"], [0, 0]).is_empty
    assert not columns_chart(["a", "b"], [0, 0], before=[0, 1]).is_empty


def test_change_is_in_whole_per_cent_and_unknown_from_nothing():
    assert change_percent(150, 100) == 50
    assert change_percent(50, 100) == -50
    assert change_percent(5, 0) is None
