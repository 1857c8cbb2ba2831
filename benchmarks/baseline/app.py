"""What a careful person would write by hand for the two hot reads: one view, one query, psycopg2, no middleware.

Same schema, same JSON, same gunicorn. The difference to Souk is what tenancy, errors, logs and conventions cost.
"""

import os
from typing import Any

import environ
import orjson
from django.conf import settings

env = environ.Env()
DATABASE = {**env.db("DATABASE_URL"), "CONN_MAX_AGE": None}
DATABASE.setdefault("OPTIONS", {})["options"] = f"-c search_path={os.environ['BENCH_SCHEMA']}"

if not settings.configured:
    settings.configure(
        SECRET_KEY="benchmark",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        DATABASES={"default": DATABASE},
        USE_TZ=True,
    )

import django  # noqa: E402

django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

LIST = """
SELECT p.id, p.slug, p.title, p.vendor, p.price_from_minor, p.price_to_minor, p.currency, p.cover, s.available, s.compare_at
  FROM shop_product p CROSS JOIN LATERAL (
    SELECT sum(i.available_stock) AS available, max(v.compare_at_price_minor) AS compare_at
      FROM shop_variant v JOIN shop_inventoryitem i ON i.variant_id = v.id WHERE v.product_id = p.id AND v.is_active) s
 WHERE p.is_published AND p.archived_at IS NULL ORDER BY p.created_at DESC, p.id DESC LIMIT 20
"""
DETAIL = """
SELECT p.id, p.slug, p.title, p.description, p.vendor, p.tags, c.slug, c.name, p.option_names,
  (SELECT json_agg(json_build_object('id', v.id, 'sku', v.sku, 'option_values', v.option_values, 'price', v.price_minor,
      'compare_at_price', v.compare_at_price_minor, 'available', i.available_stock) ORDER BY v.position)
     FROM shop_variant v JOIN shop_inventoryitem i ON i.variant_id = v.id WHERE v.product_id = p.id AND v.is_active),
  (SELECT json_agg(json_build_object('file', m.file, 'thumbnail', m.thumbnail, 'alt', m.alt) ORDER BY m.position)
     FROM shop_productimage m WHERE m.product_id = p.id)
  FROM shop_product p LEFT JOIN shop_category c ON c.id = p.category_id WHERE p.slug = %s AND p.is_published
"""


def products(request: HttpRequest) -> HttpResponse:
    """The newest twenty with price, picture and stock."""
    with connection.cursor() as cursor:
        cursor.execute(LIST)
        rows = cursor.fetchall()
    results = [
        {
            "id": row[0],
            "slug": row[1],
            "title": row[2],
            "vendor": row[3],
            "price_from": {"amount": row[4], "currency": row[6]},
            "price_to": {"amount": row[5], "currency": row[6]},
            "compare_at_price": row[9],
            "available": row[8],
            "in_stock": bool(row[8]),
            "image": orjson.loads(row[7]) if row[7] else None,
        }
        for row in rows
    ]
    return answer({"results": results})


def product(request: HttpRequest, slug: str) -> HttpResponse:
    """One product with variants, stock and pictures."""
    with connection.cursor() as cursor:
        cursor.execute(DETAIL, [slug])
        row = cursor.fetchone()
    names = (
        "id",
        "slug",
        "title",
        "description",
        "vendor",
        "tags",
        "category",
        "category_name",
        "options",
        "variants",
        "images",
    )
    return answer(dict(zip(names, row, strict=True)))


def answer(value: Any) -> HttpResponse:
    """JSON."""
    return HttpResponse(orjson.dumps(value), content_type="application/json")


urlpatterns = [path("products", products), path("products/<slug:slug>", product)]
application = get_wsgi_application()
