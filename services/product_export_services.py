"""The catalogue as a file to keep, to edit in a spreadsheet or to take elsewhere. Taken in again it changes nothing."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Prefetch, QuerySet

from core.clock import now
from services.documents.products_csv import ProductsFile, product_rows
from services.operation_services import Outcome, Say, runner
from shop.imports.table import MOST_BYTES, MOST_ROWS
from shop.models import Product, Variant
from shop.selectors.products import ProductFilter, filtered_products
from tenants.context import current_tenant

EXPORT = "products.export"
CHUNK = 200
CSV = "text/csv; charset=utf-8"


@runner(EXPORT)
def export_products(operation: Any, say: Say) -> Outcome:
    """The products that `params` narrow (see ProductFilter), the oldest first, as Shopify's product CSV.

    Report: products, rows, left_out (nothing of them is sold), and whether the file is more than one import takes.
    """
    products = filtered_products(ProductFilter.from_params(operation.params))
    total, done, left_out = products.count(), 0, 0
    shop_url, file = current_tenant().url, ProductsFile()
    for chunk in _chunks(products):
        for product in chunk:
            before = file.rows
            file.add(product_rows(product, shop_url=shop_url))
            left_out += file.rows == before
        done += len(chunk)
        say(done, max(total, done))
    content = file.finish()
    return Outcome(
        report={
            "products": done - left_out,
            "rows": file.rows,
            "left_out": left_out,
            "is_large": file.rows > MOST_ROWS or len(content) > MOST_BYTES,
        },
        output=content,
        output_type=CSV,
        file_name=f"products-{now():%Y-%m-%d}.csv",
    )


def _chunks(products: QuerySet[Product]) -> Iterator[list[Product]]:
    """All of them, in ascending id, as many at a time as fit into little memory."""
    whole = with_parts(products).order_by("pk")
    after = None
    while chunk := list((whole.filter(pk__gt=after) if after else whole)[:CHUNK]):
        yield chunk
        after = chunk[-1].pk


def with_parts(products: QuerySet[Product]) -> QuerySet[Product]:
    """Products with what `product_rows` reads of them."""
    return (
        products.defer("search")
        .select_related("category")
        .prefetch_related(
            Prefetch("variants", Variant.objects.select_related("inventory").order_by("position", "id")),
            "images",
        )
    )
