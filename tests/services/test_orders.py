"""Orders: frozen when placed, paid or let go, and nobody's money is kept for nothing."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django_fsm import TransitionNotAllowed

from core.errors import Conflict, NotFound
from core.ids import new_id
from services.cart_services import CartAlreadyOrdered, NotForSale
from services.catalogue_services import ProductInput, VariantInput, archive_product, update_product
from services.inventory_services import InsufficientStock, adjust_stock
from services.order_history import SYSTEM, Actor
from services.order_services import (
    CartEmpty,
    TotalChanged,
    cancel_order,
    close_order,
    deliver_order,
    place_order,
)
from services.payment_services import NotPayable, close_page, expire_order, start_payment, sync_payment
from services.promotion_services import save_promotion
from services.refund_services import send_refund
from services.shipping_services import set_flat_rate, ship_order
from services.stripe_gateway import PaymentProviderUnavailable
from shop.models import ActorKind, CancelReason, Order, OrderStatus, Payment, PaymentStatus, Refund, Variant
from tests.factories.jobs import queued
from tests.factories.shop import (
    ADDRESS,
    item_of,
    make_cart,
    make_order,
    make_product,
    make_promotion,
    make_variant,
    pay,
)

pytestmark = pytest.mark.usefixtures("serving")
BUYER, SELLER = Actor(ActorKind.GUEST), Actor(ActorKind.SELLER, new_id())


def counts(variant: Variant) -> tuple[int, int]:
    item = item_of(variant)
    return item.current_stock, item.reserved_stock


def past_its_deadline(order: Order) -> Order:
    Order.objects.filter(pk=order.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    return order


def place(cart, **fields) -> Order:
    return place_order(
        **{"cart_token": cart.token, "email": "a@example.com", "shipping_address": ADDRESS, **fields}
    )


def set_price(variant: Variant, price_minor: int) -> None:
    update_product(
        product_id=variant.product_id,
        values=ProductInput(variants=[VariantInput(id=variant.pk, price_minor=price_minor)]),
    )


# Placing ---------------------------------------------------------------------------------------------------------------


def test_an_order_keeps_what_was_agreed_whatever_the_seller_changes_later():
    variant = make_variant(price_minor=1000, title="Blue bowl")
    order = make_order((variant, 2))
    update_product(product_id=variant.product_id, values=ProductInput(title="Red bowl"))
    set_price(variant, 9900)
    set_flat_rate(name="Express", price_minor=2000, free_from_minor=None)

    order = Order.objects.get(pk=order.pk)
    line = order.lines.get()
    assert (line.product_title, line.unit_price_minor, line.subtotal_minor) == ("Blue bowl", 1000, 2000)
    assert (order.total_minor, order.shipping_method) == (2490, "Standard")
    assert order.shipping_address == ADDRESS


def test_the_total_is_its_parts_and_each_part_is_the_sum_of_the_lines():
    order = make_order(
        (make_variant(price_minor=1999), 3), (make_variant(price_minor=1), 1), code=make_promotion().code
    )
    lines = list(order.lines.all())

    assert (
        order.total_minor
        == order.subtotal_minor - order.discount_minor + order.shipping_minor + order.tax_minor
    )
    for part in ("subtotal_minor", "discount_minor", "shipping_minor", "tax_minor", "commission_minor"):
        assert getattr(order, part) == sum(getattr(line, part) for line in lines), part
    assert (order.subtotal_minor, order.discount_minor, order.shipping_minor) == (5998, 600, 490)


def test_a_price_that_changed_during_checkout_is_asked_about_again():
    variant = make_variant(price_minor=1000)
    cart = make_cart((variant, 1))
    set_price(variant, 1100)

    with pytest.raises(TotalChanged) as refusal:
        place(cart, expected_total_minor=1490)

    assert refusal.value.facts == {
        "expected": {"amount": 1490, "currency": "EUR"},
        "total": {"amount": 1590, "currency": "EUR"},
    }
    assert not Order.objects.exists()
    assert place(cart, expected_total_minor=1590).total_minor == 1590


@pytest.mark.parametrize("how", ["archived", "unpublished", "inactive"])
def test_what_stopped_being_for_sale_is_not_ordered(how):
    product = make_product()
    variant = product.variants.get()
    cart = make_cart((variant, 1))
    if how == "archived":
        archive_product(product_id=product.pk)
    elif how == "unpublished":
        update_product(product_id=product.pk, values=ProductInput(is_published=False))
    else:
        Variant.objects.filter(pk=variant.pk).update(is_active=False)

    with pytest.raises(NotForSale):
        place(cart)
    assert (Order.objects.count(), counts(variant)) == (0, (10, 0))


def test_what_sold_out_since_is_not_ordered_and_the_cart_can_be_mended():
    variant = make_variant(stock=3)
    cart = make_cart((variant, 3))
    adjust_stock(variant_id=variant.pk, delta=-1, reason="broken")

    with pytest.raises(InsufficientStock) as refusal:
        place(cart)
    assert refusal.value.facts["lines"][0]["available"] == 2
    assert not Order.objects.exists()


def test_an_empty_cart_an_unknown_one_and_somebody_elses_are_no_orders():
    from services.cart_services import open_cart

    with pytest.raises(CartEmpty):
        place(open_cart())
    with pytest.raises(NotFound):
        place_order(cart_token="nobody's", email="a@example.com", shipping_address=ADDRESS)
    owned = open_cart(buyer_id=new_id())
    with pytest.raises(NotFound):
        place(owned)
    with pytest.raises(NotFound):
        place(owned, buyer_id=new_id())


def test_a_cart_is_ordered_once_and_a_retry_under_the_same_key_is_the_same_order():
    cart = make_cart((make_variant(), 1))
    order = place(cart, request_key="guest:1")

    assert place(cart, request_key="guest:1").pk == order.pk
    with pytest.raises(CartAlreadyOrdered):
        place(cart, request_key="guest:2")
    with pytest.raises(CartAlreadyOrdered):
        place(cart)
    assert Order.objects.count() == 1


def test_order_numbers_follow_each_other_and_secrets_cannot_be_guessed():
    first, second = make_order(), make_order()
    assert second.number == first.number + 1
    assert len(first.secret) >= 22
    assert first.secret != second.secret


# Nothing to pay ----------------------------------------------------------------------------------------------------------


def test_an_order_that_costs_nothing_is_confirmed_at_once_without_a_payment():
    set_flat_rate(name="Free", price_minor=0, free_from_minor=None)
    variant = make_variant(stock=5)
    order = make_order((variant, 2), code=make_promotion(percentage_basis_points=10_000).code)

    assert (order.status, order.total_minor) == (OrderStatus.CONFIRMED, 0)
    assert counts(variant) == (3, 0)
    assert not Payment.objects.exists()
    assert queued("order.expire") == []
    with pytest.raises(NotPayable):
        start_payment(order_id=order.pk)


def test_an_order_that_cost_nothing_is_cancelled_without_a_refund():
    set_flat_rate(name="Free", price_minor=0, free_from_minor=None)
    variant = make_variant(stock=5)
    order = make_order((variant, 2), code=make_promotion(percentage_basis_points=10_000).code)
    cancel_order(order_id=order.pk, actor=BUYER)
    assert (counts(variant), Refund.objects.count()) == ((5, 0), 0)


# Paying --------------------------------------------------------------------------------------------------------------------


def test_a_payment_page_is_opened_once(stripe_local):
    order = make_order()
    first, second = start_payment(order_id=order.pk), start_payment(order_id=order.pk)
    assert first.checkout_url == second.checkout_url != ""
    assert len(stripe_local.client().v1.checkout.sessions.list().data) == 1


def test_a_page_that_could_not_be_opened_is_opened_at_any_moment_before_the_deadline(stripe_local):
    """Stripe wants a page to live for half an hour from its opening; a buyer may come back a little before the deadline."""
    order = make_order()
    stripe_local.advance(34 * 60)

    assert start_payment(order_id=order.pk).checkout_url


def test_no_page_is_opened_for_an_order_that_is_not_waiting(stripe_local):
    order = make_order()
    cancel_order(order_id=order.pk, actor=BUYER)
    with pytest.raises(NotPayable):
        start_payment(order_id=order.pk)
    with pytest.raises(NotPayable):
        start_payment(order_id=new_id())


# Cancelling ----------------------------------------------------------------------------------------------------------------


def test_cancelling_an_unpaid_order_lets_the_stock_go_and_closes_the_page(stripe_local):
    variant = make_variant(stock=5)
    order = make_order((variant, 2))
    payment = start_payment(order_id=order.pk)

    order = cancel_order(order_id=order.pk, actor=BUYER, reason="changed my mind")

    assert (order.status, order.cancelled_because) == (OrderStatus.CANCELLED, CancelReason.BUYER)
    assert counts(variant) == (5, 0)
    payment.refresh_from_db()
    assert payment.status == PaymentStatus.VOIDED
    assert queued("payment.close_page") == [{"payment_id": str(payment.pk)}]
    close_page(payment_id=payment.pk)
    assert stripe_local.client().v1.checkout.sessions.retrieve(payment.session_id).status == "expired"


def test_cancelling_a_paid_order_refunds_it_and_puts_the_goods_back(stripe_local):
    variant = make_variant(stock=5)
    order = make_order((variant, 2))
    pay(order, stripe_local)

    order = cancel_order(order_id=order.pk, actor=SELLER, reason="cracked")

    assert order.cancelled_because == CancelReason.SELLER
    assert counts(variant) == (5, 0)
    refund = Refund.objects.get()
    assert refund.amount_minor == order.total_minor
    send_refund(refund_id=refund.pk)
    order.refresh_from_db()
    assert order.refunded_minor == order.total_minor


def test_a_cancelled_order_stays_cancelled_and_its_stock_comes_back_once():
    variant = make_variant(stock=5)
    order = make_order((variant, 2))
    cancel_order(order_id=order.pk, actor=BUYER)
    with pytest.raises(TransitionNotAllowed):
        cancel_order(order_id=order.pk, actor=BUYER)
    assert counts(variant) == (5, 0)


def test_what_is_on_its_way_is_not_cancelled(stripe_local):
    variant = make_variant(stock=5)
    order = make_order((variant, 2))
    pay(order, stripe_local)
    ship_order(order_id=order.pk, carrier="DHL", actor=SELLER, quantities={order.lines.get().pk: 1})
    with pytest.raises(Conflict):
        cancel_order(order_id=order.pk, actor=SELLER)

    ship_order(order_id=order.pk, carrier="DHL", actor=SELLER)
    with pytest.raises(Conflict):
        cancel_order(order_id=order.pk, actor=SELLER)
    deliver_order(order_id=order.pk, actor=SELLER)
    with pytest.raises(Conflict):
        cancel_order(order_id=order.pk, actor=SELLER)
    assert (counts(variant), Refund.objects.count()) == ((3, 0), 0)


def test_an_unknown_order_is_not_found():
    for action in (cancel_order, deliver_order):
        with pytest.raises(NotFound):
            action(order_id=new_id(), actor=SELLER)


def test_the_history_says_who_moved_the_order_from_where_to_where_and_why(stripe_local):
    order = make_order()
    pay(order, stripe_local)
    cancel_order(order_id=order.pk, actor=SELLER, reason="cracked")

    moves = [
        (event.action, event.from_status, event.to_status, event.actor_kind, event.reason)
        for event in order.events.all()
    ]
    assert moves[:3] == [
        ("placed", "", "pending", "system", ""),
        ("confirmed", "pending", "confirmed", "system", ""),
        ("cancelled", "confirmed", "cancelled", "seller", "cracked"),
    ]


# The deadline ----------------------------------------------------------------------------------------------------------------


def test_an_order_that_is_not_paid_in_time_is_let_go_with_its_page_closed(stripe_local):
    variant = make_variant(stock=5)
    order = make_order((variant, 2))
    payment = start_payment(order_id=order.pk)

    expire_order(order_id=past_its_deadline(order).pk)

    order.refresh_from_db()
    assert (order.status, order.cancelled_because) == (OrderStatus.CANCELLED, CancelReason.UNPAID)
    assert counts(variant) == (5, 0)
    assert stripe_local.client().v1.checkout.sessions.retrieve(payment.session_id).status == "expired"
    assert stripe_local.pay(payment.session_id) is None


def test_the_deadline_is_asked_for_when_the_order_is_placed():
    order = make_order()
    assert queued("order.expire") == [{"order_id": str(order.pk)}]


def test_an_order_is_not_let_go_before_its_deadline(stripe_local):
    order = make_order()
    expire_order(order_id=order.pk)
    order.refresh_from_db()
    assert order.status == OrderStatus.PENDING


def test_an_order_that_was_never_offered_for_payment_is_let_go_too(stripe_local):
    order = make_order()
    expire_order(order_id=past_its_deadline(order).pk)
    expire_order(order_id=order.pk)
    expire_order(order_id=new_id())
    order.refresh_from_db()
    assert order.status == OrderStatus.CANCELLED


def test_money_that_came_just_in_time_confirms_the_order_at_its_deadline(stripe_local):
    order = make_order()
    payment = start_payment(order_id=order.pk)
    stripe_local.pay(payment.session_id)

    expire_order(order_id=past_its_deadline(order).pk)

    order.refresh_from_db()
    assert order.status == OrderStatus.CONFIRMED


def test_an_order_is_not_let_go_while_nobody_can_say_whether_it_was_paid(stripe_local):
    order = make_order()
    start_payment(order_id=order.pk)
    stripe_local.control("faults", match="POST /v1/checkout/sessions/*", kind="error_500", times=9)
    with pytest.raises(PaymentProviderUnavailable):
        expire_order(order_id=past_its_deadline(order).pk)
    stripe_local.control("faults", clear=True)
    order.refresh_from_db()
    assert order.status == OrderStatus.PENDING


# Late money ------------------------------------------------------------------------------------------------------------------


def paid_but_let_go(stripe_local, order: Order, because: CancelReason = CancelReason.UNPAID) -> Payment:
    """Stripe took the money (a slow bank), and the order was cancelled before anybody told us."""
    payment = start_payment(order_id=order.pk)
    stripe_local.pay(payment.session_id)
    with transaction.atomic():
        close_order(Order.objects.select_for_update().get(pk=order.pk), because=because, actor=SYSTEM)
    return payment


def test_late_money_gets_its_goods_where_they_are_still_there(stripe_local):
    variant = make_variant(stock=5)
    order = make_order((variant, 2))
    payment = paid_but_let_go(stripe_local, order)
    assert counts(variant) == (5, 0)

    sync_payment(payment_id=payment.pk)
    sync_payment(payment_id=payment.pk)

    order.refresh_from_db()
    assert (order.status, order.cancelled_because) == (OrderStatus.CONFIRMED, "")
    assert order.needs_attention
    assert (counts(variant), Refund.objects.count()) == ((3, 0), 0)


def test_late_money_goes_back_where_the_goods_are_gone(stripe_local):
    variant = make_variant(stock=2)
    order = make_order((variant, 2))
    payment = paid_but_let_go(stripe_local, order)
    make_order((variant, 1))

    sync_payment(payment_id=payment.pk)
    sync_payment(payment_id=payment.pk)

    order.refresh_from_db()
    assert order.status == OrderStatus.CANCELLED
    assert order.needs_attention
    assert [refund.amount_minor for refund in Refund.objects.all()] == [order.total_minor]
    assert counts(variant) == (2, 1)


@pytest.mark.parametrize("because", [CancelReason.BUYER, CancelReason.SELLER])
def test_late_money_for_an_order_that_somebody_cancelled_goes_back(stripe_local, because):
    order = make_order()
    payment = paid_but_let_go(stripe_local, order, because)
    sync_payment(payment_id=payment.pk)
    order.refresh_from_db()
    assert (order.status, Refund.objects.count()) == (OrderStatus.CANCELLED, 1)


def test_late_money_uses_its_promotion_again(stripe_local):
    promotion = make_promotion(usage_limit=1)
    order = make_order(code=promotion.code)
    payment = paid_but_let_go(stripe_local, order)
    sync_payment(payment_id=payment.pk)

    promotion.refresh_from_db()
    assert promotion.times_redeemed == 1
    order.refresh_from_db()
    cancel_order(order_id=order.pk, actor=SELLER)
    promotion.refresh_from_db()
    assert promotion.times_redeemed == 0


def test_late_money_goes_back_where_its_promotion_has_been_used_up_by_another(stripe_local):
    promotion = make_promotion(usage_limit=1)
    order = make_order(code=promotion.code)
    payment = paid_but_let_go(stripe_local, order)
    make_order(code=promotion.code, email="other@example.com")

    sync_payment(payment_id=payment.pk)

    order.refresh_from_db()
    promotion.refresh_from_db()
    assert (order.status, Refund.objects.count()) == (OrderStatus.CANCELLED, 1)
    assert promotion.times_redeemed == 1


def test_late_money_keeps_a_promotion_that_has_ended_since(stripe_local):
    """The buyer agreed to the price while it was valid."""
    promotion = make_promotion()
    order = make_order(code=promotion.code)
    payment = paid_but_let_go(stripe_local, order)
    save_promotion(promotion_id=promotion.pk, ends_at=timezone.now(), is_active=False)
    sync_payment(payment_id=payment.pk)
    order.refresh_from_db()
    assert order.status == OrderStatus.CONFIRMED
