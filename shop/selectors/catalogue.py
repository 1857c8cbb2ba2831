"""What buyers read of the catalogue. One query a page; the shapes are the API's."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import DataError, connection
from django.db.models import QuerySet

from core.errors import Invalid, NotFound
from core.pagination import MAX_PAGE, decode_cursor, encode_cursor
from core.search import MATCH, match_params
from shop.models import Product

# sort -> (columns, of which the last is always the id, direction, comparison, SQL types)
SORTS: dict[str, tuple[str, str, str, str]] = {
    "newest": ("p.created_at, p.id", "DESC", "<", "timestamptz, uuid"),
    "price": ("p.price_from_minor, p.id", "ASC", ">", "bigint, uuid"),
    "-price": ("p.price_from_minor, p.id", "DESC", "<", "bigint, uuid"),
    "title": ("p.title, p.id", "ASC", ">", "text, uuid"),
}
LIST = """
SELECT p.id::text, p.slug, p.title, p.vendor, p.price_from_minor, p.price_to_minor, p.currency, p.cover, s.available, s.compare_at,
       p.rating_count, p.rating_sum, {key}
  FROM shop_product p
 CROSS JOIN LATERAL (
   SELECT sum(CASE WHEN i.is_tracked THEN i.available_stock ELSE 1000000 END) AS available, max(v.compare_at_price_minor) AS compare_at
     FROM shop_variant v JOIN shop_inventoryitem i ON i.variant_id = v.id WHERE v.product_id = p.id AND v.is_active) s
 WHERE p.is_published AND p.archived_at IS NULL {where}
 ORDER BY {order} LIMIT %(limit)s
"""
CATEGORY = """
 AND p.category_id IN (WITH RECURSIVE inside AS (SELECT id FROM shop_category WHERE slug = %(category)s
   UNION SELECT c.id FROM shop_category c JOIN inside ON c.parent_id = inside.id) SELECT id FROM inside)
"""


@dataclass(frozen=True)
class Listing:
    """What to show, in which order, from where."""

    q: str = ""
    category: str = ""
    tag: str = ""
    min_price: int | None = None
    max_price: int | None = None
    in_stock: bool = False
    sort: str = "newest"
    limit: int = 20
    cursor: str = ""


def media_url(name: str | None) -> str | None:
    """Where a stored file is served, on the storefront's own host."""
    return f"{settings.MEDIA_URL}{name}" if name else None


def list_products(listing: Listing) -> dict[str, Any]:
    """A page of products for sale: {"results": [...], "next_cursor": str | None}. Raises Invalid (cursor)."""
    columns, direction, comparison, types = SORTS[listing.sort]
    limit = min(listing.limit, MAX_PAGE)
    where, params = _filters(listing)
    params["limit"] = limit + 1
    if listing.cursor:
        position = decode_cursor(listing.cursor, 2)
        casts = ", ".join(f"%(after{index})s::{sql_type}" for index, sql_type in enumerate(types.split(", ")))
        where += f" AND ({columns}) {comparison} ({casts})"
        params |= {"after0": str(position[0]), "after1": str(position[1])}
    order = ", ".join(f"{column} {direction}" for column in columns.split(", "))
    rows = _rows(LIST.format(key=columns.split(", ")[0], where=where, order=order), params)
    page, more = rows[:limit], len(rows) > limit
    media = settings.MEDIA_URL
    return {
        "results": [_card(row, media) for row in page],
        "next_cursor": encode_cursor(_position(page[-1])) if more else None,
    }


def _position(row: tuple) -> list[Any]:
    key = row[12]
    return [key.isoformat() if isinstance(key, datetime) else key, row[0]]


def _rows(sql: str, params: dict[str, Any]) -> list[tuple]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()
    except (DataError, ValueError) as error:
        raise Invalid(
            field="cursor", reason="does not belong to this list; start again without it"
        ) from error


def _filters(listing: Listing) -> tuple[str, dict[str, Any]]:
    where = ""
    params: dict[str, Any] = {}
    if listing.q:
        where += f" AND p.search @@ {MATCH}"
        params |= match_params(listing.q)
    if listing.category:
        where += CATEGORY
        params["category"] = listing.category
    if listing.tag:
        where += " AND p.tags @> ARRAY[%(tag)s]::varchar[]"
        params["tag"] = listing.tag
    if listing.min_price is not None:
        where += " AND p.price_to_minor >= %(min_price)s"
        params["min_price"] = listing.min_price
    if listing.max_price is not None:
        where += " AND p.price_from_minor <= %(max_price)s"
        params["max_price"] = listing.max_price
    if listing.in_stock:
        where += " AND s.available > 0"
    return where, params


def _card(row: tuple, media: str) -> dict[str, Any]:
    cover = orjson.loads(row[7]) if row[7] else None
    return {
        "id": row[0],
        "slug": row[1],
        "title": row[2],
        "vendor": row[3],
        "price_from": {"amount": row[4], "currency": row[6]},
        "price_to": {"amount": row[5], "currency": row[6]},
        "compare_at_price": {"amount": row[9], "currency": row[6]} if row[9] is not None else None,
        "available": row[8] or 0,
        "in_stock": bool(row[8]),
        "rating": {"count": row[10], "average": round(row[11] / row[10], 2) if row[10] else None},
        "image": {
            "url": media + cover["thumbnail"] if cover["thumbnail"] else None,
            "large_url": media + cover["file"] if cover["file"] else None,
            "alt": cover["alt"],
            "width": cover["width"],
            "height": cover["height"],
        }
        if cover
        else None,
    }


DETAIL = """
SELECT json_build_object(
  'id', p.id, 'slug', p.slug, 'title', p.title, 'description', p.description, 'vendor', p.vendor, 'tags', p.tags,
  'rating', json_build_object('count', p.rating_count, 'average', round(p.rating_sum::numeric / nullif(p.rating_count, 0), 2)),
  'category', (SELECT json_build_object('slug', c.slug, 'name', c.name) FROM shop_category c WHERE c.id = p.category_id),
  'options', (SELECT coalesce(json_agg(json_build_object('name', o.name, 'values', (
      SELECT json_agg(value ORDER BY first) FROM (SELECT v.option_values[o.number] AS value, min(v.position) AS first FROM shop_variant v
       WHERE v.product_id = p.id AND v.is_active GROUP BY 1) AS vals)) ORDER BY o.number), '[]')
    FROM unnest(p.option_names) WITH ORDINALITY AS o(name, number)),
  'variants', (SELECT coalesce(json_agg(json_build_object(
      'id', v.id, 'sku', v.sku, 'option_values', v.option_values, 'weight_grams', v.weight_grams,
      'price', json_build_object('amount', v.price_minor, 'currency', v.currency),
      'compare_at_price', CASE WHEN v.compare_at_price_minor IS NOT NULL THEN json_build_object('amount', v.compare_at_price_minor, 'currency', v.currency) END,
      'available', CASE WHEN i.is_tracked THEN i.available_stock END, 'in_stock', NOT i.is_tracked OR i.available_stock > 0
    ) ORDER BY v.position, v.id), '[]') FROM shop_variant v JOIN shop_inventoryitem i ON i.variant_id = v.id WHERE v.product_id = p.id AND v.is_active),
  'images', (SELECT coalesce(json_agg(json_build_object('url', %(media)s || m.thumbnail, 'large_url', %(media)s || m.file, 'alt', m.alt, 'width', m.width,
      'height', m.height, 'variant_id', m.variant_id) ORDER BY m.position, m.id), '[]') FROM shop_productimage m WHERE m.product_id = p.id AND m.file <> '')
)::text
  FROM shop_product p WHERE p.slug = %(slug)s AND p.is_published AND p.archived_at IS NULL
"""


def product_json(slug: str) -> bytes | None:
    """One product for sale with options, variants, stock and images, as the API's JSON, written by PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute(DETAIL, {"slug": slug, "media": settings.MEDIA_URL})
        row = cursor.fetchone()
    return row[0].encode() if row else None


def category_pictures(slugs: list[str]) -> dict[str, str]:
    """Where the small picture of a product in each category is served; one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (c.slug) c.slug, p.cover->>'thumbnail' FROM shop_category c
              JOIN shop_product p ON p.category_id = c.id AND p.is_published AND p.archived_at IS NULL AND p.cover IS NOT NULL
             WHERE c.slug = ANY(%s) ORDER BY c.slug, p.created_at DESC
            """,
            [slugs],
        )
        return {slug: f"{settings.MEDIA_URL}{name}" for slug, name in cursor.fetchall() if name}


def product_id_of(slug: str) -> UUID:
    """The id of a product for sale. Raises NotFound."""
    found = Product.objects.filter(slug=slug, is_published=True, archived_at=None).values_list(
        "id", flat=True
    )
    if not found:
        raise NotFound(what="product")
    return found[0]


def list_categories() -> list[dict[str, Any]]:
    """All categories with the number of products for sale directly in each, in the seller's order."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id, c.slug, c.name, c.parent_id, count(p.id) FROM shop_category c
              LEFT JOIN shop_product p ON p.category_id = c.id AND p.is_published AND p.archived_at IS NULL
             GROUP BY c.id ORDER BY c.position, c.name
            """
        )
        rows = cursor.fetchall()
    return [
        {"id": row[0], "slug": row[1], "name": row[2], "parent_id": row[3], "products": row[4]}
        for row in rows
    ]


def sitemap_products() -> QuerySet[Product, tuple[str, datetime]]:
    """(slug, last change) of each product for sale, oldest first; not read yet."""
    return (
        Product.objects.filter(is_published=True, archived_at=None)
        .order_by("id")
        .values_list("slug", "updated_at")
    )


def sitemap_categories() -> list[str]:
    """Slugs of the categories that have products for sale directly in them."""
    return [row["slug"] for row in list_categories() if row["products"]]
