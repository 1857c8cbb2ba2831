"""What storefronts keep for a while only, and nobody asks about any more."""

import structlog
from django.db import DatabaseError, connection, transaction

from core.clock import now
from core.db import as_marketplace
from core.idempotency import LIFETIME
from tenants.models import GONE, Tenant

log = structlog.get_logger("souk.housekeeping")
STOREFRONTS_AT_ONCE = 50


def forget_old_answers() -> int:
    """Delete the kept answers of requests that are older than anybody tries again, in every storefront.

    Many storefronts in one round trip, each table named in full. Where one is locked or missing, its batch is left for the
    next day. Returns how many storefronts were looked at.
    """
    found = Tenant.objects.exclude(status__in=GONE).order_by("pk").values_list("schema_name", flat=True)
    schemas, oldest, done = list(found), now() - LIFETIME, 0
    for start in range(0, len(schemas), STOREFRONTS_AT_ONCE):
        batch = schemas[start : start + STOREFRONTS_AT_ONCE]
        # The names of schemas are ours: t_ and random letters, which PostgreSQL checks.
        statements = [f'DELETE FROM "{name}".shop_idempotencykey WHERE created_at < %s' for name in batch]  # noqa: S608
        try:
            with transaction.atomic(), as_marketplace(), connection.cursor() as cursor:
                cursor.execute(";".join(statements), [oldest] * len(batch))
        except DatabaseError as error:
            log.warning("answers.left", error=type(error).__name__, storefronts=len(batch))
        else:
            done += len(batch)
    return done
