"""The rows and pictures of an archive, loaded into a schema that nobody is served from yet, and compared with it."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import connection, transaction

from core.errors import Conflict
from core.progress import Say
from services.archive_services import BadArchive, OpenArchive
from services.image_services import delete_files
from services.provisioning_services import create_schema_of
from services.schema_digest_services import schema_digests
from services.schema_filling import SETTINGS, schema_to_fill, take_down
from services.schema_recording_services import UnknownMigrations, structure_of
from services.schema_tables import copy_in, one_look, row_digests, set_sequences, tables_of
from tenants.context import tenant_scope
from tenants.models import Tenant


class NotRestorable(Conflict):
    """The archive cannot be restored like this. Facts: reason."""

    code = "not_restorable"
    title = "This archive cannot be restored like this"
    detail = "{reason}"


def shared_rows(archive: OpenArchive, name: str) -> list[dict[str, str]]:
    """Rows of shared/NAME.csv. An empty text and nothing are the same here."""
    if f"shared/{name}.csv" not in archive.members:
        return []
    with archive.zip.open(f"shared/{name}.csv") as raw:
        return list(csv.DictReader(io.TextIOWrapper(raw, "utf-8", newline="")))


@contextmanager
def schema_for(tenant: Tenant, archive: OpenArchive) -> Iterator[str]:
    """A schema with the archive's tables, empty (see `schema_to_fill`). Raises NotRestorable, BadArchive."""
    told = archive.manifest["schema"]
    try:
        structure = structure_of(frozenset(told["migrations"]))
    except UnknownMigrations as error:
        raise NotRestorable(
            reason=f"It was made by a newer release, which has {error}. Deploy that first."
        ) from error
    with schema_to_fill(
        tenant, lambda name: create_schema_of(name, structure), kept=settings.RETIRED_KEPT
    ) as schema:
        if schema_digests([schema])[schema] != told["structure_digest"]:
            raise BadArchive(reason="Its tables are not those that its release makes.")
        yield schema


def load_rows(archive: OpenArchive, schema: str, say: Say) -> None:
    """All rows in one transaction, and then compared with the archive's checksums. Raises BadArchive."""
    told = {table["name"]: table for table in archive.manifest["tables"]}
    tables = {table.name: table for table in tables_of(schema)}
    if told.keys() != tables.keys():
        raise BadArchive(
            reason=f"It lacks tables, or has others: {', '.join(sorted(told.keys() ^ tables.keys()))}"
        )
    total = len(tables) + sum(1 for _ in archive.media())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = 0; {SETTINGS}")
        remake = take_down(schema, cursor)
        for name in (
            "django_migrations",
            "django_content_type",
        ):  # made with the tables; the archive has its own
            cursor.execute(f'DELETE FROM "{schema}"."{name}"')  # noqa: S608 - a generated name
        for done, (name, table) in enumerate(tables.items(), start=1):
            columns = tuple(told[name]["columns"])
            if set(columns) != set(table.columns):
                raise BadArchive(reason=f"{name} has other columns.")
            with archive.zip.open(told[name]["file"]) as stream:
                copy_in(table, columns, stream)
            say(done, total)
        for statement in remake:
            cursor.execute(statement)
        set_sequences(
            schema,
            {
                name: (one["last_value"], one["is_called"])
                for name, one in archive.manifest["sequences"].items()
            },
        )
    with connection.cursor() as cursor:
        for table in tables.values():
            cursor.execute(f"ANALYZE {table.place}")
    with one_look():
        loaded, structure = row_digests(schema), schema_digests([schema])[schema]
    if structure != archive.manifest["schema"]["structure_digest"]:
        raise BadArchive(reason="Its rows do not fit its tables.")
    if wrong := sorted(name for name, table in told.items() if loaded[name] != table["sha256"]):
        raise BadArchive(reason=f"What was loaded is not what was archived: {', '.join(wrong)}")


@contextmanager
def unpacked_media(archive: OpenArchive, tenant: Tenant, say: Say) -> Iterator[None]:
    """The archive's pictures are there inside the block, and stay. Those that were made go again where it fails.

    Pictures that are there already stay as they are: a name is never used for two pictures.
    """
    made: list[str] = []
    total = len(archive.manifest["tables"]) + archive.manifest["media"]["files"]
    try:
        with tenant_scope(tenant):
            for done, (member, name) in enumerate(archive.media(), start=len(archive.manifest["tables"]) + 1):
                if not default_storage.exists(name):
                    with archive.zip.open(member) as stream:
                        made.append(default_storage.save(name, File(stream)))
                say(done, total)
        yield
    except BaseException:
        with tenant_scope(tenant):
            delete_files(*made)
        raise
