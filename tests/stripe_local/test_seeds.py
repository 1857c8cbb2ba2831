import pytest
import stripe

from tests.stripe_local.conftest import TWO_DAYS, buy

DAY = 86_400


def test_many_charges_are_sown_over_days(local, client):
    buy(client, 10_000)
    now = client.v1.charges.list().data[0].created
    seen = len(local.events())

    sown = local.control("seed", charges=3_000, currency="eur", amount=1_000, fee=59, days=30, prefix="seed")

    assert (sown["first"], sown["last"]) == ("ch_seed_0000001", "ch_seed_0003000")
    assert len(local.events()) == seen
    every = list(client.v1.balance_transactions.list({"limit": 100}).auto_paging_iter())
    assert len(every) == len({each.id for each in every}) == 3_001
    assert [each.created for each in every] == sorted((each.created for each in every), reverse=True)
    assert now - 30 * DAY <= every[-1].created <= now - 29 * DAY
    assert (every[-1].id, every[-1].source) == ("txn_seed_0000001", "ch_seed_0000001")
    assert (every[-1].fee, every[-1].net, every[-1].status) == (59, 941, "available")
    balance = client.v1.balance.retrieve()
    pending = sum(each.net for each in every if each.status == "pending")
    assert (balance.pending[0].amount, balance.available[0].amount) == (
        pending,
        sum(each.net for each in every) - pending,
    )
    assert 190 * 941 < pending - 9_680 < 210 * 941
    local.advance(TWO_DAYS + 1)
    assert client.v1.balance.retrieve().available[0].amount == 9_680 + 3_000 * 941


def test_a_sown_charge_is_like_any_other(local, client):
    local.control("seed", charges=10, days=1)
    model = client.v1.charges.retrieve(buy(client, 1_000).latest_charge)
    charge = client.v1.charges.retrieve("ch_seed_0000004", {"expand": ["balance_transaction"]})
    assert set(charge.to_dict()) == set(model.to_dict())
    assert charge.balance_transaction.source == charge.id
    assert client.v1.charges.list({"payment_intent": "pi_seed_0000004"}).data[0].id == charge.id
    refund = client.v1.refunds.create({"charge": charge.id, "amount": 400})
    assert client.v1.balance_transactions.retrieve(refund.balance_transaction).amount == -400
    local.control("disputes", charge="ch_seed_0000005")
    assert len(local.events()) > 0


@pytest.mark.parametrize("wrong", [{"charges": 0}, {"charges": 5, "fee": 2_000}, {"charges": 5, "amount": 1}])
def test_nonsense_is_not_sown(local, client, wrong):
    with pytest.raises(ValueError):
        local.control("seed", **wrong)
    assert client.v1.charges.list().data == []


def test_a_prefix_is_sown_once(local, client):
    local.control("seed", charges=2)
    with pytest.raises(ValueError, match="another prefix"):
        local.control("seed", charges=2)
    local.control("seed", charges=2, prefix="more")
    assert len(client.v1.charges.list().data) == 4
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.charges.retrieve("ch_seed_0000003")
