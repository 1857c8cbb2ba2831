"""A staging copy of a storefront: its rows and pictures under an address of its own, without its people and without money.

Rows are copied inside PostgreSQL, in one look at the source, past the expressions of services.staging_scrubbing. A copy is
served once it is complete; until then, and where it fails, there is nothing new. See docs/decisions/0027.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from core.clock import now
from core.db import marketplace_work, must_be_outside_transaction, tenant_connection
from core.errors import Conflict, NotFound
from core.jobs import enqueue
from core.progress import Say, nobody
from payouts.models import SellerAccount
from services.audit_services import record_audit
from services.lifecycle_services import (
    BeingErased,
    alone_with,
    drop_if_there,
    erase_storefront,
    remove_pictures,
)
from services.provisioning_services import claim_ready_schema, create_schema
from services.schema_digest_services import schema_digests
from services.schema_filling import schema_to_fill
from services.schema_names import generated_schema_name
from services.schema_recording_services import code_version
from services.staging_copying import copy_rows
from services.staging_pictures import link_pictures, remove_others
from services.tenant_services import close_tenant, lock_tenant, must_be_free, slug_taken
from shop.models import Order, OrderStatus
from tenants.context import tenant_scope
from tenants.models import Domain, Membership, RetiredSchema, Role, Tenant, TenantStatus
from tenants.slugs import check_slug, skeleton

MOST_LETTERS = 40
SUFFIX, NAME_SUFFIX = "-staging", " (staging)"
PAUSED = "a staging copy"
KILLED_KEPT = timedelta(days=1)
COPYABLE = (TenantStatus.ACTIVE, TenantStatus.SUSPENDED)
# Of the seller's terms: what orders and their documents show. Not the account at Stripe.
TERMS = (
    "hold_days",
    "payout_minimum_minor",
    "return_days",
    "legal_name",
    "legal_address",
    "tax_id",
    "time_zone",
)
# Of the storefront's row: what it looks like and how it sells.
LOOKS = ("brand", "currency", "country", "capture_method")


class NotCopyable(Conflict):
    """This storefront cannot be copied now. Facts: reason."""

    code = "not_copyable"
    title = "This storefront cannot be copied to staging"
    detail = "{reason}"


class BeingCopied(Conflict):
    """Another process makes, renews or removes this staging copy at this moment."""

    code = "being_copied"
    title = "This staging copy is being made right now"
    detail = "Wait until that is over."


@dataclass(frozen=True)
class Staged:
    """A staging copy as it was made: how many rows and pictures, the size of its tables, and how long it took."""

    tenant: Tenant
    rows: int
    pictures: int
    missing_pictures: int
    bytes: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """For machines and for operations' reports."""
        return {
            "slug": self.tenant.slug,
            "url": self.tenant.url,
            "tenant": str(self.tenant.pk),
            "rows": self.rows,
            "pictures": self.pictures,
            "missing_pictures": self.missing_pictures,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 2),
        }


@marketplace_work
def copy_to_staging(
    *, tenant_id: UUID, slug: str = "", actor_id: UUID | None, on_progress: Say = nobody
) -> Staged:
    """Copy a storefront to a staging storefront; `slug` is its address, the source's with -staging where none is given.

    People's names, addresses and words are replaced, secrets and ids at Stripe void, nobody is told of anything. The owner
    and the managers of the source are its members. Progress counts tables, indexes and pictures. Outside of transactions, in
    nobody's scope. Nothing is left of a copy that fails. Raises NotFound, NotCopyable, Invalid, SlugUnavailable,
    NotClassified, BeingCopied.
    """
    must_be_outside_transaction()
    tenant_connection.set_schema_to_public()
    source = _source(tenant_id)
    staging = _row_for(source, check_slug((slug or default_slug(source)).strip().lower()))
    with _alone_with(staging):
        try:
            return _make(source, staging, actor_id, on_progress, action="storefront.staged")
        except BaseException:
            tenant_connection.set_schema_to_public()
            with suppress(OSError):
                remove_pictures(staging.pk)
            Tenant.objects.filter(pk=staging.pk, status=TenantStatus.REQUESTED).delete()
            raise


@marketplace_work
def refresh_staging(*, tenant_id: UUID, actor_id: UUID | None, on_progress: Say = nobody) -> Staged:
    """Make a staging copy anew under its address, from its source as it is now. What was changed in it is gone.

    The copy before is served until the new one is complete, and stays where that fails. Members stay. Raises as
    `copy_to_staging` does.
    """
    must_be_outside_transaction()
    tenant_connection.set_schema_to_public()
    staging = _copy(tenant_id)
    if staging.status not in COPYABLE:
        raise NotCopyable(reason="This staging copy is closed. Make a new one.")
    source = _source(staging.copied_from)
    with _alone_with(staging):
        return _make(source, staging, actor_id, on_progress, action="storefront.staging_refreshed")


@marketplace_work
def remove_staging(*, tenant_id: UUID, actor_id: UUID | None, reason: str = "no longer needed") -> None:
    """Remove a staging copy at once: no days of grace, no archive. Its address is free again. Raises NotFound, BeingErased."""
    tenant_connection.set_schema_to_public()
    staging = _copy(tenant_id)
    if staging.status in COPYABLE:
        close_tenant(tenant_id=staging.pk, actor_id=actor_id, reason=reason)
    erase_storefront(tenant_id=staging.pk, actor_id=actor_id, reason=reason)


def default_slug(source: Tenant) -> str:
    """The source's address, shortened if need be, with -staging."""
    return source.slug[: MOST_LETTERS - len(SUFFIX)].rstrip("-") + SUFFIX


def copies_of(source: Tenant) -> list[Tenant]:
    """The staging copies of a storefront that are there, by address."""
    made = Tenant.objects.filter(copied_from=source.pk, is_staging=True, status__in=COPYABLE)
    return list(made.order_by("slug"))


# What is copied from, and to ---------------------------------------------------------------------------------------------


def _source(tenant_id: UUID | None) -> Tenant:
    """Raises NotFound, NotCopyable."""
    source = Tenant.objects.filter(pk=tenant_id).first() if tenant_id else None
    if source is None:
        raise NotFound(what="storefront")
    must_be_copyable(source)
    return source


def must_be_copyable(source: Tenant) -> None:
    """Raises NotCopyable."""
    if source.is_staging:
        raise NotCopyable(reason="It is a staging copy itself. Copy the storefront it was made of.")
    if source.status not in COPYABLE:
        raise NotCopyable(reason=f"It is {source.status}. Only storefronts that are there can be copied.")


def _copy(tenant_id: UUID) -> Tenant:
    found = Tenant.objects.filter(pk=tenant_id, is_staging=True).exclude(status=TenantStatus.ERASED).first()
    if found is None:
        raise NotFound(what="staging copy")
    return found


def _row_for(source: Tenant, slug: str) -> Tenant:
    """The copy's row, unserved, or the one that a killed copy has left. Raises SlugUnavailable."""
    left = Tenant.objects.filter(
        slug=slug, is_staging=True, copied_from=source.pk, status=TenantStatus.REQUESTED
    ).first()
    if left is not None:
        return left
    must_be_free(slug)
    staging = Tenant(
        schema_name=generated_schema_name(),
        slug=slug,
        slug_skeleton=skeleton(slug),
        is_staging=True,
        copied_from=source.pk,
    )
    _dress(staging, source)
    try:
        staging.save(force_insert=True)
    except IntegrityError as error:
        raise slug_taken() from error
    return staging


def _dress(staging: Tenant, source: Tenant) -> None:
    """As the source looks. Mail for the staff goes to a member: what was typed as the shop's address may be anybody's."""
    for name in LOOKS:
        setattr(staging, name, getattr(source, name))
    staging.name = source.name[: 80 - len(NAME_SUFFIX)] + NAME_SUFFIX
    owner = Membership.objects.select_related("user").filter(tenant=source, role=Role.OWNER).first()
    staging.support_email = owner.user.email if owner else ""


@contextmanager
def _alone_with(staging: Tenant) -> Iterator[None]:
    try:
        with alone_with(staging.pk):
            yield
    except BeingErased as error:
        raise BeingCopied() from error


# Making it ---------------------------------------------------------------------------------------------------------------


def _make(source: Tenant, staging: Tenant, actor_id: UUID | None, say: Say, *, action: str) -> Staged:
    started = time.monotonic()
    with _new_schema(staging) as schema:
        _must_be_alike(source, schema)
        with _pictures(source, staging, schema, say) as (rows, linked, missing):
            former = staging.schema_name
            tenant = _adopt(source, staging, schema, actor_id, action=action, rows=rows)
    if former != schema:
        drop_if_there(former)
        RetiredSchema.objects.filter(schema_name=former).delete()
    remove_others(tenant)
    return Staged(tenant, rows, linked, missing, _size(schema), time.monotonic() - started)


def _must_be_alike(source: Tenant, schema: str) -> None:
    """Raises NotCopyable."""
    digests = schema_digests([source.schema_name, schema])
    if digests.get(source.schema_name) != digests.get(schema):
        raise NotCopyable(
            reason="Its tables are not those of this release. Bring it along (manage.py fleet migrate), then copy it."
        )


@contextmanager
def _pictures(source: Tenant, staging: Tenant, schema: str, say: Say) -> Iterator[tuple[int, int, int]]:
    """Rows, then pictures; what was linked goes again where the rest fails."""
    rows, steps = copy_rows(source.schema_name, schema, say)
    _must_be_alike(source, schema)
    with link_pictures(
        source, staging.pk, schema, lambda done, total: say(steps + done, steps + total)
    ) as made:
        yield rows, made.linked, made.missing


def _new_schema(staging: Tenant) -> AbstractContextManager[str]:
    """An empty schema, of the pool where one is ready. What a killed copy leaves is dropped the day after."""
    return schema_to_fill(staging, create_schema, kept=KILLED_KEPT, claim=claim_ready_schema)


@transaction.atomic
def _adopt(
    source: Tenant, made: Tenant, schema: str, actor_id: UUID | None, *, action: str, rows: int
) -> Tenant:
    """From the next request on the copy is served from this schema. Locks its row."""
    staging = lock_tenant(made.pk)
    if staging.schema_name != made.schema_name:
        raise BeingCopied()
    RetiredSchema.objects.filter(schema_name=schema).delete()
    if staging.status == TenantStatus.REQUESTED:
        staging.activate(at=now())
        Domain.objects.create(domain=staging.subdomain, tenant=staging, is_primary=True, verified_at=now())
        _invite(source, staging)
    else:
        RetiredSchema.objects.create(
            schema_name=staging.schema_name, tenant=staging, retired_at=now(), drop_after=now()
        )
    _dress(staging, source)
    staging.schema_name, staging.schema_version = schema, code_version()
    staging.save()
    _set_terms(source, staging)
    _let_orders_expire(staging)
    record_audit(action, actor_id=actor_id, tenant=source, slug=staging.slug, rows=rows)
    record_audit(action, actor_id=actor_id, tenant=staging, of=source.pk, rows=rows)
    enqueue("tenant.fill_pool")
    return staging


def _invite(source: Tenant, staging: Tenant) -> None:
    """Who may see everything there may see everything here. Nobody is told."""
    team = Membership.objects.filter(tenant=source, role__in=(Role.OWNER, Role.MANAGER))
    Membership.objects.bulk_create(
        [
            Membership(tenant=staging, user_id=user, role=role)
            for user, role in team.values_list("user_id", "role")
        ]
    )


def _set_terms(source: Tenant, staging: Tenant) -> None:
    """No account at Stripe, and paused: nothing is ever paid out."""
    terms = SellerAccount.objects.filter(tenant=source).values(*TERMS).first() or {
        "hold_days": settings.HOLD_DAYS,
        "payout_minimum_minor": settings.PAYOUT_MINIMUM_MINOR,
    }
    SellerAccount.objects.update_or_create(
        tenant=staging, defaults={**terms, "payouts_paused_reason": PAUSED}
    )


def _let_orders_expire(staging: Tenant) -> None:
    """The only jobs a copy begins with: orders that wait for money do not wait for ever, and hold stock meanwhile."""
    with tenant_scope(staging):
        waiting = Order.objects.filter(status=OrderStatus.PENDING)
        for order_id, deadline_at in waiting.values_list("pk", "deadline_at"):
            enqueue("order.expire", run_at=deadline_at, order_id=order_id)


def _size(schema: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class"
            " WHERE relnamespace = %s::regnamespace AND relkind = 'r'",
            [schema],
        )
        return int(cursor.fetchone()[0])
