"""A storefront as one file: its schema, its pictures, and what the marketplace's tables say of it.

All rows are read with the rights of the storefront's role, which PostgreSQL lets see nothing of anybody else.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
from services.personal_data import PERSONAL_DATA, Kind
from services.schema_digest_services import schema_digests
from services.schema_recording_services import UnknownMigrations, structure_of, version_of
from services.schema_tables import CSV, PIECE, Summed, Table, copy_out, one_look, sequences_of, tables_of
from services.wall_services import WALLS
from shop.models import ProductImage
from tenants.context import tenant_scope
from tenants.models import Archive, ArchiveKind, Tenant, TenantStatus

# Of the shared tables a storefront may read: not what is secret (sessions) or about this installation (the fleet, archives).
PRIVATE = ("core_job", "tenants_session", "tenants_user", "tenants_fleetentry", "tenants_archive")
SHARED = tuple(name for name, wall in WALLS.items() if "SELECT" in wall.rights and name not in PRIVATE)
PEOPLE = ("id", "email", "name")
# Columns of a storefront's tables that name an account of the marketplace.
ACCOUNT_COLUMNS = frozenset(
    name for columns in PERSONAL_DATA.values() for name, kind in columns.items() if kind is Kind.ACCOUNT
)


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
    try:
        return _remember(
            Archive(
                tenant=tenant,
                kind=kind,
                file_name=place.name,
                is_encrypted=bool(recipients),
                summary=summary,
                made_by=actor_id,
                made_at=made_at,
                expires_at=made_at
                + (settings.EXPORT_KEPT if kind == ArchiveKind.EXPORT else settings.BACKUP_KEPT),
            ),
            Summed.of(place),
        )
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def folder_of(tenant_id: UUID) -> Path:
    """Where a storefront's archives are."""
    return Path(settings.ARCHIVE_ROOT) / str(tenant_id)


def file_of(archive: Archive) -> Path:
    """Where an archive is, unless it has expired. Raises NotFound."""
    place = folder_of(archive.tenant_id) / Path(archive.file_name).name
    if not archive.is_kept(now()) or not place.is_file():
        raise NotFound(what="archive")
    return place


def _file_name(tenant: Tenant, at: datetime, *, is_encrypted: bool) -> str:
    end = ".zip.age" if is_encrypted else ".zip"
    return f"{tenant.slug}-{at:%Y%m%d-%H%M%S}-{new_id().hex[-6:]}{end}"


@marketplace_work
@transaction.atomic
def _remember(archive: Archive, sums: Summed) -> Archive:
    archive.size_bytes, archive.sha256 = sums.size, sums.sha256
    archive.save(force_insert=True)
    record_audit(
        "storefront.exported",
        actor_id=archive.made_by,
        tenant=archive.tenant,
        archive=archive.pk,
        kind=archive.kind,
        bytes=sums.size,
    )
    return archive


# What is in it -----------------------------------------------------------------------------------------------------------


def _write(
    archive: ArchiveWriter, tenant: Tenant, kind: ArchiveKind, made_at: datetime, say: Say
) -> dict[str, Any]:
    """Everything, the manifest last. Returns what it says in short."""
    schema = tenant.schema_name
    has = applied_migrations([schema])[schema]
    if has is None:
        raise NotExportable(reason="Its schema has no record of migrations.")
    try:
        structure = structure_of(has)
    except UnknownMigrations as error:
        raise NotExportable(reason=f"Its schema is of another release: {error}.") from error
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": kind,
        "made_at": made_at.isoformat(),
        "storefront": _described(tenant),
        "schema": {"name": schema, "version": version_of(sorted(has)), "migrations": sorted(has)},
    }
    with tenant_scope(tenant):
        pictures = list(_pictures())
        with one_look():
            read = _read(archive, tenant, _Steps(say, further=len(pictures)))
            referred = set(_referred_pictures())
        media = _media(archive, pictures, read.steps)
    manifest["schema"] |= {"structure_digest": read.digest, "postgresql": read.postgresql}
    manifest |= {
        "tables": read.rows,
        "sequences": {
            name: {"last_value": value, "is_called": called}
            for name, (value, called) in read.sequences.items()
        },
        "shared": read.told,
        "media": {**media, "missing": sorted(referred - set(pictures))},
    }
    archive.text("structure.sql", structure)
    archive.text(
        "load.sql", load_sql([(table["name"], table["columns"]) for table in read.rows], read.sequences)
    )
    when = f"{made_at:%Y-%m-%d %H:%M} UTC"
    archive.text("README.txt", README.format(name=tenant.name, slug=tenant.slug, made_at=when))
    archive.close(manifest)
    return _in_short(manifest, archive)


def _described(tenant: Tenant) -> dict[str, str]:
    names = ("slug", "name", "url", "currency", "country", "status")
    return {"id": str(tenant.pk), **{name: getattr(tenant, name) for name in names}}


def _in_short(manifest: dict[str, Any], archive: ArchiveWriter) -> dict[str, int]:
    rows = {table["name"]: table["rows"] for table in manifest["tables"]}
    return {
        "rows": sum(rows.values()),
        "tables": len(rows),
        "pictures": manifest["media"]["files"],
        "missing_pictures": len(manifest["media"]["missing"]),
        "orders": rows.get("shop_order", 0),
        "products": rows.get("shop_product", 0),
        "unpacked_bytes": sum(member.size for member in archive.members),
    }


class _Steps:
    """Counts what is done; `further` things come after what is added."""

    def __init__(self, say: Say, *, further: int) -> None:
        self._say, self._done, self._total = say, 0, further

    def add(self, many: int) -> None:
        """So many more are to be done."""
        self._total += many
        self._say(self._done, self._total)

    def step(self) -> None:
        """One is done."""
        self._done += 1
        self._say(self._done, self._total)


@dataclass(frozen=True)
class _Read:
    """What was written of PostgreSQL's, and what the manifest says of it."""

    steps: _Steps
    rows: list[dict[str, Any]]
    told: list[dict[str, Any]]
    sequences: dict[str, tuple[int, bool]]
    digest: str
    postgresql: str


def _read(archive: ArchiveWriter, tenant: Tenant, steps: _Steps) -> _Read:
    """Call inside `one_look`, with the rights of the storefront."""
    tables = tables_of(tenant.schema_name)
    shared = [table for table in tables_of("public") if table.name in SHARED]
    steps.add(len(tables) + len(shared) + 1)
    return _Read(
        steps=steps,
        rows=[_table(archive, f"csv/{table.name}.csv", table, steps) for table in tables],
        # After the rows: a number that is given meanwhile is not given again.
        sequences=sequences_of(tenant.schema_name),
        told=[
            *(_table(archive, f"shared/{table.name}.csv", table, steps) for table in shared),
            _people(archive, tenant, tables, steps),
        ],
        digest=schema_digests([tenant.schema_name])[tenant.schema_name],
        postgresql=_postgresql_version(),
    )


def _table(archive: ArchiveWriter, name: str, table: Table, steps: _Steps) -> dict[str, Any]:
    with archive.member(name) as stream:
        rows = copy_out(table, stream)
    steps.step()
    return _file(archive, table.name, rows, table.columns)


def _file(archive: ArchiveWriter, name: str, rows: int, columns: Sequence[str]) -> dict[str, Any]:
    """The member that was written last, as the manifest lists it."""
    member = archive.members[-1]
    return {
        "name": name,
        "file": member.name,
        "rows": rows,
        "bytes": member.size,
        "sha256": member.sha256,
        "columns": list(columns),
    }


def _people(archive: ArchiveWriter, tenant: Tenant, tables: Sequence[Table], steps: _Steps) -> dict[str, Any]:
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
        raw.copy_expert(cursor.mogrify(f"COPY ({query}) TO STDOUT WITH ({CSV})", [tenant.pk]), stream)
        rows = raw.rowcount
    steps.step()
    return _file(archive, "people", rows, PEOPLE)


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


def _media(archive: ArchiveWriter, pictures: list[str], steps: _Steps) -> dict[str, int]:
    """Copy the pictures. One that is deleted meanwhile was of no use any more: its row is gone, too."""
    files = size = 0
    for name in pictures:
        with suppress(FileNotFoundError), default_storage.open(name) as source:
            with archive.member(f"media/{name}", is_packed=True) as stream:
                for piece in iter(partial(source.read, PIECE), b""):
                    stream.write(piece)
            files, size = files + 1, size + archive.members[-1].size
        steps.step()
    return {"files": files, "bytes": size}


def _postgresql_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])
