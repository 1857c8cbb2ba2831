"""A seller may choose any colours; what is written in and on them stays legible."""

from hypothesis import given
from hypothesis import strategies as st

from core.colours import LEGIBLE, contrast, is_colour, luminance
from shop.web.storefront.brand import NIGHT, PAPER, brand_variables

colours = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
anything = st.one_of(
    st.none(), st.text(), st.integers(), st.lists(st.text()), st.dictionaries(st.text(), st.text())
)


@given(primary=colours, accent=colours)
def test_text_is_legible_in_and_on_every_brand(primary, accent):
    css = brand_variables({"primary": primary, "accent": accent})

    assert contrast(css["--on-brand"], css["--brand"]) >= LEGIBLE
    assert contrast(css["--on-brand"], css["--brand-hover"]) >= LEGIBLE
    assert contrast(css["--on-brand"], css["--brand-glow"]) >= LEGIBLE
    assert contrast(css["--on-accent"], css["--accent"]) >= LEGIBLE
    assert contrast(css["--brand-by-day"], PAPER) >= LEGIBLE
    assert contrast(css["--brand-by-night"], NIGHT) >= LEGIBLE


@given(primary=anything, accent=anything, font=anything)
def test_nothing_but_colours_and_known_fonts_reaches_the_page(primary, accent, font):
    css = brand_variables({"primary": primary, "accent": accent, "font": font})

    assert is_colour(css["--brand"])
    assert is_colour(css["--accent"])
    assert not set("<>{};") & set("".join(css.values()))


def test_luminance_and_contrast_are_those_of_wcag():
    assert luminance("#000000") == 0
    assert round(luminance("#ffffff"), 6) == 1
    assert round(contrast("#000000", "#ffffff"), 6) == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48
