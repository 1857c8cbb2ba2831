"""Many storefronts at once, and what is in their schemas."""

from django.db import connection

from services.fleet_services import applied_migrations
from services.provisioning_services import create_schema
from services.schema_names import generated_schema_name
from services.schema_recording_services import code_version, tenant_migrations
from tenants.context import tenant_scope
from tenants.models import Tenant
from tests.factories.shop import make_variant
from tests.factories.tenants import make_tenant


def make_fleet(count: int) -> list[Tenant]:
    """That many storefronts, with one product each."""
    made = []
    for _ in range(count):
        tenant = make_tenant()
        with tenant_scope(tenant):
            make_variant(title="Oat mug")
        made.append(tenant)
    return made


def make_bare_tenant(slug: str) -> Tenant:
    """A storefront of which there is the row and the schema, as fast as it can be."""
    schema = generated_schema_name()
    create_schema(schema)
    return Tenant.objects.create(
        schema_name=schema,
        schema_version=code_version(),
        slug=slug,
        slug_skeleton=slug,
        name=slug,
        currency="EUR",
        status="active",
        activated_at="2026-01-01T00:00Z",
    )


def rows(sql: str, *parameters) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall()


def notes(tenant: Tenant) -> list[str]:
    """What the next release's migrations wrote."""
    return [note for (note,) in rows(f"SELECT note FROM {tenant.schema_name}.shop_product ORDER BY note")]


def have_all(tenants: list[Tenant]) -> list[bool]:
    """Which of them have every migration of the code."""
    applied = applied_migrations([tenant.schema_name for tenant in tenants])
    return [(applied[tenant.schema_name] or frozenset()) >= tenant_migrations() for tenant in tenants]
