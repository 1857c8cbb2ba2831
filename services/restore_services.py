"""A storefront from its archive: into an empty installation, back from its erasure, in the place of what it is now, or
beside it to be looked at.

The rows are loaded into a schema of their own and compared with the archive before anybody is served from it. A restored
storefront is suspended until somebody opens it. No mail is sent, no old job runs and no money moves; the books are not
touched, and what they and Stripe know better than the archive is brought in or reported (services.resettling_services).
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from django.db import transaction

from core.db import marketplace_work, tenant_connection
from core.errors import NotFound
from core.ids import new_id
from core.jobs import enqueue
from core.progress import Say, nobody
from services.archive_services import BadArchive, OpenArchive, open_archive
from services.audit_services import record_audit
from services.erasure_services import reapply_erasures
from services.fleet_services import FleetOptions, migrate_fleet, schema_lags
from services.lifecycle_services import alone_with
from services.resettling_services import Differences, Settled, differences, resettle
from services.restore_adoption import (
    KEPT,
    RestoreReport,
    Way,
    adopt,
    keep_invoice_numbers,
    keep_order_numbers,
    retire,
    serve_from,
)
from services.restore_loading import NotRestorable, load_rows, schema_for, shared_rows, unpacked_media
from services.schema_digest_services import schema_digests
from services.schema_names import generated_schema_name
from services.tenant_services import lock_tenant, must_be_free
from tenants.context import tenant_scope
from tenants.models import Tenant, TenantStatus
from tenants.selectors import former_schema
from tenants.slugs import check_slug, skeleton


def restore_storefront(
    *,
    place: Path,
    slug: str = "",
    is_in_place: bool = False,
    is_foreign: bool = False,
    identities: Sequence[str] = (),
    actor_id: UUID | None = None,
    on_progress: Say = nobody,
) -> RestoreReport:
    """Bring a storefront back from an archive. It is suspended afterwards; `reactivate_tenant` opens it.

    A storefront that is not known here comes back under its own id, an erased one under its own row (`slug`: under
    another name, where its own is taken). One that exists is replaced where `is_in_place` says so: its present schema is
    kept for RETIRED_KEPT and `undo_restore` brings it back. Or `slug` names a storefront to be made beside it: a staging
    copy with the archive's real data, for its team.

    `is_foreign` accepts an archive that this installation did not write: its texts are shown as they are, so it must be
    trusted. Progress counts tables, then pictures. Must be called outside of transactions. Nothing is left of a restore
    that fails. Raises BadArchive, NotRestorable, Invalid, SlugUnavailable.
    """
    started = time.monotonic()
    tenant_connection.set_schema_to_public()
    with open_archive(place, identities=identities) as archive:
        if not archive.is_ours and not is_foreign:
            raise NotRestorable(
                reason="This installation did not write it, or it was changed since. If you trust where it comes from, say so."
            )
        way = _way(archive, slug=slug, is_in_place=is_in_place)
        manifest = archive.manifest
        report = RestoreReport(
            slug=way.tenant.slug,
            made_at=manifest["made_at"],
            way=way.kind,
            rows=sum(table["rows"] for table in manifest["tables"]),
            tables=len(manifest["tables"]),
            pictures=manifest["media"]["files"],
            missing_pictures=len(manifest["media"]["missing"]),
        )
        with alone_with(way.tenant.pk), _row_of(way) as tenant, schema_for(tenant, archive) as schema:
            load_rows(archive, schema, on_progress)
            with unpacked_media(archive, tenant, on_progress):
                adopt(archive, way, tenant, schema, report, actor_id)
    _bring_up_to_date(way.tenant.pk, report)
    report.seconds = time.monotonic() - started
    return report


def _way(archive: OpenArchive, *, slug: str, is_in_place: bool) -> Way:
    told = archive.manifest["storefront"]
    known = Tenant.objects.filter(pk=UUID(told["id"])).first()
    if known is None or known.status == TenantStatus.REQUESTED:
        if is_in_place:
            raise NotRestorable(reason="There is no such storefront here that could be replaced.")
        row = known or Tenant(pk=UUID(told["id"]), schema_name=generated_schema_name())
        return Way("new", _named(row, slug or told["slug"], _archived_row(archive)))
    if known.status == TenantStatus.ERASED:
        return Way("erased", _named(known, slug or told["slug"], _archived_row(archive)))
    if is_in_place:
        if slug:
            raise NotRestorable(
                reason="Either put the archive in the storefront's place, or give another name."
            )
        return Way("in place", known)
    if not slug:
        raise NotRestorable(
            reason=f"{known.slug} exists. Put the archive in its place, or give another name to look at it beside."
        )
    row = Tenant(
        pk=new_id(),
        schema_name=generated_schema_name(),
        is_staging=True,
        copied_from=known.pk,
        brand=known.brand,
    )
    return Way("beside", _named(row, slug, _archived_row(archive)))


def _named(tenant: Tenant, slug: str, archived: dict[str, str]) -> Tenant:
    """The row with its archived facts, under a free name. Raises SlugUnavailable."""
    slug = check_slug(slug.strip().lower())
    must_be_free(slug, besides=tenant.pk)
    tenant.slug, tenant.slug_skeleton = slug, skeleton(slug)
    for name in KEPT:
        setattr(tenant, name, archived[name])
    tenant.brand = json.loads(archived["brand"])
    return tenant


def _archived_row(archive: OpenArchive) -> dict[str, str]:
    rows = shared_rows(archive, "tenants_tenant")
    if len(rows) != 1:
        raise BadArchive(reason="It does not say whose it is.")
    return rows[0]


@contextmanager
def _row_of(way: Way) -> Iterator[Tenant]:
    """The tenant's row is there while its schema is made, unserved; a row that was made for it goes if that fails."""
    tenant = way.tenant
    if not tenant._state.adding:
        yield tenant
        return
    tenant.save(force_insert=True)
    try:
        yield tenant
    except BaseException:
        tenant_connection.set_schema_to_public()
        Tenant.objects.filter(pk=tenant.pk, status=TenantStatus.REQUESTED).delete()
        raise


def _bring_up_to_date(tenant_id: UUID, report: RestoreReport) -> None:
    """To this code's version, to what Stripe and the books know, and to whom was forgotten."""
    tenant = Tenant.objects.get(pk=tenant_id)
    if schema_lags(tenant):
        failures = migrate_fleet(FleetOptions(only=(tenant.slug,), retries=2)).failures
        if failures:
            raise NotRestorable(
                reason=f"It was loaded and is suspended, but could not be migrated: {failures[0].error[:300]}."
                f" Mend that, then: manage.py storefront settle {tenant.slug}"
            )
    report.differences = settle_storefront(tenant_id=tenant_id)


def settle_storefront(*, tenant_id: UUID) -> Differences:
    """Bring into a restored storefront what Stripe and the books know better, and forget again who was forgotten since.

    May be done again at any time; nobody is told by mail. A staging copy's money is in nobody's books, so there it is only
    about people. Opens no transaction while Stripe is asked.
    """
    tenant = Tenant.objects.get(pk=tenant_id)
    with tenant_scope(tenant):
        settled = resettle() if tenant.keeps_books else Settled()
        forgotten = reapply_erasures(tenant, recorded_of=tenant.copied_from)
        found = differences() if tenant.keeps_books else Differences()
        enqueue("directory.refresh")
    found.settled, found.forgotten_again = settled, forgotten
    return found


@marketplace_work
def undo_restore(*, tenant_id: UUID, actor_id: UUID | None = None, reason: str = "") -> Tenant:
    """Put the schema back that the last restore replaced; what was restored is retired in turn. Locks the tenant's row.

    Whoever was forgotten in the meantime is forgotten there, too. Raises NotFound where there is none any more.
    """
    with transaction.atomic():
        tenant = lock_tenant(tenant_id)
        former = former_schema(tenant)
        if former is None or former.schema_name not in schema_digests([former.schema_name]):
            raise NotFound(what="former schema")
        keep_invoice_numbers(tenant)
        keep_order_numbers(tenant, former.schema_name, former=tenant.schema_name)
        retire(tenant)
        serve_from(tenant, former.schema_name)
        former.delete()
        record_audit("storefront.restore_undone", actor_id=actor_id, tenant=tenant, reason=reason)
    reapply_erasures(tenant, recorded_of=tenant.copied_from)
    return tenant
