"""What the dashboard's search field finds, beside orders and customers."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from core.search import MATCH, match_params
from shop.selectors.catalogue import media_url

NUMBER_DIGITS = 15
PRODUCTS = """
SELECT p.id, p.slug, p.title, p.price_from_minor, p.currency, p.cover, p.is_published, p.archived_at IS NOT NULL
  FROM shop_product p
 WHERE p.search @@ {match} OR p.id IN (SELECT v.product_id FROM shop_variant v WHERE v.sku = %(sku)s)
 ORDER BY p.archived_at IS NOT NULL, ts_rank(p.search, {match}) DESC, p.created_at DESC, p.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True)
class FoundProduct:
    """`state` is one of `shop.templatetags.panel`."""

    id: UUID
    slug: str
    title: str
    price_minor: int | None
    currency: str
    picture: str | None
    state: str


def number_in(q: str) -> int | None:
    """The order's number that somebody typed, with or without #; None for anything else."""
    digits = q.removeprefix("#")
    return int(digits) if digits.isdecimal() and digits.isascii() and len(digits) <= NUMBER_DIGITS else None


def products_found(q: str, *, limit: int) -> list[FoundProduct]:
    """Products by words of theirs or by the SKU of a variant, whatever state they are in."""
    with connection.cursor() as cursor:
        cursor.execute(PRODUCTS.format(match=MATCH), {**match_params(q), "sku": q, "limit": limit})
        return [_product(row) for row in cursor.fetchall()]


def _product(row: tuple[Any, ...]) -> FoundProduct:
    product_id, slug, title, price, currency, cover, is_published, is_archived = row
    known = orjson.loads(cover) if isinstance(cover, str) else cover
    return FoundProduct(
        id=product_id,
        slug=slug,
        title=title,
        price_minor=price,
        currency=currency,
        picture=media_url(known["thumbnail"]) if known else None,
        state="archived" if is_archived else "published" if is_published else "draft",
    )
