"""Making storefront schemas ahead of time, so that nobody waits for migrations."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader

from core.db import tenant_connection
from tenants.models import ReadySchema

POOL_LOCK = 0x500C


def generated_schema_name() -> str:
    """t_ and 80 random bits: never a seller's text."""
    return "t_" + base64.b32encode(secrets.token_bytes(10)).decode().lower().rstrip("=")


@cache
def disk_migrations() -> tuple[tuple[str, str], ...]:
    """The migrations this code has, as (app, name). Read once per process."""
    return tuple(sorted(MigrationLoader(None).disk_migrations))


@cache
def code_version() -> str:
    """A digest of the tenant migrations this code has. A ready schema of another version is not handed out."""
    tenant_apps = {name.rsplit(".", 1)[-1] for name in settings.TENANT_APPS}
    names = [f"{app}.{name}" for app, name in disk_migrations() if app in tenant_apps]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def make_ready_schema() -> ReadySchema:
    """Create a schema, migrate it, and put it into the pool. Takes as long as the migrations do.

    A failure leaves no schema behind. Must not be called inside a transaction.
    """
    name = generated_schema_name()
    tenant_connection.set_schema_to_public()
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA "{name}"')
    try:
        call_command("migrate_schemas", schema_name=name, interactive=False, verbosity=0)
        tenant_connection.set_schema_to_public()
        return ReadySchema.objects.create(schema_name=name, version=code_version())
    except BaseException:
        tenant_connection.set_schema_to_public()
        drop_schema(name)
        raise


def drop_schema(name: str) -> None:
    """Remove a generated schema and everything in it."""
    if not name.startswith("t_") or not name[2:].isalnum():
        raise ValueError(f"{name!r} is not a generated schema name")
    with connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')


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
    """Bring the pool to `size` ready schemas of the current version; drop those of older ones. Returns how many were made.

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
    for row in ReadySchema.objects.exclude(version=code_version()):
        with transaction.atomic():
            if ReadySchema.objects.filter(pk=row.pk).delete()[0]:
                drop_schema(row.schema_name)
