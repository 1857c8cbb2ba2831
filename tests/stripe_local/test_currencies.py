import pytest
import stripe

from tests.stripe_local.conftest import TWO_DAYS, buy, seller, session_params


def held(client, currency, account_id=None):
    """What is available in a currency."""
    where = {"stripe_account": account_id} if account_id else {}
    available = client.v1.balance.retrieve(None, where).available
    return sum(part.amount for part in available if part.currency == currency)


def test_each_currency_is_a_balance_of_its_own(local, client):
    account_id = seller(local, client)
    for currency in ("jpy", "kwd", "eur"):
        intent = buy(client, 10_000, currency)
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 2_500 - 2_500 % 10})
    local.advance(TWO_DAYS + 1)
    assert [held(client, currency) for currency in ("jpy", "kwd", "eur")] == [7_180, 7_180, 7_180]
    for number, currency in enumerate(("jpy", "kwd", "eur"), 1):
        amount = 1_000 * number
        made = {"amount": amount, "currency": currency, "destination": account_id}
        transfer = client.v1.transfers.create(made)
        client.v1.transfers.reversals.create(transfer.id, {"amount": 100})
        assert (held(client, currency), held(client, currency, account_id)) == (7_280 - amount, amount - 100)
    for currency in ("jpy", "kwd", "eur"):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            client.v1.transfers.create({"amount": 7_000, "currency": currency, "destination": account_id})
        assert refusal.value.code == "balance_insufficient"
    rows = {(each["account"], each["currency"]): each for each in local.state()["balances"]}
    assert rows["", "kwd"] == {"account": "", "currency": "kwd", "available": 5_280, "pending": 0}
    assert rows[account_id, "eur"]["available"] == 2_900
    with pytest.raises(stripe.InvalidRequestError):
        charge = buy(client, 1_000, "jpy").latest_charge
        wanted = {"amount": 100, "currency": "eur", "destination": account_id}
        client.v1.transfers.create({**wanted, "source_transaction": charge})


@pytest.mark.parametrize(("currency", "amount"), [("kwd", 5_124), ("bhd", 1_001), ("isk", 4_010)])
def test_some_digits_are_always_nought(client, currency, amount):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        buy(client, amount, currency)
    assert refusal.value.param == "amount"
    assert "must be evenly divisible by" in str(refusal.value)
    price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Mug"}}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.create(session_params(line_items=[{"quantity": 1, "price_data": price}]))


def test_parts_of_dinars_end_in_nought_too(local, client):
    intent = buy(client, 5_120, "kwd", capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 5_001})
    assert (refusal.value.param, refusal.value.code) == ("amount_to_capture", "invalid_charge_amount")
    client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 5_000})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 5})
    assert client.v1.refunds.create({"payment_intent": intent.id, "amount": 10}).amount == 10
    with pytest.raises(ValueError, match="divisible by 10"):
        local.control("disputes", payment_intent=intent.id, amount=15)
