"""The same checkout, code, refund, payout or address many times at once takes effect once.

Threads and commits are real. Each race has a control that shows it where the protection is left out.
"""

import threading
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import Sum

from core.clock import now
from core.errors import NotFound
from core.ids import new_id
from core.models import Job
from payouts.models import Charge, LedgerEntry, LedgerTransaction, Payout, PayoutEntry, SellerAccount
from services.address_services import remove_address, save_address
from services.cart_services import CartAlreadyOrdered, add_to_cart, join_carts, open_cart
from services.inventory_services import StockLine
from services.order_history import SYSTEM
from services.payment_services import start_payment, sync_intent, sync_payment
from services.payout_services import free_entries, run_payouts
from services.promotion_services import PromotionRefused
from services.refund_services import NotRefundable, OverRefund, request_refund
from services.transfer_services import send_payout
from services.webhook_services import receive_stripe_event
from shop.models import (
    Address,
    CartLine,
    InventoryMovement,
    Notification,
    Order,
    Payment,
    Promotion,
    PromotionRedemption,
    Refund,
)
from tenants.context import tenant_scope
from tests.concurrency.test_stock import checkout
from tests.factories.jobs import run_jobs
from tests.factories.shop import (
    ADDRESS,
    item_of,
    make_cart,
    make_order,
    make_promotion,
    make_variant,
    pay,
)
from tests.factories.threads import Gate, at_once, failures

pytestmark = pytest.mark.usefixtures("committed")


def cart_with_code(variant, code: str) -> str:
    cart = make_cart((variant, 1))
    type(cart).objects.filter(pk=cart.pk).update(promotion_code=code)
    return cart.token


# Codes -----------------------------------------------------------------------------------------------------------------


def test_a_code_for_one_is_used_once_by_fifty_at_once(tenant):
    with tenant_scope(tenant):
        variant, promotion = make_variant(stock=100), make_promotion(usage_limit=1)
        tokens = [cart_with_code(variant, promotion.code) for _ in range(50)]

    results = at_once(
        [
            lambda number=number, token=token: checkout(token, email=f"b{number}@example.com")
            for number, token in enumerate(tokens)
        ],
        tenant=tenant,
    )

    assert failures(results, PromotionRefused) == []
    assert sum(isinstance(result, Order) for result in results) == 1
    with tenant_scope(tenant):
        promotion.refresh_from_db()
        assert (promotion.times_redeemed, PromotionRedemption.objects.count()) == (1, 1)
        assert item_of(variant).reserved_stock == 1


def test_control_counting_uses_before_writing_one_uses_a_code_for_one_many_times(tenant):
    with tenant_scope(tenant):
        promotion = make_promotion(usage_limit=1)
        orders = [make_order() for _ in range(4)]
    everybody_has_counted = Gate(4)

    def naive(order: Order) -> bool:
        used = PromotionRedemption.objects.filter(promotion=promotion).count()
        everybody_has_counted.wait()
        if used >= 1:
            return False
        PromotionRedemption.objects.create(
            promotion=promotion, order=order, buyer_key=order.email, discount_minor=1
        )
        return True

    assert at_once([lambda order=order: naive(order) for order in orders], tenant=tenant) == [True] * 4


def test_a_buyer_at_many_tabs_uses_a_code_as_often_as_it_allows_one(tenant):
    with tenant_scope(tenant):
        variant, promotion = make_variant(stock=100), make_promotion(per_buyer_limit=2)
        tokens = [cart_with_code(variant, promotion.code) for _ in range(16)]

    results = at_once(
        [lambda token=token: checkout(token, email="ada@example.com") for token in tokens], tenant=tenant
    )

    assert failures(results, PromotionRefused) == []
    assert sum(isinstance(result, Order) for result in results) == 2
    with tenant_scope(tenant):
        assert Promotion.objects.get().times_redeemed == 2


# Submitting twice --------------------------------------------------------------------------------------------------------


def test_a_double_click_is_one_order(tenant):
    with tenant_scope(tenant):
        variant = make_variant(stock=10)
        token = make_cart((variant, 1)).token

    results = at_once([lambda: checkout(token, request_key="guest:1")] * 12, tenant=tenant)

    assert failures(results) == []
    assert len({order.pk for order in results}) == 1
    with tenant_scope(tenant):
        assert (Order.objects.count(), item_of(variant).reserved_stock) == (1, 1)


def test_two_tabs_with_the_same_cart_are_one_order(tenant):
    with tenant_scope(tenant):
        token = make_cart((make_variant(stock=10), 1)).token
    results = at_once(
        [lambda n=n: checkout(token, request_key=f"guest:{n}") for n in range(8)], tenant=tenant
    )
    assert failures(results, CartAlreadyOrdered) == []
    assert sum(isinstance(result, Order) for result in results) == 1


def test_one_key_with_two_carts_at_once_is_one_order(tenant):
    with tenant_scope(tenant):
        variant = make_variant(stock=10)
        tokens = [make_cart((variant, 1)).token for _ in range(6)]
    results = at_once(
        [lambda token=token: checkout(token, request_key="guest:1") for token in tokens], tenant=tenant
    )
    assert failures(results) == []
    with tenant_scope(tenant):
        assert (Order.objects.count(), item_of(variant).reserved_stock) == (1, 1)


def test_control_without_the_carts_lock_two_tabs_are_two_orders(tenant):
    with tenant_scope(tenant):
        cart = make_cart((make_variant(stock=10), 1))
    everybody_has_read = Gate(2)

    def naive() -> bool:
        unlocked = type(cart).objects.get(pk=cart.pk)
        everybody_has_read.wait()
        return unlocked.order_id is None  # and so would place an order

    assert at_once([naive] * 2, tenant=tenant) == [True, True]


def test_what_another_device_orders_meanwhile_does_not_come_along_into_the_joined_cart(tenant, monkeypatch):
    buyer = new_id()
    with tenant_scope(tenant):
        variant = make_variant()
        earlier = open_cart(buyer_id=buyer, lines=[StockLine(variant.pk, 1)])
        guests = make_cart((make_variant(), 1))
    joining, ordered = threading.Event(), threading.Event()

    def add_slowly(**line):
        joining.set()
        ordered.wait(timeout=1)
        return add_to_cart(**line)

    def order() -> Order:
        joining.wait(timeout=20)
        try:
            return checkout(earlier.token, buyer_id=buyer)
        finally:
            ordered.set()

    monkeypatch.setattr("services.cart_services.add_to_cart", add_slowly)
    _, placed = at_once([lambda: join_carts(token=guests.token, buyer_id=buyer), order], tenant=tenant)

    assert failures([placed], NotFound) == []
    with tenant_scope(tenant):
        in_cart = CartLine.objects.filter(variant=variant, cart__order_id=None).count()
        assert in_cart + Order.objects.count() == 1


def test_a_page_asked_for_by_many_tabs_is_one_page(tenant, stripe_local):
    with tenant_scope(tenant):
        order = make_order()
    results = at_once([lambda: start_payment(order_id=order.pk)] * 6, tenant=tenant)
    assert failures(results) == []
    assert len({payment.checkout_url for payment in results}) == 1
    assert len(stripe_local.client().v1.checkout.sessions.list().data) == 1


# Money in and back -------------------------------------------------------------------------------------------------------


def test_a_capture_that_is_told_twenty_times_at_once_is_booked_once(tenant, stripe_local):
    with tenant_scope(tenant):
        variant = make_variant(stock=5)
        order = make_order((variant, 2))
        payment = start_payment(order_id=order.pk)
    stripe_local.pay(payment.session_id)
    intent = stripe_local.client().v1.checkout.sessions.retrieve(payment.session_id).payment_intent

    results = at_once([lambda: sync_intent(intent)] * 20)

    assert failures(results) == []
    with tenant_scope(tenant):
        order.refresh_from_db()
        assert order.status == "confirmed"
        assert (item_of(variant).current_stock, item_of(variant).reserved_stock) == (3, 0)
        assert InventoryMovement.objects.filter(kind="consume").count() == 1
        assert Notification.objects.filter(type="order_paid", for_staff=False).count() == 1
    assert sorted(LedgerTransaction.objects.values_list("kind", flat=True)) == ["capture", "fee"]
    assert Charge.objects.count() == 1


def test_an_event_delivered_twenty_times_at_once_is_stored_and_applied_once(tenant, stripe_local, settings):
    with tenant_scope(tenant):
        payment = start_payment(order_id=make_order().pk)
    stripe_local.pay(payment.session_id)
    event = next(event for event in stripe_local.events() if event["type"] == "payment_intent.succeeded")
    body, signature = stripe_local.signed(event, settings.STRIPE_WEBHOOK_SECRETS[0])

    results = at_once([lambda: receive_stripe_event(payload=body, signature=signature)] * 20)

    assert sorted(results) == [False] * 19 + [True]
    assert Job.objects.filter(task="stripe_event.apply").count() == 1
    run_jobs()
    assert LedgerTransaction.objects.filter(kind="capture").count() == 1


def test_a_hundred_refunds_at_once_never_promise_more_than_was_captured(tenant, stripe_local):
    with tenant_scope(tenant):
        order = make_order((make_variant(price_minor=9510), 1))
        pay(order, stripe_local)
    assert order.total_minor == 10_000
    amounts = [None if number % 10 == 0 else 100 * (number % 9 + 1) for number in range(100)]

    results = []
    for batch in (amounts[:50], amounts[50:]):
        results += at_once(
            [
                lambda amount=amount: request_refund(
                    order_id=order.pk, amount_minor=amount, reason="r", actor=SYSTEM
                )
                for amount in batch
            ],
            tenant=tenant,
        )

    assert failures(results, OverRefund, NotRefundable) == []
    with tenant_scope(tenant):
        promised = Refund.objects.aggregate(total=Sum("amount_minor"))["total"]
        assert promised == Payment.objects.get().refunded_minor == 10_000
        run_jobs()
        order.refresh_from_db()
        assert order.refunded_minor == 10_000
    charge = stripe_local.client().v1.charges.list().data[0]
    assert charge.amount_refunded == 10_000


def test_control_checking_what_is_left_before_writing_it_refunds_twice(tenant, stripe_local):
    with tenant_scope(tenant):
        order = make_order()
        pay(order, stripe_local)
    everybody_has_read = Gate(3)

    def naive() -> bool:
        payment = Payment.objects.get(order=order)
        everybody_has_read.wait()
        if payment.captured_minor - payment.refunded_minor < payment.captured_minor:
            return False
        Refund.objects.create(
            order=order, payment=payment, amount_minor=payment.captured_minor, currency="EUR"
        )
        return True

    assert at_once([naive] * 3, tenant=tenant) == [True] * 3


def test_a_refund_asked_for_many_times_under_one_key_is_one_refund(tenant, stripe_local):
    with tenant_scope(tenant):
        order = make_order()
        pay(order, stripe_local)
    results = at_once(
        [
            lambda: request_refund(
                order_id=order.pk, amount_minor=100, reason="r", actor=SYSTEM, request_key="user:1"
            )
        ]
        * 8,
        tenant=tenant,
    )
    assert failures(results) == []
    assert len({refund.pk for refund in results}) == 1


# Money out -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def earner(tenant, stripe_local):
    """A seller with earnings that may be paid out."""
    client = stripe_local.client()
    account = client.v1.accounts.create(
        {"type": "express", "country": "DE", "capabilities": {"transfers": {"requested": True}}}
    )
    stripe_local.onboard(account.id)
    SellerAccount.objects.filter(tenant=tenant).update(
        stripe_account_id=account.id,
        payouts_enabled=True,
        transfers_active=True,
        hold_days=0,
        payout_minimum_minor=1,
    )
    with tenant_scope(tenant):
        for _ in range(3):
            pay(make_order((make_variant(price_minor=5000), 1)), stripe_local)
    Charge.objects.update(available_at=now() - timedelta(hours=1))
    return tenant


def owed(tenant) -> int:
    return sum(entry.owed_minor for entry in free_entries(tenant_id=tenant.pk, at=now()).get("EUR", []))


def test_two_payout_runs_at_once_pay_once(earner, stripe_local):
    due = owed(earner)
    assert due > 0

    results = at_once([run_payouts] * 6)

    assert failures(results) == []
    (payout,) = Payout.objects.all()
    assert payout.amount_minor == due
    results = at_once([lambda: send_payout(payout_id=payout.pk)] * 6)
    assert failures(results) == []
    transfers = stripe_local.client().v1.transfers.list().data
    assert [transfer.amount for transfer in transfers] == [due]
    assert LedgerTransaction.objects.filter(kind="transfer").count() == 1
    assert (owed(earner), LedgerEntry.objects.aggregate(sum=Sum("amount_minor"))["sum"]) == (0, 0)


def test_control_without_the_claim_two_runs_gather_the_same_entries(earner):
    everybody_has_gathered = Gate(2)

    def naive() -> int:
        amount = owed(earner)
        everybody_has_gathered.wait()
        return amount

    first, second = at_once([naive] * 2)
    assert first == second > 0
    assert not PayoutEntry.objects.exists()


# People ----------------------------------------------------------------------------------------------------------------------


def test_first_addresses_saved_at_once_have_one_default_among_them(tenant):
    person = new_id()
    results = at_once([lambda: save_address(user_id=person, **ADDRESS)] * 8, tenant=tenant)
    assert failures(results) == []
    with tenant_scope(tenant):
        assert Address.objects.filter(user_id=person).count() == 8
        assert Address.objects.filter(user_id=person, is_default=True).count() == 1


def test_new_defaults_and_removals_at_once_leave_one_default(tenant):
    person = new_id()
    with tenant_scope(tenant):
        saved = [save_address(user_id=person, **ADDRESS) for _ in range(6)]
    actions = [
        lambda address=address: remove_address(user_id=person, address_id=address.pk) for address in saved[:4]
    ]
    actions += [lambda: save_address(user_id=person, is_default=True, **ADDRESS)] * 4

    results = at_once(actions, tenant=tenant)

    assert failures(results) == []
    with tenant_scope(tenant):
        assert Address.objects.filter(user_id=person, is_default=True).count() == 1


def test_control_without_the_lock_two_first_addresses_are_both_the_default(tenant):
    person = new_id()
    everybody_has_looked = Gate(2)

    def naive() -> None:
        with transaction.atomic():
            is_first = not Address.objects.select_for_update().filter(user_id=person).exists()
            everybody_has_looked.wait()
            Address.objects.create(user_id=person, is_default=is_first, **ADDRESS)

    (error,) = failures(at_once([naive] * 2, tenant=tenant))
    assert "address_one_default" in str(error)


def test_a_buyer_who_returns_while_the_event_arrives_is_told_the_same(tenant, stripe_local):
    with tenant_scope(tenant):
        payment = start_payment(order_id=make_order().pk)
    stripe_local.pay(payment.session_id)
    results = at_once([lambda: sync_payment(payment_id=payment.pk)] * 4, tenant=tenant)
    assert failures(results) == []
    assert {result.status for result in results} == {"captured"}
