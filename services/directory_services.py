"""The marketplace's directory and its search: what all storefronts sell, in two shared tables.

Whatever changes what buyers see of a storefront enqueues `directory.refresh` in its own transaction. The job compares
the storefront's tables with its part of the directory and writes what differs; it always reads the state of now, so
jobs may come late, twice or in any order. No request asks the schemas of storefronts.
"""

from collections.abc import Callable

import structlog
from django.db import DatabaseError, connection, transaction

from core.clock import now
from core.db import marketplace_work
from core.errors import NotFound
from core.jobs import enqueue, forget_queued
from services.fleet_services import schema_lags
from tenants.context import current_tenant, tenant_scope
from tenants.models import GONE, ListedProduct, ListedStorefront, Tenant, TenantStatus

log = structlog.get_logger("souk.directory")
COLUMNS = (
    "slug",
    "title",
    "vendor",
    "category",
    "price_from_minor",
    "price_to_minor",
    "currency",
    "thumbnail",
    "rating_count",
    "rating_sum",
    "in_stock",
    "created_at",
)
SHOWN = """
SELECT p.id AS product_id, p.slug, p.title, p.vendor, coalesce(c.name, '') AS category, p.price_from_minor, p.price_to_minor,
       p.currency, coalesce(p.cover->>'thumbnail', '') AS thumbnail, p.rating_count, p.rating_sum, p.created_at,
       EXISTS (SELECT FROM shop_variant v JOIN shop_inventoryitem i ON i.variant_id = v.id
                WHERE v.product_id = p.id AND v.is_active AND (NOT i.is_tracked OR i.available_stock > 0)) AS in_stock
  FROM shop_product p LEFT JOIN shop_category c ON c.id = p.category_id
 WHERE p.is_published AND p.archived_at IS NULL
"""
WRITE = f"""
WITH shown AS ({SHOWN}), gone AS (
  DELETE FROM public.tenants_listedproduct l
   WHERE l.tenant_id = %(tenant)s AND NOT EXISTS (SELECT FROM shown WHERE shown.product_id = l.product_id)
  RETURNING l.id
), written AS (
  INSERT INTO public.tenants_listedproduct AS l (tenant_id, product_id, {", ".join(COLUMNS)})
  SELECT %(tenant)s, product_id, {", ".join(COLUMNS)} FROM shown
  ON CONFLICT (tenant_id, product_id) DO UPDATE SET {", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS)}
   WHERE ({", ".join(f"l.{name}" for name in COLUMNS)}) IS DISTINCT FROM ({", ".join(f"EXCLUDED.{name}" for name in COLUMNS)})
  RETURNING l.id
), listed AS (
  INSERT INTO public.tenants_listedstorefront AS s (tenant_id, products, pictures, refreshed_at)
  SELECT %(tenant)s, count(*), coalesce((array_agg(thumbnail ORDER BY in_stock DESC, created_at DESC)
           FILTER (WHERE thumbnail <> ''))[1:3], '{{}}'), %(now)s FROM shown
  ON CONFLICT (tenant_id) DO UPDATE SET products = EXCLUDED.products, pictures = EXCLUDED.pictures, refreshed_at = EXCLUDED.refreshed_at
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM written)
"""  # noqa: S608 - our own columns


@marketplace_work
@transaction.atomic
def refresh_directory() -> int:
    """Make the served storefront's part of the directory what its tables say now. Returns how many rows changed.

    A staging copy is not in it. One at a time for each storefront (advisory lock); queued repeats of the job are taken along.
    """
    tenant = current_tenant()
    if tenant.is_staging:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('directory'), hashtext(%s))", [str(tenant.pk)])
        forget_queued("directory.refresh")
        cursor.execute(WRITE, {"tenant": tenant.pk, "now": now()})
        (changed,) = cursor.fetchone()
    return int(changed)


def rebuild_directory(
    *, slug: str = "", on_progress: Callable[[Tenant, int], None] = lambda tenant, changed: None
) -> int:
    """Refresh every open storefront, or one, and forget those that are closed. Returns how many rows changed.

    The directory is never empty meanwhile. Safe to run at any time, and again. A storefront that cannot be read now is
    left to a job of its own. Raises NotFound for a slug that nobody has.
    """
    chosen = Tenant.objects.filter(slug=slug) if slug else Tenant.objects.order_by("created_at")
    if slug and not chosen.exists():
        raise NotFound(what="storefront")
    total = 0
    for tenant in chosen.filter(status__in=[TenantStatus.ACTIVE, TenantStatus.SUSPENDED]).iterator():
        changed = _refresh_or_leave(tenant)
        on_progress(tenant, changed)
        total += changed
    closed = chosen.filter(status__in=GONE).order_by()
    ListedProduct.objects.filter(tenant__in=closed).delete()
    ListedStorefront.objects.filter(tenant__in=closed).delete()
    return total


def _refresh_or_leave(tenant: Tenant) -> int:
    """How many rows changed. Where the schema lags or PostgreSQL refuses: 0, and a job does it when it can."""
    lags = schema_lags(tenant)
    with tenant_scope(tenant):
        try:
            if not lags:
                return refresh_directory()
        except DatabaseError as error:
            log.warning("directory.left", error=type(error).__name__)
        enqueue("directory.refresh")
    return 0
