import threading

import pytest
import stripe

from tests.stripe_local.conftest import buy, seller

WANTED = {"amount": 1_000, "currency": "eur"}
KEY = {"idempotency_key": "order-1"}
A_DAY = 86_400


def test_a_repeat_gets_the_first_answer(client):
    first = client.v1.payment_intents.create(WANTED, KEY)
    client.v1.payment_intents.update(first.id, {"metadata": {"a": "b"}})

    again = client.v1.payment_intents.create({"currency": "eur", "amount": 1_000}, KEY)

    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert again.last_response.body == first.last_response.body
    assert len(client.v1.payment_intents.list().data) == 1


def test_a_key_means_one_request(client):
    client.v1.payment_intents.create(WANTED, KEY)
    with pytest.raises(stripe.IdempotencyError) as refusal:
        client.v1.payment_intents.create({**WANTED, "amount": 2_000}, KEY)
    assert refusal.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError):
        client.v1.accounts.create({"type": "express"}, KEY)


def test_a_declined_card_stays_declined_under_its_key(client):
    params = {**WANTED, "confirm": True, "payment_method": "pm_card_chargeDeclined"}
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refusal:
            client.v1.payment_intents.create(params, KEY)
    assert refusal.value.headers["Idempotent-Replayed"] == "true"
    assert len(client.v1.charges.list().data) == 1


def test_a_wrong_parameter_does_not_use_up_the_key(client):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create({"amount": 1_000, "curency": "eur"}, KEY)
    assert client.v1.payment_intents.create(WANTED, KEY).amount == 1_000


def test_a_refused_transfer_stays_refused_under_its_key(local, client):
    wanted = {"amount": 500, "currency": "eur", "destination": seller(local, client)}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.transfers.create(wanted, KEY)
    local.control("funds", amount=1_000, currency="eur")
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.transfers.create(wanted, KEY)
    assert refusal.value.code == "balance_insufficient"
    assert client.v1.transfers.create(wanted, {"idempotency_key": "other"}).amount == 500


def test_a_second_request_while_the_first_runs_is_refused(local, client):
    local.control("faults", match="POST /v1/payment_intents", kind="delay", seconds=0.4)
    outcomes = []

    def create():
        try:
            outcomes.append(local.client(max_network_retries=0).v1.payment_intents.create(WANTED, KEY).id)
        except stripe.APIError as refusal:  # what the SDK makes of any 409
            outcomes.append((refusal.http_status, refusal.json_body["error"]["code"]))

    threads = [threading.Thread(target=create) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count((409, "idempotency_key_in_use")) == 4
    assert len(client.v1.payment_intents.list().data) == 1
    assert client.v1.payment_intents.create(WANTED, KEY).id in outcomes


def test_twenty_at_once_make_one(local, client):
    ids = []

    def create():
        ids.append(local.client(max_network_retries=5).v1.payment_intents.create(WANTED, KEY).id)

    threads = [threading.Thread(target=create) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(ids), len(set(ids)), len(client.v1.payment_intents.list().data)) == (20, 1, 1)


def test_a_key_is_forgotten_after_a_day(local, client):
    first = client.v1.payment_intents.create(WANTED, KEY)
    local.advance(A_DAY - 5)
    assert client.v1.payment_intents.create(WANTED, KEY).id == first.id
    local.advance(10)
    assert client.v1.payment_intents.create(WANTED, KEY).id != first.id


def test_keys_belong_to_an_account(local, client):
    account_id = seller(local, client)
    first = buy(client, 1_000)
    there = {**KEY, "stripe_account": account_id}
    assert (
        client.v1.payment_intents.create(WANTED, KEY).id
        != client.v1.payment_intents.create(WANTED, there).id
        != first
    )


def test_a_key_is_not_too_long(client):
    assert client.v1.payment_intents.create(WANTED, {"idempotency_key": "k" * 255}).id
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create(WANTED, {"idempotency_key": "k" * 256})
