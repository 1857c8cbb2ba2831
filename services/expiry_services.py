"""What is kept for a time and no longer: archives, schemas that a restore put aside, what an interrupted erasure left."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from core.clock import now
from core.db import marketplace_work, tenant_connection
from services.export_services import folder_of
from services.lifecycle_services import drop_retired, finish_erasures
from tenants.models import Archive, RetiredSchema, TenantStatus

log = structlog.get_logger("souk.expiry")


@dataclass(frozen=True)
class Swept:
    """How much was removed."""

    archives: int
    schemas: int
    storefronts: int


def sweep_expired() -> Swept:
    """Remove what has expired, and finish what was interrupted. Safe to run at any time, and again."""
    return Swept(remove_expired_archives(), drop_expired_schemas(), finish_erasures())


@marketplace_work
def remove_expired_archives() -> int:
    """Delete the files of archives whose time is over. Their rows stay and say so. Returns how many.

    The file goes first: a kill in between leaves a row whose file is gone, which the next sweep marks.
    """
    removed = 0
    expired = Archive.objects.filter(removed_at=None, expires_at__lte=now()).select_related("tenant")
    for archive in expired.order_by("expires_at"):
        if not _remove_file(archive):
            continue
        values: dict[str, Any] = {"removed_at": now()}
        if archive.tenant.status == TenantStatus.ERASED:
            values["file_name"] = f"{archive.pk}"  # the storefront's name was in it
        removed += Archive.objects.filter(pk=archive.pk, removed_at=None).update(**values)
    return removed


def _remove_file(archive: Archive) -> bool:
    """Whether it is gone now. What does not lie in the storefront's own folder of archives is not touched."""
    folder = folder_of(archive.tenant_id).resolve()
    place = (folder / archive.file_name).resolve()
    if place.parent != folder:
        log.error("archive.strange_place", archive=str(archive.pk))
        return False
    place.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()  # the last one's
    return True


@marketplace_work
def drop_expired_schemas() -> int:
    """Drop the schemas that a restore put aside and that nobody wanted back in time. Returns how many."""
    tenant_connection.set_schema_to_public()
    due = RetiredSchema.objects.filter(drop_after__lte=now()).order_by("drop_after")
    return sum(drop_retired(name) for name in list(due.values_list("schema_name", flat=True)))
