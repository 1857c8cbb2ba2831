"""A seller's own exports."""

from uuid import UUID

from core.clock import now
from core.errors import NotFound
from tenants.models import Archive, ArchiveKind, Tenant

MOST_SHOWN = 20


def exports_of(tenant: Tenant) -> list[Archive]:
    """Those that can still be fetched, newest first."""
    rows = Archive.objects.filter(
        tenant=tenant, kind=ArchiveKind.EXPORT, removed_at=None, expires_at__gt=now()
    )
    return list(rows.order_by("-made_at")[:MOST_SHOWN])


def export_of(tenant: Tenant, archive_id: UUID) -> Archive:
    """One of them. Raises NotFound."""
    archive = Archive.objects.filter(tenant=tenant, kind=ArchiveKind.EXPORT, pk=archive_id).first()
    if archive is None:
        raise NotFound(what="archive")
    return archive
