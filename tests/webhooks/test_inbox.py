"""What Stripe tells us: verified, stored once, applied once, whatever the order."""

import json
import random
import time
from itertools import permutations

import pytest
from django.conf import settings as django_settings
from django.db import connection

from core.models import Job
from payouts.models import Charge, EventState, LedgerTransaction, StripeEvent
from services.order_history import Actor
from services.payment_services import NotPayable, start_payment, sync_payment
from services.refund_services import request_refund
from services.webhook_services import apply_stripe_event, retry_event, store_event, sweep_events
from shop.models import ActorKind, InventoryMovement, Order, OrderStatus, Payment, PaymentStatus, Refund
from tenants.context import tenant_scope
from tests.factories.jobs import run_jobs
from tests.factories.shop import item_of, make_order, make_variant
from tests.factories.tenants import make_tenant

SECRET = "whsec_local_development"
HOST = {"HTTP_HOST": "souk.localhost"}
SELLER = Actor(ActorKind.SELLER)
SALE_EVENTS = ("charge.succeeded", "payment_intent.succeeded", "charge.updated", "checkout.session.completed")


@pytest.fixture
def paid(serving, stripe_local):
    """An order that was paid at Stripe, of which we have heard nothing."""
    order = make_order((make_variant(stock=3, price_minor=10_000), 1))
    payment = start_payment(order_id=order.pk)
    stripe_local.pay(payment.session_id)
    return order


def post(client, body: bytes, signature: str):
    """A webhook, after which the storefront that was served is served again."""
    before = connection.tenant
    try:
        return client.post(
            "/webhooks/stripe", body, content_type="application/json", HTTP_STRIPE_SIGNATURE=signature, **HOST
        )
    finally:
        connection.set_tenant(before)


def deliver(client, stripe_local, event, **options):
    return post(client, *stripe_local.signed(event, SECRET, **options))


def event_of(stripe_local, type_):
    return next(event for event in stripe_local.events() if event["type"] == type_)


def books() -> list[tuple[str, int]]:
    """All ledger transactions as (key without Stripe's random ids, entries)."""
    return sorted((row.kind, row.entries.count()) for row in LedgerTransaction.objects.all())


# Signatures -------------------------------------------------------------------------------------------------------


def test_an_unsigned_or_wrongly_signed_event_is_refused_and_not_stored(client, paid, stripe_local):
    event = event_of(stripe_local, "payment_intent.succeeded")
    body, signature = stripe_local.signed(event, "whsec_somebody_elses")

    assert post(client, body, signature).status_code == 400
    assert post(client, body, "").status_code == 400
    assert post(client, body, "t=1,v1=00").status_code == 400
    assert not StripeEvent.objects.exists()


def test_one_changed_byte_breaks_the_signature(client, paid, stripe_local):
    body, signature = stripe_local.signed(event_of(stripe_local, "payment_intent.succeeded"), SECRET)

    assert post(client, body.replace(b"10490", b"10491", 1), signature).status_code == 400
    assert post(client, json.dumps(json.loads(body), indent=1).encode(), signature).status_code == 400


@pytest.mark.parametrize("offset", [-301, 301, 86_400])
def test_a_timestamp_out_of_tolerance_is_refused_in_both_directions(client, paid, stripe_local, offset):
    event = event_of(stripe_local, "payment_intent.succeeded")

    assert deliver(client, stripe_local, event, at=int(time.time()) + offset).status_code == 400
    assert not StripeEvent.objects.exists()


def test_both_secrets_are_accepted_while_one_is_rotated(client, paid, stripe_local, settings):
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", SECRET]
    first, second = stripe_local.events()[:2]

    assert post(client, *stripe_local.signed(first, SECRET)).status_code == 200
    assert post(client, *stripe_local.signed(second, "whsec_new")).status_code == 200


def test_the_endpoint_is_on_the_marketplace_host_only(client, paid, stripe_local, serving):
    body, signature = stripe_local.signed(stripe_local.events()[0], SECRET)

    answer = client.post(
        "/webhooks/stripe",
        body,
        content_type="application/json",
        HTTP_STRIPE_SIGNATURE=signature,
        HTTP_HOST=serving.host,
    )
    assert answer.status_code == 404
    assert client.get("/webhooks/stripe", **HOST).status_code == 405


# One effect ---------------------------------------------------------------------------------------------------------


def test_an_event_is_stored_once_and_applied_by_a_job(client, paid, stripe_local):
    event = event_of(stripe_local, "payment_intent.succeeded")

    for _ in range(5):
        assert deliver(client, stripe_local, event).status_code == 200

    assert StripeEvent.objects.count() == 1
    assert Job.objects.filter(task="stripe_event.apply").count() == 1
    assert Order.objects.get(pk=paid.pk).status == OrderStatus.PENDING, "nothing is worked on in the request"
    run_jobs()
    assert Order.objects.get(pk=paid.pk).status == OrderStatus.CONFIRMED
    assert StripeEvent.objects.get().state == EventState.APPLIED


def test_every_order_of_the_events_of_a_sale_ends_the_same(committed, stripe_local):
    """charge.succeeded, payment_intent.succeeded, charge.updated, checkout.session.completed: all 24 orders."""
    outcomes = set()
    with tenant_scope(make_tenant()):
        for order_of_events in permutations(range(4)):
            variant = make_variant(stock=3, price_minor=10_000)
            order = make_order((variant, 2))
            known = len(stripe_local.events())
            stripe_local.pay(start_payment(order_id=order.pk).session_id)
            told = [event for event in stripe_local.events()[known:] if event["type"] in SALE_EVENTS]
            assert len(told) == 4
            for index in order_of_events:
                store_event(told[index])
                apply_stripe_event(event_id=told[index]["id"])
            order.refresh_from_db()
            booked = LedgerTransaction.objects.filter(order_id=order.pk)
            outcomes.add(
                (
                    order.status,
                    item_of(variant).current_stock,
                    InventoryMovement.objects.filter(item_id=variant.pk).count(),
                    Charge.objects.get(order_id=order.pk).fee_minor,
                    tuple(sorted(booked.values_list("kind", flat=True))),
                )
            )
    assert outcomes == {(OrderStatus.CONFIRMED, 1, 3, 624, ("capture", "fee"))}


def test_a_refund_told_before_its_sale_is_booked_after_it(paid, stripe_local, client):
    intent = event_of(stripe_local, "payment_intent.succeeded")["data"]["object"]["id"]
    stripe_local.client().v1.refunds.create(params={"payment_intent": intent, "amount": 1_000})
    events = [
        event
        for event in stripe_local.events()
        if event["type"] in ("refund.created", "payment_intent.succeeded")
    ]

    for event in sorted(events, key=lambda event: event["type"], reverse=True):
        deliver(client, stripe_local, event)
        run_jobs()

    assert Order.objects.get(pk=paid.pk).refunded_minor == 1_000
    assert books() == [("capture", 4), ("fee", 2), ("refund", 4)]


def test_a_storm_of_repeated_and_shuffled_events_changes_nothing_more(paid, stripe_local, client):
    deliver(client, stripe_local, event_of(stripe_local, "payment_intent.succeeded"))
    run_jobs()
    refund = request_refund(order_id=paid.pk, amount_minor=2_500, reason="broken", actor=SELLER)
    run_jobs()
    before = books()
    events = stripe_local.events() * 3
    random.Random(4).shuffle(events)

    for event in events:
        assert deliver(client, stripe_local, event).status_code == 200
        run_jobs()

    assert books() == before
    assert Refund.objects.get().pk == refund.pk
    assert not StripeEvent.objects.filter(state=EventState.QUARANTINED).exists()


def test_a_refund_made_in_stripes_dashboard_becomes_ours(paid, stripe_local, client):
    deliver(client, stripe_local, event_of(stripe_local, "payment_intent.succeeded"))
    run_jobs()
    charge = Charge.objects.get(order_id=paid.pk)
    stripe_local.client().v1.refunds.create(params={"charge": charge.charge_id, "amount": 700})

    deliver(client, stripe_local, event_of(stripe_local, "charge.refunded"))
    run_jobs()

    refund = Refund.objects.get()
    assert (refund.amount_minor, refund.status) == (700, "succeeded")
    assert Payment.objects.get().refunded_minor == 700


def test_a_refund_that_fails_later_is_undone_and_may_be_tried_again(paid, stripe_local, client):
    deliver(client, stripe_local, event_of(stripe_local, "payment_intent.succeeded"))
    run_jobs()
    refund = request_refund(order_id=paid.pk, amount_minor=None, reason="returned", actor=SELLER)
    run_jobs()
    refund.refresh_from_db()
    stripe_local.control(f"refunds/{refund.transaction_id}/fail", reason="lost_or_stolen_card")

    deliver(client, stripe_local, event_of(stripe_local, "refund.failed"))
    run_jobs()

    refund.refresh_from_db()
    assert (refund.status, Payment.objects.get().refunded_minor) == ("failed", 0)
    assert Order.objects.get(pk=paid.pk).refunded_minor == 0
    again = request_refund(order_id=paid.pk, amount_minor=None, reason="other way", actor=SELLER)
    run_jobs()
    again.refresh_from_db()
    assert again.status == "succeeded"


# What is not ours, or does not fit ----------------------------------------------------------------------------------


def test_an_event_of_the_other_mode_is_kept_and_ignored(client, paid, stripe_local):
    event = {**event_of(stripe_local, "payment_intent.succeeded"), "livemode": True}

    assert deliver(client, stripe_local, event).status_code == 200
    assert StripeEvent.objects.get().state == EventState.IGNORED
    assert not Job.objects.filter(task="stripe_event.apply").exists()


def test_an_unknown_type_an_unknown_object_and_a_new_version_are_answered_and_ignored(
    client, paid, stripe_local
):
    known = event_of(stripe_local, "payment_intent.succeeded")
    strange = [
        {
            **known,
            "id": "evt_1",
            "type": "moon.phase_changed",
            "api_version": "2031-01-01.luna",
            "surprise": [1],
        },
        {**known, "id": "evt_2", "data": {"object": {**known["data"]["object"], "id": "pi_nobody_knows"}}},
        {
            **known,
            "id": "evt_3",
            "type": "refund.created",
            "data": {"object": {"id": "re_x", "object": "refund", "charge": "ch_x"}},
        },
    ]

    for event in strange:
        assert deliver(client, stripe_local, event).status_code == 200
        run_jobs()

    assert set(StripeEvent.objects.values_list("state", flat=True)) == {EventState.IGNORED}
    assert Order.objects.get(pk=paid.pk).status == OrderStatus.PENDING


def test_an_event_of_a_connected_account_cannot_touch_the_platforms_objects(client, paid, stripe_local):
    event = {**event_of(stripe_local, "payment_intent.succeeded"), "account": "acct_of_some_seller"}

    assert deliver(client, stripe_local, event).status_code == 200
    run_jobs()

    assert StripeEvent.objects.get().state == EventState.IGNORED
    assert Order.objects.get(pk=paid.pk).status == OrderStatus.PENDING


def test_a_charge_of_another_amount_is_quarantined_and_can_be_retried(client, paid, stripe_local):
    Payment.objects.update(amount_minor=1)
    deliver(client, stripe_local, event_of(stripe_local, "payment_intent.succeeded"))
    run_jobs()

    event = StripeEvent.objects.get()
    assert (event.state, "ordered 1" in event.note) == (EventState.QUARANTINED, True)
    assert Order.objects.get(pk=paid.pk).status == OrderStatus.PENDING
    assert not LedgerTransaction.objects.exists()

    Payment.objects.update(amount_minor=paid.total_minor)
    retry_event(event.pk)
    run_jobs()
    assert Order.objects.get(pk=paid.pk).status == OrderStatus.CONFIRMED


def test_money_of_one_storefront_cannot_be_claimed_for_another(client, paid, stripe_local, serving):
    """Metadata that names another storefront's tenant finds no order there."""
    other = make_tenant()
    intent = event_of(stripe_local, "payment_intent.succeeded")["data"]["object"]["id"]
    stripe_local.client().v1.payment_intents.update(intent, params={"metadata": {"tenant": str(other.pk)}})

    deliver(client, stripe_local, event_of(stripe_local, "payment_intent.succeeded"))
    run_jobs()

    assert StripeEvent.objects.get().state == EventState.IGNORED
    assert Order.objects.get(pk=paid.pk).status == OrderStatus.PENDING
    with tenant_scope(other):
        assert not Order.objects.exists()


# Not delivered, or not answered -------------------------------------------------------------------------------------


def test_what_was_never_delivered_is_found_by_the_sweep_once(paid, stripe_local):
    assert sweep_events() == len(stripe_local.events())
    run_jobs()

    assert Order.objects.get(pk=paid.pk).status == OrderStatus.CONFIRMED
    assert books() == [("capture", 4), ("fee", 2)]
    assert sweep_events() == 0


def test_an_event_is_applied_later_when_stripe_does_not_answer_now(client, paid, stripe_local):
    deliver(client, stripe_local, event_of(stripe_local, "payment_intent.succeeded"))
    stripe_local.control(
        "faults", match="GET /v1/payment_intents/*", kind="error_500", times=10, stored=False
    )

    run_jobs()

    job = Job.objects.get(task="stripe_event.apply")
    assert (job.state, job.attempts) == ("queued", 1)
    stripe_local.control("faults", clear=True)
    Job.objects.update(run_at=job.created_at)
    run_jobs()
    assert Order.objects.get(pk=paid.pk).status == OrderStatus.CONFIRMED


def test_a_webhook_that_comes_before_our_own_answer_from_stripe_is_not_lost(serving, stripe_local):
    """The page was made at Stripe, but the process died before it could record so; then the buyer paid."""
    order = make_order()
    payment = start_payment(order_id=order.pk)
    Payment.objects.update(session_id=None, checkout_url="", intent_id=None)
    stripe_local.pay(payment.session_id)

    event = event_of(stripe_local, "payment_intent.succeeded")
    store_event(event)
    apply_stripe_event(event_id=event["id"])

    assert Payment.objects.get().status == PaymentStatus.CAPTURED
    with pytest.raises(NotPayable):
        start_payment(order_id=order.pk)


def test_a_burst_is_stored_without_loss(client, paid, stripe_local):
    known = event_of(stripe_local, "payment_intent.succeeded")
    for number in range(300):
        assert (
            deliver(
                client, stripe_local, {**known, "id": f"evt_burst_{number}", "type": "moon.rise"}
            ).status_code
            == 200
        )

    assert StripeEvent.objects.filter(type="moon.rise").count() == 300


def test_a_body_over_a_megabyte_is_refused_without_a_crash(client, paid, stripe_local):
    event = {
        **event_of(stripe_local, "payment_intent.succeeded"),
        "padding": "x" * (django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1),
    }

    assert deliver(client, stripe_local, event).status_code == 400


def test_a_paid_order_is_not_paid_twice_by_sweep_webhook_and_return(paid, stripe_local, client, serving):
    pay_again = Payment.objects.get(order=paid)
    sync_payment(payment_id=pay_again.pk)
    deliver(client, stripe_local, event_of(stripe_local, "checkout.session.completed"))
    sweep_events()
    run_jobs()

    assert books() == [("capture", 4), ("fee", 2)]
