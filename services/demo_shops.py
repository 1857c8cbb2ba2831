"""The brands of the demo, and what they sell."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

SAMPLES = settings.BASE_DIR / "shop" / "sample"
REAL_EXPORT = settings.BASE_DIR.parent / "shared" / "data" / "shopify" / "apparel.csv"


@dataclass(frozen=True)
class DemoShop:
    """A storefront of the demo. With `only_types`, it sells only those product types of its export."""

    slug: str
    name: str
    export: Path
    brand: dict[str, str]
    shipping_minor: int
    free_from_minor: int
    only_types: frozenset[str] = frozenset()
    is_paid_out: bool = False

    @property
    def owner(self) -> str:
        """The owner's e-mail address."""
        return f"owner@{self.slug}.example"

    def open_export(self) -> BinaryIO:
        """The product export, cut down to `only_types` where they are given."""
        if not self.only_types:
            return self.export.open("rb")
        with self.export.open(encoding="utf-8-sig", newline="") as source:
            rows = csv.DictReader(source)
            columns = rows.fieldnames or ()
            kept = _with_types(rows, self.only_types)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows(kept)
        return io.BytesIO(text.getvalue().encode())


def _with_types(rows: "csv.DictReader[str]", types: frozenset[str]) -> list[dict[str, str]]:
    """Rows of products of these types. A product's type stands in its first row; the others share its handle."""
    kept: list[dict[str, str]] = []
    handles: set[str] = set()
    for row in rows:
        if row["Type"] in types:
            handles.add(row["Handle"])
        if row["Handle"] in handles:
            kept.append(row)
    return kept


def demo_shops(*, samples_only: bool = False) -> list[DemoShop]:
    """Three brands; the third sells from a real export where one is at hand, else from a part of the samples."""
    has_real = REAL_EXPORT.is_file() and not samples_only
    return [_kiln_and_linen(), _ember_and_leaf(), _northern_thread() if has_real else _wick()]


def demo_pages() -> dict[str, tuple[str, str]]:
    """Slug -> title and Markdown of the pages that every shop of the demo has."""
    return {path.stem: _page(path) for path in sorted((SAMPLES / "pages").glob("*.md"))}


def _page(path: Path) -> tuple[str, str]:
    title, _, body = path.read_text("utf-8").partition("\n")
    return title.removeprefix("# "), body.strip()


def _kiln_and_linen() -> DemoShop:
    brand = {
        "primary": "#1f4d3f",
        "accent": "#d98e4a",
        "font": "serif",
        "tagline": "Quiet things for the table.",
        "hero_text": "Stoneware thrown, glazed and fired in small batches; linen woven to last a lifetime of dinners.",
        "announcement": "Free delivery from €80 · thirty days to send things back",
    }
    return DemoShop(
        "kiln-and-linen", "Kiln & Linen", SAMPLES / "products.csv", brand, 590, 8_000, is_paid_out=True
    )


def _ember_and_leaf() -> DemoShop:
    brand = {
        "primary": "#7a2e2e",
        "accent": "#d9b26f",
        "font": "rounded",
        "tagline": "Tea, picked and packed by hand.",
    }
    return DemoShop("ember-and-leaf", "Ember & Leaf", SAMPLES / "tea.csv", brand, 390, 4_000)


def _northern_thread() -> DemoShop:
    brand = {"primary": "#14455f", "accent": "#ef8354", "font": "system", "tagline": "Clothes that last."}
    return DemoShop("northern-thread", "Northern Thread", REAL_EXPORT, brand, 490, 10_000)


def _wick() -> DemoShop:
    brand = {
        "primary": "#3d3a6b",
        "accent": "#e0a458",
        "font": "system",
        "tagline": "Light for long evenings.",
    }
    types = frozenset({"Candles", "Textiles"})
    return DemoShop("wick-and-weave", "Wick & Weave", SAMPLES / "products.csv", brand, 490, 6_000, types)
