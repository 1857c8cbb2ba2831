import time

import pytest
import stripe

from tests.stripe_local.conftest import buy

KEY = {"idempotency_key": "refund-1"}


@pytest.fixture
def intent(client):
    return buy(client)


def refund(client, intent, options=None):
    return client.v1.refunds.create({"payment_intent": intent.id, "amount": 100}, options or KEY)


def test_a_dropped_reply_did_its_work(local, client, intent):
    local.control("faults", match="POST /v1/refunds", kind="drop_reply")
    with pytest.raises(stripe.APIConnectionError):
        refund(client, intent)

    again = refund(client, intent)

    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert [r.id for r in client.v1.refunds.list()] == [again.id]


def test_the_sdk_mends_a_dropped_reply_by_itself(local, intent):
    local.control("faults", match="POST /v1/refunds", kind="drop_reply", times=2)
    client = local.client(max_network_retries=2)
    assert refund(client, intent).last_response.headers["Idempotent-Replayed"] == "true"
    assert len(client.v1.refunds.list().data) == 1


def test_a_dropped_reply_to_a_read(local, client):
    local.control("faults", match="GET /v1/*", kind="drop_reply")
    with pytest.raises(stripe.APIConnectionError):
        client.v1.balance.retrieve()
    assert client.v1.balance.retrieve().object == "balance"


def test_a_server_error_is_kept_under_its_key(local, client, intent):
    local.control("faults", match="POST /v1/refunds", kind="error_500")
    for _ in range(2):
        with pytest.raises(stripe.APIError) as refusal:
            refund(client, intent)
        assert refusal.value.http_status == 500
    assert client.v1.refunds.list().data == []
    assert refund(client, intent, {"idempotency_key": "refund-2"}).amount == 100


def test_a_server_error_may_pass_or_hide_work_that_was_done(local, client, intent):
    local.control("faults", match="POST /v1/refunds", kind="error_500", stored=False)
    with pytest.raises(stripe.APIError):
        refund(client, intent)
    local.control("faults", match="POST /v1/refunds", kind="error_500", after_work=True)
    with pytest.raises(stripe.APIError):
        refund(client, intent)
    assert refund(client, intent).last_response.headers["Idempotent-Replayed"] == "true"
    assert len(client.v1.refunds.list().data) == 1


def test_a_rate_limit_passes(local, client, intent):
    local.control("faults", match="POST /v1/refunds", kind="error_429", times=2)
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            refund(client, intent)
    assert refund(client, intent).amount == 100


def test_an_empty_balance(local, client, intent):
    local.control("faults", match="POST /v1/refunds", kind="insufficient_balance")
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        refund(client, intent)
    assert refusal.value.code == "balance_insufficient"


def test_a_delay_holds_up_only_its_own_request(local, client):
    local.control("faults", match="GET /v1/balance", kind="delay", seconds=0.2)
    started = time.monotonic()
    client.v1.balance.retrieve()
    assert time.monotonic() - started >= 0.2
    client.v1.balance.retrieve()
    assert time.monotonic() - started < 0.4


def test_faults_are_counted_cleared_and_checked(local):
    local.control("faults", match="POST /v1/refunds", kind="error_429", times=3)
    assert local.state()["faults"] == [{"match": "POST /v1/refunds", "kind": "error_429", "times": 3}]
    local.control("faults", clear=True)
    assert local.state()["faults"] == []
    with pytest.raises(ValueError, match="kind must be"):
        local.control("faults", match="*", kind="explode")
