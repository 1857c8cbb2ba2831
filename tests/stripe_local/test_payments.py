import pytest
import stripe

from tests.stripe_local.conftest import TWO_DAYS, buy, types


def test_a_card_that_works_is_captured_and_its_fee_taken(local, client):
    intent = buy(client, 10_000, metadata={"order": "7"}, transfer_group="order_7")

    assert (intent.status, intent.amount_received) == ("succeeded", 10_000)
    expand = {"expand": ["latest_charge.balance_transaction", "payment_method", "latest_charge.refunds"]}
    charge = client.v1.payment_intents.retrieve(intent.id, expand).latest_charge
    assert (charge.metadata["order"], charge.transfer_group) == ("7", "order_7")
    transaction = charge.balance_transaction
    assert (transaction.amount, transaction.fee, transaction.net) == (10_000, 320, 9_680)
    assert (transaction.type, transaction.status) == ("charge", "pending")
    assert transaction.fee_details[0].amount == 320
    assert charge.refunds.data == []
    assert types(local) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
    ]


def test_asynchronous_capture_tells_the_balance_transaction_later(local, client):
    buy(client)
    events = {event["type"]: event for event in local.events()}
    assert events["charge.succeeded"]["data"]["object"]["balance_transaction"] is None
    assert events["charge.updated"]["data"]["object"]["balance_transaction"].startswith("txn_")
    assert events["charge.updated"]["data"]["previous_attributes"] == {"balance_transaction": None}


@pytest.mark.parametrize(
    ("method", "decline_code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
def test_a_declined_card_leaves_a_failed_charge_and_another_try(local, client, method, decline_code):
    intent = client.v1.payment_intents.create({"amount": 900, "currency": "eur"})

    with pytest.raises(stripe.CardError) as refusal:
        client.v1.payment_intents.confirm(intent.id, {"payment_method": method})

    assert refusal.value.http_status == 402
    assert refusal.value.code == "card_declined"
    assert refusal.value.error.decline_code == decline_code
    assert refusal.value.error.payment_intent.status == "requires_payment_method"
    assert types(local)[-2:] == ["charge.failed", "payment_intent.payment_failed"]
    again = client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert again.status == "succeeded"
    assert [charge.status for charge in client.v1.charges.list({"payment_intent": intent.id})] == [
        "succeeded",
        "failed",
    ]


def test_authentication_is_asked_for_and_answered(local, client):
    intent = buy(client, payment_method="pm_card_authenticationRequired", return_url="http://shop/back")
    assert intent.status == "requires_action"
    path = intent.next_action.redirect_to_url.url.removeprefix(local.url)

    status, _, location = local.post_form(path, {"outcome": "authenticate"})

    assert (status, location) == (303, "http://shop/back")
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_failed_authentication_asks_for_another_card(local, client):
    intent = buy(client, payment_method="pm_card_authenticationRequired")
    local.post_form(f"/3ds/{intent.id}", {"outcome": "fail"})
    intent = client.v1.payment_intents.retrieve(intent.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"


def test_a_held_amount_is_captured_in_part(local, client):
    held = buy(client, 10_000, capture_method="manual")
    assert (held.status, held.amount_capturable) == ("requires_capture", 10_000)
    assert client.v1.balance_transactions.list().data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.capture(held.id, {"amount_to_capture": 10_001})

    captured = client.v1.payment_intents.capture(held.id, {"amount_to_capture": 6_000})

    assert (captured.status, captured.amount_received, captured.amount_capturable) == ("succeeded", 6_000, 0)
    assert client.v1.balance_transactions.list().data[0].amount == 6_000
    assert types(local)[-2:] == ["charge.captured", "payment_intent.succeeded"]


def test_a_held_amount_is_given_up(local, client):
    held = buy(client, capture_method="manual")
    cancelled = client.v1.payment_intents.cancel(held.id, {"cancellation_reason": "abandoned"})
    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    assert client.v1.balance_transactions.list().data == []
    assert types(local)[-1] == "payment_intent.canceled"


def test_states_are_kept(client):
    paid = buy(client)
    for forbidden in (client.v1.payment_intents.cancel, client.v1.payment_intents.capture):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            forbidden(paid.id)
        assert refusal.value.code == "payment_intent_unexpected_state"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.update(paid.id, {"amount": 5})
    assert client.v1.payment_intents.update(paid.id, {"metadata": {"a": "1", "b": "2"}}).metadata["a"] == "1"
    assert client.v1.payment_intents.update(paid.id, {"metadata": {"a": ""}}).metadata.to_dict() == {"b": "2"}


def test_funds_become_available_by_the_servers_own_clock(local, client):
    buy(client, 10_000)
    balance = client.v1.balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (0, 9_680)

    local.advance(TWO_DAYS + 1)

    balance = client.v1.balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (9_680, 0)
    assert client.v1.balance_transactions.list().data[0].status == "available"


@pytest.mark.parametrize(
    ("amount", "currency", "fee"), [(1_000, "jpy", 59), (10_000, "kwd", 320), (50, "eur", 31)]
)
def test_fees_are_rounded_half_up_in_any_currency(client, amount, currency, fee):
    buy(client, amount, currency)
    assert client.v1.balance_transactions.list({"currency": currency}).data[0].fee == fee


def test_charges_are_updated_and_listed_by_group(local, client):
    intent = buy(client, transfer_group="order_1")
    buy(client, transfer_group="order_2")
    found = client.v1.charges.list({"transfer_group": "order_1"}).data
    assert [charge.id for charge in found] == [intent.latest_charge]
    assert client.v1.charges.update(intent.latest_charge, {"metadata": {"x": "y"}}).metadata["x"] == "y"
    assert client.v1.charges.retrieve(intent.latest_charge).payment_method_details.card.last4 == "4242"
    assert client.v1.payment_methods.retrieve(intent.payment_method).card.brand == "visa"
