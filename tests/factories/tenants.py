"""Storefronts and people, valid by default."""

import itertools
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from django.conf import settings
from django.db import connection
from django_tenants.utils import schema_context, schema_exists

from core.clock import now
from core.db import as_marketplace
from payouts.models import SellerAccount
from services.provisioning_services import claim_ready_schema, make_ready_schema
from services.schema_names import drop_schema
from services.schema_recording_services import code_version
from services.tenant_services import default_brand
from shop.models import ShippingRate
from tenants.context import tenant_scope
from tenants.models import Domain, Membership, ReadySchema, RetiredSchema, Role, Tenant, User
from tenants.slugs import skeleton

_numbers = itertools.count(1)
PASSWORD = "a-long-and-quiet-password"


def make_user(email: str | None = None, **fields) -> User:
    """A person with PASSWORD."""
    with as_marketplace():
        return User.objects.create_user(
            email or f"person{next(_numbers)}-{secrets.token_hex(4)}@example.com", PASSWORD, **fields
        )


def make_operator(**fields) -> User:
    """The marketplace's own staff."""
    return make_user(is_operator=True, is_superuser=True, **fields)


def make_tenant(**fields) -> Tenant:
    """An active storefront with an owner, see `_make_tenant`. Whoever was served before is served afterwards."""
    with schema_context("public"):
        return _make_tenant(**fields)


def _make_tenant(
    *, owner: User | None = None, slug: str | None = None, currency: str = "EUR", **account
) -> Tenant:
    """An active storefront with an owner. Its schema is taken from the pool, or made (once per session and schema)."""
    name = claim_ready_schema() or _make_and_claim()
    slug = slug or f"shop{next(_numbers)}x{secrets.token_hex(3)}"
    owner = owner or make_user()
    tenant = Tenant(
        schema_name=name,
        schema_version=code_version(),
        slug=slug,
        slug_skeleton=skeleton(slug),
        name=slug.title(),
        currency=currency,
        support_email=owner.email,
        brand=default_brand(slug),
    )
    tenant.activate(at=now())
    tenant.save(force_insert=True)
    Domain.objects.create(domain=tenant.host, tenant=tenant, is_primary=True, verified_at=now())
    Membership.objects.create(user=owner, tenant=tenant, role=Role.OWNER)
    SellerAccount.objects.create(
        tenant=tenant,
        **{"hold_days": settings.HOLD_DAYS, "payout_minimum_minor": settings.PAYOUT_MINIMUM_MINOR, **account},
    )
    with tenant_scope(tenant):
        ShippingRate.objects.create(name="Standard", price_minor=490, currency=currency)
    return tenant


def _make_and_claim() -> str:
    make_ready_schema()
    name = claim_ready_schema()
    assert name is not None
    return name


def owner_of(tenant: Tenant) -> User:
    """The owner of a storefront."""
    return User.objects.get(memberships__tenant=tenant, memberships__role=Role.OWNER)


def add_member(tenant: Tenant, role: str, user: User | None = None) -> User:
    """A person with a role, who has proved their mailbox."""
    user = user or make_user(email_verified_at=now())
    Membership.objects.create(user=user, tenant=tenant, role=role)
    return user


def forget_everything() -> None:
    """After a test that committed: empty the shared tables, and the schemas it used, which go back to the pool.

    The ledger refuses to be emptied; its owner may switch the guards off for this moment.
    """
    for name in RetiredSchema.objects.values_list("schema_name", flat=True):
        drop_schema(name)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(array_agg(schema_name), '{}') FROM tenants_tenant WHERE schema_name LIKE 't\\_%'"
        )
        schemas = cursor.fetchone()[0]
        cursor.execute(
            "SELECT coalesce(array_agg(format('%%I.%%I', schemaname, tablename)), '{}') FROM pg_tables"
            " WHERE schemaname = ANY(%s) AND tablename LIKE 'shop%%'",
            [schemas],
        )
        if tables := cursor.fetchone()[0]:
            cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
    with owner_session() as owner, owner.cursor() as cursor:
        cursor.execute(EMPTY_SHARED)
    ReadySchema.objects.bulk_create(
        [ReadySchema(schema_name=name, version=code_version()) for name in schemas if schema_exists(name)],
        ignore_conflicts=True,
    )


EMPTY_SHARED = """
DO $$ DECLARE tables text; BEGIN
  SELECT string_agg(format('public.%I', tablename), ', ') INTO tables FROM pg_tables
   WHERE schemaname = 'public' AND tablename ~ '^(payouts|tenants|core)_' AND tablename <> 'tenants_readyschema';
  ALTER TABLE public.payouts_ledgertransaction DISABLE TRIGGER USER;
  ALTER TABLE public.payouts_ledgerentry DISABLE TRIGGER USER;
  EXECUTE 'TRUNCATE ' || tables || ' CASCADE';
  ALTER TABLE public.payouts_ledgertransaction ENABLE TRIGGER USER;
  ALTER TABLE public.payouts_ledgerentry ENABLE TRIGGER USER;
END $$;
"""


@contextmanager
def owner_session() -> Iterator[Any]:
    """A session of the role that owns the shared tables, on the test database."""
    options = {**connection.get_connection_params(), "context": None}
    for name in ("context", "cursor_factory"):
        options.pop(name, None)
    for ours, theirs in (("USER", "user"), ("PASSWORD", "password"), ("HOST", "host"), ("PORT", "port")):
        if settings.DATABASE_OWNER.get(ours):
            options[theirs] = settings.DATABASE_OWNER[ours]
    session = psycopg2.connect(**options)
    session.autocommit = True
    try:
        yield session
    finally:
        session.close()


def forget_roles(roles: Sequence[str]) -> None:
    """The storefronts' roles outlive a test database: they belong to the server."""
    options = {**connection.get_connection_params(), "dbname": "postgres"}
    options.pop("context", None)
    options.pop("cursor_factory", None)
    session = psycopg2.connect(**options)
    session.autocommit = True
    with session.cursor() as cursor:
        for role in roles:
            cursor.execute(f'DROP ROLE IF EXISTS "{role}"')
    session.close()
