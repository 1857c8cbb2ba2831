"""Reading the marketplace's directory: storefronts, and products of all of them. Closed and suspended ones never show."""

from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings
from django.db import connection

from core.money import Money
from core.search import MATCH, match_params
from tenants.models.tenant import url_of

PAGE, MOST_PAGES = 24, 40
OPEN = "t.status = 'active' AND t.brand->>'listed' IS DISTINCT FROM 'false'"
STOREFRONTS = f"""
SELECT t.slug, t.primary_domain, t.name, t.brand, s.products, s.pictures FROM tenants_listedstorefront s JOIN tenants_tenant t ON t.id = s.tenant_id
 WHERE {OPEN} AND s.products > 0 AND (%(like)s = '' OR t.name ILIKE %(like)s)
 ORDER BY {{order}} LIMIT %(limit)s OFFSET %(offset)s
"""  # noqa: S608 - our own conditions
ORDERS = {"newest": "t.created_at DESC, t.id", "name": "lower(t.name), t.id"}
PRODUCTS = f"""
SELECT l.slug, l.title, l.price_from_minor, l.price_to_minor, l.currency, l.thumbnail, l.in_stock, l.rating_count, l.rating_sum,
       t.slug, t.primary_domain, t.name
  FROM tenants_listedproduct l JOIN tenants_tenant t ON t.id = l.tenant_id
 WHERE {OPEN} AND l.search @@ {MATCH}
 ORDER BY l.in_stock DESC, ts_rank(l.search, {MATCH}) DESC, l.created_at DESC, l.id LIMIT %(limit)s OFFSET %(offset)s
"""  # noqa: S608 - our own conditions


@dataclass(frozen=True)
class Found:
    """A page of what was asked for; `number` counts from 1."""

    rows: list[dict[str, Any]]
    number: int
    has_more: bool


def listed_storefronts(*, q: str = "", sort: str = "newest", number: int = 1, limit: int = PAGE) -> Found:
    """Open storefronts that sell something. One query."""
    escaped = q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    params = {"like": f"%{escaped}%" if q else ""}
    rows, number, has_more = _page(
        STOREFRONTS.format(order=ORDERS.get(sort, ORDERS["newest"])), params, number, limit
    )
    return Found([_storefront(row) for row in rows], number, has_more)


def search_products(*, q: str, number: int = 1, limit: int = PAGE) -> Found:
    """Products of all open storefronts that match, what can be had first. One query; none for an empty search."""
    if not q.strip():
        return Found([], 1, has_more=False)
    rows, number, has_more = _page(PRODUCTS, match_params(q), number, limit)
    return Found([_product(row) for row in rows], number, has_more)


def _page(sql: str, params: dict[str, Any], number: int, limit: int) -> tuple[list[tuple], int, bool]:
    number = min(max(number, 1), MOST_PAGES)
    with connection.cursor() as cursor:
        cursor.execute(sql, {**params, "limit": limit + 1, "offset": (number - 1) * limit})
        rows = cursor.fetchall()
    return rows[:limit], number, len(rows) > limit and number < MOST_PAGES


def _urls(slug: str, primary_domain: str) -> tuple[str, str]:
    """Where a storefront is, and where its pictures are: at the subdomain, which the marketplace's pages may show pictures of."""
    subdomain = f"{slug}.{settings.MARKETPLACE_HOST}"
    return url_of(primary_domain or subdomain), url_of(subdomain)


def _storefront(row: tuple) -> dict[str, Any]:
    slug, primary_domain, name, brand, products, pictures = row
    url, files = _urls(slug, primary_domain)
    kept = brand if isinstance(brand, dict) else orjson.loads(brand)
    return {
        "name": name,
        "url": url,
        "tagline": kept.get("tagline", ""),
        "products": products,
        "pictures": [f"{files}{settings.MEDIA_URL}{picture}" for picture in pictures],
    }


def _product(row: tuple) -> dict[str, Any]:
    slug, title, price_from, price_to, currency, thumbnail, in_stock, count, stars, shop, own, shop_name = row
    url, files = _urls(shop, own)
    return {
        "title": title,
        "url": f"{url}/products/{slug}",
        "price": Money(price_from, currency),
        "is_from": price_from != price_to,
        "picture": f"{files}{settings.MEDIA_URL}{thumbnail}" if thumbnail else "",
        "in_stock": in_stock,
        "rating": stars / count if count else None,
        "rating_count": count,
        "shop": shop_name,
        "shop_url": url,
    }
