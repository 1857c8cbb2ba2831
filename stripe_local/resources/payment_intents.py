"""Payment intents: what a buyer is to pay."""

from typing import Any

from stripe_local.call import Call
from stripe_local.currencies import check_amount, check_charge_amount, check_currency, check_whole
from stripe_local.errors import ApiError, bad_parameter, unexpected_state
from stripe_local.events import emit
from stripe_local.ids import new_id, random_text
from stripe_local.listing import list_objects
from stripe_local.metadata import merge_metadata
from stripe_local.rendering import public
from stripe_local.resources import payment_flow, payment_methods
from stripe_local.shapes import names
from stripe_local.store import Document

NOT_HERE = [
    "application_fee_amount",
    "confirmation_token",
    "customer",
    "customer_account",
    "mandate",
    "mandate_data",
    "off_session",
    "on_behalf_of",
    "payment_method_data",
    "setup_future_usage",
    "transfer_data",
    "hooks",
]
UNUSED = (
    "application application_fee_amount canceled_at cancellation_reason customer customer_account"
    " excluded_payment_method_types last_payment_error latest_charge managed_payments next_action on_behalf_of"
    " payment_method payment_method_configuration_details processing review setup_future_usage shipping source"
    " statement_descriptor statement_descriptor_suffix transfer_data"
)
EDITABLE = (
    "description",
    "receipt_email",
    "transfer_group",
    "statement_descriptor",
    "statement_descriptor_suffix",
)


def new_intent(call: Call, *, amount: int, currency: str, params: dict[str, Any]) -> Document:
    """Keep a new intent. Emits payment_intent.created."""
    refuse_card_capture(params)
    intent_id = new_id("pi")
    intent: Document = {
        "id": intent_id,
        "object": "payment_intent",
        "amount": check_charge_amount(amount, currency),
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": f"{intent_id}_secret_{random_text(24)}",
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "created": call.now,
        "currency": currency,
        "livemode": False,
        "metadata": merge_metadata({}, params.get("metadata")),
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
        **names(UNUSED),
        **{name: params.get(name) for name in EDITABLE},
        "shipping": params.get("shipping"),
    }
    call.store.insert(intent, account=call.account)
    emit(call, "payment_intent.created", intent)
    return intent


def refuse_card_capture(params: dict[str, Any]) -> None:
    """Refuse to hold by `payment_method_options`: `capture_method` is the only way here."""
    if "capture_method" in (params.get("payment_method_options") or {}).get("card", {}):
        name = "payment_method_options[card][capture_method]"
        raise bad_parameter(f"This local server does not support {name}.", param=name)


def create(call: Call) -> Document:
    """POST /v1/payment_intents, with `confirm=true` also confirms."""
    call.refuse(*NOT_HERE)
    currency = check_currency(call.need("currency"))
    intent = new_intent(call, amount=call.params["amount"], currency=currency, params=call.params)
    if call.params.get("confirm"):
        return confirm_intent(call, intent)
    if "payment_method" in call.params:
        attach(call, intent, call.params["payment_method"])
    return intent


def attach(call: Call, intent: Document, name: str) -> Document:
    """Remember how it will be paid; returns the payment method."""
    method, _ = payment_methods.resolve(call, name)
    intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    call.store.save(intent)
    return method


def load(call: Call) -> Document:
    """The intent of the path."""
    return call.load("payment_intent", call.path[0])


def retrieve(call: Call) -> Document:
    """GET /v1/payment_intents/{id}"""
    call.refuse("client_secret")
    return load(call)


def list_all(call: Call) -> Document:
    """GET /v1/payment_intents"""
    call.refuse("customer", "customer_account")
    return list_objects(call, "payment_intent", "/v1/payment_intents")


def update(call: Call) -> Document:
    """POST /v1/payment_intents/{id}: metadata at any time; amount, currency and the rest before it is paid."""
    call.refuse(*NOT_HERE)
    intent = load(call)
    if (
        set(call.params) - {"metadata", "expand", "description"}
        and intent["status"] not in payment_flow.CONFIRMABLE
    ):
        raise unexpected_state(public(intent, call.now), "update")
    intent["metadata"] = merge_metadata(intent["metadata"], call.params.get("metadata"))
    if "currency" in call.params:
        intent["currency"] = check_currency(call.params["currency"])
    if "amount" in call.params:
        intent["amount"] = check_charge_amount(call.params["amount"], intent["currency"])
    for name in (*EDITABLE, "shipping", "capture_method"):
        if name in call.params:
            intent[name] = call.params[name] or None
    call.store.save(intent)
    if "payment_method" in call.params:
        attach(call, intent, call.params["payment_method"])
    return intent


def confirm(call: Call) -> Document:
    """POST /v1/payment_intents/{id}/confirm"""
    call.refuse(*NOT_HERE)
    intent = load(call)
    refuse_checkout(intent, "confirm")
    return confirm_intent(call, intent)


def confirm_intent(call: Call, intent: Document) -> Document:
    """Confirm with the sent payment method, or with the one attached before."""
    name = call.params.get("payment_method") or intent["payment_method"]
    if not name:
        raise ApiError(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the"
            " PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a"
            " payment method.",
            code="payment_intent_unexpected_state",
            payment_intent=public(intent, call.now),
        )
    method, card = payment_methods.resolve(call, name)
    if card.needs_authentication and call.params.get("error_on_requires_action"):
        error = {
            "code": "authentication_required",
            "decline_code": "authentication_required",
            "message": "Your card was declined. This transaction requires authentication.",
            "payment_method": public(method, call.now),
            "type": "card_error",
        }
        payment_flow.fail(call, intent, error)
        raise payment_flow.card_error(call, intent, error)
    return payment_flow.confirm(
        call, intent, method=method, card=card, return_url=call.params.get("return_url")
    )


def capture(call: Call) -> Document:
    """POST /v1/payment_intents/{id}/capture, the whole held amount or `amount_to_capture` of it."""
    call.refuse("application_fee_amount", "transfer_data", "hooks")
    intent = load(call)
    if intent["status"] != "requires_capture":
        raise unexpected_state(public(intent, call.now), "capture")
    wanted: int = call.params.get("amount_to_capture") or intent["amount_capturable"]
    amount = check_whole(
        check_amount(wanted, param="amount_to_capture"), intent["currency"], param="amount_to_capture"
    )
    if amount > intent["amount_capturable"]:
        message = "The amount_to_capture cannot be greater than the amount that can be captured."
        raise ApiError(message, code="amount_too_large", param="amount_to_capture")
    if call.params.get("final_capture") is False:
        raise bad_parameter("Multicapture is not available for this payment.", param="final_capture")
    intent["metadata"] = merge_metadata(intent["metadata"], call.params.get("metadata"))
    charge = call.load("charge", intent["latest_charge"])
    payment_flow.take(call, intent, charge, amount, first="charge.captured")
    if intent.get("_session"):
        session = call.load("checkout.session", intent["_session"])
        call.store.save({**session, "payment_status": "paid"})
    return intent


def cancel(call: Call) -> Document:
    """POST /v1/payment_intents/{id}/cancel"""
    intent = load(call)
    if intent["status"] != "requires_capture":
        refuse_checkout(intent, "cancel")
    return payment_flow.cancel(call, intent, reason=call.params.get("cancellation_reason"))


def refuse_checkout(intent: Document, verb: str) -> None:
    """An intent that a checkout page owns is not touched from outside."""
    if intent.get("_session"):
        raise ApiError(
            f"You cannot {verb} a PaymentIntent that was created by a Checkout Session. Expire the session instead.",
            code="payment_intent_unexpected_state",
        )
