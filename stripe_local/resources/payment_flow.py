"""How a payment intent moves: tried, authenticated, authorised, captured, cancelled."""

from typing import Any

from stripe_local.call import Call
from stripe_local.cards import BY_NUMBER, Card
from stripe_local.errors import ApiError, unexpected_state
from stripe_local.events import emit
from stripe_local.rendering import public
from stripe_local.resources import charges, payment_methods
from stripe_local.store import Document

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = (*CONFIRMABLE, "requires_capture", "processing")
HOLD_SECONDS = 7 * 86_400


def confirm(
    call: Call, intent: Document, *, method: Document, card: Card, return_url: str | None = None
) -> Document:
    """Try a card. Raises the card error of a decline, whose failed charge stays on the intent.

    Emits payment_intent.requires_action, or what `settle` emits.
    """
    if intent["status"] not in CONFIRMABLE:
        raise unexpected_state(public(intent, call.now), "confirm")
    intent["payment_method"] = method["id"]
    if card.needs_authentication:
        return require_action(call, intent, return_url)
    return settle(call, intent, method, card)


def require_action(call: Call, intent: Document, return_url: str | None) -> Document:
    """Wait for the buyer to authenticate on the page of `next_action`."""
    page = f"{call.settings.public_url}/3ds/{intent['id']}"
    intent |= {
        "status": "requires_action",
        "next_action": {
            "type": "redirect_to_url",
            "redirect_to_url": {"url": page, "return_url": return_url},
        },
    }
    call.store.save(intent)
    emit(call, "payment_intent.requires_action", intent)
    return intent


def authenticate(call: Call, intent: Document, *, succeeds: bool) -> Document:
    """The buyer's answer to the bank's question. Raises a card error when it fails."""
    if intent["status"] != "requires_action":
        raise unexpected_state(public(intent, call.now), "authenticate")
    method, card = payment_methods.resolve(call, intent["payment_method"])
    intent["next_action"] = None
    if succeeds:
        return settle(call, intent, method, BY_NUMBER["4242424242424242"] if card.code is None else card)
    error = {
        "code": "payment_intent_authentication_failure",
        "message": "The provided payment method has failed authentication.",
        "payment_method": public(method, call.now),
        "type": "invalid_request_error",
    }
    fail(call, intent, error)
    raise card_error(call, intent, error, kind="invalid_request_error")


def settle(call: Call, intent: Document, method: Document, card: Card) -> Document:
    """Charge the card.

    Declined: emits charge.failed and payment_intent.payment_failed, raises the card error. Manual capture: emits
    charge.succeeded and payment_intent.amount_capturable_updated. Otherwise captures.
    """
    charge = charges.attempt(call, intent, method, card)
    intent |= {"latest_charge": charge["id"], "next_action": None}
    if card.code is not None:
        emit(call, "charge.failed", charge)
        error = decline(call, charge, method, card)
        fail(call, intent, error)
        raise card_error(call, intent, error)
    intent["last_payment_error"] = None
    if intent["capture_method"] == "manual":
        return authorise(call, intent, charge)
    return take(call, intent, charge, intent["amount"], first="charge.succeeded", card=card)


def decline(call: Call, charge: Document, method: Document, card: Card) -> dict[str, Any]:
    """What is remembered of a decline as `last_payment_error`."""
    return {
        "advice_code": "try_again_later",
        "charge": charge["id"],
        "code": card.code,
        "decline_code": card.decline_code,
        "doc_url": f"https://docs.stripe.com/error-codes/{str(card.code).replace('_', '-')}",
        "message": card.message,
        "payment_method": public(method, call.now),
        "type": "card_error",
    }


def fail(call: Call, intent: Document, error: dict[str, Any]) -> None:
    """Back to asking for a payment method."""
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_payment_error": error}
    call.store.save(intent)
    emit(call, "payment_intent.payment_failed", intent)


def card_error(call: Call, intent: Document, error: dict[str, Any], *, kind: str = "card_error") -> ApiError:
    """The answer to a failed try; its work stays, since the try happened."""
    facts = {name: value for name, value in error.items() if name not in ("code", "message", "type")}
    return ApiError(
        error["message"],
        status=402,
        kind=kind,
        code=error["code"],
        keeps_work=True,
        payment_intent=public(intent, call.now),
        **facts,
    )


def authorise(call: Call, intent: Document, charge: Document) -> Document:
    """Hold the amount until it is captured, for a week at most."""
    capture_before = call.now + HOLD_SECONDS
    charge["payment_method_details"]["card"]["capture_before"] = capture_before
    call.store.save(charge)
    intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
    call.store.save(intent)
    call.store.set_due(intent["id"], capture_before)
    emit(call, "charge.succeeded", charge)
    emit(call, "payment_intent.amount_capturable_updated", intent)
    return intent


def take(
    call: Call, intent: Document, charge: Document, amount: int, *, first: str, card: Card | None = None
) -> Document:
    """Capture. Emits `first` (charge.succeeded or charge.captured), payment_intent.succeeded, charge.updated.

    As at Stripe with asynchronous capture, the first event does not know the balance transaction yet.
    """
    charges.capture(call, charge, amount)
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
    call.store.save(intent)
    call.store.set_due(intent["id"], None)
    is_async = intent["capture_method"] == "automatic_async"
    emit(call, first, {**charge, "balance_transaction": None} if is_async else charge)
    emit(call, "payment_intent.succeeded", intent)
    if is_async:
        emit(call, "charge.updated", charge, previous={"balance_transaction": None})
    if card is not None and card.disputed_as is not None:
        from stripe_local.resources.disputes import open_dispute

        open_dispute(call, charge, reason=card.disputed_as)
    return intent


def cancel(call: Call, intent: Document, *, reason: str | None) -> Document:
    """Void the intent and what it holds, which makes no refund. Emits payment_intent.canceled."""
    if intent["status"] not in CANCELABLE:
        raise unexpected_state(public(intent, call.now), "cancel")
    intent |= {
        "status": "canceled",
        "canceled_at": call.now,
        "cancellation_reason": reason,
        "amount_capturable": 0,
        "next_action": None,
    }
    call.store.save(intent)
    call.store.set_due(intent["id"], None)
    emit(call, "payment_intent.canceled", intent)
    return intent


def expire(call: Call, intent: Document) -> Document:
    """Let go what was held for too long. Emits charge.expired, payment_intent.canceled."""
    emit(call, "charge.expired", call.load("charge", intent["latest_charge"]))
    return cancel(call, intent, reason="expired")
