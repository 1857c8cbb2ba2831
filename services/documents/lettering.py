"""Text as the documents' font can show it."""

import unicodedata
from collections.abc import Container
from pathlib import Path

from fpdf.bidi import BidiParagraph

FONTS = Path(__file__).parent / "fonts"
REPLACEMENT = "\ufffd"
RIGHT_TO_LEFT = {"R", "AL"}
MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")


def printable(text: object, glyphs: Container[int]) -> str:
    """One line of `text`: composed, without control and format characters, a replacement for each missing glyph."""
    composed = unicodedata.normalize("NFC", str(text))
    return " ".join("".join(_printable(character, glyphs) for character in composed).split())


def _printable(character: str, glyphs: Container[int]) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category == "Cf" or "\ufe00" <= character <= "\ufe0f":  # joiners, direction marks, variation selectors
        return ""
    return character if ord(character) in glyphs else REPLACEMENT


def visual(text: str) -> str:
    """Characters in the order they are seen. Hebrew reads right; Arabic does too, but its letters are not joined."""
    if not any(unicodedata.bidirectional(character) in RIGHT_TO_LEFT for character in text):
        return text
    characters = BidiParagraph(text=text).get_reordered_characters()
    return "".join(
        found.character.translate(MIRRORED) if found.embedding_level % 2 else found.character
        for found in characters
    )


def encodable(text: str) -> str:
    """For what is stored and not drawn, such as the title in a file's properties."""
    return " ".join("".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cs")).split())
