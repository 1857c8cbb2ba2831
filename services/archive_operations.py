"""Archives as long work: a seller's own export, and the operator's archive and restore of a storefront."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from core.db import marketplace_work
from core.errors import Conflict, Invalid, NotFound
from core.models import OperationState
from services.audit_services import record_audit
from services.desk_operations import start_once
from services.export_services import export_storefront, file_of
from services.operation_services import Outcome, Say, runner, start_operation
from services.restore_services import restore_storefront
from shop.models import Operation as ShopOperation
from tenants.context import current_tenant
from tenants.models import Archive, ArchiveKind, Operation, Tenant, TenantStatus

EXPORT, ARCHIVE, RESTORE = "storefront.export", "storefront.archive", "storefront.restore"
IN_PLACE, BESIDE = "in place", "beside"


class ExportRunning(Conflict):
    """One export of a storefront at a time."""

    code = "export_running"
    title = gettext_noop("Your data is being gathered already")
    detail = gettext_noop("Your data is being gathered already. You find it under imports and exports.")


class SealedArchive(Conflict):
    """Its key is not on this server, and should not be."""

    code = "archive_encrypted"
    title = "This archive is encrypted"
    detail = "This archive is encrypted: restore it where its key is, with manage.py storefront restore FILE --identity KEY"


@transaction.atomic
def start_export(*, actor_id: UUID) -> ShopOperation:
    """The seller wants to take the storefront being served along. Raises ExportRunning."""
    going_on = ShopOperation.objects.filter(
        kind=EXPORT, state__in=(OperationState.QUEUED, OperationState.RUNNING)
    )
    if going_on.exists():
        raise ExportRunning()
    operation: ShopOperation = start_operation(EXPORT, actor_id=actor_id)
    return operation


@runner(EXPORT)
def run_export(operation: ShopOperation, say: Say) -> Outcome:
    """Progress counts tables and pictures. The file is among the storefront's archives until it expires."""
    archive = export_storefront(
        tenant_id=current_tenant().pk, kind=ArchiveKind.EXPORT, actor_id=operation.actor_id, on_progress=say
    )
    return Outcome(report=_report(archive))


def start_archive(*, tenant_id: UUID, actor_id: UUID) -> Operation:
    """The operator wants an archive of a storefront; asked for again while it runs, it is the same. Raises NotFound."""
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    if tenant is None:
        raise NotFound(what="storefront")
    return start_once(ARCHIVE, actor_id=actor_id, tenant=str(tenant.pk), slug=tenant.slug)


@runner(ARCHIVE)
@marketplace_work
def run_archive(operation: Operation, say: Say) -> Outcome:
    """As a seller's export, for the operator's recipients."""
    archive = export_storefront(
        tenant_id=UUID(operation.params["tenant"]),
        kind=ArchiveKind.BACKUP,
        actor_id=operation.actor_id,
        on_progress=say,
    )
    return Outcome(report={**_report(archive), "slug": operation.params["slug"]})


def _report(archive: Archive) -> dict[str, Any]:
    return {
        **archive.summary,
        "archive": str(archive.pk),
        "file": archive.file_name,
        "bytes": archive.size_bytes,
        "sha256": archive.sha256,
        "expires_at": archive.expires_at.isoformat(),
    }


@transaction.atomic
def start_restore(
    *, archive_id: UUID, of: UUID, way: str, slug: str = "", confirm: str = "", reason: str, actor_id: UUID
) -> Operation:
    """The operator wants the storefront `of` back as an archive has it: in its place, or beside under the name `slug`.

    In its place only where `confirm` is its slug, typed. An erased one comes back under its own name, or under `slug`. Asked
    for again while it runs, it is the same. Raises Invalid (way, confirm), NotFound (another's, expired), SealedArchive.
    What else stands against it is found by the work itself.
    """
    archive = Archive.objects.filter(pk=archive_id, tenant=of).select_related("tenant").first()
    if way not in (IN_PLACE, BESIDE):
        raise Invalid(field="way", reason="say whether it goes in the storefront's place or beside it")
    if archive is None:
        raise NotFound(what="archive")
    if way == IN_PLACE and confirm.strip() != archive.tenant.slug:
        raise Invalid(field="confirm", reason=f"type {archive.tenant.slug} to confirm")
    file_of(archive)
    if archive.is_encrypted:
        raise SealedArchive()
    operation = start_once(
        RESTORE, actor_id=actor_id, archive=str(archive.pk), way=way, slug=slug if way == BESIDE else ""
    )
    record_audit(
        "storefront.restore_asked",
        actor_id=actor_id,
        tenant=archive.tenant,
        reason=reason,
        archive=archive.pk,
    )
    return operation


@runner(RESTORE)
@marketplace_work
def run_restore(operation: Operation, say: Say) -> Outcome:
    """Progress counts tables and pictures. The report is RestoreReport's, and its sentences."""
    archive = Archive.objects.select_related("tenant").get(pk=UUID(operation.params["archive"]))
    report = restore_storefront(
        place=file_of(archive),
        slug=operation.params["slug"],
        is_in_place=operation.params["way"] == IN_PLACE and archive.tenant.status != TenantStatus.ERASED,
        actor_id=operation.actor_id,
        on_progress=say,
    )
    return Outcome(report={**report.as_json(), "lines": report.lines()})
