"""Small pictures of variants, for lines of carts and orders."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

from shop.selectors.catalogue import media_url

# A variant's own picture first, then one of a variant with the same first option, then the product's first.
THUMBNAILS = """
SELECT v.id, (
    SELECT m.thumbnail FROM shop_productimage m LEFT JOIN shop_variant o ON o.id = m.variant_id
     WHERE m.product_id = v.product_id AND m.file <> ''
     ORDER BY m.variant_id IS NOT DISTINCT FROM v.id DESC,
              (o.option_values[1] = v.option_values[1]) IS TRUE DESC, m.position, m.id
     LIMIT 1)
  FROM shop_variant v WHERE v.id = ANY(%s)
"""


def thumbnails(variant_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Where the small picture of each variant is served; variants without one are left out. One query."""
    wanted = [variant_id for variant_id in variant_ids if variant_id is not None]
    with connection.cursor() as cursor:
        cursor.execute(THUMBNAILS, [wanted])
        return {variant_id: media_url(name) or "" for variant_id, name in cursor.fetchall() if name}
