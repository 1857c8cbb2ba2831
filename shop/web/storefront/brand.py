"""A storefront's brand as CSS variables. Only values that were checked here reach a page."""

from functools import lru_cache
from typing import Any

from core.colours import BLACK, LEGIBLE, WHITE, contrast, is_colour, legible_on, mix, text_on
from services.brand_services import NIGHT, PAPER

PRIMARY, ACCENT = "#1f4d3f", "#d98e4a"
FONTS = {
    "system": "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', sans-serif",
    "serif": "'Iowan Old Style', 'Palatino Linotype', Palatino, 'Book Antiqua', Georgia, 'Liberation Serif', serif",
    "rounded": "ui-rounded, 'SF Pro Rounded', 'Hiragino Maru Gothic ProN', Quicksand, Nunito, 'Varela Round', 'Arial Rounded MT Bold', 'Segoe UI', Roboto, 'Liberation Sans', sans-serif",
    "mono": "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'Liberation Mono', monospace",
}


def brand_variables(brand: Any) -> dict[str, str]:
    """CSS variables of a brand: its colours, the text that is legible on them, and their legible shades as text.

    `brand` is what the tenant stores; anything missing or not a colour falls back to Souk's own.
    """
    given = brand if isinstance(brand, dict) else {}
    primary = given["primary"] if is_colour(given.get("primary")) else PRIMARY
    accent = given["accent"] if is_colour(given.get("accent")) else ACCENT
    font = given.get("font")
    return _variables(primary, accent, font if isinstance(font, str) and font in FONTS else "system")


@lru_cache(maxsize=1024)
def _variables(primary: str, accent: str, font: str) -> dict[str, str]:
    return {
        "--brand": primary,
        "--on-brand": text_on(primary),
        "--accent": accent,
        "--on-accent": text_on(accent),
        "--brand-hover": mix(primary, BLACK if text_on(primary) == WHITE else WHITE, 0.14),
        "--brand-glow": _glow(primary, accent),
        "--brand-by-day": legible_on(PAPER, primary),
        "--brand-by-night": legible_on(NIGHT, primary),
        "--display": FONTS[font],
        "--display-weight": "500" if font == "serif" else "650",
    }


def _glow(primary: str, accent: str) -> str:
    """The primary colour with some of the accent in it, where text stays legible on that."""
    mixed = mix(primary, accent, 0.24)
    return mixed if contrast(mixed, text_on(primary)) >= LEGIBLE else primary
