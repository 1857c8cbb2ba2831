"""Charges: one attempt to take money, and what became of it."""

from typing import Any

from stripe_local import ledger
from stripe_local.call import Call
from stripe_local.cards import Card
from stripe_local.currencies import processing_fee
from stripe_local.events import emit
from stripe_local.ids import new_id
from stripe_local.listing import list_objects
from stripe_local.metadata import merge_metadata
from stripe_local.resources.payment_methods import card_shape
from stripe_local.shapes import billing_details, names
from stripe_local.store import Document

UNUSED = (
    "application application_fee application_fee_amount calculated_statement_descriptor customer"
    " failure_balance_transaction on_behalf_of receipt_number review shipping source source_transfer"
    " statement_descriptor statement_descriptor_suffix transfer_data"
)


def attempt(call: Call, intent: Document, method: Document, card: Card) -> Document:
    """Try the card once for the intent's amount; the charge is failed, authorised or (see `capture`) captured."""
    return call.store.insert(new_charge(call, intent, method, card), account=call.account)


def new_charge(call: Call, intent: Document, method: Document, card: Card) -> Document:
    """A charge that is not kept yet."""
    is_declined = card.code is not None
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "balance_transaction": None,
        "billing_details": billing_details(
            email=method["billing_details"]["email"] or intent["receipt_email"]
        ),
        "captured": False,
        "created": call.now,
        "currency": intent["currency"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": card.code,
        "failure_message": card.message if is_declined else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "outcome": outcome(card),
        "paid": not is_declined,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": payment_details(card, intent["amount"]),
        "receipt_email": intent["receipt_email"],
        "receipt_url": None if is_declined else f"{call.settings.public_url}/receipts/{intent['id']}",
        "refunded": False,
        "status": "failed" if is_declined else "succeeded",
        "transfer_group": intent["transfer_group"],
        **names(UNUSED),
        "_is_available_at_once": card.is_available_at_once,
    }


def outcome(card: Card) -> dict[str, Any]:
    """What the card network said."""
    is_declined = card.code is not None
    return {
        "advice_code": "try_again_later" if is_declined else None,
        "network_advice_code": None,
        "network_decline_code": "05" if is_declined else None,
        "network_status": "declined_by_network" if is_declined else "approved_by_network",
        "reason": card.decline_code,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": "The bank did not return any further details with this decline."
        if is_declined
        else "Payment complete.",
        "type": "issuer_declined" if is_declined else "authorized",
    }


def payment_details(card: Card, amount: int) -> dict[str, Any]:
    """How it was paid."""
    shown = card_shape(card)
    kept = [
        "brand",
        "checks",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
        "regulated_status",
        "wallet",
    ]
    unavailable = {"status": "unavailable"}
    details = {
        **{name: shown[name] for name in kept},
        "amount_authorized": amount,
        "authorization_code": None,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": unavailable,
        "installments": None,
        "mandate": None,
        "multicapture": unavailable,
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": amount, **unavailable},
        "three_d_secure": None,
        "transaction_link_id": None,
    }
    return {"card": details, "type": "card"}


def capture(call: Call, charge: Document, amount: int) -> Document:
    """Take `amount` of an authorised charge: the platform's balance grows by it, less Stripe's fee."""
    settings = call.settings
    wait = 0 if charge["_is_available_at_once"] else settings.funds_after_seconds
    transaction = ledger.post(
        call,
        kind="charge",
        amount=amount,
        fee=processing_fee(amount, bps=settings.fee_bps, fixed=settings.fee_fixed),
        currency=charge["currency"],
        source=charge["id"],
        available_on=call.now + wait,
        description=charge["description"],
    )
    charge |= {"captured": True, "amount_captured": amount, "balance_transaction": transaction["id"]}
    return call.store.save(charge)


def refundable(charge: Document) -> int:
    """What is left of a captured charge."""
    return int(charge["amount_captured"] - charge["amount_refunded"])


def list_all(call: Call) -> Document:
    """GET /v1/charges"""
    return list_objects(call, "charge", "/v1/charges", filters=("payment_intent", "transfer_group"))


def retrieve(call: Call) -> Document:
    """GET /v1/charges/{id}"""
    return call.load("charge", call.path[0])


def update(call: Call) -> Document:
    """POST /v1/charges/{id}: metadata, description, transfer_group, receipt_email. Emits charge.updated."""
    call.refuse("customer", "fraud_details", "shipping")
    charge = call.load("charge", call.path[0])
    before = {name: charge[name] for name in ("metadata", *call.params) if name in charge}
    charge["metadata"] = merge_metadata(charge["metadata"], call.params.get("metadata"))
    for name in ("description", "transfer_group", "receipt_email"):
        charge[name] = call.params.get(name, charge[name])
    call.store.save(charge)
    emit(call, "charge.updated", charge, previous={k: v for k, v in before.items() if charge[k] != v})
    return charge
