import pytest
import stripe

from tests.stripe_local.conftest import buy, session_params, types

WEEK = 7 * 86_400


def hold(local, client):
    """A checkout of 100.00 EUR that is paid and held; returns the session."""
    held = {"capture_method": "manual", "metadata": {"order": "1"}, "transfer_group": "order_1"}
    session = client.v1.checkout.sessions.create(session_params(payment_intent_data=held))
    assert local.pay(session.url)
    return client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})


def test_a_page_holds_what_is_captured_later(local, client):
    session = hold(local, client)
    intent, charge = session.payment_intent, session.payment_intent.latest_charge
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    assert (intent.status, intent.amount_capturable, intent.amount_received) == (
        "requires_capture",
        10_000,
        0,
    )
    assert (charge.captured, charge.paid, charge.amount_captured) == (False, True, 0)
    assert charge.balance_transaction is None
    assert charge.payment_method_details.card.capture_before == charge.created + WEEK
    assert types(local) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "checkout.session.completed",
    ]
    assert local.events()[1]["data"]["object"]["captured"] is False
    assert client.v1.balance_transactions.list().data == []


def test_a_part_of_a_hold_is_captured_and_the_rest_let_go(local, client):
    session = hold(local, client)
    seen = local.events()[-1]["id"]

    client.v1.payment_intents.capture(session.payment_intent.id, {"amount_to_capture": 6_000})

    expand = {"expand": ["latest_charge.balance_transaction", "latest_charge.refunds"]}
    intent = client.v1.payment_intents.retrieve(session.payment_intent.id, expand)
    charge = intent.latest_charge
    assert (intent.amount, intent.amount_received, intent.amount_capturable) == (10_000, 6_000, 0)
    assert (charge.amount, charge.amount_captured, charge.captured) == (10_000, 6_000, True)
    assert (charge.amount_refunded, charge.refunded, charge.refunds.data) == (0, False, [])
    paid = charge.balance_transaction
    assert (paid.amount, paid.fee, paid.net) == (6_000, 204, 5_796)
    assert [each.id for each in client.v1.balance_transactions.list().data] == [paid.id]
    assert types(local, seen) == ["charge.captured", "payment_intent.succeeded"]
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.capture(intent.id)
    assert refusal.value.code == "payment_intent_unexpected_state"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 6_001})
    client.v1.refunds.create({"payment_intent": intent.id})
    assert client.v1.charges.retrieve(charge.id).refunded


def test_a_hold_is_cancelled_without_a_refund(local, client):
    session = hold(local, client)
    seen = local.events()[-1]["id"]

    reason = {"cancellation_reason": "requested_by_customer"}
    intent = client.v1.payment_intents.cancel(session.payment_intent.id, reason)

    assert (intent.status, intent.cancellation_reason) == ("canceled", "requested_by_customer")
    assert (intent.amount_capturable, intent.canceled_at) == (0, intent.created)
    charge = client.v1.charges.retrieve(intent.latest_charge)
    assert (charge.captured, charge.amount_captured, charge.amount_refunded) == (False, 0, 0)
    assert not charge.refunded
    assert client.v1.balance_transactions.list().data == []
    assert types(local, seen) == ["payment_intent.canceled"]
    local.advance(WEEK + 1)
    assert client.v1.payment_intents.retrieve(intent.id).cancellation_reason == "requested_by_customer"
    assert types(local, seen) == ["payment_intent.canceled"]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.capture(intent.id)


def test_a_hold_expires_after_a_week(local, client):
    session = hold(local, client)
    seen = local.events()[-1]["id"]
    local.advance(WEEK - 60)
    assert client.v1.payment_intents.retrieve(session.payment_intent.id).status == "requires_capture"

    local.advance(61)

    assert types(local, seen) == ["charge.expired", "payment_intent.canceled"]
    intent = client.v1.payment_intents.retrieve(session.payment_intent.id)
    assert (intent.status, intent.cancellation_reason) == ("canceled", "expired")
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.capture(intent.id)
    assert refusal.value.code == "payment_intent_unexpected_state"


def test_what_was_captured_does_not_expire(local, client):
    intent = buy(client, capture_method="manual")
    client.v1.payment_intents.capture(intent.id)
    local.advance(WEEK + 1)
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    assert "charge.expired" not in types(local)


def test_a_hold_is_not_silently_forgotten(client):
    options = {"payment_method_options": {"card": {"capture_method": "manual"}}}
    for ask in (
        lambda: buy(client, **options),
        lambda: client.v1.checkout.sessions.create(session_params(**options)),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            ask()
        assert refusal.value.param == "payment_method_options[card][capture_method]"
