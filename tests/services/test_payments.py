from payouts.models import LedgerEntry
from shop.models import OrderStatus, PaymentStatus
from tests.factories.shop import item_of, make_order, make_variant, pay


def test_a_payment_confirms_the_order_consumes_its_stock_and_is_booked(serving, stripe_local):
    variant = make_variant(stock=5, price_minor=10000)
    order = make_order((variant, 2))
    assert item_of(variant).reserved_stock == 2

    payment = pay(order, stripe_local)

    assert payment.status == PaymentStatus.CAPTURED
    assert order.status == OrderStatus.CONFIRMED
    assert (item_of(variant).current_stock, item_of(variant).reserved_stock) == (3, 0)
    assert (
        sum(LedgerEntry.objects.filter(transaction__order_id=order.pk).values_list("amount_minor", flat=True))
        == 0
    )
    assert LedgerEntry.objects.filter(transaction__order_id=order.pk).count() == 6


def test_a_declined_card_leaves_the_order_pending_with_the_failed_try(serving, stripe_local):
    order = make_order()

    payment = pay(order, stripe_local, card="4000000000000002")

    assert order.status == OrderStatus.PENDING
    assert payment.status == PaymentStatus.PENDING
    assert [attempt.failure_code for attempt in payment.attempts.all()] == ["generic_decline"]
