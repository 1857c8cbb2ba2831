"""A fresh local Stripe per test, and short ways to things that tests need."""

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from stripe_local.testing import LocalStripe

TWO_DAYS = 172_800


@pytest.fixture(scope="session")
def server() -> Iterator[LocalStripe]:
    with LocalStripe() as local:
        yield local


@pytest.fixture
def local(server: LocalStripe) -> LocalStripe:
    server.reset()
    return server


@pytest.fixture
def client(local: LocalStripe) -> stripe.StripeClient:
    return local.client(max_network_retries=0)


def session_params(**extra: Any) -> dict[str, Any]:
    """A checkout of two mugs at 50.00 EUR."""
    price_data = {"currency": "eur", "unit_amount": 5000, "product_data": {"name": "Mug <blue>"}}
    return {
        "mode": "payment",
        "line_items": [{"quantity": 2, "price_data": price_data}],
        "success_url": "http://shop.localhost/thanks?s={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://shop.localhost/cart",
        "payment_intent_data": {"metadata": {"order": "1"}, "transfer_group": "order_1"},
        **extra,
    }


def buy(
    client: stripe.StripeClient, amount: int = 10_000, currency: str = "eur", **extra: Any
) -> stripe.PaymentIntent:
    """A payment that succeeds."""
    params = {
        "amount": amount,
        "currency": currency,
        "confirm": True,
        "payment_method": "pm_card_visa",
        **extra,
    }
    return client.v1.payment_intents.create(params)


def seller(local: LocalStripe, client: stripe.StripeClient) -> str:
    """The id of an account that may receive transfers."""
    wanted = {"transfers": {"requested": True}}
    account = client.v1.accounts.create({"type": "express", "country": "DE", "capabilities": wanted})
    local.onboard(account.id)
    return account.id


def types(local: LocalStripe, since: str | None = None) -> list[str]:
    """The types of the events that happened, oldest first."""
    return [event["type"] for event in local.events(since)]
