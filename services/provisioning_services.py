"""Making storefront schemas ahead of time, so that nobody waits for migrations."""

from collections.abc import Callable

from django.conf import settings
from django.db import connection, transaction

from core.db import tenant_connection
from services.distribution_services import distribute_where_there_is_citus
from services.fleet_services import applied_migrations
from services.schema_names import drop_schema, generated_schema_name
from services.schema_recording_services import (
    code_version,
    migrate_by_django,
    recorded_script,
    tenant_migrations,
)
from services.wall_services import tenant_role_sql
from tenants.models import ReadySchema

POOL_LOCK = 0x500C


def make_ready_schema() -> ReadySchema:
    """Create a schema with this code's tables and put it into the pool.

    From the recorded script, in one round trip, where that is of this version; else by migrations, which takes as long
    as they do. A failure leaves no schema behind. Must not be called inside a transaction.
    """
    name = generated_schema_name()
    tenant_connection.set_schema_to_public()
    try:
        create_schema(name)
        distribute_where_there_is_citus(name)
        return ReadySchema.objects.create(schema_name=name, version=code_version())
    except BaseException:
        tenant_connection.set_schema_to_public()
        drop_schema(name)
        raise


def create_schema_of(name: str, structure: str) -> None:
    """A schema of this name with the tables that `structure` makes (see `structure_of`), and its role. All or nothing."""
    _execute(f'CREATE SCHEMA "{name}"; SET LOCAL search_path = "{name}"; {structure} {tenant_role_sql(name)}')


def create_schema(name: str) -> None:
    """A schema of this name with this code's tables, and its role. Raises psycopg2's DuplicateSchema (as ProgrammingError)."""
    version, script = recorded_script()
    if version == code_version():
        # One message is one transaction: all of it is there, or nothing.
        create_schema_of(name, script)
    else:
        _execute(f'CREATE SCHEMA "{name}"')
        migrate_by_django(name)  # ends the session
        _execute(tenant_role_sql(name))


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
    tenant_connection.search_path_set_schemas = None  # inside a transaction the path would stay


def claim_ready_schema() -> str | None:
    """Take one schema of the current version out of the pool, or None. Call inside a transaction.

    Two sign-ups never get the same one: the row is deleted under SKIP LOCKED.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM tenants_readyschema WHERE id =
              (SELECT id FROM tenants_readyschema WHERE version = %s ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING schema_name
            """,
            [code_version()],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def fill_pool(
    *, size: int | None = None, on_progress: Callable[[int, int], None] = lambda done, wanted: None
) -> int:
    """Bring the pool to `size` ready schemas of the current version; drop older ones. Returns how many were made.

    One process fills at a time (advisory lock); another returns 0 at once.
    """
    wanted = settings.SCHEMA_POOL_SIZE if size is None else size
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [POOL_LOCK])
        if not cursor.fetchone()[0]:
            return 0
    try:
        _drop_stale()
        made = 0
        while ReadySchema.objects.filter(version=code_version()).count() < wanted:
            make_ready_schema()
            made += 1
            on_progress(made, wanted)
        return made
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [POOL_LOCK])


def _drop_stale() -> None:
    """Those that lack this code's migrations. What a newer release has made is for that release."""
    stale = list(ReadySchema.objects.exclude(version=code_version()))
    applied = applied_migrations([row.schema_name for row in stale])
    for row in stale:
        has = applied[row.schema_name]
        if has is not None and tenant_migrations() <= has:
            continue
        with transaction.atomic():
            if ReadySchema.objects.filter(pk=row.pk).delete()[0]:
                drop_schema(row.schema_name)
