"""From what the browser shows to a small file."""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

TALLEST = 1_600
LARGEST_BYTES = 60 * 1024
QUALITIES = (70, 60, 50)
PICTURES_ARE_THERE = """(tallest) => [...document.images]
    .filter((picture) => picture.getBoundingClientRect().top < tallest)
    .every((picture) => picture.complete)"""


def take(page: Page, file: Path) -> int:
    """Write the page, from its top to its end or TALLEST, as WebP. Returns the bytes."""
    size = page.viewport_size
    assert size is not None
    page.wait_for_load_state("networkidle")
    height = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
    page.set_viewport_size({"width": size["width"], "height": height})  # what is lazy comes into sight
    page.wait_for_function(PICTURES_ARE_THERE, arg=TALLEST)
    page.evaluate("scrollTo(0, 0)")
    png = page.screenshot(animations="disabled", caret="hide", scale="css")
    page.set_viewport_size(size)
    file.write_bytes(_webp(png))
    return file.stat().st_size


def _webp(png: bytes) -> bytes:
    """As good as fits into LARGEST_BYTES."""
    with Image.open(io.BytesIO(png)) as image:
        for quality in QUALITIES:
            image.convert("RGB").save(made := io.BytesIO(), "WEBP", quality=quality, method=6)
            if made.tell() <= LARGEST_BYTES:
                break
    return made.getvalue()
