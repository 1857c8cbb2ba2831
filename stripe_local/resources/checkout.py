"""Checkout sessions: a hosted page on which one payment is made."""

from typing import Any

from stripe_local.call import Call
from stripe_local.currencies import check_charge_amount, check_currency
from stripe_local.errors import ApiError, bad_parameter, missing_parameter, no_such
from stripe_local.events import emit
from stripe_local.ids import new_id, random_text
from stripe_local.listing import list_objects
from stripe_local.metadata import merge_metadata
from stripe_local.rendering import list_of
from stripe_local.resources import payment_flow
from stripe_local.resources.payment_intents import new_intent, refuse_card_capture
from stripe_local.shapes import NO_ADDRESS, names
from stripe_local.store import Document

NOT_HERE = [
    "automatic_tax",
    "customer",
    "customer_account",
    "discounts",
    "invoice_creation",
    "optional_items",
    "payment_method_data",
    "setup_intent_data",
    "shipping_options",
    "subscription_data",
    "tax_id_collection",
]
NOT_HERE_EITHER = ("application_fee_amount", "transfer_data", "on_behalf_of", "setup_future_usage")
SHORTEST_SECONDS, LONGEST_SECONDS = 1_800, 86_400
UNUSED = (
    "after_expiration allow_promotion_codes billing_address_collection client_secret collected_information consent"
    " consent_collection currency_conversion customer customer_account customer_creation discounts"
    " integration_identifier invoice invoice_creation locale managed_payments origin_context payment_intent"
    " payment_link payment_method_configuration_details permissions recovered_from saved_payment_method_options"
    " setup_intent shipping_address_collection shipping_cost submit_type subscription wallet_options"
)
ECHOED = (
    "billing_address_collection", "cancel_url", "client_reference_id", "customer_creation", "customer_email", "locale",
    "origin_context", "shipping_address_collection", "submit_type", "success_url", "allow_promotion_codes",
)  # fmt: skip


def create(call: Call) -> Document:
    """POST /v1/checkout/sessions with mode=payment. No payment intent yet: the first try to pay makes it."""
    call.refuse(*NOT_HERE)
    refuse_card_capture(call.params)
    check_mode(call)
    lines = [line_item(call, number, line) for number, line in enumerate(call.need("line_items"))]
    currency = one_currency(lines)
    total = sum(line["amount_total"] for line in lines)
    if total:
        check_charge_amount(total, currency)
    session_id = f"cs_test_{random_text(58)}"
    expires_at = check_expiry(call)
    session: Document = {
        "id": session_id,
        "object": "checkout.session",
        **names(UNUSED),
        "adaptive_pricing": {"enabled": False},
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "created": call.now,
        "currency": currency,
        "custom_fields": call.params.get("custom_fields", []),
        "custom_text": names("after_submit shipping_address submit terms_of_service_acceptance"),
        "customer_details": customer_details(call.params.get("customer_email")),
        "expires_at": expires_at,
        "livemode": False,
        "metadata": merge_metadata({}, call.params.get("metadata")),
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "unpaid" if total else "no_payment_required",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{call.settings.public_url}/pay/{session_id}",
        **{name: call.params.get(name) for name in ECHOED},
        "_line_items": lines,
        "_intent": check_intent_data(call),
    }
    return call.store.insert(session, account=call.account, due_at=expires_at)


def check_mode(call: Call) -> None:
    """Only payments on the hosted page."""
    mode = call.params.get("mode") or _missing("mode")
    if mode != "payment" or call.params.get("ui_mode", "hosted_page") != "hosted_page":
        raise bad_parameter("This local server supports only mode=payment on the hosted page.", param="mode")
    if not call.params.get("success_url"):
        raise missing_parameter("success_url")


def _missing(name: str) -> Any:
    raise missing_parameter(name)


def check_intent_data(call: Call) -> dict[str, Any]:
    """What the payment intent will be made with."""
    data: dict[str, Any] = call.params.get("payment_intent_data") or {}
    for name in NOT_HERE_EITHER:
        if name in data:
            raise bad_parameter(
                f"This local server does not support payment_intent_data[{name}].", param=name
            )
    merge_metadata({}, data.get("metadata"))
    return data


def check_expiry(call: Call) -> int:
    """When the page closes: from 30 minutes to 24 hours from now, 24 hours when not said."""
    now = call.now
    expires_at = int(call.params.get("expires_at", now + LONGEST_SECONDS))
    if expires_at < now + SHORTEST_SECONDS - 60:
        message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        raise bad_parameter(message, param="expires_at")
    if expires_at > now + LONGEST_SECONDS + 60:
        message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        raise bad_parameter(message, param="expires_at")
    return expires_at


def line_item(call: Call, number: int, line: dict[str, Any]) -> Document:
    """One line of the page, priced."""
    where = f"line_items[{number}]"
    if "price_data" not in line:
        raise bad_parameter("This local server needs price_data on every line.", param=f"{where}[price_data]")
    price_data = line["price_data"]
    if "quantity" not in line:
        raise missing_parameter(f"{where}[quantity]")
    currency = check_currency(price_data["currency"], param=f"{where}[price_data][currency]")
    unit_amount = price_data.get("unit_amount")
    if unit_amount is None:
        raise missing_parameter(f"{where}[price_data][unit_amount]")
    if unit_amount < 0 or line["quantity"] < 1:
        raise bad_parameter("Invalid non-negative integer", param=where, code="parameter_invalid_integer")
    total = unit_amount * line["quantity"]
    name = price_data.get("product_data", {}).get("name") or price_data.get("product", "")
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": currency,
        "description": name,
        "metadata": line.get("metadata", {}),
        "price": price(call, currency, unit_amount),
        "quantity": line["quantity"],
    }


def price(call: Call, currency: str, unit_amount: int) -> Document:
    """The price made for one line."""
    return {
        "id": new_id("price"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": call.now,
        "currency": currency,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": new_id("prod"),
        "recurring": None,
        "tax_behavior": "unspecified",
        "type": "one_time",
        "unit_amount": unit_amount,
        "unit_amount_decimal": str(unit_amount),
    }


def one_currency(lines: list[Document]) -> str:
    """The currency of all lines."""
    currencies = {line["currency"] for line in lines}
    if len(currencies) != 1:
        raise bad_parameter("All line items must have the same currency.", param="line_items")
    return str(currencies.pop())


def customer_details(email: str | None) -> Document | None:
    """What is known of the buyer."""
    if email is None:
        return None
    unknown = names("business_name individual_name name phone tax_ids")
    return {"address": dict(NO_ADDRESS), "email": email, "tax_exempt": "none", **unknown}


def start_payment(call: Call, session: Document) -> Document:
    """The session's payment intent, made now when this is the first try."""
    if session["payment_intent"] is not None:
        return call.load("payment_intent", session["payment_intent"])
    params = {"receipt_email": session["customer_email"], **session["_intent"]}
    intent = new_intent(call, amount=session["amount_total"], currency=session["currency"], params=params)
    intent["_session"] = session["id"]
    call.store.save(intent)
    session["payment_intent"] = intent["id"]
    call.store.save(session)
    return intent


def complete(call: Call, session: Document, *, email: str | None = None) -> Document:
    """The buyer is done. Emits checkout.session.completed."""
    if session["payment_intent"] is not None:
        intent = call.load("payment_intent", session["payment_intent"])
        session["payment_status"] = "paid" if intent["status"] == "succeeded" else "unpaid"
    session |= {"status": "complete", "url": None}
    session["customer_details"] = session["customer_details"] or customer_details(
        email or "buyer@example.com"
    )
    session["customer_details"]["name"] = session["customer_details"]["name"] or "Jenny Rosen"
    call.store.save(session)
    call.store.set_due(session["id"], None)
    emit(call, "checkout.session.completed", session)
    return session


def close(call: Call, session: Document) -> Document:
    """The page closes unpaid. Emits payment_intent.canceled when there was a try, checkout.session.expired."""
    session |= {"status": "expired", "url": None}
    call.store.save(session)
    call.store.set_due(session["id"], None)
    if session["payment_intent"] is not None:
        intent = call.load("payment_intent", session["payment_intent"])
        if intent["status"] in payment_flow.CANCELABLE:
            payment_flow.cancel(call, intent, reason="automatic")
    emit(call, "checkout.session.expired", session)
    return session


def load(call: Call) -> Document:
    """The session of the path."""
    session = call.store.get("checkout.session", call.path[0], account=call.account)
    if session is None:
        raise no_such("checkout.session", call.path[0], param="session")
    return session


def retrieve(call: Call) -> Document:
    """GET /v1/checkout/sessions/{id}"""
    return load(call)


def list_all(call: Call) -> Document:
    """GET /v1/checkout/sessions"""
    call.refuse("customer", "customer_account", "customer_details", "payment_link", "subscription")
    return list_objects(
        call, "checkout.session", "/v1/checkout/sessions", filters=("payment_intent", "status")
    )


def expire(call: Call) -> Document:
    """POST /v1/checkout/sessions/{id}/expire"""
    session = load(call)
    if session["status"] != "open":
        raise ApiError(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of'
            f" {session['status']}.",
            param="session",
        )
    return close(call, session)


def update(call: Call) -> Document:
    """POST /v1/checkout/sessions/{id}: metadata"""
    if set(call.params) - {"metadata", "expand"}:
        raise bad_parameter("This local server can update only the metadata of a session.")
    session = load(call)
    session["metadata"] = merge_metadata(session["metadata"], call.params.get("metadata"))
    return call.store.save(session)


def line_items(call: Call) -> Document:
    """GET /v1/checkout/sessions/{id}/line_items"""
    session = load(call)
    limit = call.params.get("limit", 10)
    lines = session["_line_items"]
    return list_of(
        lines[:limit], f"/v1/checkout/sessions/{session['id']}/line_items", has_more=len(lines) > limit
    )
