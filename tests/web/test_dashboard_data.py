"""The owner takes the shop along: asked for, watched, fetched, and nobody else gets it."""

import io
import json
import zipfile

import pytest

from services.export_services import export_storefront
from tenants.context import tenant_scope
from tenants.models import Archive, ArchiveKind, Role
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order
from tests.factories.tenants import add_member, make_tenant, owner_of
from tests.portability.conftest import archives  # noqa: F401 - a fixture
from tests.web.test_dashboard import sign_in
from tests.web.test_storefront import Browser

PAGE = "/dashboard/data"
pytestmark = pytest.mark.usefixtures("committed", "archives")


@pytest.fixture
def owner(tenant) -> Browser:
    return sign_in(Browser(tenant), owner_of(tenant))


def test_the_owner_asks_for_the_file_watches_and_fetches_it(tenant, owner):
    with tenant_scope(tenant):
        order = make_order(email="buyer@example.com")
    owner.get("/dashboard/settings")
    assert PAGE in owner.text
    owner.get(PAGE)
    assert "Nothing to download yet" in owner.text

    asked = owner.post(PAGE, {"action": "export"})
    owner.get(asked["Location"])
    assert "Export of the whole shop" in owner.text
    run_jobs()

    archive = Archive.objects.get()
    assert archive.made_by == owner_of(tenant).pk
    owner.get(PAGE)
    assert f"{PAGE}/{archive.pk}" in owner.text
    answer = owner.get(f"{PAGE}/{archive.pk}")
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Content-Disposition"].startswith("attachment;")
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as packed:
        assert json.loads(packed.read("manifest.json"))["storefront"]["slug"] == tenant.slug
        assert str(order.pk).encode() in packed.read("csv/shop_order.csv")


def test_one_export_at_a_time(owner):
    owner.post(PAGE, {"action": "export"})
    answer = owner.post(PAGE, {"action": "export"})
    assert answer.status_code == 409
    assert "being gathered already" in owner.text


@pytest.mark.parametrize("role", [Role.MANAGER, Role.FULFILMENT, Role.SUPPORT])
def test_only_the_owner_gets_the_data(tenant, role):
    archive = export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.EXPORT)
    browser = sign_in(Browser(tenant), add_member(tenant, role))
    for path in (PAGE, f"{PAGE}/{archive.pk}"):
        assert browser.get(path).status_code == 403
    assert browser.post(PAGE, {"action": "export"}).status_code == 403


def test_an_archive_of_another_storefront_or_of_the_operator_is_not_found(tenant, owner):
    other = make_tenant()
    for of, kind in ((other, ArchiveKind.EXPORT), (tenant, ArchiveKind.BACKUP)):
        archive = export_storefront(tenant_id=of.pk, kind=kind)
        assert owner.get(f"{PAGE}/{archive.pk}").status_code == 404
    assert Browser(tenant).get(f"{PAGE}/{archive.pk}").status_code in (302, 200)


def test_an_export_that_has_expired_is_gone(tenant, owner):
    archive = export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.EXPORT)
    Archive.objects.update(expires_at=archive.made_at)
    assert owner.get(f"{PAGE}/{archive.pk}").status_code == 404
    owner.get(PAGE)
    assert str(archive.pk) not in owner.text


def test_the_page_asks_few_questions(tenant, owner, django_assert_max_num_queries):
    export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.EXPORT)
    with django_assert_max_num_queries(12):
        owner.get(PAGE)
