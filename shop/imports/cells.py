"""One cell at a time: what it means, or a BadCell that says why it means nothing; and how text is written into one."""

import hashlib
import re
import unicodedata

MOST_MINOR_DIGITS = 12
MOST_GRAMS = 10_000_000
MOST_STOCK = 1_000_000_000
MOST_HANDLE = 120
MOST_URL = 2_000
MOST_SHOWN = 60

_PRICE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,15}))?")
_GRAMS = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,15}))?")
_WHOLE = re.compile(r"-?[0-9]{1,12}")
_WEB_ADDRESS = re.compile(r"https?://[^/\s]+(/\S*)?", re.IGNORECASE)
_SAMPLE_PICTURE = re.compile(r"sample:[a-z0-9][a-z0-9-]*\.webp")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_OUR_SLUG = re.compile(r"(?=.*[a-z0-9])[a-z0-9_-]{1,120}")
# What spreadsheets take for the beginning of a formula, full-width twins included, behind any number of apostrophes.
_FORMULA = re.compile("'* *[=+@\t\r\n\uff1d\uff0b\uff0d\uff20-]")


class BadCell(ValueError):
    """The cell cannot be used. The message completes "Variant Price: ..."."""


def shorten(text: str) -> str:
    """For showing to a person: one line, at most 60 characters."""
    line = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
    return line if len(line) <= MOST_SHOWN else line[: MOST_SHOWN - 1] + "…"


def guard(text: str) -> str:
    """A text that a spreadsheet would run as a formula gets an apostrophe in front. `unguard` takes it off again, always."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguard(text: str) -> str:
    """The text that `guard` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def parse_line(text: str, *, most: int) -> str:
    """A text of one line; line breaks become spaces. Formulas are text like any other."""
    line = " ".join(text.split())
    if _CONTROL.search(line):
        raise BadCell("contains a control character")
    if len(line) > most:
        raise BadCell(f"is longer than {most} characters")
    return line


def parse_html(text: str) -> str:
    """A text as it is, not sanitised. PostgreSQL cannot hold NUL."""
    if "\0" in text:
        raise BadCell("contains a control character")
    return text


def parse_price(text: str, *, decimals: int) -> int:
    """An exact price to minor units: "19.9" with 2 decimals -> 1990. Never rounds."""
    if not text:
        raise BadCell("is missing")
    match = _PRICE.fullmatch(text)
    if match is None:
        raise BadCell("is not a price; write it like 1299.00, without signs, letters or thousands separators")
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    if len(fraction) > decimals:
        raise BadCell(
            f"has more than {decimals} decimals" if decimals else "has decimals, its currency has none"
        )
    minor = int(whole + fraction.ljust(decimals, "0"))
    if minor >= 10**MOST_MINOR_DIGITS:
        raise BadCell("is too large")
    return minor


def parse_grams(text: str) -> int:
    """A weight to whole grams, half up: Shopify converts from ounces and writes "28.349523". Empty is 0."""
    match = _GRAMS.fullmatch(text or "0")
    if match is None:
        raise BadCell("is not a weight in grams")
    grams = int(match[1]) + ((match[2] or "0")[0] >= "5")
    if grams > MOST_GRAMS:
        raise BadCell("is too large")
    return grams


def parse_stock(text: str) -> int:
    """A stock count. Empty is 0, and so is a negative one: what Shopify oversold is not there to be sold."""
    stock = _parse_whole(text or "0")
    if stock > MOST_STOCK:
        raise BadCell("is too large")
    return max(stock, 0)


def parse_position(text: str) -> int:
    """An image's place, from 1."""
    position = _parse_whole(text)
    if not 1 <= position <= 10_000:
        raise BadCell("is not a position from 1 to 10,000")
    return position


def parse_choice(text: str, meanings: dict[str, bool], *, empty: bool) -> bool:
    """A word with a meaning, in any case."""
    if not text:
        return empty
    if text.casefold() not in meanings:
        raise BadCell(f"is not one of {', '.join(meanings)}")
    return meanings[text.casefold()]


def parse_address(text: str) -> str:
    """A picture's address: http, https, or one of our own samples."""
    if len(text) > MOST_URL:
        raise BadCell(f"is longer than {MOST_URL} characters")
    if _CONTROL.search(text) or not (_WEB_ADDRESS.fullmatch(text) or _SAMPLE_PICTURE.fullmatch(text)):
        raise BadCell("is not a web address that starts with https:// or http://")
    return text


def parse_tags(text: str) -> tuple[str, ...]:
    """Words between commas, each once whatever its case, in order."""
    tags: dict[str, str] = {}
    for word in text.split(","):
        tag = parse_line(word, most=80)
        if tag:
            tags.setdefault(tag.casefold(), tag)
    if len(tags) > 250:
        raise BadCell("has more than 250 tags")
    return tuple(tags.values())


def parse_handle(text: str) -> str:
    """A slug of a-z, 0-9 and hyphens. "Crème Brûlée" -> "creme-brulee".

    Letters that cannot be written so are not guessed at: a digest of the handle stands in for them, so that
    two handles in another script stay two, and stay the same at the next import. What may be a slug of ours is one.
    """
    if _OUR_SLUG.fullmatch(text):
        return text
    plain = unicodedata.normalize("NFKD", text.casefold())
    slug = re.sub(r"[^a-z0-9]+", "-", re.sub(r"['\u2019\u0300-\u036f]", "", plain)).strip("-")
    if not any(letter.isalnum() for letter in text):
        raise BadCell("has no letters or digits")
    if not slug or any(letter.isalnum() and not letter.isascii() for letter in plain):
        slug = f"{slug}-{hashlib.sha256(text.encode()).hexdigest()[:8]}".strip("-")
    if len(slug) > MOST_HANDLE:
        raise BadCell(f"is longer than {MOST_HANDLE} characters")
    return slug


def _parse_whole(text: str) -> int:
    if _WHOLE.fullmatch(text) is None:
        raise BadCell("is not a whole number")
    return int(text)
