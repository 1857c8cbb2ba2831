import pytest
import stripe

from tests.stripe_local.conftest import buy, types


def test_a_dispute_shows_the_money_it_moved(local, client):
    intent = buy(client, 10_000)

    opened = local.control("disputes", charge=intent.latest_charge, amount=4_000, fee=1_500)
    local.control(f"disputes/{opened['id']}/close", outcome="won", return_fee=True)

    out, back = client.v1.disputes.retrieve(opened["id"]).balance_transactions
    assert (out.type, out.reporting_category, out.source) == ("adjustment", "dispute", opened["id"])
    assert (out.amount, out.fee, out.net) == (-4_000, 1_500, -5_500)
    assert (back.type, back.reporting_category) == ("adjustment", "dispute_reversal")
    assert (back.amount, back.fee, back.net) == (4_000, -1_500, 5_500)
    kept = client.v1.balance_transactions.list({"source": opened["id"]}).data
    assert [each.id for each in kept] == [back.id, out.id]
    assert client.v1.balance_transactions.retrieve(out.id).to_dict() == out.to_dict()


@pytest.mark.parametrize(
    ("outcome", "return_fee", "cost"), [("won", False, 1_500), ("won", True, 0), ("lost", False, 5_500)]
)
def test_a_decided_dispute_costs(local, client, outcome, return_fee, cost):
    intent = buy(client, 10_000, payment_method="pm_card_bypassPending")
    opened = local.control("disputes", payment_intent=intent.id, amount=4_000)
    local.control(f"disputes/{opened['id']}/close", outcome=outcome, return_fee=return_fee)
    assert client.v1.balance.retrieve().available[0].amount == 9_680 - cost


def test_a_charge_is_not_disputed_for_more_than_is_left_of_it(local, client):
    intent = buy(client, 10_000)
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 2_000})
    with pytest.raises(ValueError, match="8000 of the charge is left"):
        local.control("disputes", payment_intent=intent.id, amount=8_001)
    first = local.control("disputes", payment_intent=intent.id, amount=3_000)
    with pytest.raises(ValueError, match="open dispute"):
        local.control("disputes", payment_intent=intent.id, amount=1_000)
    local.control(f"disputes/{first['id']}/close", outcome="lost")
    with pytest.raises(ValueError, match="5000 of the charge is left"):
        local.control("disputes", payment_intent=intent.id, amount=5_001)
    seen = local.events()[-1]["id"]
    second = local.control("disputes", payment_intent=intent.id)
    assert second["amount"] == 5_000
    assert types(local, seen) == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    for where in ({"charge": intent.latest_charge}, {"payment_intent": intent.id}):
        found = [each.id for each in client.v1.disputes.list(where).data]
        assert found == [second["id"], first["id"]]
    assert client.v1.disputes.list({"charge": buy(client).latest_charge}).data == []


def test_evidence_is_kept_until_it_is_submitted(local, client):
    dispute = local.control("disputes", payment_intent=buy(client).id)
    kept = client.v1.disputes.update(
        dispute["id"], {"evidence": {"uncategorized_text": "sent"}, "submit": False}
    )
    assert (kept.status, kept.evidence_details.submission_count) == ("needs_response", 0)
    seen = local.events()[-1]["id"]

    sent = client.v1.disputes.update(dispute["id"], {"evidence": {"customer_name": "Ada"}, "submit": True})

    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    assert (sent.evidence.uncategorized_text, sent.evidence.customer_name) == ("sent", "Ada")
    assert types(local, seen) == ["charge.dispute.updated"]
    data = local.events(seen)[0]["data"]
    assert data["object"]["status"] == "under_review"
    assert data["previous_attributes"]["status"] == "needs_response"


def test_a_disputed_charge_is_not_refunded(local, client):
    intent = buy(client, 10_000)
    dispute = local.control("disputes", payment_intent=intent.id, amount=1_000)
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            client.v1.refunds.create({"payment_intent": intent.id, "amount": 1})
        assert (refusal.value.http_status, refusal.value.code) == (400, "charge_disputed")
        if client.v1.disputes.retrieve(dispute["id"]).status != "lost":
            local.control(f"disputes/{dispute['id']}/close", outcome="lost")


def test_an_inquiry_moves_no_money_and_closes(local, client):
    intent = buy(client, 10_000)
    seen = local.events()[-1]["id"]

    inquiry = local.control("disputes", charge=intent.latest_charge, inquiry=True)

    assert (inquiry["status"], inquiry["is_charge_refundable"]) == ("warning_needs_response", True)
    assert inquiry["payment_method_details"]["card"]["case_type"] == "inquiry"
    assert inquiry["balance_transactions"] == []
    assert types(local, seen) == ["charge.dispute.created", "charge.updated"]
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 1_000})
    evidence = {"evidence": {"uncategorized_text": "sent"}, "submit": True}
    assert client.v1.disputes.update(inquiry["id"], evidence).status == "warning_under_review"
    for outcome in ("won", "lost"):
        with pytest.raises(ValueError, match="inquiry"):
            local.control(f"disputes/{inquiry['id']}/close", outcome=outcome)
    seen = local.events()[-1]["id"]

    closed = local.control(f"disputes/{inquiry['id']}/close", outcome="warning_closed")

    assert closed["status"] == "warning_closed"
    assert types(local, seen) == ["charge.dispute.closed"]
    assert len(client.v1.balance_transactions.list().data) == 2
    with pytest.raises(ValueError, match="closed"):
        local.control(f"disputes/{inquiry['id']}/escalate")


def test_an_inquiry_becomes_a_dispute(local, client):
    intent = buy(client, 10_000)
    inquiry = local.control("disputes", charge=intent.latest_charge, inquiry=True)
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 1_000})
    seen = local.events()[-1]["id"]

    local.control(f"disputes/{inquiry['id']}/escalate", fee=2_000)

    dispute = client.v1.disputes.retrieve(inquiry["id"])
    assert (dispute.status, dispute.amount, dispute.is_charge_refundable) == ("needs_response", 9_000, False)
    assert [each.net for each in dispute.balance_transactions] == [-11_000]
    assert types(local, seen) == ["charge.dispute.updated", "charge.dispute.funds_withdrawn"]
    assert local.events(seen)[0]["data"]["previous_attributes"]["status"] == "warning_needs_response"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert refusal.value.code == "charge_disputed"
    for wrong in ("warning_closed", "later"):
        with pytest.raises(ValueError):
            local.control(f"disputes/{dispute.id}/close", outcome=wrong)
    with pytest.raises(ValueError, match="Only an inquiry"):
        local.control(f"disputes/{dispute.id}/escalate")
    local.control(f"disputes/{dispute.id}/close", outcome="won")
    assert client.v1.disputes.retrieve(dispute.id).status == "won"
