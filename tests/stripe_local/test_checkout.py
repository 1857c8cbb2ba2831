import pytest
import stripe

from tests.stripe_local.conftest import session_params, types


def test_the_intent_comes_with_the_first_try(local, client):
    session = client.v1.checkout.sessions.create(
        session_params(client_reference_id="o1", customer_email="a@b.example")
    )
    assert (session.payment_intent, session.status, session.amount_total) == (None, "open", 10_000)

    location = local.pay(session.url)

    assert location == f"http://shop.localhost/thanks?s={session.id}"
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent", "line_items"]})
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert paid.payment_intent.metadata["order"] == "1"
    assert paid.payment_intent.transfer_group == "order_1"
    assert paid.line_items.data[0].quantity == 2
    assert client.v1.checkout.sessions.line_items.list(session.id).data[0].description == "Mug <blue>"
    assert [s.id for s in client.v1.checkout.sessions.list({"payment_intent": paid.payment_intent.id})] == [
        session.id
    ]
    assert types(local) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
        "checkout.session.completed",
    ]


def test_the_page_works_for_people(local, client):
    session = client.v1.checkout.sessions.create(session_params())
    status, body, _ = local.request("GET", f"/pay/{session.id}")
    text = body.decode()
    assert status == 200
    assert "100.00 EUR" in text
    assert "Mug &lt;blue&gt;" in text
    assert "4000 0025 0000 3155" in text
    assert 'name="viewport"' in text
    assert "<script" not in text


def test_a_declined_buyer_tries_again_on_the_same_intent(local, client):
    session = client.v1.checkout.sessions.create(session_params())

    status, text, _ = local.post_form(f"/pay/{session.id}", {"card_number": "4000000000009995"})

    assert status == 402
    assert "insufficient funds" in text
    first = client.v1.checkout.sessions.retrieve(session.id)
    assert first.status == "open"
    assert local.pay(session.url, "4242 4242 4242 4242") is not None
    assert client.v1.checkout.sessions.retrieve(session.id).payment_intent == first.payment_intent
    assert len(client.v1.charges.list({"payment_intent": first.payment_intent}).data) == 2


def test_three_d_secure_has_a_page_of_its_own(local, client):
    session = client.v1.checkout.sessions.create(session_params())
    status, _, location = local.post_form(f"/pay/{session.id}", {"card_number": "4000002500003155"})
    assert (status, location) == (303, f"/pay/{session.id}/3ds")
    assert b"Authenticate" in local.request("GET", location)[1]

    status, text, _ = local.post_form(location, {"outcome": "fail"})
    assert status == 402
    assert "authentication" in text

    assert local.pay(session.id, "4000002500003155") is not None
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_an_unknown_card_tries_nothing(local, client):
    session = client.v1.checkout.sessions.create(session_params())
    assert local.pay(session.id, "4111111111111111") is None
    assert client.v1.checkout.sessions.retrieve(session.id).payment_intent is None


def test_a_page_is_paid_once(local, client):
    session = client.v1.checkout.sessions.create(session_params())
    assert local.pay(session.id)
    assert local.pay(session.id) is None
    assert "already been paid" in local.request("GET", f"/pay/{session.id}")[1].decode()
    assert len(client.v1.charges.list().data) == 1


def test_a_page_closes_when_told_or_when_its_time_is_over(local, client):
    told = client.v1.checkout.sessions.create(session_params())
    local.pay(told.id, "4000000000000002")
    assert client.v1.checkout.sessions.expire(told.id).status == "expired"
    assert types(local)[-2:] == ["payment_intent.canceled", "checkout.session.expired"]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.expire(told.id)

    now = local.advance(0)
    late = client.v1.checkout.sessions.create(session_params(expires_at=now + 1_800))
    local.advance(1_801)
    assert local.pay(late.id) is None
    assert client.v1.checkout.sessions.retrieve(late.id).status == "expired"
    assert "expired" in local.request("GET", f"/pay/{late.id}")[1].decode()


def test_a_page_may_only_hold_the_amount(local, client):
    data = {"capture_method": "manual"}
    session = client.v1.checkout.sessions.create(session_params(payment_intent_data=data))
    local.pay(session.id)
    session = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    assert session.payment_intent.status == "requires_capture"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"success_url": ""}, "success_url"),
        ({"mode": "paymnt"}, "mode"),
        ({"line_items": [{"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 5}}]}, "amount"),
        ({"expires_at": 1}, "expires_at"),
        (
            {"line_items": [{"quantity": 1, "price_data": {"currency": "xxx", "unit_amount": 500}}]},
            "currency",
        ),
    ],
)
def test_a_page_that_makes_no_sense_is_refused(client, change, param):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.checkout.sessions.create(session_params(**change))
    assert param in refusal.value.param
