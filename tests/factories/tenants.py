"""Storefronts and people, valid by default."""

import itertools
import secrets

from django.conf import settings
from django.db import connection
from django_tenants.utils import schema_context, schema_exists

from core.clock import now
from payouts.models import SellerAccount
from services.provisioning_services import claim_ready_schema, code_version, make_ready_schema
from services.tenant_services import default_brand
from shop.models import ShippingRate
from tenants.context import tenant_scope
from tenants.models import Domain, Membership, ReadySchema, Role, Tenant, User
from tenants.slugs import skeleton

_numbers = itertools.count(1)
PASSWORD = "a-long-and-quiet-password"


def make_user(email: str | None = None, **fields) -> User:
    """A person with PASSWORD."""
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


LEDGER = ("payouts_ledgertransaction", "payouts_ledgerentry")


def forget_everything() -> None:
    """After a test that committed: empty the shared tables, and the schemas it used, which go back to the pool.

    The ledger refuses to be emptied; as its owner the test suite may switch the guards off for this moment.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(schema_name) FROM tenants_tenant")
        schemas = [name for name in cursor.fetchone()[0] or [] if name.startswith("t_")]
        cursor.execute(
            "SELECT array_agg(format('%%I.%%I', schemaname, tablename)) FROM pg_tables WHERE (schemaname = ANY(%s)"
            " AND tablename LIKE 'shop%%') OR (schemaname = 'public' AND tablename ~ '^(payouts|tenants|core)_'"
            " AND tablename <> 'tenants_readyschema')",
            [schemas],
        )
        tables = cursor.fetchone()[0]
        for table in LEDGER:
            cursor.execute(f"ALTER TABLE public.{table} DISABLE TRIGGER USER")
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        for table in LEDGER:
            cursor.execute(f"ALTER TABLE public.{table} ENABLE TRIGGER USER")
    ReadySchema.objects.bulk_create(
        [ReadySchema(schema_name=name, version=code_version()) for name in schemas if schema_exists(name)],
        ignore_conflicts=True,
    )
