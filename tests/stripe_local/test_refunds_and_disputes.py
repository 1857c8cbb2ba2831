import pytest
import stripe

from tests.stripe_local.conftest import buy, types


def test_refunds_take_no_more_than_was_paid(local, client):
    intent = buy(client, 10_000)
    first = client.v1.refunds.create(
        {"payment_intent": intent.id, "amount": 2_500, "metadata": {"why": "broken"}}
    )
    assert (first.status, first.charge) == ("succeeded", intent.latest_charge)
    transaction = client.v1.balance_transactions.retrieve(first.balance_transaction)
    assert (transaction.type, transaction.amount, transaction.fee) == ("refund", -2_500, 0)

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"charge": intent.latest_charge, "amount": 7_501})
    assert refusal.value.param == "amount"
    assert "greater than unrefunded amount" in str(refusal.value)

    client.v1.refunds.create({"charge": intent.latest_charge, "reason": "requested_by_customer"})
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"charge": intent.latest_charge})
    assert refusal.value.code == "charge_already_refunded"
    charge = client.v1.charges.retrieve(intent.latest_charge, {"expand": ["refunds"]})
    assert (charge.refunded, charge.amount_refunded, len(charge.refunds.data)) == (True, 10_000, 2)
    assert types(local)[-2:] == ["refund.created", "charge.refunded"]
    assert local.events()[-1]["data"]["previous_attributes"] == {"amount_refunded": 2_500, "refunded": False}
    assert len(client.v1.refunds.list({"payment_intent": intent.id}).data) == 2
    assert client.v1.refunds.update(first.id, {"metadata": {"b": "c"}}).metadata["b"] == "c"


def test_a_refund_may_fail_later(local, client):
    intent = buy(client, 10_000)
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    seen = local.events()[-1]["id"]

    local.control(f"refunds/{refund.id}/fail", reason="expired_or_canceled_card")

    refund = client.v1.refunds.retrieve(refund.id)
    assert (refund.status, refund.failure_reason) == ("failed", "expired_or_canceled_card")
    assert client.v1.balance_transactions.retrieve(refund.failure_balance_transaction).amount == 10_000
    charge = client.v1.charges.retrieve(intent.latest_charge)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert types(local, seen) == [
        "refund.failed",
        "refund.updated",
        "charge.refund.updated",
        "charge.updated",
    ]


def test_nothing_is_refunded_that_was_not_captured(client):
    held = buy(client, capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": held.id})


@pytest.mark.parametrize(
    ("outcome", "events"), [("won", ["funds_reinstated", "closed"]), ("lost", ["closed"])]
)
def test_a_dispute_takes_the_money_until_it_is_decided(local, client, outcome, events):
    intent = buy(client, 10_000)
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 1_000})
    seen = local.events()[-1]["id"]
    with pytest.raises(ValueError):
        local.control("disputes", payment_intent=intent.id, amount=9_001)

    opened = local.control("disputes", payment_intent=intent.id, amount=9_000, reason="fraudulent", fee=1_500)

    assert types(local, seen) == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.updated",
    ]
    dispute = client.v1.disputes.retrieve(opened["id"])
    assert (dispute.status, dispute.balance_transactions[0].net) == ("needs_response", -10_500)
    assert client.v1.charges.retrieve(intent.latest_charge).disputed
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 1})
    assert refusal.value.code in ("charge_disputed", "charge_already_refunded")
    assert client.v1.disputes.list({"charge": intent.latest_charge}).data[0].id == dispute.id
    answered = client.v1.disputes.update(
        dispute.id, {"evidence": {"uncategorized_text": "sent"}, "submit": True}
    )
    assert (answered.status, answered.evidence_details.submission_count) == ("under_review", 1)

    seen = local.events()[-1]["id"]
    local.control(f"disputes/{dispute.id}/close", outcome=outcome)

    assert types(local, seen) == [f"charge.dispute.{event}" for event in events]
    assert client.v1.disputes.retrieve(dispute.id).status == outcome
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.disputes.close(dispute.id)


def test_giving_in_loses_a_dispute(local, client):
    intent = buy(client, payment_method="pm_card_createDispute")
    (dispute,) = client.v1.disputes.list({"payment_intent": intent.id}).data
    assert (dispute.reason, dispute.amount) == ("fraudulent", 10_000)
    assert client.v1.disputes.close(dispute.id).status == "lost"
