"""Balances as they are shown, and the refusal when one is too small."""

from stripe_local import ledger
from stripe_local.call import Call
from stripe_local.errors import ApiError
from stripe_local.listing import list_objects
from stripe_local.store import Document


def balance_insufficient() -> ApiError:
    """Not enough available funds."""
    return ApiError(
        "You have insufficient available funds in your Stripe account. Try adding funds directly to your available"
        " balance by creating Charges using the 4000000000000077 test card. See:"
        " https://docs.stripe.com/testing#available-balance",
        code="balance_insufficient",
        doc_url="https://docs.stripe.com/error-codes/balance-insufficient",
    )


def retrieve_balance(call: Call) -> Document:
    """GET /v1/balance of the platform or of the Stripe-Account."""
    funds = ledger.all_funds(call, call.account) or [("usd", 0, 0)]
    balance: Document = {
        "object": "balance",
        "available": [amount(currency, available) for currency, available, _ in funds],
        "livemode": False,
        "pending": [amount(currency, pending) for currency, _, pending in funds],
    }
    if not call.account:
        balance["connect_reserved"] = [{"amount": 0, "currency": currency} for currency, _, _ in funds]
    return balance


def amount(currency: str, minor: int) -> Document:
    """One currency's part of a balance."""
    return {"amount": minor, "currency": currency, "source_types": {"card": minor}}


def retrieve_transaction(call: Call) -> Document:
    """GET /v1/balance_transactions/{id}"""
    return call.load("balance_transaction", call.path[0])


def list_transactions(call: Call) -> Document:
    """GET /v1/balance_transactions by type, source, currency, created, payout"""
    fixed = {"_payout": [call.params["payout"]]} if "payout" in call.params else None
    url = "/v1/balance_transactions"
    return list_objects(call, "balance_transaction", url, filters=("type", "source", "currency"), fixed=fixed)
