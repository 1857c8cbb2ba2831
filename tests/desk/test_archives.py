"""Archives at the desk: made as long work, restored beside and in place, taken back."""

import pyrage
import pytest

from services.archive_services import open_archive
from services.export_services import export_storefront, file_of
from services.image_services import add_image
from shop.models import Product
from tenants.context import tenant_scope
from tenants.models import Archive, ArchiveKind, AuditEntry, Operation, Tenant, TenantStatus
from tests.desk.conftest import Desk
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_product
from tests.factories.tenants import make_operator, make_tenant
from tests.portability.conftest import archives  # noqa: F401 - a fixture
from tests.portability.support import picture

pytestmark = pytest.mark.usefixtures("committed", "archives")


@pytest.fixture
def desk() -> Desk:
    return Desk(make_operator(email="olga@souk.example"))


def page_of(tenant: Tenant) -> str:
    return f"/desk/storefronts/{tenant.slug}/archives"


def titles(tenant: Tenant) -> list[str]:
    with tenant_scope(Tenant.objects.get(pk=tenant.pk)):
        return sorted(Product.objects.values_list("title", flat=True))


def test_an_archive_is_made_and_sealed_for_the_operators_key(desk, tenant, settings):
    identity = pyrage.x25519.Identity.generate()
    settings.ARCHIVE_RECIPIENTS = [str(identity.to_public())]
    with tenant_scope(tenant):
        add_image(product_id=make_product().pk, source=picture())
    desk.get(f"/desk/storefronts/{tenant.slug}")
    assert page_of(tenant) in desk.text

    begun = desk.post(page_of(tenant), {"action": "archive"})
    run_jobs()

    desk.get(begun["Location"])
    assert "The archive is there" in desk.text
    with open_archive(file_of(Archive.objects.get()), identities=[str(identity)]) as archive:
        assert archive.manifest["storefront"]["slug"] == tenant.slug
    desk.get(page_of(tenant))
    assert "These archives are encrypted" in desk.text
    refused = desk.post(
        page_of(tenant),
        {
            "action": "restore",
            "archive": Archive.objects.get().pk,
            "way": "beside",
            "slug": "a-look",
            "reason": "r",
        },
    )
    assert refused.status_code == 409
    assert "--identity" in desk.text


def test_a_restore_in_place_is_confirmed_done_and_taken_back(desk, tenant):
    with tenant_scope(tenant):
        add_image(product_id=make_product(title="Old").pk, source=picture())
    archive = export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.BACKUP)
    with tenant_scope(tenant):
        make_product(title="New")
    asked = {"action": "restore", "archive": archive.pk, "way": "in place", "reason": "a bad import"}

    assert desk.post(page_of(tenant), asked).status_code == 400
    begun = desk.post(page_of(tenant), {**asked, "confirm": tenant.slug})
    run_jobs()

    desk.get(begun["Location"])
    assert f"{tenant.slug} is restored" in desk.text
    assert titles(tenant) == ["Old"]
    assert Tenant.objects.get(pk=tenant.pk).status == TenantStatus.SUSPENDED
    assert AuditEntry.objects.get(action="storefront.restore_asked").reason == "a bad import"

    desk.post(page_of(tenant), {"action": "undo", "reason": "the wrong one"})

    assert titles(tenant) == ["New", "Old"]
    assert AuditEntry.objects.get(action="storefront.restore_undone").reason == "the wrong one"


def test_a_restore_beside_leaves_the_storefront_as_it_is(desk, tenant):
    archive = export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.BACKUP)
    asked = {
        "action": "restore",
        "archive": archive.pk,
        "way": "beside",
        "slug": "a-look-back",
        "reason": "r",
    }
    begun = desk.post(page_of(tenant), asked)
    run_jobs()
    desk.get(begun["Location"])
    assert "a-look-back is restored, beside" in desk.text
    assert Tenant.objects.get(pk=tenant.pk).status == TenantStatus.ACTIVE


def test_what_stands_against_a_restore_is_said(desk, tenant):
    archive = export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.BACKUP)
    asked = {"action": "restore", "archive": archive.pk, "way": "beside", "slug": tenant.slug, "reason": "r"}
    begun = desk.post(page_of(tenant), asked)
    run_jobs()
    desk.get(begun["Location"])
    assert "taken" in desk.text
    assert Operation.objects.get().state == "failed"


def test_an_archive_of_another_storefront_is_not_found(desk, tenant):
    archive = export_storefront(tenant_id=make_tenant().pk, kind=ArchiveKind.BACKUP)
    asked = {
        "action": "restore",
        "archive": archive.pk,
        "way": "in place",
        "confirm": tenant.slug,
        "reason": "r",
    }
    assert desk.post(page_of(tenant), asked).status_code == 404
    for nonsense in ("", "x", "\x00"):
        assert desk.post(page_of(tenant), {**asked, "archive": nonsense}).status_code == 400
    assert desk.post(page_of(tenant), {**asked, "way": "sideways"}).status_code == 400
    assert not Operation.objects.exists()


def test_the_page_asks_few_questions(desk, tenant, django_assert_max_num_queries):
    for _ in range(3):
        export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.BACKUP)
    with django_assert_max_num_queries(12):
        desk.get(page_of(tenant))
