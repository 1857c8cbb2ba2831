"""Erasing a storefront as long work: asked for at the desk, run by a worker."""

from uuid import UUID

from core.db import marketplace_work
from core.errors import Invalid, NotFound
from services.desk_operations import start_once
from services.leaving_services import NotErasable, why_not_erasable
from services.lifecycle_services import erase_storefront
from services.operation_services import Outcome, Say, runner
from tenants.models import Operation, Tenant, TenantStatus

ERASE = "storefront.erase"


@marketplace_work
def start_erasure(*, tenant_id: UUID, actor_id: UUID, reason: str, confirm: str) -> Operation:
    """Ask for a storefront to be erased; `confirm` is its slug, typed. Raises NotFound, Invalid, NotErasable.

    What is asked for again while it runs is the same work. Its parameters do not name the storefront: they outlive it.
    """
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    if tenant is None:
        raise NotFound(what="storefront")
    if confirm.strip() != tenant.slug:
        raise Invalid(field="confirm", reason=f"type {tenant.slug} to erase this storefront")
    if reasons := why_not_erasable(tenant):
        raise NotErasable(reasons)
    return start_once(ERASE, actor_id=actor_id, tenant=str(tenant_id), reason=reason)


@runner(ERASE)
def erase_with_progress(operation: Operation, say: Say) -> Outcome:
    """Progress counts tables and pictures of the archive, then the steps that remove what is left.

    One whose worker died is started over: what is erased already is finished.
    """
    tenant_id = UUID(operation.params["tenant"])
    archive = erase_storefront(
        tenant_id=tenant_id,
        actor_id=operation.actor_id,
        reason=str(operation.params.get("reason", "")),
        on_progress=say,
    )
    tenant = Tenant.objects.get(pk=tenant_id)
    report = {"slug": tenant.slug, "is_erased": tenant.status == TenantStatus.ERASED}
    if archive is not None:
        report |= {"bytes": archive.size_bytes, "expires_at": archive.expires_at.isoformat()}
    return Outcome(report=report)
