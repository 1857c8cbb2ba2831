import pytest
import stripe

from tests.stripe_local.conftest import TWO_DAYS, buy, seller, types


def test_an_account_is_onboarded_on_a_page(local, client):
    wanted = {"transfers": {"requested": True}}
    account = client.v1.accounts.create({"type": "express", "email": "a@b.example", "capabilities": wanted})
    assert (account.payouts_enabled, account.capabilities.transfers) == (False, "inactive")
    link = client.v1.account_links.create(
        {
            "account": account.id,
            "type": "account_onboarding",
            "refresh_url": "http://shop/again",
            "return_url": "http://shop/done",
        }
    )
    path = link.url.removeprefix(local.url)
    assert "Complete verification" in local.request("GET", path)[1].decode()

    status, _, location = local.post_form(f"/connect/onboarding/{account.id}", {})

    assert (status, location) == (303, "http://shop/done")
    account = client.v1.accounts.retrieve(account.id)
    assert account.details_submitted
    assert account.payouts_enabled
    assert account.charges_enabled
    assert account.capabilities.transfers == "active"
    assert types(local) == ["account.updated", "capability.updated"]
    assert {event["account"] for event in local.events()} == {account.id}
    assert client.v1.accounts.capabilities.retrieve(account.id, "transfers").status == "active"
    local.advance(301)
    assert local.request("GET", path)[2] == "http://shop/again"


def test_an_account_is_restricted_again_and_may_leave(local, client):
    account_id = seller(local, client)
    local.control(f"accounts/{account_id}/restrict", reason="rejected.fraud")
    account = client.v1.accounts.retrieve(account_id)
    assert (account.payouts_enabled, account.requirements.disabled_reason) == (False, "rejected.fraud")
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.transfers.create({"amount": 1, "currency": "eur", "destination": account_id})
    assert refusal.value.code == "insufficient_capabilities_for_transfer"
    local.control(f"accounts/{account_id}/deauthorize")
    assert types(local)[-1] == "account.application.deauthorized"
    with pytest.raises(stripe.PermissionError):
        client.v1.balance.retrieve(None, {"stripe_account": account_id})


def test_an_account_is_updated(local, client):
    account_id = seller(local, client)
    changed = client.v1.accounts.update(
        account_id, {"metadata": {"t": "1"}, "business_profile": {"name": "Mugs"}}
    )
    assert (changed.metadata["t"], changed.business_profile.name) == ("1", "Mugs")
    assert types(local)[-1] == "account.updated"


def test_a_transfer_needs_available_funds(local, client):
    account_id = seller(local, client)
    buy(client, 10_000)
    wanted = {"amount": 9_000, "currency": "eur", "destination": account_id, "transfer_group": "run_1"}
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.transfers.create(wanted)
    assert refusal.value.code == "balance_insufficient"
    local.advance(TWO_DAYS + 1)

    transfer = client.v1.transfers.create({**wanted, "metadata": {"payout": "p1"}})

    assert [t.id for t in client.v1.transfers.list({"transfer_group": "run_1"})] == [transfer.id]
    assert [t.id for t in client.v1.transfers.list({"destination": account_id})] == [transfer.id]
    assert client.v1.balance.retrieve().available[0].amount == 680
    assert client.v1.balance.retrieve(None, {"stripe_account": account_id}).available[0].amount == 9_000
    assert types(local)[-2:] == ["payment.created", "transfer.created"]
    assert client.v1.transfers.update(transfer.id, {"metadata": {"a": "b"}}).metadata["a"] == "b"


def test_a_transfer_with_a_source_waits_with_it(local, client):
    account_id = seller(local, client)
    charge_id = buy(client, 10_000).latest_charge
    wanted = {"amount": 6_000, "currency": "eur", "destination": account_id, "source_transaction": charge_id}

    transfer = client.v1.transfers.create(wanted)

    assert transfer.transfer_group == client.v1.charges.retrieve(charge_id).transfer_group
    assert client.v1.balance.retrieve(None, {"stripe_account": account_id}).pending[0].amount == 6_000
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.transfers.create(wanted)
    assert refusal.value.param == "amount"


def test_a_transfer_is_reversed_as_far_as_funds_are_there(local, client):
    account_id = seller(local, client)
    local.control("funds", amount=10_000, currency="eur")
    transfer = client.v1.transfers.create({"amount": 9_000, "currency": "eur", "destination": account_id})
    reversal = client.v1.transfers.reversals.create(transfer.id, {"amount": 4_000})
    assert client.v1.transfers.reversals.retrieve(transfer.id, reversal.id).amount == 4_000
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.transfers.reversals.create(transfer.id, {"amount": 5_001})
    local.control("payouts", account=account_id)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.transfers.reversals.create(transfer.id)
    assert refusal.value.code == "balance_insufficient"
    transfer = client.v1.transfers.retrieve(transfer.id)
    assert (transfer.amount_reversed, transfer.reversed, len(transfer.reversals.data)) == (4_000, False, 1)
    assert len(client.v1.transfers.reversals.list(transfer.id).data) == 1


def test_payouts_are_the_accounts_own(local, client):
    account_id = seller(local, client)
    local.control("funds", amount=10_000, currency="eur")
    transfer = client.v1.transfers.create({"amount": 9_000, "currency": "eur", "destination": account_id})
    there = {"stripe_account": account_id}
    payout = local.control("payouts", account=account_id)
    assert payout["amount"] == 9_000
    local.control(f"payouts/{payout['id']}/paid")
    assert [p.status for p in client.v1.payouts.list({}, there)] == ["paid"]
    paid = client.v1.balance_transactions.list({"payout": payout["id"]}, there).data
    assert sorted(t.net for t in paid) == [-9_000, 9_000]
    assert transfer.destination_payment in {t.source for t in paid}

    local.control(f"payouts/{payout['id']}/failed", code="no_account")

    assert client.v1.payouts.retrieve(payout["id"], None, there).failure_code == "no_account"
    assert client.v1.balance.retrieve(None, there).available[0].amount == 9_000
    assert types(local)[-2:] == ["payout.updated", "payout.failed"]
    assert local.events()[-1]["account"] == account_id
    assert client.v1.payouts.list().data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payouts.retrieve(payout["id"])


def test_the_balance_is_the_sum_of_its_transactions(local, client):
    account_id = seller(local, client)
    first, second = buy(client, 10_000), buy(client, 5_999)
    buy(client, 2_000, "jpy")
    client.v1.refunds.create({"payment_intent": first.id, "amount": 2_500})
    failed = client.v1.refunds.create({"payment_intent": second.id})
    local.control(f"refunds/{failed.id}/fail")
    dispute = local.control("disputes", payment_intent=second.id)
    local.control(f"disputes/{dispute['id']}/close", outcome="won", return_fee=True)
    local.control("disputes", payment_intent=first.id, amount=100)
    local.advance(TWO_DAYS + 1)
    transfer = client.v1.transfers.create({"amount": 8_000, "currency": "eur", "destination": account_id})
    client.v1.transfers.reversals.create(transfer.id, {"amount": 3_000})
    payout = local.control("payouts", account=account_id, amount=2_000)
    local.control(f"payouts/{payout['id']}/failed")
    buy(client, 700)

    for where in ({}, {"stripe_account": account_id}):
        sums: dict[str, int] = {}
        for each in client.v1.balance_transactions.list({"limit": 3}, where).auto_paging_iter():
            sums[each.currency] = sums.get(each.currency, 0) + each.net
        balance = client.v1.balance.retrieve(None, where)
        held = {part.currency: part.amount for part in balance.available}
        for part in balance.pending:
            held[part.currency] += part.amount
        assert held == sums
