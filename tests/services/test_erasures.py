"""Whoever was forgotten stays forgotten when an older archive comes back."""

import io
import json
import time
import uuid
from datetime import timedelta

import pytest
from django.db import connection

from core.clock import now
from core.db import as_marketplace
from core.errors import Invalid
from services.address_services import save_address
from services.cart_services import open_cart
from services.erasure_services import (
    digest_of,
    export_erasures,
    import_erasures,
    reapply_erasures,
    record_erasure,
)
from services.inventory_services import StockLine
from services.order_history import SYSTEM
from services.order_note_services import add_note
from services.person_services import erase_person, erase_person_by_email
from services.review_services import save_review
from services.saved_view_services import save_view
from shop.models import Address, Cart, Notification, Order, OrderEvent, Review
from tenants.context import tenant_scope
from tenants.models import AuditEntry, Erasure
from tests.factories.shop import ADDRESS, make_delivered, make_order, make_variant, pay
from tests.factories.tenants import PASSWORD, make_tenant, make_user, owner_of
from tests.services.test_person import rows_with

EMAIL, TRACES = "ada@example.com", ("Ada Lovelace", "Unter den Linden", "ada@example.com", "+4930123456")


def copied(
    tables=("order", "orderevent", "address", "cart", "notification", "review"),
) -> dict[str, list[str]]:
    """Rows as an archive has them."""
    with connection.cursor() as cursor:
        rows = {}
        for name in tables:
            cursor.execute(f"SELECT to_jsonb(t)::text FROM shop_{name} t ORDER BY 1")
            rows[f"shop_{name}"] = [row for (row,) in cursor.fetchall()]
        return rows


def put_back(rows: dict[str, list[str]]) -> None:
    """What a restore of that archive leaves of these rows."""
    with connection.cursor() as cursor:
        for table, values in rows.items():
            cursor.execute(
                "SELECT array_agg(quote_ident(column_name)) FROM information_schema.columns WHERE table_schema ="
                " current_schema() AND table_name = %s AND is_generated = 'NEVER' AND column_name <> 'id'",
                [table],
            )
            (names,) = cursor.fetchone()
            columns, key = ", ".join(names), "id"
            for value in values:
                made = f"jsonb_populate_record(NULL::{table}, %s::jsonb)"
                cursor.execute(
                    f"INSERT INTO {table} ({key}, {columns}) OVERRIDING SYSTEM VALUE SELECT {key}, {columns} FROM {made}"
                    f" ON CONFLICT ({key}) DO UPDATE SET ({columns}) = (SELECT {columns} FROM {made})",
                    [value, value],
                )


@pytest.fixture
def ada(serving, stripe_local):
    """Somebody with an account, an order from it and one as a guest, who will be forgotten."""
    user = make_user(EMAIL, name="Ada Lovelace", email_verified_at=now())
    variant = make_variant()
    make_delivered(variant, stripe_local, buyer_id=user.pk, email=EMAIL)
    guest = make_delivered(variant, stripe_local, email=EMAIL)
    add_note(order_id=guest.pk, text="Ada Lovelace called", actor=SYSTEM)
    save_review(product_id=variant.product_id, rating=5, text="Ada Lovelace liked it", buyer_id=user.pk)
    save_address(user_id=user.pk, **{**ADDRESS, "phone": "+4930123456"})
    open_cart(buyer_id=user.pk, lines=[StockLine(variant.pk, 1)])
    return user


@pytest.fixture
def restored(ada, serving):
    """The storefront as an archive that is older than the erasure brings it back."""
    before = copied()
    erase_person(user=ada, password=PASSWORD)
    put_back(before)
    return serving


def test_control_the_archive_brings_the_person_back(restored):
    assert all(rows_with(trace) for trace in TRACES)


@pytest.mark.parametrize("trace", TRACES)
def test_a_restored_archive_has_nothing_of_whoever_was_forgotten(restored, trace):
    assert reapply_erasures(restored) == 3  # two orders and an account

    assert rows_with(trace) == []


def test_it_is_done_once_and_nobody_is_told(restored, mailoutbox):
    told = AuditEntry.objects.count()
    assert reapply_erasures(restored) == 3
    rows = copied()

    assert reapply_erasures(restored) == 0
    assert copied() == rows
    assert mailoutbox == []
    assert AuditEntry.objects.count() == told
    assert not Notification.objects.filter(for_staff=False).exists()


def test_others_in_the_archive_are_not_touched(restored):
    order = make_order(email="zoe@example.com")
    save_address(user_id=uuid.uuid4(), **{**ADDRESS, "name": "Zoe Other"})
    before = Order.objects.values().get(pk=order.pk)

    reapply_erasures(restored)

    assert Order.objects.values().get(pk=order.pk) == before
    assert rows_with("Zoe Other") == ["shop_address"]


def test_an_order_that_is_open_in_the_archive_loses_its_person_too(serving, stripe_local):
    order = make_order(email=EMAIL)
    pay(order, stripe_local)
    record_erasure(
        tenant_id=serving.pk, orders=[order.pk]
    )  # it was closed, and its buyer forgotten, later on

    assert reapply_erasures(serving) == 1

    assert rows_with(EMAIL) == []
    assert Order.objects.get().status == "confirmed"


def test_an_account_that_came_back_keeps_what_is_newer_than_its_erasure(ada, serving):
    before = copied(("order", "orderevent"))
    erase_person(user=ada, password=PASSWORD)
    put_back(before)
    Erasure.objects.update(erased_on=now() - timedelta(days=2))
    save_address(user_id=ada.pk, **{**ADDRESS, "name": "Ada Again"})
    open_cart(buyer_id=ada.pk, lines=[StockLine(make_variant().pk, 1)])
    order = make_order(buyer_id=ada.pk, email=EMAIL)

    assert reapply_erasures(serving) == 2

    assert Address.objects.get().name == "Ada Again"
    assert Cart.objects.filter(buyer_id=ada.pk, order_id=None).count() == 1
    assert Order.objects.get(email=EMAIL).pk == order.pk


def test_what_is_kept_says_nothing_of_anybody(ada, serving):
    orders = list(Order.objects.values_list("pk", flat=True))
    erase_person(user=ada, password=PASSWORD)

    digests = {
        digest_of(serving.pk, "person", ada.pk),
        *(digest_of(serving.pk, "order", pk) for pk in orders),
    }
    assert {row.digest for row in Erasure.objects.all()} == digests
    assert {row.erased_on for row in Erasure.objects.all()} == {now().date()}


def test_a_refused_erasure_is_not_remembered(ada, serving):
    make_order(buyer_id=ada.pk, email=EMAIL)

    with pytest.raises(Exception, match="orders_open"):
        erase_person(user=ada, password=PASSWORD)

    assert not Erasure.objects.exists()


def test_the_later_day_counts(serving):
    record_erasure(tenant_id=serving.pk, users=[uuid.UUID(int=1)], on=now().date())
    record_erasure(tenant_id=serving.pk, users=[uuid.UUID(int=1)], on=now().date() - timedelta(days=9))

    assert Erasure.objects.get().erased_on == now().date()


def test_the_storefront_s_role_cannot_read_or_remove_what_is_remembered(ada, serving):
    erase_person(user=ada, password=PASSWORD)

    with tenant_scope(serving), pytest.raises(Exception, match="permission denied"):
        Erasure.objects.count()


def test_erasures_are_taken_to_another_installation(ada, serving):
    before = copied()
    erase_person(user=ada, password=PASSWORD)
    taken = io.StringIO()
    assert export_erasures(taken) == 3
    Erasure.objects.all().delete()
    put_back(before)
    assert reapply_erasures(serving) == 0
    assert EMAIL not in taken.getvalue()
    elsewhere = json.dumps({"tenant": str(uuid.uuid4()), "digest": "0" * 64, "erased_on": "2026-01-01"})

    done = import_erasures([*taken.getvalue().splitlines(), "", elsewhere])

    assert done == {"new": 3, "known": 0, "missing": 1, "forgotten": 3}
    assert rows_with(EMAIL) == []
    again = import_erasures(taken.getvalue().splitlines())
    assert again == {"new": 0, "known": 3, "missing": 0, "forgotten": 0}


@pytest.mark.parametrize(
    "line", ["x", "[]", "{}", '{"tenant": "x", "digest": "00", "erased_on": "2026-01-01"}']
)
def test_what_is_no_erasure_is_refused_before_anything_is_done(serving, line):
    good = json.dumps({"tenant": str(serving.pk), "digest": "0" * 64, "erased_on": "2026-01-01"})

    with pytest.raises(Invalid, match="line 2"):
        import_erasures([good, line])

    assert not Erasure.objects.exists()


def test_a_storefront_s_erasures_count_for_the_copy_that_is_made_of_it(ada, serving):
    """The copy has an id of its own; what is remembered is the original's."""
    erase_person(user=ada, password=PASSWORD)
    copy = make_tenant()
    with tenant_scope(copy), as_marketplace():
        save_address(user_id=ada.pk, **ADDRESS)

    assert reapply_erasures(copy) == 0
    assert reapply_erasures(copy, recorded_of=serving.pk) == 1

    with tenant_scope(copy):
        assert not Address.objects.exists()


MANY = """
INSERT INTO shop_order (id, secret, status, email, currency, subtotal_minor, total_minor, discount_minor, shipping_minor, tax_minor,
  refunded_minor, uncaptured_minor, promotion_code, shipping_method, shipping_address, commission_rule, commission_minor,
  commission_tax_minor, funded_minor, cancelled_because, needs_attention, deadline_at, placed_at, cancelled_at)
SELECT gen_random_uuid(), 's' || n, 'cancelled', 'buyer' || n %% 50000 || '@example.com', 'EUR', 1, 1, 0, 0, 0, 0, 0, '', '',
  jsonb_build_object('name', 'Buyer Number ' || n, 'line1', 'Street ' || n, 'country', 'DE'), '{}', 0, 0, 0, 'unpaid', '',
  now(), now(), now() FROM generate_series(1, %s) n
"""


@pytest.mark.slow
def test_a_hundred_thousand_orders_are_looked_through_in_seconds(serving):
    with connection.cursor() as cursor:
        cursor.execute(MANY, [100_000])
        cursor.execute(
            "INSERT INTO shop_orderevent (order_id, at, action, from_status, to_status, actor_kind, reason, facts)"
            " SELECT id, now(), 'placed', '', '', 'system', 'Told ' || (shipping_address->>'name'), '{}' FROM shop_order"
        )
        cursor.execute("ANALYZE shop_order; ANALYZE shop_orderevent")
    known = list(Order.objects.values_list("pk", flat=True)[:2_000])
    record_erasure(tenant_id=serving.pk, orders=known)
    assert rows_with("Buyer Number")

    started = time.perf_counter()
    assert reapply_erasures(serving) == 2_000
    seconds = time.perf_counter() - started

    assert Order.objects.filter(pk__in=known, email__endswith="@erased.invalid").count() == 2_000
    assert Order.objects.exclude(email__endswith="@erased.invalid").count() == 98_000
    assert not OrderEvent.objects.filter(order__in=known, reason__contains="Number").exists()
    assert seconds < 30
    print(f"\n{seconds:.1f} s")


def test_a_list_that_looked_for_them_does_not_come_back(restored):
    save_view(section="orders", name="Hers", query="q=ada%40example.com")

    reapply_erasures(restored)

    assert rows_with("ada%40example.com") == []


def test_the_seller_s_erasure_of_a_guest_is_remembered_by_the_orders(serving, stripe_local):
    make_delivered(make_variant(), stripe_local, email="guest@example.com")
    before = copied()
    erase_person_by_email(email="Guest@example.com", actor_id=owner_of(serving).pk, reason="asked by letter")
    put_back(before)
    assert rows_with("guest@example.com")

    assert reapply_erasures(serving) == 1
    assert rows_with("guest@example.com") == []
    assert not Review.objects.exists()
