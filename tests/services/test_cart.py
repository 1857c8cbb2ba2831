"""Carts: checked against stock and prices of now whenever they change; nothing in them is trusted."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from core.errors import NotFound
from services.cart_services import (
    MAX_LINES,
    CartAlreadyOrdered,
    CartFull,
    NotForSale,
    add_to_cart,
    adopt_cart,
    find_cart,
    join_carts,
    open_cart,
    price,
    set_promotion,
    set_quantity,
)
from services.catalogue_services import (
    ProductInput,
    VariantInput,
    archive_product,
    create_product,
    update_product,
)
from services.inventory_services import InsufficientStock, StockLine, set_stock_rules
from services.order_services import place_order
from services.promotion_services import PromotionRefused
from services.shipping_services import set_flat_rate
from shop.models import Cart, CartLine, Variant
from tests.factories.shop import ADDRESS, item_of, make_cart, make_product, make_promotion, make_variant

pytestmark = pytest.mark.usefixtures("serving")


def quantities(cart: Cart) -> list[tuple[str, int]]:
    return [(line.sku, line.quantity) for line in price(cart).lines]


def test_adding_the_same_thing_again_adds_units_to_its_line():
    variant = make_variant(stock=5)
    cart = make_cart((variant, 1))

    assert add_to_cart(cart=cart, variant_id=variant.pk, quantity=2) == 3
    assert quantities(cart) == [(variant.sku, 3)]


def test_what_is_in_the_cart_already_counts_against_the_stock():
    variant = make_variant(stock=5)
    cart = make_cart((variant, 3))

    with pytest.raises(InsufficientStock) as refusal:
        add_to_cart(cart=cart, variant_id=variant.pk, quantity=3)

    assert refusal.value.facts["lines"][0]["requested"] == 6
    assert quantities(cart) == [(variant.sku, 3)]


def test_a_cart_holds_no_stock():
    variant = make_variant(stock=1)
    make_cart((variant, 1))
    make_cart((variant, 1))
    assert item_of(variant).reserved_stock == 0


def test_a_cart_with_a_line_that_is_refused_is_not_opened():
    plenty, short = make_variant(stock=5), make_variant(stock=0)
    with pytest.raises(InsufficientStock):
        open_cart(lines=[StockLine(plenty.pk, 1), StockLine(short.pk, 1)])
    assert not Cart.objects.exists()


@pytest.mark.parametrize("how", ["archived", "unpublished", "inactive"])
def test_what_is_not_for_sale_cannot_be_put_into_a_cart(how):
    product = make_product()
    variant = product.variants.get()
    if how == "archived":
        archive_product(product_id=product.pk)
    elif how == "unpublished":
        update_product(product_id=product.pk, values=ProductInput(is_published=False))
    else:
        Variant.objects.filter(pk=variant.pk).update(is_active=False)

    with pytest.raises(NotForSale):
        make_cart((variant, 1))


def test_a_line_that_stopped_being_for_sale_is_reported_and_not_hidden():
    product = make_product()
    cart = make_cart((product.variants.get(), 1))
    archive_product(product_id=product.pk)
    assert [line.is_for_sale for line in price(cart).lines] == [False]


def test_an_unknown_variant_is_not_found():
    with pytest.raises(NotFound):
        add_to_cart(cart=open_cart(), variant_id=uuid4(), quantity=1)


def test_an_untracked_item_may_be_bought_by_the_ten_thousand_and_no_more():
    variant = make_variant(stock=0)
    set_stock_rules(variant_id=variant.pk, is_tracked=False)
    cart = make_cart((variant, 10_000))

    with pytest.raises(InsufficientStock) as refusal:
        add_to_cart(cart=cart, variant_id=variant.pk, quantity=1)
    assert refusal.value.facts["lines"][0]["available"] == 10_000


def test_a_line_holds_ten_thousand_units_even_where_there_are_more_and_the_refusal_says_so():
    variant = make_variant(stock=20_000)
    with pytest.raises(InsufficientStock) as refusal:
        make_cart((variant, 10_001))
    assert refusal.value.facts["lines"][0] | {"variant_id": ""} == {
        "variant_id": "",
        "sku": variant.sku,
        "requested": 10_001,
        "available": 10_000,
    }


def test_a_cart_holds_a_bounded_number_of_different_things():
    product = create_product(
        ProductInput(
            title="Beads",
            is_published=True,
            option_names=["Shade"],
            variants=[VariantInput(price_minor=10, option_values=(str(n),)) for n in range(MAX_LINES + 1)],
        )
    )
    variants = list(product.variants.all())
    for variant in variants:
        set_stock_rules(variant_id=variant.pk, is_tracked=False)
    cart = make_cart(*((variant, 1) for variant in variants[:MAX_LINES]))

    with pytest.raises(CartFull):
        add_to_cart(cart=cart, variant_id=variants[-1].pk, quantity=1)
    assert add_to_cart(cart=cart, variant_id=variants[0].pk, quantity=1) == 2


def test_a_quantity_is_set_exactly_and_nothing_takes_the_line_out():
    variant = make_variant(stock=5)
    cart = make_cart((variant, 4))

    set_quantity(cart=cart, variant_id=variant.pk, quantity=2)
    assert quantities(cart) == [(variant.sku, 2)]
    set_quantity(cart=cart, variant_id=variant.pk, quantity=0)
    assert quantities(cart) == []
    with pytest.raises(NotFound):
        set_quantity(cart=cart, variant_id=variant.pk, quantity=1)


def test_a_quantity_that_is_refused_leaves_the_line_as_it_was():
    variant = make_variant(stock=5)
    cart = make_cart((variant, 4))
    with pytest.raises(InsufficientStock):
        set_quantity(cart=cart, variant_id=variant.pk, quantity=6)
    assert quantities(cart) == [(variant.sku, 4)]


def test_changing_a_quantity_keeps_the_line_in_its_place():
    first, second = make_variant(), make_variant()
    cart = make_cart((first, 1), (second, 1))
    set_quantity(cart=cart, variant_id=first.pk, quantity=3)
    assert quantities(cart) == [(first.sku, 3), (second.sku, 1)]


def test_an_expired_cart_is_not_found():
    cart = make_cart((make_variant(), 1))
    Cart.objects.filter(pk=cart.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        find_cart(cart.token)


def test_a_cart_that_became_an_order_is_closed():
    cart = make_cart((make_variant(), 1))
    order = place_order(cart_token=cart.token, email="a@example.com", shipping_address=ADDRESS)
    with pytest.raises(CartAlreadyOrdered) as refusal:
        find_cart(cart.token)
    assert refusal.value.facts == {"order_id": str(order.pk)}


def test_a_guest_who_signs_in_keeps_the_cart_and_nobody_else_gets_it():
    cart, buyer = make_cart((make_variant(), 1)), uuid4()
    assert adopt_cart(token=cart.token, buyer_id=buyer).buyer_id == buyer
    assert adopt_cart(token=cart.token, buyer_id=buyer).pk == cart.pk
    with pytest.raises(NotFound):
        adopt_cart(token=cart.token, buyer_id=uuid4())


def test_of_two_who_take_a_guests_cart_at_once_one_has_it(monkeypatch):
    cart, first = make_cart((make_variant(), 1)), uuid4()
    as_it_was = Cart.objects.get(pk=cart.pk)
    adopt_cart(token=cart.token, buyer_id=first)
    monkeypatch.setattr("services.cart_services.find_cart", lambda token: as_it_was)

    with pytest.raises(NotFound):
        adopt_cart(token=cart.token, buyer_id=uuid4())
    assert Cart.objects.get(pk=cart.pk).buyer_id == first


def test_carts_join_whole_or_not_at_all(monkeypatch):
    """A crash on the way would otherwise count the same units again at the next sign-in."""
    one, other, buyer = make_variant(), make_variant(), uuid4()
    earlier = open_cart(buyer_id=buyer, lines=[StockLine(one.pk, 1), StockLine(other.pk, 1)])
    guests = make_cart((one, 1))
    before = quantities(earlier), quantities(guests)

    def fails_afterwards(**line):
        add_to_cart(**line)
        raise RuntimeError

    monkeypatch.setattr("services.cart_services.add_to_cart", fails_afterwards)
    with pytest.raises(RuntimeError):
        join_carts(token=guests.token, buyer_id=buyer)
    assert (quantities(earlier), quantities(guests)) == before


def test_the_price_of_now_is_shown_not_the_price_of_then():
    product = make_product(price_minor=1000)
    variant = product.variants.get()
    cart = make_cart((variant, 2))
    update_product(
        product_id=product.pk, values=ProductInput(variants=[VariantInput(id=variant.pk, price_minor=1500)])
    )
    assert (price(cart).subtotal_minor, price(cart).total_minor) == (3000, 3490)


@pytest.mark.parametrize(("free_from", "shipping"), [(None, 490), (2000, 0), (2001, 490)])
def test_shipping_is_free_from_the_threshold_on(free_from, shipping):
    set_flat_rate(name="Standard", price_minor=490, free_from_minor=free_from)
    assert price(make_cart((make_variant(price_minor=1000), 2))).shipping_minor == shipping


def test_the_threshold_of_free_shipping_looks_at_what_is_paid_for_the_goods():
    set_flat_rate(name="Standard", price_minor=490, free_from_minor=2000)
    cart = make_cart((make_variant(price_minor=1000), 2))
    set_promotion(cart=cart, code=make_promotion().code)
    assert (price(cart).discount_minor, price(cart).shipping_minor) == (200, 490)


def test_an_empty_cart_costs_nothing():
    assert price(open_cart()).total_minor == 0


def test_a_code_that_is_refused_leaves_the_one_that_was_there():
    cart = make_cart((make_variant(), 1))
    promotion = make_promotion()
    set_promotion(cart=cart, code=promotion.code.lower())
    with pytest.raises(PromotionRefused):
        set_promotion(cart=cart, code="NOSUCH")
    assert Cart.objects.get(pk=cart.pk).promotion_code == promotion.code
    set_promotion(cart=cart, code="")
    assert price(cart).discount_minor == 0


def test_a_code_that_stopped_applying_is_reported_and_takes_nothing_off():
    variant = make_variant(price_minor=1000)
    cart = make_cart((variant, 2))
    set_promotion(cart=cart, code=make_promotion(minimum_spend_minor=1500).code)
    assert price(cart).discount_minor == 200

    set_quantity(cart=cart, variant_id=variant.pk, quantity=1)

    priced = price(cart)
    assert priced.discount_minor == 0
    assert priced.promotion_problem.facts["reason_code"] == "minimum_spend"


def test_lines_are_unique_and_bounded_in_the_database_too():
    from django.db import IntegrityError, transaction

    cart = make_cart((make_variant(), 1))
    line = cart.lines.get()
    for broken in ({"quantity": 0}, {"quantity": 10_001}):
        with pytest.raises(IntegrityError), transaction.atomic():
            CartLine.objects.filter(pk=line.pk).update(**broken)
    with pytest.raises(IntegrityError), transaction.atomic():
        CartLine.objects.create(cart=cart, variant=line.variant, quantity=1)
