"""One key, one effect: whatever is repeated, crossed or interrupted."""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from core.clock import now
from services import payment_services
from services.stripe_gateway import stripe_api
from shop.models import IdempotencyKey, Order, Payment, Refund
from tenants.context import tenant_scope
from tests.api.conftest import Api
from tests.factories.shop import ADDRESS, item_of, make_cart, make_order, make_variant, pay
from tests.factories.tenants import make_user
from tests.factories.threads import at_once, failures

EMAIL = "ada@example.com"


def order_of(cart, **fields) -> dict:
    return {"cart": cart.token, "email": EMAIL, "shipping_address": ADDRESS, **fields}


def crash_at_stripe(patch: pytest.MonkeyPatch, *, after_the_call: bool) -> None:
    """Be stopped right before or right after Stripe is called."""

    @contextmanager
    def crashing():
        if after_the_call:
            with stripe_api() as stripe:
                yield stripe
        raise RuntimeError("stopped")

    patch.setattr(payment_services, "stripe_api", crashing)


@pytest.fixture
def cart(serving, stripe_local):
    return make_cart((make_variant(stock=5), 1))


def test_the_same_request_again_gets_the_same_answer_and_has_one_effect(guest, cart, stripe_local):
    first = guest.post("checkout", order_of(cart), key="k-1")
    again = guest.post("checkout", order_of(cart), key="k-1")

    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert Order.objects.count() == Payment.objects.count() == 1


def test_another_body_under_the_key_is_refused_without_effect(guest, cart):
    guest.post("checkout", order_of(cart), key="k-1")
    other = make_cart((make_variant(), 1))

    answer = guest.post("checkout", order_of(other), key="k-1")
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"
    assert Order.objects.count() == 1


def test_another_route_under_the_key_is_refused_without_effect(seller, cart, stripe_local):
    order = make_order()
    pay(order, stripe_local)
    body = {"reason": "broken", "amount_minor": 100}
    assert seller.post(f"seller/orders/{order.pk}/refunds", body, key="k-1").status_code == 201

    assert seller.post("checkout", order_of(cart), key="k-1").status_code == 422
    assert Order.objects.count() == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "k\x00", "clé", "ключ"])
def test_a_key_must_be_1_to_255_visible_ascii_characters(guest, cart, key):
    answer = guest.post("checkout", order_of(cart), key=key)

    assert answer.status_code == 400
    assert answer.json()["field"] == "Idempotency-Key"
    assert not Order.objects.exists()


def test_a_request_without_a_key_is_refused(guest, cart):
    assert guest.post("checkout", order_of(cart)).status_code == 400


def test_a_key_of_255_characters_works(guest, cart):
    assert guest.post("checkout", order_of(cart), key="~" * 255).status_code == 201


def test_a_refused_request_may_be_corrected_and_sent_again_under_its_key(guest, cart):
    assert guest.post("checkout", order_of(cart, email="no address"), key="k-1").status_code == 400
    assert guest.post("checkout", order_of(cart, expected_total_minor=1), key="k-1").status_code == 409

    assert guest.post("checkout", order_of(cart), key="k-1").status_code == 201


def test_a_crash_is_not_stored_as_the_answer(guest, cart, monkeypatch):
    with monkeypatch.context() as patch:
        crash_at_stripe(patch, after_the_call=False)
        assert guest.post("checkout", order_of(cart), key="k-1").status_code == 500

    answer = guest.post("checkout", order_of(cart), key="k-1")
    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer.headers
    assert Order.objects.count() == 1


def test_while_a_request_runs_its_twin_waits(guest, cart):
    guest.post("checkout", order_of(cart), key="k-1")
    IdempotencyKey.objects.update(status=None, body=None)

    answer = guest.post("checkout", order_of(cart), key="k-1")
    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_key_in_use"
    assert answer.headers["Retry-After"] == "1"


def test_keys_of_two_callers_do_not_collide(tenant, guest, buyer, cart):
    carts = [cart, make_cart((make_variant(), 1)), make_cart((make_variant(), 1))]
    callers = [guest, buyer, Api(tenant, make_user())]

    answers = [
        api.post("checkout", order_of(own), key="k-1") for api, own in zip(callers, carts, strict=True)
    ]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.json()["id"] for answer in answers}) == 3


def test_keys_of_two_storefronts_do_not_collide(guest, cart, other_tenant):
    first = guest.post("checkout", order_of(cart), key="k-1")
    with tenant_scope(other_tenant):
        there = Api(other_tenant).post("checkout", order_of(make_cart((make_variant(), 1))), key="k-1")

    assert first.status_code == there.status_code == 201
    assert first.json()["id"] != there.json()["id"]


# Interrupted --------------------------------------------------------------------------------------------------------


def killed_after_stripe(guest, cart, monkeypatch) -> None:
    """The process was killed between Stripe's success and our record of it; its lock has run out since."""
    with monkeypatch.context() as patch:
        patch.setattr("core.idempotency._release", lambda row: None)
        crash_at_stripe(patch, after_the_call=True)
        assert guest.post("checkout", order_of(cart), key="k-1").status_code == 500
    assert guest.post("checkout", order_of(cart), key="k-1").status_code == 409
    assert IdempotencyKey.objects.update(locked_until=now() - timedelta(seconds=1)) == 1


def sessions(stripe_local) -> list[str]:
    return [session.id for session in stripe_local.client().v1.checkout.sessions.list().data]


def test_a_retry_after_a_kill_continues_the_same_order_on_the_same_payment_page(
    guest, cart, stripe_local, monkeypatch
):
    killed_after_stripe(guest, cart, monkeypatch)
    order = Order.objects.get()

    answer = guest.post("checkout", order_of(cart), key="k-1")
    assert answer.status_code == 201
    assert answer.json()["id"] == str(order.pk)
    assert Order.objects.count() == 1
    assert sessions(stripe_local) == [Payment.objects.get().session_id]
    assert answer.json()["checkout_url"] == Payment.objects.get().checkout_url
    assert item_of(cart.lines.get().variant).reserved_stock == 1


def test_with_the_key_forgotten_the_natural_key_still_prevents_a_second_order(guest, cart, stripe_local):
    first = guest.post("checkout", order_of(cart), key="k-1")
    IdempotencyKey.objects.all().delete()

    again = guest.post("checkout", order_of(cart), key="k-1")
    assert again.status_code == 201
    assert again.json()["id"] == first.json()["id"]
    assert Order.objects.count() == len(sessions(stripe_local)) == 1


def test_a_cart_is_ordered_once_whatever_the_key(guest, cart):
    guest.post("checkout", order_of(cart), key="k-1")

    assert guest.post("checkout", order_of(cart), key="k-2").status_code == 409
    assert Order.objects.count() == 1


# Refunds ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def refunds(serving, stripe_local) -> str:
    """Where a paid order is refunded."""
    order = make_order()
    pay(order, stripe_local)
    return f"seller/orders/{order.pk}/refunds"


def test_a_repeated_refund_is_one_refund(seller, refunds):
    body = {"reason": "broken", "amount_minor": 100}
    first = seller.post(refunds, body, key="r-1")
    again = seller.post(refunds, body, key="r-1")

    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Refund.objects.get().amount_minor == 100


def test_a_repeated_refund_is_one_refund_after_its_key_was_forgotten(seller, refunds):
    body = {"reason": "broken", "amount_minor": 100}
    first = seller.post(refunds, body, key="r-1")
    IdempotencyKey.objects.all().delete()

    assert seller.post(refunds, body, key="r-1").json()["id"] == first.json()["id"]
    assert Refund.objects.count() == 1


def test_another_refund_under_the_key_is_refused(seller, refunds):
    seller.post(refunds, {"reason": "broken", "amount_minor": 100}, key="r-1")

    assert seller.post(refunds, {"reason": "broken", "amount_minor": 200}, key="r-1").status_code == 422
    assert Refund.objects.count() == 1


def test_a_refund_that_was_too_large_may_be_corrected_under_its_key(seller, refunds):
    assert seller.post(refunds, {"reason": "x", "amount_minor": 10**9}, key="r-1").status_code == 409
    assert seller.post(refunds, {"reason": "x", "amount_minor": 5}, key="r-1").status_code == 201


# At once ------------------------------------------------------------------------------------------------------------


def settled(answers) -> list[int]:
    """The statuses of parallel twins. Each has replayed, was told to wait, or is the one that did it."""
    assert not failures(answers)
    done = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in done}) == 1
    assert len([answer for answer in done if "Idempotent-Replayed" not in answer.headers]) == 1
    return [answer.status_code for answer in answers if answer.status_code not in (201, 409)]


def test_twenty_twins_at_once_make_one_order(committed, guest, cart, stripe_local):
    answers = at_once([lambda: guest.post("checkout", order_of(cart), key="k-1")] * 20)

    assert settled(answers) == []
    assert Order.objects.count() == Payment.objects.count() == len(sessions(stripe_local)) == 1
    assert item_of(cart.lines.get().variant).reserved_stock == 1


def test_twenty_twin_refunds_at_once_are_one_refund(committed, seller, refunds):
    body = {"reason": "broken", "amount_minor": 100}
    answers = at_once([lambda: seller.post(refunds, body, key="r-1")] * 20)

    assert settled(answers) == []
    assert Refund.objects.get().amount_minor == 100
