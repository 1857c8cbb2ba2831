"""Copying a storefront to staging as long work: asked for at the desk, run by a worker."""

from uuid import UUID

from django.db import transaction

from core.db import marketplace_work
from core.errors import NotFound
from services.audit_services import record_audit
from services.desk_operations import start_once
from services.operation_services import Outcome, Say, runner
from services.staging_services import (
    copies_of,
    copy_to_staging,
    default_slug,
    must_be_copyable,
    refresh_staging,
)
from tenants.models import Operation, Tenant
from tenants.slugs import check_slug

STAGE = "storefront.stage"


@marketplace_work
@transaction.atomic
def start_staging(*, tenant_id: UUID, actor_id: UUID, reason: str, slug: str = "") -> Operation:
    """Ask for a staging copy, or for the one at this address to be made anew. Raises NotFound, NotCopyable, Invalid,
    SlugUnavailable.

    What is asked for again while it runs is the same work.
    """
    source = Tenant.objects.filter(pk=tenant_id).first()
    if source is None:
        raise NotFound(what="storefront")
    must_be_copyable(source)
    slug = check_slug((slug or default_slug(source)).strip().lower())
    operation = start_once(STAGE, actor_id=actor_id, tenant=str(tenant_id), slug=slug)
    record_audit(
        "storefront.stage", actor_id=actor_id, tenant=source, reason=reason, operation=operation.pk, slug=slug
    )
    return operation


@runner(STAGE)
def stage_with_progress(operation: Operation, say: Say) -> Outcome:
    """Progress counts tables, indexes and pictures. One whose worker died is started over: what it left is used or removed."""
    tenant_id, slug = UUID(operation.params["tenant"]), str(operation.params["slug"])
    there = next((copy for copy in copies_of(Tenant(pk=tenant_id)) if copy.slug == slug), None)
    if there is None:
        made = copy_to_staging(tenant_id=tenant_id, slug=slug, actor_id=operation.actor_id, on_progress=say)
    else:
        made = refresh_staging(tenant_id=there.pk, actor_id=operation.actor_id, on_progress=say)
    return Outcome(report={**made.as_json(), "is_new": there is None})
