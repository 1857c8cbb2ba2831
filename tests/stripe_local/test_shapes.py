"""Objects have the fields of Stripe's own samples, where those are at hand."""

import json
from pathlib import Path

import pytest

from tests.stripe_local.conftest import buy, seller, session_params

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "stripe" / "fixtures3.json"
pytestmark = pytest.mark.skipif(
    not SAMPLES.exists(), reason="Stripe's sample objects are not beside the repository"
)


@pytest.fixture(scope="module")
def samples():
    return json.loads(SAMPLES.read_text())["resources"]


def everything(local, client):
    """One object of each kind, as sent."""
    account_id = seller(local, client)
    there = {"stripe_account": account_id}
    intent = buy(client)
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 10})
    local.control("funds", amount=1_000, currency="eur")
    transfer = client.v1.transfers.create({"amount": 500, "currency": "eur", "destination": account_id})
    reversal = client.v1.transfers.reversals.create(transfer.id, {"amount": 10})
    payout = local.control("payouts", account=account_id)
    session = client.v1.checkout.sessions.create(session_params())
    link = {
        "account": account_id,
        "type": "account_onboarding",
        "refresh_url": "http://r",
        "return_url": "http://r",
    }
    dispute = local.control("disputes", payment_intent=intent.id)
    return [
        client.v1.accounts.retrieve(account_id),
        client.v1.accounts.capabilities.retrieve(account_id, "transfers"),
        client.v1.account_links.create(link),
        client.v1.payment_intents.retrieve(intent.id),
        client.v1.payment_methods.retrieve(intent.payment_method),
        client.v1.charges.retrieve(intent.latest_charge, {"expand": ["refunds"]}),
        client.v1.balance_transactions.retrieve(refund.balance_transaction),
        client.v1.disputes.retrieve(dispute["id"]),
        client.v1.events.list().data[0],
        client.v1.checkout.sessions.retrieve(session.id),
        client.v1.payouts.retrieve(payout["id"], None, there),
        client.v1.balance.retrieve(),
        refund,
        transfer,
        reversal,
    ]


def test_every_kind_has_the_fields_of_its_sample(local, client, samples):
    differences = {}
    for sent in everything(local, client):
        fields, expected = set(sent.to_dict()), set(samples[sent.object])
        if fields != expected:
            differences[sent.object] = {"missing": expected - fields, "more": fields - expected}
    assert differences == {}
