"""A storefront comes back from its archive: the same, beside untouched others, and without telling or paying anybody again."""

import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core import mail
from django.core.files.storage import default_storage
from django.db import connection

from core.clock import now
from core.errors import NotFound
from core.models import Job, OperationState
from payouts.models import Charge, LedgerEntry, LedgerTransaction, SellerAccount
from services.archive_services import BadArchive
from services.expiry_services import drop_expired_schemas
from services.export_services import export_storefront, file_of
from services.lifecycle_services import erase_storefront
from services.order_history import SYSTEM
from services.order_invoice_services import issue_order_invoice
from services.payment_services import start_payment
from services.person_services import erase_person
from services.refund_services import request_refund, send_refund
from services.restore_services import NotRestorable, restore_storefront, settle_storefront, undo_restore
from services.tenant_services import close_tenant, suspend_tenant
from shop.models import MailState, Notification, Operation, Order, OrderStatus, Product
from tenants.context import tenant_scope
from tenants.models import (
    ArchiveKind,
    Domain,
    Membership,
    ReadySchema,
    RetiredSchema,
    Tenant,
    TenantStatus,
    User,
)
from tests.factories.shop import make_order, make_product, make_variant, pay
from tests.factories.tenants import PASSWORD, forget_everything, make_tenant, make_user, owner_of
from tests.factories.threads import at_once
from tests.portability.support import empty_database, fill, likeness, psql, run

pytestmark = pytest.mark.usefixtures("archives", "committed")


def archive_of(tenant: Tenant) -> Path:
    return file_of(export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.BACKUP))


def rows_of(place: Path) -> dict[str, str]:
    """The checksum of each table in an archive."""
    with zipfile.ZipFile(place) as packed:
        lines = packed.read("SHA256SUMS").decode().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines) if name.startswith("csv/")}


def books() -> list:
    return [
        *LedgerTransaction.objects.order_by("pk").values_list(),
        *LedgerEntry.objects.order_by("pk").values_list(),
        *Charge.objects.order_by("pk").values_list(),
    ]


def test_a_restored_storefront_is_equal_in_structure_rows_and_sequences(tenant, stripe_local, tmp_path):
    fill(tenant, stripe_local)
    with tenant_scope(tenant):
        Notification.objects.update(mail_state=MailState.SENT)
        Order.objects.filter(status="pending").update(
            status="cancelled", cancelled_at=now(), cancelled_because="unpaid"
        )
    before, place = likeness(tenant.schema_name), archive_of(tenant)

    report = restore_storefront(place=place, is_in_place=True)

    restored = Tenant.objects.get(pk=tenant.pk)
    assert restored.schema_name != tenant.schema_name
    assert likeness(restored.schema_name) == before
    assert report.retired_schema == tenant.schema_name
    assert restored.status == TenantStatus.SUSPENDED


def test_others_are_not_changed_by_a_restore(tenant, stripe_local):
    other = make_tenant()
    fill(tenant, stripe_local)
    with tenant_scope(other):
        make_order()
    before = likeness(other.schema_name)
    restore_storefront(place=archive_of(tenant), is_in_place=True)
    assert likeness(other.schema_name) == before
    assert Tenant.objects.get(pk=other.pk).status == TenantStatus.ACTIVE


def test_into_an_empty_installation_it_comes_back_under_its_own_id(tenant, stripe_local, tmp_path, settings):
    orders = fill(tenant, stripe_local)
    owner, buyer = owner_of(tenant), User.objects.get(email="ada@example.com")
    place = archive_of(tenant)
    kept = tmp_path / "kept.zip"
    kept.write_bytes(place.read_bytes())
    archived = rows_of(kept)
    forget_everything()
    settings.MEDIA_ROOT = tmp_path / "other-media"
    assert not Tenant.objects.exists()

    report = restore_storefront(place=kept)

    restored = Tenant.objects.get()
    assert (restored.pk, restored.slug, restored.name, restored.currency) == (
        tenant.pk,
        tenant.slug,
        tenant.name,
        tenant.currency,
    )
    assert report.people_made == 2
    assert owner_of(restored).pk == owner.pk
    assert not owner_of(restored).has_usable_password()
    assert Domain.objects.get().domain == tenant.subdomain
    assert SellerAccount.objects.get().tenant_id == tenant.pk
    with tenant_scope(restored):
        assert Order.objects.get(pk=orders["delivered"].pk).buyer_id == buyer.pk
        assert default_storage.exists(Product.objects.get().images.get().file)
    again = rows_of(archive_of(restored))
    touched = {"csv/shop_notification.csv"}
    assert {name: digest for name, digest in again.items() if name not in touched} == {
        name: digest for name, digest in archived.items() if name not in touched
    }
    assert report.differences.counts["not_in_books"] == 2


def test_nobody_is_told_and_nothing_is_paid_again(tenant, stripe_local):
    fill(tenant, stripe_local)
    place = archive_of(tenant)
    before, charges = books(), len(stripe_local.events())
    Job.objects.all().delete()
    mail.outbox.clear()

    report = restore_storefront(place=place, is_in_place=True)

    with tenant_scope(Tenant.objects.get(pk=tenant.pk)):
        assert report.mails_not_sent > 0
        assert not Notification.objects.filter(mail_state=MailState.QUEUED).exists()
    assert books() == before
    assert len(stripe_local.events()) == charges
    assert mail.outbox == []
    assert set(Job.objects.values_list("task", flat=True)) <= {"directory.refresh", "order.expire"}


def test_a_restore_to_yesterday_learns_what_was_paid_and_refunded_since(tenant, stripe_local):
    with tenant_scope(tenant):
        variant = make_variant(stock=50)
        paid_later, refunded_later = make_order((variant, 1)), make_order((variant, 2))
        start_payment(order_id=paid_later.pk)
        pay(refunded_later, stripe_local)
    place = archive_of(tenant)
    with tenant_scope(tenant):
        pay(paid_later, stripe_local)
        refund = request_refund(order_id=refunded_later.pk, amount_minor=700, reason="r", actor=SYSTEM)
        send_refund(refund_id=refund.pk)
        lost = make_order((variant, 3))
        pay(lost, stripe_local)
        invoice = issue_order_invoice(order_id=lost.pk, actor=SYSTEM)
    before = books()
    mail.outbox.clear()

    report = restore_storefront(place=place, is_in_place=True)

    found = report.differences
    assert found.settled.paid == [paid_later.number]
    assert found.settled.refunded == [refunded_later.number]
    assert found.settled.problems == []
    assert [row["order_number"] for row in found.lost_orders] == [lost.number]
    assert found.lost_orders[0]["amount_minor"] == lost.total_minor
    assert found.counts["other_amounts"] == 0
    assert found.lost_invoice_numbers == [invoice.number]
    assert not found.is_clean
    assert books() == before
    restored = Tenant.objects.get(pk=tenant.pk)
    with tenant_scope(restored):
        assert Order.objects.get(pk=paid_later.pk).status == OrderStatus.CONFIRMED
        assert Order.objects.get(pk=refunded_later.pk).refunded_minor == 700
        assert not Notification.objects.filter(mail_state=MailState.QUEUED).exists()
        following = make_order((variant, 1))
        assert following.number > lost.number
        pay(following, stripe_local)
        assert issue_order_invoice(order_id=following.pk, actor=SYSTEM).number == invoice.number + 1


def test_a_restore_is_undone_without_loss(tenant, stripe_local):
    with tenant_scope(tenant):
        make_product(title="Old")
    place = archive_of(tenant)
    with tenant_scope(tenant):
        make_product(title="New")
    before = likeness(tenant.schema_name)
    restore_storefront(place=place, is_in_place=True)

    undone = undo_restore(tenant_id=tenant.pk)

    assert undone.schema_name == tenant.schema_name
    assert likeness(undone.schema_name)[:2] == before[:2]
    assert RetiredSchema.objects.get().tenant_id == tenant.pk


def test_settling_again_leaves_long_work_of_a_living_storefront_alone(tenant, stripe_local):
    with tenant_scope(tenant):
        going_on = Operation.objects.create(kind="orders.export")
    place = archive_of(tenant)

    settle_storefront(tenant_id=tenant.pk)

    with tenant_scope(tenant):
        assert Operation.objects.get(pk=going_on.pk).finished_at is None
    restore_storefront(place=place, is_in_place=True)
    with tenant_scope(Tenant.objects.get(pk=tenant.pk)):
        assert Operation.objects.get(pk=going_on.pk).state == OperationState.FAILED


def test_beside_the_living_one_it_is_a_staging_copy_with_its_own_id(tenant, stripe_local):
    fill(tenant, stripe_local)
    place = archive_of(tenant)
    before = likeness(tenant.schema_name)

    report = restore_storefront(place=place, slug="yesterdays-look")

    beside = Tenant.objects.get(slug="yesterdays-look")
    assert report.way == "beside"
    assert beside.pk != tenant.pk
    assert beside.is_staging
    assert beside.copied_from == tenant.pk
    assert beside.status == TenantStatus.SUSPENDED
    assert likeness(tenant.schema_name) == before
    assert Membership.objects.get(tenant=beside).user_id == owner_of(tenant).pk
    with tenant_scope(beside):
        assert Order.objects.count() == 3
        assert default_storage.exists(Product.objects.get().images.get().file)


def test_what_exists_is_replaced_only_where_somebody_says_so(tenant):
    with pytest.raises(NotRestorable, match="exists"):
        restore_storefront(place=archive_of(tenant))
    assert Tenant.objects.get().status == TenantStatus.ACTIVE


def test_what_another_installation_wrote_is_restored_only_where_it_is_trusted(tenant, settings):
    place = archive_of(tenant)
    settings.SECRET_KEY = "another installation's, which signs otherwise"
    with pytest.raises(NotRestorable, match="trust"):
        restore_storefront(place=place, is_in_place=True)
    assert restore_storefront(place=place, is_in_place=True, is_foreign=True).rows > 0


def test_a_person_with_another_account_here_keeps_that_one(tenant, stripe_local, tmp_path):
    orders = fill(tenant, stripe_local)
    kept = tmp_path / "kept.zip"
    kept.write_bytes(archive_of(tenant).read_bytes())
    forget_everything()
    ada = make_user("ada@example.com")

    report = restore_storefront(place=kept)

    assert (report.people_made, report.people_found_by_mail) == (1, 1)
    with tenant_scope(Tenant.objects.get()):
        assert Order.objects.get(pk=orders["delivered"].pk).buyer_id == ada.pk


def test_a_restore_that_fails_leaves_nothing_behind(tenant, stripe_local, tmp_path, monkeypatch):
    fill(tenant, stripe_local)
    place = archive_of(tenant)
    before, schemas = likeness(tenant.schema_name), schema_names()
    monkeypatch.setattr(
        "services.restore_loading.row_digests", lambda schema: dict.fromkeys(rows_by_table(place))
    )

    for options in ({"is_in_place": True}, {"slug": "somewhere-else"}):
        with pytest.raises(BadArchive):
            restore_storefront(place=place, **options)
    monkeypatch.undo()
    pictures = files()
    monkeypatch.setattr("services.restore_services.adopt", refused)
    for options in ({"is_in_place": True}, {"slug": "somewhere-else"}):
        with pytest.raises(NotRestorable):
            restore_storefront(place=place, **options)
    assert files() == pictures

    assert schema_names() == schemas
    assert not RetiredSchema.objects.exists()
    assert Tenant.objects.count() == 1
    assert likeness(tenant.schema_name) == before
    assert Tenant.objects.get().status == TenantStatus.ACTIVE


def files() -> set[Path]:
    return {path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()}


def refused(*_: object, **__: object) -> None:
    raise NotRestorable(reason="somebody was faster")


def rows_by_table(place: Path) -> list[str]:
    return [name.removeprefix("csv/").removesuffix(".csv") for name in rows_of(place)]


def schema_names() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\\_%%'")
        return {name for (name,) in cursor.fetchall()}


def test_of_two_restores_at_once_one_takes_place(tenant, stripe_local):
    with tenant_scope(tenant):
        make_product(title="One")
    place = archive_of(tenant)
    suspend_tenant(tenant_id=tenant.pk, actor_id=None, reason="restore")

    results = at_once([lambda: restore_storefront(place=place, is_in_place=True)] * 2)

    assert sum(isinstance(result, NotRestorable) for result in results) <= 1
    served = Tenant.objects.get(pk=tenant.pk)
    with tenant_scope(served):
        assert Product.objects.get().title == "One"
    kept = {served.schema_name, *RetiredSchema.objects.values_list("schema_name", flat=True)}
    assert tenant.schema_name in kept


# What an archive does not know ---------------------------------------------------------------------------------------------


def test_whoever_was_forgotten_stays_forgotten_after_an_older_archive_is_restored(tenant, stripe_local):
    orders = fill(tenant, stripe_local)
    place = archive_of(tenant)
    buyer = User.objects.get(email="ada@example.com")
    with tenant_scope(tenant):
        assert Order.objects.get(pk=orders["delivered"].pk).email == buyer.email
        erase_person(user=buyer, password=PASSWORD)

    report = restore_storefront(place=place, is_in_place=True)

    assert report.differences.forgotten_again > 0
    restored = Tenant.objects.get(pk=tenant.pk)
    dumped = run("pg_dump", "-a", "-n", restored.schema_name, database=connection.settings_dict["NAME"])
    assert "guest@example.com" in dumped
    for word in (buyer.email, str(buyer.pk), "Called Ada"):
        assert word not in dumped
    with tenant_scope(restored):
        assert Order.objects.get(pk=orders["delivered"].pk).total_minor == orders["delivered"].total_minor


def test_an_undone_restore_does_not_bring_back_who_was_forgotten_meanwhile(tenant, stripe_local):
    fill(tenant, stripe_local)
    place = archive_of(tenant)
    buyer = User.objects.get(email="ada@example.com")
    restore_storefront(place=place, is_in_place=True)
    with tenant_scope(Tenant.objects.get(pk=tenant.pk)):
        erase_person(user=buyer, password=PASSWORD)

    undone = undo_restore(tenant_id=tenant.pk)

    with tenant_scope(undone):
        assert not Order.objects.filter(email=buyer.email).exists()
        assert not Order.objects.filter(buyer_id=buyer.pk).exists()


def test_an_erased_storefront_comes_back_from_its_farewell_archive(tenant, stripe_local):
    with tenant_scope(tenant):
        make_product(title="Kept")
    slug, stripe_account = tenant.slug, SellerAccount.objects.get(tenant=tenant).stripe_account_id
    close_tenant(tenant_id=tenant.pk, actor_id=None, reason="r")
    Tenant.objects.filter(pk=tenant.pk).update(erase_after=now() - timedelta(days=1))
    farewell = erase_storefront(tenant_id=tenant.pk, actor_id=None, reason="r")

    report = restore_storefront(place=file_of(farewell))

    back = Tenant.objects.get(pk=tenant.pk)
    assert (report.way, back.slug, back.status) == ("erased", slug, TenantStatus.SUSPENDED)
    assert SellerAccount.objects.get(tenant=back).stripe_account_id == stripe_account
    assert owner_of(back).pk
    with tenant_scope(back):
        assert Product.objects.get().title == "Kept"


def test_a_restore_that_was_killed_is_dropped_later_and_never_served(tenant, stripe_local, monkeypatch):
    place, before = archive_of(tenant), tenant.schema_name
    monkeypatch.setattr("services.schema_filling.drop_if_there", lambda name: None)
    monkeypatch.setattr("services.restore_services.adopt", killed)
    with pytest.raises(Killed):
        restore_storefront(place=place, is_in_place=True)
    left = RetiredSchema.objects.get_or_create(
        schema_name=(schema_names() - {before, *pool()}).pop(),
        defaults={"tenant": tenant, "retired_at": now(), "drop_after": now(), "is_unfinished": True},
    )[0]

    with pytest.raises(NotFound):
        undo_restore(tenant_id=tenant.pk)
    monkeypatch.undo()
    RetiredSchema.objects.update(drop_after=now() - timedelta(days=1))
    drop_expired_schemas()

    assert left.schema_name not in schema_names()
    assert Tenant.objects.get(pk=tenant.pk).schema_name == before


class Killed(BaseException):
    """As SIGKILL ends a process: nothing that was to be tidied up is."""


def killed(*_: object, **__: object) -> None:
    raise Killed


def pool() -> set[str]:
    return set(ReadySchema.objects.values_list("schema_name", flat=True))


# PostgreSQL's own tool ----------------------------------------------------------------------------------------------------


def test_pg_dump_of_one_storefront_restores_into_a_clean_database_with_equal_rows(
    tenant, stripe_local, tmp_path
):
    other = make_tenant()
    with tenant_scope(other):
        make_product(title="Zanzibarium")
    fill(tenant, stripe_local)
    dump = tmp_path / "storefront.sql"
    dump.write_text(
        run(
            "pg_dump",
            "--no-owner",
            "--no-privileges",
            "-n",
            tenant.schema_name,
            database=connection.settings_dict["NAME"],
        )
    )
    assert "Zanzibarium" not in dump.read_text()
    question = "SELECT count(*), md5(string_agg(o::text, '|' ORDER BY o.id)) FROM {}.shop_order o"
    number = "SELECT last_value, is_called FROM {}.shop_order_number"

    with empty_database("souk_dumped") as name:
        psql("-f", str(dump), database=name)
        for asked in (question, number):
            here, there = (
                psql("-At", "-c", asked.format(tenant.schema_name), database=database)
                for database in (connection.settings_dict["NAME"], name)
            )
            assert here == there
