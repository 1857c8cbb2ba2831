"""Archives and schemas that were put aside are kept for a time, and no longer."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django_tenants.utils import schema_exists

from core.clock import now
from core.errors import NotFound
from services.expiry_services import Swept, remove_expired_archives, sweep_expired
from services.export_services import export_storefront, file_of, folder_of
from tenants.jobs import forget_expired
from tenants.models import Archive, ArchiveKind, RetiredSchema, Tenant
from tests.factories.tenants import make_tenant
from tests.portability.leaving import Clock, close, erase

pytestmark = pytest.mark.usefixtures("archives")


def files() -> list[Path]:
    return [path for path in Path(settings.ARCHIVE_ROOT).rglob("*") if path.is_file()]


def test_an_archive_whose_time_is_over_is_removed_and_its_row_says_so(idle, monkeypatch):
    clock = Clock(monkeypatch)
    export = export_storefront(tenant_id=idle.pk, kind=ArchiveKind.EXPORT)
    backup = export_storefront(tenant_id=idle.pk, kind=ArchiveKind.BACKUP)
    clock.advance(days=6, hours=23)
    forget_expired()
    assert len(files()) == 2

    clock.advance(hours=2)
    forget_expired()

    assert files() == [file_of(backup)]
    removed = Archive.objects.get(pk=export.pk)
    assert removed.removed_at is not None
    assert removed.sha256 == export.sha256  # who took what, and when, stays
    with pytest.raises(NotFound):
        file_of(removed)
    assert remove_expired_archives() == 0


def test_archives_of_an_erased_storefront_expire_and_do_not_say_its_name_any_more(idle, monkeypatch):
    clock = Clock(monkeypatch)
    close(idle, days_ago=31)
    farewell = erase(idle)
    assert idle.slug in farewell.file_name

    clock.advance(days=settings.BACKUP_KEPT.days, hours=1)
    forget_expired()

    assert files() == []
    assert not folder_of(idle.pk).exists()
    assert Archive.objects.get(pk=farewell.pk).file_name == str(farewell.pk)


def test_a_row_whose_file_is_gone_already_is_marked(idle):
    archive = export_storefront(tenant_id=idle.pk, kind=ArchiveKind.EXPORT)
    file_of(archive).unlink()
    Archive.objects.update(expires_at=now())

    assert remove_expired_archives() == 1


@pytest.mark.parametrize("name", ["../../secret.txt", "../other.zip", "sub/x.zip", "", "."])
def test_nothing_outside_of_the_storefronts_own_folder_is_removed(idle, archives, name):
    for place in (
        archives.parent / "secret.txt",
        archives / "other.zip",
        folder_of(idle.pk) / "sub" / "x.zip",
    ):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("not an archive of it")
    archive = export_storefront(tenant_id=idle.pk, kind=ArchiveKind.EXPORT)
    Archive.objects.filter(pk=archive.pk).update(file_name=name, expires_at=now())
    before = sorted(path for path in archives.parent.rglob("*"))

    assert remove_expired_archives() == 0

    assert sorted(path for path in archives.parent.rglob("*")) == before


def test_a_link_in_the_folder_of_archives_leads_nowhere(idle, archives):
    outside = archives.parent / "outside.txt"
    outside.write_text("kept")
    archive = export_storefront(tenant_id=idle.pk, kind=ArchiveKind.EXPORT)
    place = file_of(archive)
    place.unlink()
    place.symlink_to(outside)
    Archive.objects.update(expires_at=now())

    remove_expired_archives()

    assert outside.read_text() == "kept"


def test_a_schema_that_was_put_aside_is_dropped_after_its_time_and_one_that_is_served_never(idle):
    old, early = make_tenant(), make_tenant()
    for tenant, name in ((old, "t_yyyyyyyyyyyyyyyyy"), (early, "t_xxxxxxxxxxxxxxxxx")):
        Tenant.objects.filter(pk=tenant.pk).update(schema_name=name)
    for schema, days in ((old.schema_name, -1), (early.schema_name, 1), (idle.schema_name, -1)):
        RetiredSchema.objects.create(
            schema_name=schema, tenant=idle, retired_at=now(), drop_after=now() + timedelta(days=days)
        )

    assert sweep_expired() == Swept(archives=0, schemas=1, storefronts=0)

    assert not schema_exists(old.schema_name)
    assert schema_exists(early.schema_name)
    assert schema_exists(idle.schema_name)  # a restore was undone: it is the storefront's again
    assert set(RetiredSchema.objects.values_list("schema_name", flat=True)) == {
        early.schema_name,
        idle.schema_name,
    }
