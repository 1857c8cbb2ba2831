"""Cards that were used to pay."""

from stripe_local.call import Call
from stripe_local.cards import BY_NAME, BY_NUMBER, Card
from stripe_local.errors import ApiError, no_such
from stripe_local.ids import new_id
from stripe_local.shapes import billing_details
from stripe_local.store import Document


def create_card(call: Call, card: Card, *, email: str | None = None) -> Document:
    """Keep a card as a payment method."""
    document: Document = {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing_details(email=email),
        "card": card_shape(card),
        "created": call.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
        "_number": card.number,
    }
    return call.store.insert(document, account=call.account)


def card_shape(card: Card) -> Document:
    """What is shown of a card."""
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": card.brand,
        "exp_month": 12,
        "exp_year": 2040,
        "fingerprint": f"local{card.last4}",
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def resolve(call: Call, name: str) -> tuple[Document, Card]:
    """The payment method of that id and its card; `pm_card_...` names make a new one, as at Stripe."""
    if name in BY_NAME:
        card = BY_NUMBER[BY_NAME[name]]
        return create_card(call, card), card
    document = call.store.get("payment_method", name, account=call.account)
    if document is None:
        raise no_such("PaymentMethod", name, param="payment_method", status=400)
    return document, BY_NUMBER[document["_number"]]


def retrieve(call: Call) -> Document:
    """GET /v1/payment_methods/{id}"""
    return call.load("payment_method", call.path[0])


def create(call: Call) -> Document:
    """POST /v1/payment_methods with `card[number]` or `card[token]=tok_visa` of a test card."""
    card = BY_NUMBER.get(str(call.params.get("card", {}).get("number", "")))
    if call.params.get("type") != "card" or card is None:
        raise ApiError("Only the test cards can be used here.", param="card[number]", is_stored=False)
    return create_card(call, card)
