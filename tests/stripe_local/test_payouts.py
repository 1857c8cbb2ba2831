import pytest

from tests.stripe_local.conftest import buy, seller, types


@pytest.fixture
def account_id(local, client):
    """A seller with 90.00 EUR."""
    account_id = seller(local, client)
    local.control("funds", amount=10_000, currency="eur")
    client.v1.transfers.create({"amount": 9_000, "currency": "eur", "destination": account_id})
    return account_id


def available(client, account_id):
    balance = client.v1.balance.retrieve(None, {"stripe_account": account_id})
    return balance.available[0].amount


@pytest.mark.parametrize("is_paid_first", [False, True])
def test_a_payout_that_fails_is_in_the_balance_again(local, client, account_id, is_paid_first):
    there = {"stripe_account": account_id}
    seen = local.events()[-1]["id"]
    payout = local.control("payouts", account=account_id, currency="eur", amount=5_000)
    assert (payout["status"], available(client, account_id)) == ("in_transit", 4_000)
    if is_paid_first:
        assert local.control(f"payouts/{payout['id']}/paid")["status"] == "paid"
        assert available(client, account_id) == 4_000

    local.control(f"payouts/{payout['id']}/failed", code="account_closed")

    failed = client.v1.payouts.retrieve(payout["id"], {"expand": ["failure_balance_transaction"]}, there)
    assert (failed.status, failed.failure_code) == ("failed", "account_closed")
    back = failed.failure_balance_transaction
    assert (back.type, back.amount, back.source) == ("payout_failure", 5_000, payout["id"])
    assert available(client, account_id) == 9_000
    events = local.events(seen)
    paid = ["payout.updated", "payout.paid"] if is_paid_first else []
    assert [e["type"] for e in events] == ["payout.created", *paid, "payout.updated", "payout.failed"]
    assert {event["account"] for event in events} == {account_id}
    assert client.v1.balance.retrieve().available[0].amount == 1_000
    with pytest.raises(ValueError, match="status of failed"):
        local.control(f"payouts/{payout['id']}/paid")


def test_an_account_sees_only_its_own(local, client, account_id):
    buy(client, 5_000)
    local.control("payouts", account=account_id)
    own = client.v1.balance_transactions.list({}, {"stripe_account": account_id}).data
    assert sorted(each.type for each in own) == ["payment", "payout"]
    assert types(local).count("payout.created") == 1
    assert client.v1.balance_transactions.list({"type": "payout"}).data == []
