import pytest
import stripe

from tests.stripe_local.conftest import buy, seller, session_params


def test_lists_go_newest_first_and_by_cursor(client):
    made = [client.v1.payment_intents.create({"amount": 100 + n, "currency": "eur"}).id for n in range(5)][
        ::-1
    ]
    page = client.v1.payment_intents.list({"limit": 2})
    assert ([i.id for i in page], page.has_more) == (made[:2], True)
    after = client.v1.payment_intents.list({"limit": 3, "starting_after": made[1]})
    assert ([i.id for i in after], after.has_more) == (made[2:], False)
    before = client.v1.payment_intents.list({"limit": 2, "ending_before": made[3]})
    assert ([i.id for i in before], before.has_more) == (made[1:3], True)
    assert [i.id for i in client.v1.payment_intents.list({"limit": 2}).auto_paging_iter()] == made
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.list({"limit": 101})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.list({"starting_after": "pi_nothing"})


def test_lists_are_bounded_by_time(local, client):
    old = buy(client)
    local.advance(100)
    new = buy(client)
    since = client.v1.payment_intents.retrieve(new.id).created
    assert [i.id for i in client.v1.payment_intents.list({"created": {"gte": since}})] == [new.id]
    assert [i.id for i in client.v1.payment_intents.list({"created": {"lt": since}})] == [old.id]
    assert [
        t.source
        for t in client.v1.balance_transactions.list({"type": "charge", "created": {"gt": since - 1}})
    ] == [new.latest_charge]
    assert client.v1.balance_transactions.list({"source": old.latest_charge}).data[0].amount == 10_000


def test_events_are_snapshots_that_say_who_asked(local, client):
    intent = client.v1.payment_intents.create({"amount": 100, "currency": "eur"}, {"idempotency_key": "k-1"})
    client.v1.payment_intents.update(intent.id, {"metadata": {"later": "yes"}})
    (event,) = client.v1.events.list({"type": "payment_intent.created"}).data
    assert event.data.object.metadata.to_dict() == {}
    assert event.request.idempotency_key == "k-1"
    assert event.request.id.startswith("req_")
    assert (event.livemode, event.api_version, event.pending_webhooks) == (False, stripe.api_version, 0)
    assert client.v1.events.retrieve(event.id).id == event.id


def test_events_are_found_by_type(local, client):
    buy(client)
    wanted = ["payment_intent.succeeded", "charge.succeeded"]
    assert [e.type for e in client.v1.events.list({"types": wanted})] == wanted
    assert {e.type for e in client.v1.events.list({"type": "charge.*"})} == {
        "charge.succeeded",
        "charge.updated",
    }


def test_events_of_accounts_are_listed_there(local, client):
    account_id = seller(local, client)
    assert client.v1.events.list().data == []
    listed = client.v1.events.list({}, {"stripe_account": account_id}).data
    assert {event.account for event in listed} == {account_id}
    last = local.events()[-1]["id"]
    buy(client)
    assert len(local.events(last)) == 4


def test_objects_of_another_account_are_not_there(local, client):
    account_id = seller(local, client)
    intent = buy(client)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.retrieve(intent.id, None, {"stripe_account": account_id})
    assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")


def test_a_signed_event_is_verified_by_the_sdk(local, client):
    local.pay(client.v1.checkout.sessions.create(session_params()).id)
    body, header = local.signed(local.events()[-1], "whsec_x")
    event = stripe.Webhook.construct_event(body, header, "whsec_x")
    assert event.type == "checkout.session.completed"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", header, "whsec_x")
    old = local.signed(local.events()[-1], "whsec_x", at=1_000_000)[1]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, old, "whsec_x")
