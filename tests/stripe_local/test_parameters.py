import http.client
import json

import pytest
import stripe

from stripe_local.params import adapter
from stripe_local.routes import ROUTES, find_route
from tests.stripe_local.conftest import buy, session_params


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_knows_its_parameters_and_is_found(route):
    assert adapter(route.params).pydantic_complete
    found = find_route(route.method, route.path.replace("*", "xx_1"))
    assert found is not None
    assert found[0] is route


def refused(call, *args):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        call(*args)
    return refusal.value


def test_unknown_and_misspelt_parameters_are_refused(client):
    error = refused(client.v1.transfers.create, {"amuont": 1, "currency": "eur", "destination": "acct_1"})
    assert (error.http_status, error.code, error.param) == (400, "parameter_unknown", "amuont")
    assert str(error).endswith("Received unknown parameter: amuont. Did you mean amount?")

    params = session_params()
    params["line_items"][0]["price_data"]["unit_amuont"] = 5
    error = refused(client.v1.checkout.sessions.create, params)
    assert (error.code, error.param) == ("parameter_unknown", "line_items[0][price_data][unit_amuont]")
    error = refused(client.v1.payment_intents.list, {"created": {"since": 1}})
    assert error.param == "created[since]"


def test_ill_typed_parameters_are_refused(client):
    error = refused(client.v1.payment_intents.create, {"amount": "1.5", "currency": "eur"})
    assert (error.code, error.param) == ("parameter_invalid_integer", "amount")
    error = refused(
        client.v1.payment_intents.create, {"amount": 100, "currency": "eur", "capture_method": "later"}
    )
    assert error.param == "capture_method"
    error = refused(
        client.v1.payment_intents.create, {"amount": 100, "currency": "eur", "confirm": "perhaps"}
    )
    assert error.param == "confirm"
    error = refused(client.v1.refunds.create, {"charge": "ch_1", "reason": "because"})
    assert error.param == "reason"
    error = refused(client.v1.payment_intents.create, {"currency": "eur"})
    assert (error.code, error.param) == ("parameter_missing", "amount")


def test_amounts_and_metadata_have_limits(client):
    assert (
        refused(client.v1.payment_intents.create, {"amount": 49, "currency": "eur"}).code
        == "amount_too_small"
    )
    assert refused(client.v1.payment_intents.create, {"amount": 0, "currency": "eur"}).param == "amount"
    assert refused(client.v1.payment_intents.create, {"amount": 100, "currency": "zzz"}).param == "currency"
    wanted = {"amount": 100, "currency": "eur"}
    for metadata in ({"k" * 41: "v"}, {"k": "v" * 501}, {str(n): "v" for n in range(51)}):
        refused(client.v1.payment_intents.create, {**wanted, "metadata": metadata})
    many = {str(n): "v" for n in range(50)}
    assert client.v1.payment_intents.create({**wanted, "metadata": many}).metadata.to_dict() == many


def test_what_is_not_done_here_is_refused_loudly(client):
    error = refused(
        client.v1.payment_intents.create, {"amount": 100, "currency": "eur", "application_fee_amount": 5}
    )
    assert "does not support" in str(error)


def test_expanding_what_is_not_there_is_refused(client):
    intent = buy(client)
    assert (
        refused(client.v1.payment_intents.retrieve, intent.id, {"expand": ["latest_chrage"]}).param
        == "expand"
    )
    listed = client.v1.charges.list({"expand": ["data.balance_transaction", "data.payment_intent"]}).data[0]
    assert (listed.balance_transaction.object, listed.payment_intent.id) == ("balance_transaction", intent.id)


def test_what_is_not_there_is_not_found(client):
    for retrieve in (
        client.v1.charges,
        client.v1.refunds,
        client.v1.transfers,
        client.v1.events,
        client.v1.disputes,
    ):
        error = refused(retrieve.retrieve, "xx_1")
        assert (error.http_status, error.code) == (404, "resource_missing")
    assert refused(client.v1.refunds.create, {"charge": "ch_1"}).code == "resource_missing"
    assert refused(client.v1.coupons.list).http_status == 404


@pytest.mark.parametrize("key", ["", "pk_test_1", "sk_live_1"])
def test_only_a_secret_test_key_is_let_in(local, key):
    connection = http.client.HTTPConnection(local.url.removeprefix("http://"))
    connection.request("GET", "/v1/balance", headers={"Authorization": f"Bearer {key}"})
    answer = connection.getresponse()
    assert answer.status == 401
    assert json.loads(answer.read())["error"]["type"] == "invalid_request_error"
    assert answer.getheader("Request-Id", "").startswith("req_")
    connection.close()
