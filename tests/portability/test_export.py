"""A storefront is taken along in one file that can be read without Souk."""

import csv
import json
import subprocess
import zipfile
from pathlib import Path

import pyrage
import pytest

from core.errors import NotFound
from services.archive_services import BadArchive, open_archive
from services.export_services import ACCOUNT_COLUMNS, export_storefront, file_of
from shop.models import Order, Product
from tenants.context import tenant_scope
from tenants.models import ArchiveKind
from tests.factories.shop import make_product
from tests.factories.tenants import make_tenant, owner_of
from tests.portability.support import HOSTILE, empty_database, fill, likeness, psql

pytestmark = pytest.mark.usefixtures("archives")


def unpacked(place: Path, folder: Path) -> Path:
    with zipfile.ZipFile(place) as packed:
        packed.extractall(folder)
    return folder


def test_an_archive_holds_every_row_and_picture_and_its_checksums_hold(
    committed, tenant, stripe_local, tmp_path
):
    fill(tenant, stripe_local)

    archive = export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.EXPORT)

    folder = unpacked(file_of(archive), tmp_path / "unpacked")
    subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    with tenant_scope(tenant):
        assert archive.summary["orders"] == Order.objects.count() == 3
    assert {table["name"] for table in manifest["tables"]} >= {
        "shop_order",
        "shop_review",
        "django_migrations",
    }
    with (folder / "csv" / "shop_product.csv").open(newline="") as file:
        assert [row["title"] for row in csv.DictReader(file)] == [HOSTILE]
    pictures = [path for path in (folder / "media").rglob("*") if path.is_file()]
    assert len(pictures) == manifest["media"]["files"] == 2
    assert manifest["media"]["missing"] == []


def test_an_archive_is_loaded_by_psql_alone_and_is_the_same(committed, tenant, stripe_local, tmp_path):
    fill(tenant, stripe_local)
    archive = export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.EXPORT)
    before = likeness(tenant.schema_name)
    folder = unpacked(file_of(archive), tmp_path / "unpacked")

    with empty_database() as name:
        psql("-f", "load.sql", database=name, folder=folder)

        counted = psql("-At", "-c", "SELECT count(*) FROM storefront.shop_order", database=name)
        assert counted.strip() == "3"
        read_again = psql(
            "-c",
            "\\copy (SELECT title FROM storefront.shop_product) TO STDOUT WITH (FORMAT csv)",
            database=name,
        )
        assert list(csv.reader(read_again.splitlines(keepends=True))) == [[HOSTILE]]
        following = psql("-At", "-c", "SELECT nextval('storefront.shop_order_number')", database=name)
        assert int(following) == before[2]["shop_order_number"][0] + 1


def test_nothing_of_another_storefront_is_in_an_archive(committed, tenant, stripe_local, tmp_path):
    other = make_tenant()
    with tenant_scope(other):
        make_product(title="Zanzibarium")
    fill(tenant, stripe_local)

    archive = export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.EXPORT)

    folder = unpacked(file_of(archive), tmp_path / "unpacked")
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for word in (str(other.pk), other.schema_name, other.slug, "Zanzibarium", owner_of(other).email):
        assert word.encode() not in everything
    assert owner_of(tenant).email.encode() in everything
    assert owner_of(tenant).password.encode() not in everything


def test_an_export_does_not_change_the_storefront(committed, tenant, stripe_local):
    fill(tenant, stripe_local)
    before = likeness(tenant.schema_name)
    export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.EXPORT)
    assert likeness(tenant.schema_name) == before


def test_what_is_changed_in_an_archive_is_found(committed, tenant, tmp_path):
    with tenant_scope(tenant):
        make_product(title="Honest")
    place = file_of(export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.EXPORT))
    forged = tmp_path / "forged.zip"
    with zipfile.ZipFile(place) as packed, zipfile.ZipFile(forged, "w") as changed:
        for info in packed.infolist():
            changed.writestr(info.filename, packed.read(info).replace(b"Honest", b"Forged"))

    with open_archive(place) as whole:
        assert whole.is_ours
    with pytest.raises(BadArchive, match="not what it was"), open_archive(forged):
        pass


def test_an_archive_with_new_checksums_is_not_taken_for_ours(committed, tenant, tmp_path, settings):
    place = file_of(export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.EXPORT))
    settings.SECRET_KEY = "another installation's, which signs otherwise"
    with open_archive(place) as read:
        assert not read.is_ours


@pytest.mark.parametrize("name", ["../escape.txt", "/etc/passwd", "csv/../../x", "a\\b"])
def test_an_archive_cannot_write_outside_of_its_folder(tmp_path, name):
    place = tmp_path / "evil.zip"
    with zipfile.ZipFile(place, "w") as packed:
        packed.writestr("manifest.json", "{}")
        packed.writestr(name, "x")
        packed.writestr("SHA256SUMS", "".join(f"{'0' * 64}  {each}\n" for each in ("manifest.json", name)))
    with pytest.raises(BadArchive), open_archive(place):
        pass


def test_the_operators_archive_is_unreadable_without_the_key(committed, tenant, settings, stripe_local):
    identity = pyrage.x25519.Identity.generate()
    settings.ARCHIVE_RECIPIENTS = [str(identity.to_public())]
    fill(tenant, stripe_local)

    archive = export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.BACKUP)

    place = file_of(archive)
    stored = place.read_bytes()
    assert archive.is_encrypted
    assert place.name.endswith(".zip.age")
    assert not any(word in stored for word in (b"PK\x03\x04", b"manifest.json", b"Lovelace", b"shop_order"))
    stranger = pyrage.x25519.Identity.generate()
    with pytest.raises(BadArchive), open_archive(place, identities=[str(stranger)]):
        pass
    with open_archive(place, identities=[str(identity)]) as read:
        assert read.is_ours
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_an_export_that_fails_leaves_no_file(committed, tenant, archives, monkeypatch):
    with tenant_scope(tenant):
        assert not Product.objects.exists()
    monkeypatch.setattr("services.export_services.README", "{nothing of this name}")
    with pytest.raises(KeyError):
        export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.EXPORT)
    assert [path for path in archives.rglob("*") if path.is_file()] == []
    assert not tenant.archives.exists()


def test_an_archive_that_has_expired_is_not_given_away(committed, tenant, settings):
    from datetime import timedelta

    settings.EXPORT_KEPT = timedelta(0)
    with pytest.raises(NotFound):
        file_of(export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.EXPORT))


def test_every_column_that_names_an_account_is_known_to_the_export():
    """Whom the rows are about goes along, and is found again under another id."""
    assert {"buyer_id", "user_id", "actor_id", "recipient_id"} == ACCOUNT_COLUMNS
