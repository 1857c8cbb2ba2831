"""What waits for the staff: the figures beside the dashboard's navigation."""

from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

MOST = 100  # "99+" says as much as the exact number, and is counted in no time
WAITING = """
SELECT (SELECT count(*) FROM (SELECT FROM shop_notification WHERE for_staff AND NOT is_read LIMIT %(most)s) a),
       (SELECT count(*) FROM (SELECT FROM shop_order WHERE status = 'confirmed' LIMIT %(most)s) b),
       (SELECT count(*) FROM (SELECT FROM shop_inventoryitem i JOIN shop_variant v ON v.id = i.variant_id AND v.is_active
          JOIN shop_product p ON p.id = v.product_id AND p.archived_at IS NULL
         WHERE i.is_tracked AND i.low_stock_since IS NOT NULL LIMIT %(most)s) c),
       (SELECT count(*) FROM (SELECT FROM shop_operation WHERE state IN ('queued', 'running') LIMIT %(most)s) d),
       (SELECT count(*) FROM public.payouts_dispute WHERE tenant_id = %(tenant)s AND status = 'needs_response'),
       (SELECT time_zone FROM public.payouts_selleraccount WHERE tenant_id = %(tenant)s)
"""


def what_waits(tenant_id: UUID) -> tuple[dict[str, int], ZoneInfo]:
    """unread, to_ship, low_stock, running, disputes: how many, 100 for more than 99; and the seller's
    time zone. One query."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING, {"most": MOST, "tenant": tenant_id})
        unread, to_ship, low_stock, running, disputes, zone = cursor.fetchone()
    waiting = {
        "unread": unread,
        "to_ship": to_ship,
        "low_stock": low_stock,
        "running": running,
        "disputes": disputes,
    }
    return waiting, ZoneInfo(zone or "UTC")
