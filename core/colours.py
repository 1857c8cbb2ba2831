"""Colours a person can read: luminance and contrast as WCAG 2.2 defines them."""

import re

HEX = re.compile(r"#[0-9a-fA-F]{6}")
BLACK, WHITE = "#000000", "#ffffff"
LEGIBLE = 4.5


def is_colour(text: object) -> bool:
    """A six-digit hex colour, the only form a brand may use."""
    return isinstance(text, str) and bool(HEX.fullmatch(text))


def channels(colour: str) -> tuple[int, int, int]:
    """Red, green, blue of `#rrggbb`, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance, 0 (black) to 1 (white): https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mix(one: str, other: str, share: float) -> str:
    """`one` with `share` (0 to 1) of `other` in it."""
    pairs = zip(channels(one), channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def text_on(background: str) -> str:
    """Black or white, whichever reads better on this background; one of them is always legible."""
    return max((WHITE, BLACK), key=lambda colour: contrast(colour, background))


def legible_on(background: str, colour: str) -> str:
    """The colour, moved towards black or white until it is legible on this background."""
    towards = text_on(background)
    for step in range(21):
        shade = mix(colour, towards, step / 20)
        if contrast(shade, background) >= LEGIBLE:
            return shade
    return towards
