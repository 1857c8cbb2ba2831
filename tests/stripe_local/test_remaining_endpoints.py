"""The endpoints that no other test happens to pass."""

import json

import pytest
import stripe

from tests.stripe_local.conftest import buy, seller, session_params


def test_accounts_are_listed_and_deleted(local, client):
    account_id = seller(local, client)
    assert [account.id for account in client.v1.accounts.list()] == [account_id]
    assert client.v1.accounts.retrieve_current({}, {"stripe_account": account_id}).id == account_id
    assert [each.id for each in client.v1.accounts.capabilities.list(account_id)] == ["transfers"]
    assert client.v1.accounts.login_links.create(account_id).url.startswith(local.url)
    assert client.v1.accounts.delete(account_id).deleted
    with pytest.raises(stripe.PermissionError):
        client.v1.accounts.retrieve(account_id)


def test_an_account_pays_out_by_hand(local, client):
    account_id = seller(local, client)
    local.control("funds", amount=5_000, currency="eur")
    client.v1.transfers.create({"amount": 5_000, "currency": "eur", "destination": account_id})
    there = {"stripe_account": account_id}
    payout = client.v1.payouts.create({"amount": 2_000, "currency": "eur"}, there)
    assert (payout.status, payout.automatic) == ("in_transit", False)
    assert [p.id for p in client.v1.payouts.list({"status": "in_transit"}, there)] == [payout.id]
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payouts.create({"amount": 3_001, "currency": "eur"}, there)
    assert refusal.value.code == "balance_insufficient"


def test_a_payment_method_is_made_and_attached_before_it_is_used(client):
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    method = client.v1.payment_methods.create({"type": "card", "card": card})
    intent = client.v1.payment_intents.create({"amount": 500, "currency": "eur", "payment_method": method.id})
    assert intent.status == "requires_confirmation"
    assert client.v1.payment_intents.confirm(intent.id).status == "succeeded"
    bare = client.v1.payment_intents.create({"amount": 500, "currency": "eur"})
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.confirm(bare.id)
    assert refusal.value.code == "payment_intent_unexpected_state"


def test_an_intent_that_must_not_ask_is_declined_instead(client):
    params = {"payment_method": "pm_card_authenticationRequired", "error_on_requires_action": True}
    with pytest.raises(stripe.CardError) as refusal:
        buy(client, **params)
    assert refusal.value.code == "authentication_required"


def test_a_charges_refunds_are_listed_under_it(client):
    intent = buy(client)
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 5})
    listed = client.raw_request("get", f"/v1/charges/{intent.latest_charge}/refunds")
    assert [each["id"] for each in json.loads(listed.body)["data"]] == [refund.id]


def test_a_session_owns_its_intent(local, client):
    session = client.v1.checkout.sessions.create(session_params())
    local.pay(session.id, "4000000000000002")
    session = client.v1.checkout.sessions.update(session.id, {"metadata": {"note": "x"}})
    assert session.metadata["note"] == "x"
    for forbidden in (client.v1.payment_intents.cancel, client.v1.payment_intents.confirm):
        with pytest.raises(stripe.InvalidRequestError):
            forbidden(session.payment_intent)


def test_a_card_may_bring_its_funds_at_once(client):
    buy(client, payment_method="pm_card_bypassPending")
    assert client.v1.balance.retrieve().available[0].amount == 9_680
