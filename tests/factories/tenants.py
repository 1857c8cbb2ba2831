"""Storefronts and people, valid by default."""

import itertools
import secrets

from django.conf import settings
from django.db import connection

from core.clock import now
from payouts.models import SellerAccount
from services.provisioning_services import claim_ready_schema, code_version, make_ready_schema
from services.tenant_services import default_brand
from shop.models import ShippingRate
from tenants.context import tenant_scope
from tenants.models import Domain, Membership, ReadySchema, Role, Tenant, User
from tenants.slugs import skeleton

_numbers = itertools.count(1)
_used: list[Tenant] = []
PASSWORD = "a-long-and-quiet-password"


def make_user(email: str | None = None, **fields) -> User:
    """A person with PASSWORD."""
    return User.objects.create_user(
        email or f"person{next(_numbers)}-{secrets.token_hex(4)}@example.com", PASSWORD, **fields
    )


def make_operator(**fields) -> User:
    """The marketplace's own staff."""
    return make_user(is_operator=True, is_superuser=True, **fields)


def make_tenant(
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
    _used.append(tenant)
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
    """A person with a role."""
    user = user or make_user()
    Membership.objects.create(user=user, tenant=tenant, role=role)
    return user


def recycle_schemas() -> None:
    """Empty the schemas that committed tests used and give them back; the tenants' rows stay for the ledger's sake."""
    while _used:
        tenant = Tenant.objects.filter(pk=_used.pop().pk).first()
        if tenant is None:
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT string_agg(format('%%I.%%I', schemaname, tablename), ', ') FROM pg_tables WHERE schemaname = %s"
                " AND tablename NOT IN ('django_migrations', 'django_content_type')",
                [tenant.schema_name],
            )
            (tables,) = cursor.fetchone()
            cursor.execute(f"TRUNCATE {tables} CASCADE")
        Domain.objects.filter(tenant=tenant).delete()
        name = tenant.schema_name
        Tenant.objects.filter(pk=tenant.pk).update(schema_name=f"t_{secrets.token_hex(10)}")
        ReadySchema.objects.create(schema_name=name, version=code_version())
