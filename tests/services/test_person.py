"""What a storefront knows of a person: given, and forgotten."""

import uuid

import pytest
from django.db import connection

from services.address_services import save_address
from services.auth_services import NotSignedIn
from services.cart_services import open_cart
from services.inventory_services import StockLine
from services.order_history import SYSTEM, Actor
from services.order_services import cancel_order
from services.person_export_services import export_person
from services.person_services import StaffStays, StillNeeded, erase_person
from services.review_services import save_review
from shop.models import ActorKind, Order, OrderEvent, Payment, Product, PromotionRedemption, Review
from tenants.context import tenant_scope
from tests.factories.shop import ADDRESS, make_delivered, make_order, make_promotion, make_variant, pay
from tests.factories.tenants import PASSWORD, make_user, owner_of

TRACES = ("Ada Lovelace", "Unter den Linden", "ada@example.com", "+4930123456")
WHOLE_SCHEMA = """
SELECT string_agg(format('SELECT %L::text AS t, x::text AS row FROM %I.%I x', table_name, table_schema, table_name), ' UNION ALL ')
  FROM information_schema.tables WHERE table_schema = current_schema() AND table_name LIKE 'shop%'
"""


@pytest.fixture
def person(serving, stripe_local):
    """Somebody with an order, a review, an address, a cart and messages here."""
    user = make_user("ada@example.com", name="Ada Lovelace")
    variant = make_variant()
    address = {**ADDRESS, "phone": "+4930123456"}
    make_delivered(variant, stripe_local, buyer_id=user.pk, email=user.email)
    save_review(product_id=variant.product_id, rating=5, buyer_id=user.pk)
    save_address(user_id=user.pk, **address)
    open_cart(buyer_id=user.pk, lines=[StockLine(make_variant().pk, 1)])
    return user


def rows_with(text: str) -> list[str]:
    """Tables of the storefront in which a row says this, asked of all their columns."""
    with connection.cursor() as cursor:
        cursor.execute(WHOLE_SCHEMA)
        cursor.execute(
            f"SELECT t FROM ({cursor.fetchone()[0]}) AS all_rows WHERE row ILIKE %s", [f"%{text}%"]
        )
        return [table for (table,) in cursor.fetchall()]


def test_the_traces_are_found_before(person):
    assert all(rows_with(trace) for trace in TRACES)


@pytest.mark.parametrize("trace", TRACES)
def test_nothing_of_a_forgotten_person_is_left_in_the_storefront(person, trace):
    erase_person(user=person, password=PASSWORD)

    assert rows_with(trace) == []


def test_the_books_and_the_stars_stay(person):
    before = Order.objects.values("number", "total_minor", "status", "currency").get()
    erase_person(user=person, password=PASSWORD)

    assert Order.objects.values("number", "total_minor", "status", "currency").get() == before
    assert Order.objects.get().shipping_address["country"] == "DE"
    assert Product.objects.filter(rating_count=1, rating_sum=5).exists()
    assert Review.objects.get().author == "—"
    assert Payment.objects.get().status == "captured"


def test_a_code_that_was_used_stays_used_by_nobody(person):
    code = make_promotion(per_buyer_limit=1).code
    order = make_order((make_variant(), 1), buyer_id=person.pk, email=person.email, code=code)
    cancel_order(order_id=order.pk, actor=SYSTEM)

    erase_person(user=person, password=PASSWORD)

    assert rows_with("ada@example.com") == []
    assert PromotionRedemption.objects.get().order_id == order.pk


def test_no_row_leads_back_to_the_account_that_stays(person, stripe_local):
    """The account may be used in other storefronts, and whoever knows its id knows its mail address."""
    order = make_order((make_variant(), 1), buyer_id=person.pk, request_key=f"user:{person.pk}:one")
    pay(order, stripe_local)
    cancel_order(order_id=order.pk, actor=Actor(ActorKind.BUYER, person.pk), reason="Ada has moved away")
    assert {"shop_order", "shop_orderevent", "shop_refund"} <= set(rows_with(str(person.pk)))
    assert rows_with("moved away")

    erase_person(user=person, password=PASSWORD)

    assert rows_with(str(person.pk)) == rows_with(person.pk.hex[-12:]) == []
    assert rows_with("moved away") == []
    assert OrderEvent.objects.filter(order=order, action="cancelled", actor_kind="buyer").exists()


def test_what_the_shop_wrote_of_an_order_stays(person):
    order = make_order((make_variant(), 1), buyer_id=person.pk)
    cancel_order(order_id=order.pk, actor=Actor(ActorKind.SELLER, uuid.uuid4()), reason="Broken in the kiln")

    erase_person(user=person, password=PASSWORD)

    event = OrderEvent.objects.get(order=order, action="cancelled")
    assert event.reason == "Broken in the kiln"
    assert event.actor_id is not None


def test_whoever_comes_back_can_be_forgotten_again(person, stripe_local):
    product = Review.objects.get().product
    erase_person(user=person, password=PASSWORD)
    make_delivered(product.variants.get(), stripe_local, buyer_id=person.pk, email=person.email)
    save_review(product_id=product.pk, rating=4, buyer_id=person.pk)

    erase_person(user=person, password=PASSWORD)

    assert len(set(Review.objects.values_list("email", flat=True))) == 2


def test_the_same_person_in_another_storefront_is_not_touched(person, other_tenant):
    with tenant_scope(other_tenant):
        save_address(user_id=person.pk, **ADDRESS)

    erase_person(user=person, password=PASSWORD)

    with tenant_scope(other_tenant):
        assert rows_with("Ada Lovelace") == ["shop_address"]


def test_an_open_order_has_to_end_first(person):
    order = make_order((make_variant(), 1), buyer_id=person.pk)

    with pytest.raises(StillNeeded):
        erase_person(user=person, password=PASSWORD)
    assert rows_with("Unter den Linden")
    cancel_order(order_id=order.pk, actor=SYSTEM)
    erase_person(user=person, password=PASSWORD)


def test_a_wrong_password_forgets_nobody(person):
    with pytest.raises(NotSignedIn):
        erase_person(user=person, password="wrong")
    assert rows_with("Ada Lovelace")


def test_the_staff_is_not_forgotten(serving):
    with pytest.raises(StaffStays):
        erase_person(user=owner_of(serving), password=PASSWORD)


def test_an_export_has_each_part_and_nothing_of_others(person):
    save_address(user_id=uuid.uuid4(), **{**ADDRESS, "line1": "Elsewhere 1"})

    data = export_person(person)

    assert {name: len(rows) for name, rows in data.items() if isinstance(rows, list)} == {
        "addresses": 1,
        "carts": 1,
        "orders": 1,
        "reviews": 1,
        "notifications": len(data["notifications"]),
        "sessions": 0,
        "given_to": 1,
    }
    assert data["notifications"]
    assert "Elsewhere" not in str(data)
