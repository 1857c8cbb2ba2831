"""A catalogue as Shopify's product CSV, in the columns that `shop.imports` reads: what is written here is read there as it was."""

import csv
import io
from collections.abc import Iterable, Iterator

from core.money import to_major
from services.documents.statement_csv import BYTE_ORDER_MARK
from shop.imports.cells import guard
from shop.models import Product, ProductImage, Variant
from shop.selectors.catalogue import media_url

OPTIONS = tuple(f"Option{number} {part}" for number in (1, 2, 3) for part in ("Name", "Value"))
COLUMNS = (
    *("Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published", *OPTIONS),
    *("Variant SKU", "Variant Grams", "Variant Inventory Tracker", "Variant Inventory Qty"),
    *("Variant Inventory Policy", "Variant Price", "Variant Compare At Price", "Variant Barcode"),
    *("Image Src", "Image Position", "Image Alt Text", "Gift Card", "Variant Image", "Status"),
)
Row = dict[str, str]


class ProductsFile:
    """A file in the making: UTF-8 with a byte order mark, as spreadsheets like it. `rows` is how many it has."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self._text = io.TextIOWrapper(self._bytes, encoding="utf-8", newline="", write_through=True)
        self._text.write(BYTE_ORDER_MARK)
        self._writer = csv.DictWriter(self._text, COLUMNS, restval="")
        self._writer.writeheader()
        self.rows = 0

    def add(self, rows: Iterable[Row]) -> None:
        """The rows of a product, every text harmless in a spreadsheet."""
        for row in rows:
            self._writer.writerow({column: guard(text) for column, text in row.items()})
            self.rows += 1

    def finish(self) -> bytes:
        """The file."""
        self._text.flush()
        return self._bytes.getvalue()


def product_rows(product: Product, *, shop_url: str) -> Iterator[Row]:
    """A product's rows: its variants that are sold, each beside a picture, then what there is more of pictures.

    Reads `variants` with their `inventory`, `images` and `category`: fetch them along. Empty where nothing of it is sold, which
    the format cannot say.
    """
    variants = [variant for variant in product.variants.all() if variant.is_active]
    if not variants:
        return
    images = list(product.images.all())
    sources = {image.pk: _source(image, shop_url) for image in images}
    picture_of: dict[object, str] = {}
    for image in images:
        picture_of.setdefault(image.variant_id, sources[image.pk])
    for number in range(max(len(variants), len(images))):
        row: Row = {"Handle": product.slug}
        if number == 0:
            row |= _product_cells(product)
        if number < len(variants):
            variant = variants[number]
            row |= _variant_cells(product, variant)
            row["Variant Image"] = picture_of.get(variant.pk, "")
        if number < len(images):
            image = images[number]
            row |= {
                "Image Src": sources[image.pk],
                "Image Position": str(number + 1),
                "Image Alt Text": image.alt,
            }
        yield row


def _product_cells(product: Product) -> Row:
    names = product.option_names or ["Title"]
    status = "archived" if product.archived_at else "active" if product.is_published else "draft"
    return {
        "Title": product.title,
        "Body (HTML)": product.description,
        "Vendor": product.vendor,
        "Type": product.category.name if product.category else "",
        "Tags": ", ".join(product.tags),
        "Published": "true" if product.is_for_sale else "false",
        "Gift Card": "false",
        "Status": status,
        **{f"Option{number} Name": name for number, name in enumerate(names, start=1)},
    }


def _variant_cells(product: Product, variant: Variant) -> Row:
    values = variant.option_values if product.option_names else ["Default Title"]
    item, compare_at = variant.inventory, variant.compare_at_price_minor
    return {
        **{f"Option{number} Value": value for number, value in enumerate(values, start=1)},
        "Variant SKU": variant.sku,
        "Variant Grams": str(variant.weight_grams),
        "Variant Inventory Tracker": "shopify" if item.is_tracked else "",
        "Variant Inventory Qty": str(item.current_stock) if item.is_tracked else "",
        "Variant Inventory Policy": "deny" if item.is_tracked else "continue",
        "Variant Price": _major(variant.price_minor, variant.currency),
        "Variant Compare At Price": "" if compare_at is None else _major(compare_at, variant.currency),
        "Variant Barcode": variant.barcode,
    }


def _major(amount_minor: int, currency: str) -> str:
    """1999 EUR -> "19.99", never "1E+3"."""
    return f"{to_major(amount_minor, currency):f}"


def _source(image: ProductImage, shop_url: str) -> str:
    """Where the picture is; while it waits to be fetched, where it comes from."""
    return f"{shop_url}{media_url(image.file)}" if image.file else image.source_url
