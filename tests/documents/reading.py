"""What a reader of a PDF finds in it."""

import io

from pypdf import PdfReader


def pages_of(document: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(document)).pages]


def text_of(document: bytes) -> str:
    return "\n".join(pages_of(document))
