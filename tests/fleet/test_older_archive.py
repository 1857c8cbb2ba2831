"""An archive of an earlier release is restored by this one, and brought along."""

import pytest

from services.export_services import export_storefront, file_of
from services.restore_loading import NotRestorable
from services.restore_services import restore_storefront
from services.schema_digest_services import schema_digests
from services.schema_recording_services import code_version, forget_versions
from shop.models import Product
from tenants.context import tenant_scope
from tenants.models import ArchiveKind, Tenant
from tests.fleet.support import notes
from tests.portability.conftest import archives  # noqa: F401 - a fixture


@pytest.fixture
def archived(shops, archives):  # noqa: F811
    """An archive of this release, and whose it is."""
    return shops[0], file_of(export_storefront(tenant_id=shops[0].pk, kind=ArchiveKind.BACKUP))


@pytest.mark.parametrize("shops", [1], indirect=True)
def test_an_older_archive_is_restored_and_migrated(archived, next_release):
    tenant, place = archived
    with tenant_scope(tenant):
        assert not Product.objects.filter(title="nothing of this name").exists()

    report = restore_storefront(place=place, is_in_place=True)

    restored = Tenant.objects.get(pk=tenant.pk)
    assert report.way == "in place"
    assert restored.schema_version == code_version()
    assert notes(restored) == []
    assert schema_digests([restored.schema_name])


@pytest.mark.parametrize("shops", [1], indirect=True)
def test_an_archive_of_a_newer_release_is_refused_with_what_is_missing(
    shops,
    archives,  # noqa: F811
    next_release,
    settings,
):
    tenant = shops[0]
    from services.fleet_services import migrate_fleet

    assert migrate_fleet().failures == []
    place = file_of(export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.BACKUP))
    settings.MIGRATION_MODULES = {}
    forget_versions()

    with pytest.raises(NotRestorable, match="newer release"):
        restore_storefront(place=place, is_in_place=True)
    assert Tenant.objects.get(pk=tenant.pk).schema_name == tenant.schema_name
