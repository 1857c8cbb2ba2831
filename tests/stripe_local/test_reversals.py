import pytest
import stripe

from tests.stripe_local.conftest import TWO_DAYS, buy, seller, types


def sums(client, account_id=None):
    """(available, pending) of an account, in EUR."""
    where = {"stripe_account": account_id} if account_id else {}
    balance = client.v1.balance.retrieve(None, where)
    return (
        sum(part.amount for part in balance.available if part.currency == "eur"),
        sum(part.amount for part in balance.pending if part.currency == "eur"),
    )


@pytest.fixture
def transfer(local, client):
    """90.00 EUR that a seller has, 10.00 EUR that the platform kept."""
    local.control("funds", amount=10_000, currency="eur")
    return client.v1.transfers.create(
        {"amount": 9_000, "currency": "eur", "destination": seller(local, client)}
    )


def test_a_transfer_comes_back_in_parts(local, client, transfer):
    seen = local.events()[-1]["id"]
    first = client.v1.transfers.reversals.create(transfer.id, {"amount": 4_000, "metadata": {"why": "r1"}})
    part = client.v1.transfers.retrieve(transfer.id)
    assert (part.amount_reversed, part.reversed) == (4_000, False)
    assert (sums(client), sums(client, transfer.destination)) == ((5_000, 0), (5_000, 0))

    second = client.v1.transfers.reversals.create(transfer.id)

    whole = client.v1.transfers.retrieve(transfer.id)
    assert (second.amount, whole.amount_reversed, whole.reversed) == (5_000, 9_000, True)
    assert (sums(client), sums(client, transfer.destination)) == ((10_000, 0), (0, 0))
    assert types(local, seen) == ["transfer.reversed", "transfer.reversed"]
    assert [e["data"]["object"]["amount_reversed"] for e in local.events(seen)] == [4_000, 9_000]
    assert local.events(seen)[1]["data"]["previous_attributes"] == {
        "amount_reversed": 4_000,
        "reversed": False,
    }
    listed = client.v1.transfers.reversals.list(transfer.id, {"expand": ["data.balance_transaction"]}).data
    assert [each.id for each in listed] == [second.id, first.id]
    moved = [each.balance_transaction for each in listed]
    assert [(each.type, each.amount, each.source) for each in moved] == [
        ("transfer_refund", 5_000, second.id),
        ("transfer_refund", 4_000, first.id),
    ]
    assert {each.reporting_category for each in moved} == {"transfer_reversal"}
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.transfers.reversals.create(transfer.id, {"amount": 1})
    assert refusal.value.code == "transfer_already_reversed"
    there = {"stripe_account": transfer.destination}
    payment = client.v1.charges.retrieve(transfer.destination_payment, None, there)
    assert (payment.amount_refunded, payment.refunded) == (9_000, True)
    changed = client.v1.transfers.reversals.update(transfer.id, first.id, {"metadata": {"why": "r2"}})
    assert changed.metadata["why"] == "r2"


def test_a_reversal_takes_no_more_than_the_account_has(local, client, transfer):
    local.control("payouts", account=transfer.destination, amount=6_000)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.transfers.reversals.create(transfer.id, {"amount": 3_001})
    assert (refusal.value.http_status, refusal.value.code) == (400, "balance_insufficient")
    assert client.v1.transfers.retrieve(transfer.id).amount_reversed == 0
    assert client.v1.transfers.reversals.create(transfer.id, {"amount": 3_000}).amount == 3_000
    assert sums(client, transfer.destination) == (0, 0)


def test_a_reversal_knows_no_application_fees(client, transfer):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.transfers.reversals.create(transfer.id, {"refund_application_fee": True})
    assert refusal.value.param == "refund_application_fee"


def test_a_source_pays_its_transfers_and_no_more(local, client):
    first, second = seller(local, client), seller(local, client)
    charge_id = buy(client, 10_000).latest_charge
    wanted = {"currency": "eur", "source_transaction": charge_id}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.transfers.create({**wanted, "amount": 10_001, "destination": first})

    made = client.v1.transfers.create({**wanted, "amount": 6_000, "destination": first})
    client.v1.transfers.create({**wanted, "amount": 3_000, "destination": second})

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.transfers.create({**wanted, "amount": 1_001, "destination": second})
    assert refusal.value.param == "amount"
    assert (sums(client), sums(client, first), sums(client, second)) == ((0, 680), (0, 6_000), (0, 3_000))
    charge = client.v1.charges.retrieve(charge_id, {"expand": ["balance_transaction"]})
    arrives = client.v1.transfers.retrieve(made.id, {"expand": ["balance_transaction"]})
    assert arrives.balance_transaction.available_on == charge.balance_transaction.available_on
    local.advance(TWO_DAYS + 1)
    assert (sums(client), sums(client, first), sums(client, second)) == ((680, 0), (6_000, 0), (3_000, 0))


def test_what_is_still_on_its_way_comes_back(local, client):
    account_id = seller(local, client)
    charge_id = buy(client, 10_000).latest_charge
    wanted = {"currency": "eur", "source_transaction": charge_id, "destination": account_id}
    transfer = client.v1.transfers.create({**wanted, "amount": 10_000})
    client.v1.transfers.reversals.create(transfer.id, {"amount": 4_000})
    assert (sums(client), sums(client, account_id)) == ((0, 3_680), (0, 6_000))
    assert client.v1.transfers.create({**wanted, "amount": 4_000}).amount == 4_000
    local.advance(TWO_DAYS + 1)
    assert (sums(client), sums(client, account_id)) == ((-320, 0), (10_000, 0))
