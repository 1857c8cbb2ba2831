"""A staging copy is paid with Stripe's test mode, and its money is in nobody's books. Nothing crosses from one mode to the other."""

import pytest

from payouts.models import (
    Charge,
    Difference,
    Dispute,
    EventState,
    LedgerEntry,
    LedgerTransaction,
    Payout,
    Reserve,
    SellerAccount,
    StripeEvent,
    StripeTransaction,
)
from services.account_services import NotPaidOut, open_account
from services.invoice_services import issue_invoices
from services.order_history import SYSTEM
from services.order_services import deliver_order
from services.payment_services import capture_payment, start_payment
from services.payout_services import run_payouts
from services.reconciliation_services import reconcile
from services.refund_services import request_refund
from services.shipping_services import ship_order
from services.staging_services import copy_to_staging
from services.stripe_gateway import NoTestKey, PaymentProviderRefused
from services.webhook_services import BadSignature, apply_stripe_event, receive_stripe_event, store_event
from shop.models import Order, OrderStatus, Payment, PaymentStatus, Refund, RefundStatus
from stripe_local.testing import LocalStripe
from tenants.context import tenant_scope
from tenants.models import CaptureMethod, Tenant
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_delivered, make_order, make_variant, pay

pytestmark = pytest.mark.usefixtures("archives", "committed")
TEST_SECRET = "whsec_of_the_test_mode"
BOOKS = (LedgerTransaction, LedgerEntry, Charge, Reserve, Payout, Dispute, Difference)


def books() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in BOOKS}


@pytest.fixture
def staging(tenant, stripe_local) -> Tenant:
    """A copy of a storefront with an order that was paid, sent and has arrived."""
    with tenant_scope(tenant):
        make_delivered(make_variant(), stripe_local)
    return copy_to_staging(tenant_id=tenant.pk, actor_id=None).tenant


@pytest.fixture
def live(settings):
    """The installation takes real money. The local Stripe knows test objects only."""
    settings.STRIPE_LIVEMODE = True
    settings.STRIPE_SECRET_KEY = "sk_live_real"
    settings.STRIPE_TEST_SECRET_KEY = "sk_test_of_staging"
    settings.STRIPE_TEST_WEBHOOK_SECRETS = [TEST_SECRET]
    return settings


def make_live(stripe: LocalStripe, intent_id: str) -> None:
    """As if Stripe knew the intent in the live mode."""
    store = stripe.application.world.store
    with store.transaction():
        store.save({**store.get_any(intent_id), "livemode": True})


def accept_live_keys(monkeypatch) -> None:
    """The local Stripe refuses real keys; here it is asked as Stripe would be."""
    monkeypatch.setattr("services.stripe_gateway._secret_key", lambda *, livemode: "sk_test_anything")


def told(stripe: LocalStripe) -> dict[str, str]:
    """All events come in, as by webhook, and are applied. Returns the state of each type, of the last one."""
    events = stripe.events()
    for event in events:
        store_event(event)
    run_jobs()
    states = dict(StripeEvent.objects.values_list("pk", "state"))
    return {event["type"]: states[event["id"]] for event in events}


# From the cart to the refund ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_live", [False, True])
def test_an_order_is_placed_paid_confirmed_sent_and_refunded_and_is_in_no_books(
    staging, stripe_local, request, is_live
):
    if is_live:
        request.getfixturevalue("live")
    before = books()
    with tenant_scope(staging):
        order = make_order((make_variant(stock=3), 1))
        payment = start_payment(order_id=order.pk)
        stripe_local.pay(payment.session_id)
    assert told(stripe_local)["payment_intent.succeeded"] == EventState.APPLIED

    with tenant_scope(staging):
        order.refresh_from_db()
        assert order.status == OrderStatus.CONFIRMED
        ship_order(order_id=order.pk, carrier="DHL", tracking_number="1", actor=SYSTEM)
        deliver_order(order_id=order.pk, actor=SYSTEM)
        request_refund(order_id=order.pk, amount_minor=500, reason="", actor=SYSTEM)
    run_jobs()

    with tenant_scope(staging):
        order.refresh_from_db()
        refund = Refund.objects.get(order=order)
        assert (refund.status, order.status) == (RefundStatus.SUCCEEDED, OrderStatus.DELIVERED)
        assert order.refunded_minor == 500
    told(stripe_local)
    assert books() == before
    run_payouts(tenant_ids=[staging.pk])
    issue_invoices()
    assert books()["Payout"] == before["Payout"]


def test_a_refund_made_in_stripes_dashboard_is_followed_without_books(staging, stripe_local, live):
    before = books()
    with tenant_scope(staging):
        order = make_order()
        payment = pay(order, stripe_local)
    stripe_local.client().v1.refunds.create({"charge": payment.transaction_id, "amount": 100})
    assert told(stripe_local)["charge.refunded"] == EventState.APPLIED
    with tenant_scope(staging):
        assert Order.objects.get(pk=order.pk).refunded_minor == 100
    assert books() == before


def test_an_authorisation_is_captured_later(staging, stripe_local):
    before = books()
    Tenant.objects.filter(pk=staging.pk).update(capture_method=CaptureMethod.MANUAL)
    staging.refresh_from_db()
    with tenant_scope(staging):
        order = make_order()
        pay(order, stripe_local)
        assert order.payments.get().status == PaymentStatus.AUTHORISED
        assert capture_payment(order_id=order.pk).status == PaymentStatus.CAPTURED
    assert books() == before


def test_a_dispute_of_a_staging_copy_is_nobodys(staging, stripe_local):
    before = books()
    with tenant_scope(staging):
        order = make_order()
        pay(order, stripe_local, "4000000000000259")
    states = told(stripe_local)
    assert states["charge.dispute.created"] == EventState.IGNORED
    assert books() == before


def test_it_has_no_account_at_stripe_and_gets_none(staging):
    with pytest.raises(NotPaidOut):
        open_account(tenant_id=staging.pk)
    assert SellerAccount.objects.get(tenant=staging).stripe_account_id is None


# What was copied ---------------------------------------------------------------------------------------------------------


def test_what_was_paid_at_the_source_cannot_be_refunded_or_captured_from_the_copy(
    staging, tenant, stripe_local
):
    before = books()
    with tenant_scope(staging):
        copied = Order.objects.get()
        assert copied.payments.get().transaction_id.startswith("staging_")
        request_refund(order_id=copied.pk, amount_minor=100, reason="", actor=SYSTEM)
    run_jobs()
    with tenant_scope(staging):
        assert Refund.objects.get().status == RefundStatus.FAILED
        assert Order.objects.get().refunded_minor == 0
    with tenant_scope(tenant):
        assert not Refund.objects.exists()
    assert books() == before


def test_a_copied_authorisation_says_what_stripe_says(tenant, stripe_local):
    Tenant.objects.filter(pk=tenant.pk).update(capture_method=CaptureMethod.MANUAL)
    tenant.refresh_from_db()
    with tenant_scope(tenant):
        order = make_order()
        pay(order, stripe_local)
    staging = copy_to_staging(tenant_id=tenant.pk, actor_id=None).tenant
    with tenant_scope(staging), pytest.raises(PaymentProviderRefused):
        capture_payment(order_id=order.pk)
    with tenant_scope(tenant):
        assert capture_payment(order_id=order.pk).status == PaymentStatus.CAPTURED


def test_an_order_that_waits_for_money_is_paid_in_the_copy_and_at_the_source_apart(tenant, stripe_local):
    """Both payments have the same id; the keys that Stripe recognises a repeat by are two."""
    with tenant_scope(tenant):
        order = make_order()
        first = start_payment(order_id=order.pk)
    staging = copy_to_staging(tenant_id=tenant.pk, actor_id=None).tenant
    with tenant_scope(staging):
        second = start_payment(order_id=order.pk)
    assert first.pk == second.pk
    assert first.session_id != second.session_id
    with tenant_scope(staging):
        pay(Order.objects.get(pk=order.pk), stripe_local)
    with tenant_scope(tenant):
        assert Order.objects.get(pk=order.pk).status == OrderStatus.PENDING
        assert Payment.objects.get().status == PaymentStatus.PENDING


# The two modes -----------------------------------------------------------------------------------------------------------


def test_without_a_test_key_a_copy_takes_no_payments(staging, live):
    live.STRIPE_TEST_SECRET_KEY = ""
    with tenant_scope(staging), pytest.raises(NoTestKey) as refusal:
        start_payment(order_id=make_order().pk)
    assert "set STRIPE_TEST_SECRET_KEY" in refusal.value.sentence


def test_a_real_key_in_the_place_of_the_test_key_is_not_used(staging, live):
    live.STRIPE_TEST_SECRET_KEY = "sk_live_by_mistake"
    with tenant_scope(staging), pytest.raises(NoTestKey):
        start_payment(order_id=make_order().pk)


def test_a_live_event_never_touches_a_staging_copy(staging, stripe_local, live, monkeypatch):
    with tenant_scope(staging):
        order = make_order()
        payment = start_payment(order_id=order.pk)
        stripe_local.pay(payment.session_id)
    event = paid_event(stripe_local)
    make_live(stripe_local, event["data"]["object"]["id"])
    accept_live_keys(monkeypatch)

    assert applied({**event, "livemode": True}) == EventState.QUARANTINED

    with tenant_scope(staging):
        assert Order.objects.get(pk=order.pk).status == OrderStatus.PENDING
    control = {**event, "id": "evt_control"}
    store = stripe_local.application.world.store
    with store.transaction():
        store.save({**store.get_any(event["data"]["object"]["id"]), "livemode": False})
    assert applied(control) == EventState.APPLIED


def test_a_test_event_never_touches_a_real_storefront(tenant, stripe_local, live, monkeypatch):
    accept_live_keys(monkeypatch)
    with tenant_scope(tenant):
        order = make_order()
        payment = start_payment(order_id=order.pk)
        stripe_local.pay(payment.session_id)
    before = books()

    assert applied(paid_event(stripe_local)) == EventState.QUARANTINED

    with tenant_scope(tenant):
        assert Order.objects.get(pk=order.pk).status == OrderStatus.PENDING
    assert books() == before


def paid_event(stripe: LocalStripe) -> dict:
    """The last one."""
    return [event for event in stripe.events() if event["type"] == "payment_intent.succeeded"][-1]


def applied(event: dict) -> str:
    store_event(event)
    return apply_stripe_event(event_id=event["id"]).state


@pytest.mark.parametrize(
    "kind", ["account.updated", "transfer.created", "payout.paid", "charge.dispute.created"]
)
def test_of_the_test_mode_only_payments_and_refunds_are_heard(live, kind):
    event = {
        "id": f"evt_{kind}",
        "object": "event",
        "type": kind,
        "livemode": False,
        "created": 1_700_000_000,
    }
    event["data"] = {"object": {"id": "x_1", "object": "x"}}
    assert applied(event) == EventState.IGNORED


def test_without_a_test_key_events_of_the_test_mode_are_ignored_as_before(live):
    live.STRIPE_TEST_SECRET_KEY = ""
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.succeeded",
        "livemode": False,
        "created": 1,
    }
    store_event({**event, "data": {"object": {"id": "pi_1"}}})
    assert StripeEvent.objects.get().state == EventState.IGNORED


@pytest.mark.parametrize(("livemode", "is_accepted"), [(False, True), (True, False)])
def test_a_secret_of_the_test_mode_vouches_for_its_events_only(stripe_local, live, livemode, is_accepted):
    event = {"id": "evt_1", "object": "event", "type": "x", "livemode": livemode, "created": 1_700_000_000}
    body, signature = stripe_local.signed({**event, "data": {"object": {}}}, TEST_SECRET)
    if is_accepted:
        assert receive_stripe_event(payload=body, signature=signature)
    else:
        with pytest.raises(BadSignature):
            receive_stripe_event(payload=body, signature=signature)
    assert StripeEvent.objects.exists() == is_accepted


# Reconciliation ----------------------------------------------------------------------------------------------------------


def test_what_a_staging_copy_was_paid_is_no_difference_in_a_test_installation(tenant, staging, stripe_local):
    with tenant_scope(tenant):
        make_delivered(make_variant(), stripe_local)
    with tenant_scope(staging):
        order = make_order()
        pay(order, stripe_local)
        request_refund(order_id=order.pk, amount_minor=300, reason="", actor=SYSTEM)
    run_jobs()

    report = reconcile()

    assert StripeTransaction.objects.filter(key__startswith="staging:").count() == 2
    assert [(row.kind, row.subject) for row in report.differences] == []
    assert report.has_balance


def test_control_without_the_mark_they_would_be_differences(tenant, staging, stripe_local):
    with tenant_scope(staging):
        pay(make_order(), stripe_local)
    reconcile()
    StripeTransaction.objects.filter(key__startswith="staging:").update(key="charge:ch_of_nobody")
    kinds = {row.kind for row in reconcile().differences}
    assert {"only_at_stripe", "balance_differs"} <= kinds
