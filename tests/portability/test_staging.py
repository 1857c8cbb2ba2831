"""A storefront is copied to staging: nothing of its people, nothing that moves money, everything else."""

import os
import re
from pathlib import Path

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction

from core.clock import now
from core.db import as_marketplace
from core.jobs import enqueue
from core.models import Job
from payouts.models import SellerAccount
from services import staging_scrubbing
from services.expiry_services import sweep_expired
from services.image_services import add_image
from services.lifecycle_services import erase_closed
from services.personal_data import PERSONAL_DATA, Kind
from services.schema_names import generated_schema_name
from services.schema_tables import tables_of
from services.staging_copying import copy_rows
from services.staging_scrubbing import LEFT_OUT, MADE_WITH_THE_SCHEMA, NotClassified
from services.staging_services import (
    BeingCopied,
    NotCopyable,
    _new_schema,
    copy_to_staging,
    refresh_staging,
    remove_staging,
)
from services.tenant_services import close_tenant
from shop.models import (
    MailState,
    Notification,
    Order,
    OrderStatus,
    Payment,
    Product,
    ProductImage,
    Refund,
    Shipment,
)
from tenants.context import tenant_scope
from tenants.models import Domain, Membership, RetiredSchema, Role, Tenant, TenantStatus
from tenants.slugs import SlugUnavailable
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_product
from tests.factories.tenants import add_member, make_tenant, make_user, owner_of
from tests.factories.threads import at_once
from tests.portability.support import fill, likeness, picture
from tests.services.test_person_dump import (
    EMAIL,
    NAME,
    PHONE,
    SAID,
    STREET,
    TRACES,
    dump,
    everywhere,
    found,
    in_every_column,
)

pytestmark = pytest.mark.usefixtures("archives", "committed")


def stage(tenant: Tenant, **options):
    return copy_to_staging(tenant_id=tenant.pk, actor_id=None, **options)


def ids_in(schema: str, kinds: set[Kind]) -> set[str]:
    """All values of the columns of these kinds, of the tables that are copied."""
    values: set[str] = set()
    with connection.cursor() as cursor:
        for table, columns in PERSONAL_DATA.items():
            for column, kind in columns.items():
                if kind in kinds and table not in LEFT_OUT:
                    cursor.execute(f'SELECT DISTINCT "{column}"::text FROM "{schema}"."{table}"')
                    values |= {value for (value,) in cursor.fetchall() if value}
    return values


@pytest.fixture
def filled(tenant, stripe_local):
    """Somebody who has done all that can be done, in every column that can hold a person."""
    ada = make_user(EMAIL, name=NAME, email_verified_at=now())
    with tenant_scope(tenant):
        everywhere(ada, stripe_local)
        in_every_column()
        for parcel in Shipment.objects.all():
            Shipment.objects.filter(pk=parcel.pk).update(tracking_number=f"PARCEL-{parcel.pk}")
    return tenant


# Nothing of people -------------------------------------------------------------------------------------------------------


def test_a_dump_of_the_copy_has_nothing_of_people_secrets_or_ids_at_stripe(filled):
    assert found(dump(filled.schema_name))  # the control
    ids = ids_in(filled.schema_name, {Kind.ACCOUNT, Kind.SECRET, Kind.STRIPE, Kind.PARCEL})
    ids |= set(TRACES) | {NAME, EMAIL, PHONE, STREET, SAID, "Berlin", "10117"}
    own = {str(row) for model in (Payment, Refund) for row in rows_of(filled, model)}
    text = dump(filled.schema_name)
    assert all(value in text for value in ids_in(filled.schema_name, {Kind.ACCOUNT, Kind.SECRET}))

    copy = dump(stage(filled).tenant.schema_name)

    leaked = {value for value in ids if value in copy and value.removeprefix("uncaptured:") not in own}
    assert leaked == set()
    assert found(copy, (SAID, "nobody knows this")) == []
    assert re.findall(r"\b(?:ch|pi|cs_test|re|txn|dp)_[A-Za-z0-9]{8,}", copy) == []


def rows_of(tenant: Tenant, model):
    with tenant_scope(tenant):
        return list(model.objects.values_list("pk", flat=True))


def test_nor_has_what_the_shared_tables_say_of_the_copy(filled):
    made = stage(filled).tenant
    ids = ids_in(filled.schema_name, {Kind.SECRET, Kind.STRIPE, Kind.PARCEL})
    looked_at = 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT t::text FROM public.{table} t WHERE tenant_id = %s", [made.pk])
            for (row,) in cursor.fetchall():
                looked_at += 1
                assert found(row, (*TRACES[:4], SAID)) == []
                assert [value for value in ids if value in row] == []
    assert looked_at >= 4


def test_whose_orders_belong_together_is_kept_and_not_whose_they_were(tenant, stripe_local):
    with tenant_scope(tenant):
        ada, guest = make_user(), "Guest@Example.com"
        numbers = [
            make_order(email=email, buyer_id=buyer).number
            for email, buyer in (
                (ada.email, ada.pk),
                (ada.email, ada.pk),
                (guest, None),
                (guest.lower(), None),
            )
        ]

    with tenant_scope(stage(tenant).tenant):
        orders = [Order.objects.get(number=number) for number in numbers]
    one, two, three, four = orders
    assert one.buyer_id == two.buyer_id not in (None, ada.pk)
    assert one.email == two.email != three.email == four.email
    assert three.buyer_id is None
    assert one.shipping_address["country"] == "DE"
    assert one.shipping_address["name"] == two.shipping_address["name"] != "Ada Lovelace"


def test_two_copies_replace_the_same_person_differently(tenant, stripe_local):
    with tenant_scope(tenant):
        make_order()
    mails = set()
    for slug in ("copy-one", "copy-two"):
        with tenant_scope(stage(tenant, slug=slug).tenant):
            mails.add(Order.objects.get().email)
    assert len(mails) == 2


def test_a_column_that_nobody_has_classified_stops_the_copy(tenant, monkeypatch):
    less = {name: kind for name, kind in PERSONAL_DATA["shop_order"].items() if name != "needs_attention"}
    monkeypatch.setattr(staging_scrubbing, "PERSONAL_DATA", {**PERSONAL_DATA, "shop_order": less})
    tenants, schemas = Tenant.objects.count(), schemas_there()

    with pytest.raises(NotClassified) as refusal:
        stage(tenant)

    assert refusal.value.facts == {"columns": "shop_order.needs_attention"}
    assert (Tenant.objects.count(), RetiredSchema.objects.count()) == (tenants, 0)
    assert not schemas_there() - schemas


def test_so_does_a_type_that_nobody_has_thought_of(tenant):
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{tenant.schema_name}".shop_order ADD COLUMN seen_from inet')
        try:
            with pytest.raises(NotClassified):
                staging_scrubbing.scrubbed(staging_scrubbing.columns_of(tenant.schema_name))
            with pytest.raises(NotCopyable):
                stage(tenant)
        finally:
            cursor.execute(f'ALTER TABLE "{tenant.schema_name}".shop_order DROP COLUMN seen_from')


def schemas_there() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\\_%' AND nspname NOT IN"
            " (SELECT schema_name FROM public.tenants_readyschema)"
        )
        return {name for (name,) in cursor.fetchall()}


# Everything else ---------------------------------------------------------------------------------------------------------


def test_counts_sums_and_references_are_the_same(filled):
    made = stage(filled)

    assert made.rows > 30
    for table in tables_of(made.tenant.schema_name):
        name = table.name
        if name in LEFT_OUT:
            assert figures(made.tenant.schema_name, name)[0] == 0
        elif name not in MADE_WITH_THE_SCHEMA:
            assert figures(made.tenant.schema_name, name) == figures(filled.schema_name, name), name
    with tenant_scope(made.tenant):
        order = Order.objects.filter(invoice__isnull=False).get()
        assert order.payments.get().order_id == order.pk
        assert order.lines.get().variant is not None


def figures(schema: str, table: str) -> tuple:
    """How many rows, and the sum of each column of figures."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(format('sum(%%I)', attname), ', ') FROM pg_attribute WHERE attrelid = %s::regclass"
            " AND attnum > 0 AND atttypid IN ('int8'::regtype, 'int4'::regtype, 'int2'::regtype)",
            [f'"{schema}".{table}'],
        )
        sums = cursor.fetchone()[0] or "0"
        cursor.execute(f'SELECT count(*), {sums} FROM "{schema}".{table}')
        return cursor.fetchone()


def test_references_hold_in_the_copy(filled):
    schema = stage(filled).tenant.schema_name
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE NOT convalidated) FROM pg_constraint"
            " WHERE connamespace = %s::regnamespace AND contype = 'f'",
            [schema],
        )
        many, invalid = cursor.fetchone()
        assert many > 20
        assert not invalid
        cursor.execute(f'SET LOCAL search_path = "{schema}"')
    with tenant_scope(Tenant.objects.get(schema_name=schema)):
        connection.check_constraints()


def test_the_source_and_others_are_the_same_byte_for_byte(tenant, other_tenant, stripe_local):
    fill(tenant, stripe_local)
    with tenant_scope(other_tenant):
        make_order()
    before = [likeness(each.schema_name) for each in (tenant, other_tenant)]
    stage(tenant)
    assert [likeness(each.schema_name) for each in (tenant, other_tenant)] == before


def test_a_new_order_gets_a_number_that_is_free(tenant, stripe_local):
    fill(tenant, stripe_local)
    made = stage(tenant).tenant
    with tenant_scope(made):
        numbers = set(Order.objects.values_list("number", flat=True))
        order = make_order()
        add_image(product_id=Product.objects.first().pk, source=picture())
    assert order.number not in numbers


def test_an_order_that_is_placed_meanwhile_is_in_the_copy_whole_or_not_at_all(tenant, stripe_local):
    fill(tenant, stripe_local)
    orders: list[Order] = []

    def place(done: int, total: int) -> None:
        if total and done in (3, 9):  # between two tables, as another session sees the source
            at_once([lambda: place_one(tenant, orders)])

    with tenant_scope(tenant):
        before = set(Order.objects.values_list("number", flat=True))
    made = stage(tenant, on_progress=place)

    assert len(orders) == 2
    with tenant_scope(made.tenant):
        assert set(Order.objects.values_list("number", flat=True)) == before
        assert make_order().number > max(order.number for order in orders)


def test_control_without_one_look_an_order_would_be_torn(tenant, stripe_local, monkeypatch):
    fill(tenant, stripe_local)
    monkeypatch.setattr("services.staging_copying.one_look", lambda **_: transaction.atomic())

    def place(done: int, total: int) -> None:
        if done == 9:  # orders are copied, payments are not
            at_once([lambda: place_one(tenant, [])])

    with pytest.raises(IntegrityError, match="foreign key"):
        stage(tenant, on_progress=place)


def place_one(tenant: Tenant, orders: list[Order]) -> None:
    with tenant_scope(tenant):
        orders.append(make_order())


def test_pictures_are_taken_along_without_being_written_twice(tenant, settings, monkeypatch):
    with tenant_scope(tenant):
        add_image(product_id=make_product().pk, source=picture())
        name = ProductImage.objects.get().file
    source = Path(settings.MEDIA_ROOT) / str(tenant.pk) / name
    unrelated = source.parent / "export-of-somebody.csv"
    unrelated.write_text(EMAIL)

    made = stage(tenant, slug="linked")
    there = Path(settings.MEDIA_ROOT) / str(made.tenant.pk) / name
    assert os.path.samefile(source, there)
    assert not (there.parent / unrelated.name).exists()
    assert made.pictures == 2

    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError("another file system")))
    other = Path(settings.MEDIA_ROOT) / str(stage(tenant, slug="copied").tenant.pk) / name
    assert other.read_bytes() == source.read_bytes()
    assert not os.path.samefile(source, other)


def test_a_copy_that_fails_leaves_nothing(tenant, settings, monkeypatch):
    with tenant_scope(tenant):
        add_image(product_id=make_product().pk, source=picture())
    folders, schemas = set(Path(settings.MEDIA_ROOT).iterdir()), schemas_there()
    monkeypatch.setattr("services.staging_services._invite", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        stage(tenant)

    assert set(Path(settings.MEDIA_ROOT).iterdir()) == folders
    assert not schemas_there() - schemas
    assert (Tenant.objects.filter(is_staging=True).count(), RetiredSchema.objects.count()) == (0, 0)


def test_a_schema_that_a_killed_copy_left_is_dropped_the_day_after_and_not_before(tenant):
    left = Tenant.objects.create(
        schema_name=generated_schema_name(), slug="left-over", slug_skeleton="left-over", name="left", currency="EUR",
        is_staging=True, copied_from=tenant.pk,
    )  # fmt: skip
    unfinished = _new_schema(left)
    schema = unfinished.__enter__()  # and the process is killed
    sweep_expired()
    assert schema in schemas_there()
    RetiredSchema.objects.filter(schema_name=schema).update(drop_after=now())
    sweep_expired()
    assert schema not in schemas_there()


# The storefront it becomes -----------------------------------------------------------------------------------------------


def test_its_members_are_the_owner_and_the_managers_and_nobody_is_told(tenant, stripe_local):
    fill(tenant, stripe_local)
    manager, helper = add_member(tenant, Role.MANAGER), add_member(tenant, Role.FULFILMENT)
    with as_marketplace():
        Job.objects.all().delete()
    made = stage(tenant).tenant

    run_jobs()
    assert mail.outbox == []
    assert made.slug == f"{tenant.slug}-staging"
    assert made.name == f"{tenant.name} (staging)"
    assert (made.is_staging, made.copied_from, made.status) == (True, tenant.pk, TenantStatus.ACTIVE)
    members = dict(Membership.objects.filter(tenant=made).values_list("user_id", "role"))
    assert members == {owner_of(tenant).pk: Role.OWNER, manager.pk: Role.MANAGER}
    assert helper.pk not in members
    account = SellerAccount.objects.get(tenant=made)
    assert account.stripe_account_id is None
    assert account.payouts_paused_reason
    with tenant_scope(made):
        assert set(Notification.objects.values_list("mail_state", flat=True)) == {MailState.NONE}


def test_it_writes_to_its_members_only(tenant, stripe_local):
    made, owner = stage(tenant).tenant, owner_of(tenant)
    with tenant_scope(made):
        make_order(email="somebody@example.com")
        make_order(email=owner.email)
        enqueue("mail.mailbox_proof", email="somebody@example.com", purpose="join")
    run_jobs()

    assert {address for message in mail.outbox for address in message.to} == {owner.email}
    with tenant_scope(made):
        states = dict(Notification.objects.filter(for_staff=False).values_list("email", "mail_state"))
    assert states == {"somebody@example.com": MailState.NONE, owner.email: MailState.SENT}


def test_an_order_that_waits_for_money_does_not_wait_for_ever(tenant, stripe_local):
    with tenant_scope(tenant):
        order = make_order()
        Order.objects.update(deadline_at=now())
    made = stage(tenant).tenant
    run_jobs()
    with tenant_scope(made):
        assert Order.objects.get(pk=order.pk).status == OrderStatus.CANCELLED
    assert not [message for message in mail.outbox if made.slug in message.body]


def test_two_copies_to_one_address_at_once_are_one(tenant, stripe_local):
    fill(tenant, stripe_local)

    def one() -> str:
        try:
            return stage(tenant).tenant.slug
        except (BeingCopied, SlugUnavailable) as refusal:
            return refusal.code

    results = at_once([one] * 2)

    assert Tenant.objects.filter(copied_from=tenant.pk).count() == 1
    assert len([result for result in results if result.endswith("-staging")]) == 1
    assert RetiredSchema.objects.count() == 0


def test_what_a_killed_copy_left_is_used_by_the_next(tenant):
    left = Tenant.objects.create(
        schema_name="t_aaaaaaaaaaaaaaaa",
        slug=f"{tenant.slug}-staging",
        slug_skeleton="left",
        name="left",
        currency="EUR",
        is_staging=True,
        copied_from=tenant.pk,
    )
    made = stage(tenant).tenant
    assert made.pk == left.pk
    assert made.name == f"{tenant.name} (staging)"
    with tenant_scope(made):
        make_order()


@pytest.mark.parametrize("slug", ["www", "a", "pay-pal"])
def test_an_address_that_cannot_be_is_refused(tenant, slug):
    make_tenant(slug="paypal")
    with pytest.raises(Exception, match=r"slug|address"):
        stage(tenant, slug=slug)
    assert not Tenant.objects.filter(is_staging=True).exists()


def test_a_copy_or_a_closed_storefront_is_not_copied(tenant):
    with pytest.raises(NotCopyable, match="staging copy itself"):
        stage(stage(tenant).tenant)
    close_tenant(tenant_id=tenant.pk, actor_id=owner_of(tenant).pk, reason="over")
    with pytest.raises(NotCopyable, match="closed"):
        stage(tenant, slug="another-one")


# Made anew, and removed --------------------------------------------------------------------------------------------------


def test_a_copy_is_made_anew_in_place(tenant, settings, stripe_local):
    made = stage(tenant).tenant
    with tenant_scope(made):
        make_order()
    with tenant_scope(tenant):
        add_image(product_id=make_product(title="News").pk, source=picture())
    former = made.schema_name

    again = refresh_staging(tenant_id=made.pk, actor_id=None).tenant

    assert (again.pk, again.slug) == (made.pk, made.slug)
    assert again.schema_name != former
    assert former not in schemas_there()
    assert RetiredSchema.objects.count() == 0
    with tenant_scope(again):
        assert not Order.objects.exists()
        assert Product.objects.get().title == "News"
        assert (Path(settings.MEDIA_ROOT) / str(again.pk) / ProductImage.objects.get().file).is_file()


def test_a_copy_stays_as_it_was_where_making_it_anew_fails(tenant, monkeypatch):
    made = stage(tenant).tenant
    before = likeness(made.schema_name)
    monkeypatch.setattr("services.staging_services._set_terms", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        refresh_staging(tenant_id=made.pk, actor_id=None)
    assert Tenant.objects.get(pk=made.pk).schema_name == made.schema_name
    assert likeness(made.schema_name) == before


def test_a_copy_is_removed_at_once_and_its_address_is_free(tenant, settings):
    with tenant_scope(tenant):
        add_image(product_id=make_product().pk, source=picture())
    made = stage(tenant).tenant

    remove_staging(tenant_id=made.pk, actor_id=None)

    assert made.schema_name not in schemas_there()
    assert not (Path(settings.MEDIA_ROOT) / str(made.pk)).exists()
    assert not Domain.objects.filter(tenant=made).exists()
    assert stage(tenant).tenant.slug == made.slug


def test_a_copy_ends_with_the_storefront_it_was_made_of(tenant):
    made, owner = stage(tenant).tenant, owner_of(tenant)
    close_tenant(tenant_id=tenant.pk, actor_id=owner.pk, reason="over")
    assert Tenant.objects.get(pk=made.pk).status == TenantStatus.CLOSED

    erased, left = erase_closed()

    assert (erased, left) == ([made.pk], {})
    assert made.schema_name not in schemas_there()
    assert Tenant.objects.get(pk=tenant.pk).status == TenantStatus.CLOSED


def test_a_real_storefront_is_not_removed_this_way(tenant):
    with pytest.raises(Exception, match="not_found"):
        remove_staging(tenant_id=tenant.pk, actor_id=None)
    with pytest.raises(Exception, match="not_found"):
        refresh_staging(tenant_id=tenant.pk, actor_id=None)
    assert Tenant.objects.get(pk=tenant.pk).status == TenantStatus.ACTIVE


def test_rows_are_copied_into_an_empty_schema_only(tenant, other_tenant, stripe_local):
    """The control: what is there already is not mixed with the copy."""
    fill(tenant, stripe_local)
    fill(other_tenant, stripe_local, buyer=make_user())
    before = likeness(other_tenant.schema_name)
    with pytest.raises(Exception, match="duplicate"):
        copy_rows(tenant.schema_name, other_tenant.schema_name)
    assert likeness(other_tenant.schema_name) == before
