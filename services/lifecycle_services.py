"""The end of a storefront: what stands against erasing it, and erasing it so that a kill at any moment does no harm.

The steps, in this order (docs/decisions/0028):

1. The farewell archive is written: whoever needs the data later has it, until it expires.
2. One transaction: the row says erased, and the shared tables forget (services.offboarding_services). Until it commits the
   storefront is closed as before, and the next try begins anew.
3. What PostgreSQL's rows do not hold is removed: the schema with its role, schemas that a restore had put aside, pictures.
   Each can be done again; `finish_erasures` does for those that were interrupted.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction

from core.clock import now
from core.db import marketplace_work, must_be_outside_transaction, tenant_connection
from core.errors import Conflict, DomainError, NotFound
from core.progress import Say, nobody
from services.audit_services import record_audit
from services.export_services import export_storefront
from services.leaving_services import NotErasable, why_not_erasable
from services.offboarding_services import forget_storefront
from services.schema_names import drop_schema, must_be_generated
from services.tenant_services import lock_tenant
from shop.storage import media_folder
from tenants.models import Archive, ArchiveKind, RetiredSchema, Tenant, TenantStatus

log = structlog.get_logger("souk.lifecycle")
ERASE_LOCK = 0x50F2


class BeingErased(Conflict):
    """Another process erases this storefront, or puts it back, at this moment."""

    code = "being_erased"
    title = "This storefront is being erased or restored right now"
    detail = "Wait until that is over."


@contextmanager
def alone_with(tenant_id: UUID) -> Iterator[None]:
    """Nobody else erases this storefront meanwhile, on any machine. Raises BeingErased. Outside of transactions.

    Held by the session: a process that is killed lets go of it.
    """
    must_be_outside_transaction()
    key = (ERASE_LOCK, str(tenant_id))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", key)
        if not cursor.fetchone()[0]:
            raise BeingErased()
    try:
        yield
    finally:
        with suppress(Exception), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", key)


@marketplace_work
def erase_storefront(
    *, tenant_id: UUID, actor_id: UUID | None, reason: str, on_progress: Say = nobody
) -> Archive | None:
    """Erase a closed storefront for good. Returns the farewell archive; None for a staging copy, which gets none.

    For one that is erased already what may be left of it is removed, and nothing else is done. Progress counts the
    archive's tables and pictures, then the steps after it. Must be called outside of transactions, in nobody's scope.
    Locks: an advisory lock; the tenant's row. Raises NotFound, NotErasable, BeingErased, NotExportable.
    """
    tenant_connection.set_schema_to_public()
    with alone_with(tenant_id):
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            raise NotFound(what="storefront")
        archive = None
        if tenant.status != TenantStatus.ERASED:
            _must_be_erasable(tenant)
            archive = _say_farewell(tenant, actor_id, on_progress)
            _mark_erased(tenant_id, actor_id=actor_id, reason=reason, archive=archive)
        remove_remains(Tenant.objects.get(pk=tenant_id), on_progress)
    return archive


def _must_be_erasable(tenant: Tenant) -> None:
    if reasons := why_not_erasable(tenant):
        raise NotErasable(reasons)


def _say_farewell(tenant: Tenant, actor_id: UUID | None, say: Say) -> Archive | None:
    if tenant.is_staging:
        return None
    return export_storefront(
        tenant_id=tenant.pk, kind=ArchiveKind.FAREWELL, actor_id=actor_id, on_progress=say
    )


@transaction.atomic
def _mark_erased(tenant_id: UUID, *, actor_id: UUID | None, reason: str, archive: Archive | None) -> None:
    """All that is in the shared tables, at once. What came in while the archive was written is looked at again."""
    tenant = lock_tenant(tenant_id)
    _must_be_erasable(tenant)
    forget_storefront(tenant)
    tenant.erase(at=now())
    tenant.save()
    facts = {"archive": archive.pk} if archive else {}
    record_audit("tenant.erase", actor_id=actor_id, tenant=tenant, reason=reason, **facts)
    log.info("storefront.erased", tenant=str(tenant_id))


@marketplace_work
def remove_remains(tenant: Tenant, on_progress: Say = nobody) -> int:
    """Drop an erased storefront's schema, role and retired schemas, and delete its pictures. Returns how many there were.

    Waits for whoever still reads in the schema, for as long as PostgreSQL's lock_timeout. Safe to run again.
    """
    if tenant.status != TenantStatus.ERASED:
        return 0
    retired = list(RetiredSchema.objects.filter(tenant=tenant).values_list("schema_name", flat=True))
    steps: list[Callable[[], bool]] = [lambda name=name: drop_retired(name) for name in retired]  # type: ignore[misc]
    steps += [lambda: drop_if_there(tenant.schema_name), lambda: remove_pictures(tenant.pk)]
    removed = 0
    for number, step in enumerate(steps, 1):
        removed += step()
        on_progress(number, len(steps))
    return removed


def drop_if_there(schema: str) -> bool:
    """Drop a schema with its role, unless both are gone."""
    must_be_generated(schema)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %(name)s)"
            " OR EXISTS (SELECT FROM pg_roles WHERE rolname = %(name)s)",
            {"name": schema},
        )
        if not cursor.fetchone()[0]:
            return False
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
        drop_schema(schema)
    return True


@marketplace_work
def drop_retired(schema: str) -> bool:
    """Drop a schema that a restore had put aside, and forget it. Not one that a storefront has again."""
    with transaction.atomic():
        found = RetiredSchema.objects.select_for_update(skip_locked=True).filter(pk=schema).first()
        if found is None or Tenant.objects.filter(schema_name=schema).exists():
            return False
        drop_if_there(schema)
        found.delete()
    return True


def remove_pictures(tenant_id: UUID) -> bool:
    """Delete the folder of a storefront's files."""
    folder = media_folder(tenant_id)
    if not folder.is_dir():
        return False
    shutil.rmtree(folder)
    return True


# By schedule -------------------------------------------------------------------------------------------------------------

UNFINISHED = """
SELECT t.id FROM public.tenants_tenant t WHERE t.status = 'erased' AND (
     EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = t.schema_name)
  OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = t.schema_name)
  OR EXISTS (SELECT FROM public.tenants_retiredschema r WHERE r.tenant_id = t.id))
 ORDER BY t.erased_at
"""


@marketplace_work
def finish_erasures() -> int:
    """Remove what an interrupted erasure left. Returns of how many storefronts there was something."""
    tenant_connection.set_schema_to_public()
    with connection.cursor() as cursor:
        cursor.execute(UNFINISHED)
        left = {row[0] for row in cursor.fetchall()}
    left |= set(
        Tenant.objects.filter(pk__in=_folders(), status=TenantStatus.ERASED).values_list("pk", flat=True)
    )
    finished = 0
    for tenant_id in left:
        with suppress(BeingErased), alone_with(tenant_id):
            finished += bool(remove_remains(Tenant.objects.get(pk=tenant_id)))
    return finished


def _folders() -> list[UUID]:
    """Of which storefronts there are pictures."""
    found = []
    root = Path(settings.MEDIA_ROOT)
    for place in root.iterdir() if root.is_dir() else ():
        with suppress(ValueError):
            found.append(UUID(place.name))
    return found


def due_for_erasure() -> list[Tenant]:
    """Closed storefronts whose days of grace are over, the longest first."""
    closed = Tenant.objects.filter(status=TenantStatus.CLOSED, erase_after__lte=now())
    return list(closed.order_by("erase_after", "pk"))


@marketplace_work
def erase_closed() -> tuple[list[UUID], dict[UUID, str]]:
    """Erase the storefronts whose grace is over. Returns which, and why others were not: those are tried again tomorrow.

    One that fails stops nobody else. Run daily.
    """
    erased: list[UUID] = []
    left: dict[UUID, str] = {}
    for tenant in due_for_erasure():
        try:
            erase_storefront(tenant_id=tenant.pk, actor_id=None, reason="its time was over")
            erased.append(tenant.pk)
        except DomainError as refusal:
            left[tenant.pk] = refusal.sentence
        except Exception:
            log.exception("storefront.not_erased", tenant=str(tenant.pk))
            left[tenant.pk] = "It failed; the log says why."
    return erased, left
