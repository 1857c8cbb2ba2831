"""A storefront as one file: its schema, its pictures, and what the marketplace's tables say of it.

All rows are read with the rights of the storefront's role, which PostgreSQL lets see nothing of anybody else.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction

from core.clock import now
from core.db import as_marketplace, marketplace_work
from core.errors import Conflict, NotFound
from core.ids import new_id
from core.progress import Say, nobody
from services.archive_readme import README, load_sql
from services.archive_services import FORMAT, FORMAT_VERSION, ArchiveWriter, new_archive
from services.audit_services import record_audit
from services.fleet_services import applied_migrations
from services.schema_digest_services import schema_digests
from services.schema_recording_services import UnknownMigrations, structure_of, version_of
from services.schema_tables import Summed, Table, copy_out, one_look, sequences_of, tables_of
from services.wall_services import WALLS
from shop.models import ProductImage
from tenants.context import tenant_scope
from tenants.models import Archive, ArchiveKind, Tenant, TenantStatus

# Of the shared tables a storefront may read: not what is secret (sessions) or about this installation (the fleet, archives).
PRIVATE = ("core_job", "tenants_session", "tenants_user", "tenants_fleetentry", "tenants_archive")
SHARED = tuple(name for name, wall in WALLS.items() if "SELECT" in wall.rights and name not in PRIVATE)
PEOPLE = ("id", "email", "name")
# Columns that name an account of the marketplace.
ACCOUNT_COLUMNS = ("buyer_id", "user_id", "actor_id", "recipient_id")


class NotExportable(Conflict):
    """There is no schema to read, or it is between two releases."""

    code = "not_exportable"
    title = "This storefront cannot be exported now"
    detail = "{reason}"


def export_storefront(
    *,
    tenant_id: UUID,
    kind: ArchiveKind,
    actor_id: UUID | None = None,
    on_progress: Say = nobody,
) -> Archive:
    """Write all of a storefront into a file under ARCHIVE_ROOT, and remember it until it expires.

    Its rows are of one moment; the storefront goes on serving. The operator's archives are encrypted for
    ARCHIVE_RECIPIENTS; a seller's own is not: they fetch it over TLS, signed in. Progress counts tables and pictures.
    Must be called outside of transactions. A failure leaves no file. Raises NotFound, NotExportable.
    """
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    if tenant is None:
        raise NotFound(what="storefront")
    if tenant.status in (TenantStatus.ERASED, TenantStatus.REQUESTED):
        raise NotExportable(reason="It has no data: it was erased, or is not open yet.")
    made_at = now()
    recipients = [] if kind == ArchiveKind.EXPORT else settings.ARCHIVE_RECIPIENTS
    place = folder_of(tenant.pk) / _file_name(tenant, made_at, is_encrypted=bool(recipients))
    with new_archive(place, recipients=recipients) as archive:
        summary = _write(archive, tenant, kind, made_at, on_progress)
    return _remember(
        tenant, kind, place, summary, actor_id=actor_id, is_encrypted=bool(recipients), at=made_at
    )


def folder_of(tenant_id: UUID) -> Path:
    """Where a storefront's archives are."""
    return Path(settings.ARCHIVE_ROOT) / str(tenant_id)


def file_of(archive: Archive) -> Path:
    """Where an archive is, unless it has expired. Raises NotFound."""
    place = folder_of(archive.tenant_id) / Path(archive.file_name).name
    if archive.removed_at or archive.expires_at <= now() or not place.is_file():
        raise NotFound(what="archive")
    return place


def _file_name(tenant: Tenant, at: datetime, *, is_encrypted: bool) -> str:
    end = ".zip.age" if is_encrypted else ".zip"
    return f"{tenant.slug}-{at:%Y%m%d-%H%M%S}-{new_id().hex[-6:]}{end}"


@marketplace_work
@transaction.atomic
def _remember(
    tenant: Tenant,
    kind: ArchiveKind,
    place: Path,
    summary: dict[str, Any],
    *,
    actor_id: UUID | None,
    is_encrypted: bool,
    at: datetime,
) -> Archive:
    sums = Summed()
    with place.open("rb") as file:
        while piece := file.read(1 << 20):
            sums.write(piece)
    kept = settings.EXPORT_KEPT if kind == ArchiveKind.EXPORT else settings.BACKUP_KEPT
    archive = Archive.objects.create(
        tenant=tenant,
        kind=kind,
        file_name=place.name,
        size_bytes=sums.size,
        sha256=sums.sha256,
        is_encrypted=is_encrypted,
        summary=summary,
        made_by=actor_id,
        made_at=at,
        expires_at=at + kept,
    )
    record_audit(
        "storefront.exported",
        actor_id=actor_id,
        tenant=tenant,
        archive=archive.pk,
        kind=kind,
        bytes=sums.size,
    )
    return archive


# What is in it -----------------------------------------------------------------------------------------------------------


def _write(
    archive: ArchiveWriter, tenant: Tenant, kind: ArchiveKind, made_at: datetime, say: Say
) -> dict[str, Any]:
    schema = tenant.schema_name
    has = applied_migrations([schema])[schema]
    if has is None:
        raise NotExportable(reason="Its schema has no record of migrations.")
    try:
        structure = structure_of(has)
    except UnknownMigrations as error:
        raise NotExportable(reason=f"Its schema is of another release: {error}.") from error
    with tenant_scope(tenant), one_look():
        tables = tables_of(schema)
        shared = {table.name: table for table in tables_of("public") if table.name in SHARED}
        pictures = list(_pictures())
        total = len(tables) + len(shared) + 1 + len(pictures)
        say(0, total)
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            say(done, total)

        rows = [_table(archive, f"csv/{table.name}.csv", table, step) for table in tables]
        sequences = sequences_of(schema)
        told = [_table(archive, f"shared/{name}.csv", shared[name], step) for name in sorted(shared)]
        told.append(_people(archive, tenant, tables, step))
        digest = schema_digests([schema])[schema]
        referred = set(_referred_pictures())
    media = _media(archive, tenant, pictures, step)
    archive.text("structure.sql", structure)
    archive.text("load.sql", load_sql([(table["name"], table["columns"]) for table in rows], sequences))
    archive.text(
        "README.txt",
        README.format(name=tenant.name, slug=tenant.slug, made_at=f"{made_at:%Y-%m-%d %H:%M} UTC"),
    )
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": kind,
        "made_at": made_at.isoformat(),
        "storefront": {
            "id": str(tenant.pk),
            "slug": tenant.slug,
            "name": tenant.name,
            "url": tenant.url,
            "currency": tenant.currency,
            "country": tenant.country,
            "status": tenant.status,
        },
        "schema": {
            "name": schema,
            "version": version_of(sorted(has)),
            "migrations": sorted(has),
            "structure_digest": digest,
            "postgresql": _postgresql_version(),
        },
        "tables": rows,
        "sequences": {
            name: {"last_value": value, "is_called": called} for name, (value, called) in sequences.items()
        },
        "shared": told,
        "media": {**media, "missing": sorted(referred - set(pictures))},
    }
    archive.close(manifest)
    return {
        "rows": sum(table["rows"] for table in rows),
        "tables": len(rows),
        "pictures": media["files"],
        "missing_pictures": len(referred - set(pictures)),
        "orders": next((table["rows"] for table in rows if table["name"] == "shop_order"), 0),
        "products": next((table["rows"] for table in rows if table["name"] == "shop_product"), 0),
        "unpacked_bytes": sum(member.size for member in archive.members),
    }


def _table(
    archive: ArchiveWriter, name: str, table: Table, step: Callable[[], None], columns: tuple[str, ...] = ()
) -> dict[str, Any]:
    with archive.member(name) as stream:
        rows = copy_out(table, stream, columns=columns)
    step()
    member = archive.members[-1]
    return {
        "name": table.name,
        "file": name,
        "rows": rows,
        "bytes": member.size,
        "sha256": member.sha256,
        "columns": list(columns or table.columns),
    }


def _people(
    archive: ArchiveWriter, tenant: Tenant, tables: Sequence[Table], step: Callable[[], None]
) -> dict[str, Any]:
    """Whom the rows are about: id, mail address and name of the accounts that they or the team name. No passwords."""
    named = [
        f'SELECT "{column}" FROM {table.place}'  # noqa: S608 - names of our own
        for table in tables
        for column in table.columns
        if column in ACCOUNT_COLUMNS
    ]
    named.append("SELECT user_id FROM public.tenants_membership WHERE tenant_id = %s")
    columns = ", ".join(f"u.{name}" for name in PEOPLE)
    query = (
        f"SELECT {columns} FROM public.tenants_user u WHERE u.id IN ({' UNION '.join(named)}) ORDER BY u.id"  # noqa: S608
    )
    with as_marketplace(), archive.member("shared/people.csv") as stream, connection.cursor() as cursor:
        raw: Any = cursor.cursor
        raw.copy_expert(
            cursor.mogrify(f"COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER)", [tenant.pk]), stream
        )
        rows = raw.rowcount
    step()
    member = archive.members[-1]
    return {**asdict(member), "name": "people", "file": member.name, "rows": rows, "columns": list(PEOPLE)}


def _pictures(folder: str = "") -> Iterator[str]:
    """All files of the storefront being served, by their path."""
    if folder or default_storage.exists(""):
        folders, files = default_storage.listdir(folder)
        yield from (f"{folder}{name}" for name in sorted(files))
        for name in sorted(folders):
            yield from _pictures(f"{folder}{name}/")


def _referred_pictures() -> Iterator[str]:
    for file, thumbnail in ProductImage.objects.values_list("file", "thumbnail").iterator():
        yield from (name for name in (file, thumbnail) if name)


def _media(
    archive: ArchiveWriter, tenant: Tenant, pictures: list[str], step: Callable[[], None]
) -> dict[str, int]:
    """Copy the pictures. One that is deleted meanwhile was of no use any more: its row is gone, too."""
    files = size = 0
    with tenant_scope(tenant):
        for name in pictures:
            try:
                source = default_storage.open(name)
            except FileNotFoundError:
                step()
                continue
            with source, archive.member(f"media/{name}", is_packed=True) as stream:
                for piece in iter(partial(source.read, 1 << 20), b""):
                    stream.write(piece)
            files, size = files + 1, size + archive.members[-1].size
            step()
    return {"files": files, "bytes": size}


def _postgresql_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])
