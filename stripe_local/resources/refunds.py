"""Refunds: money back to the buyer."""

from stripe_local import ledger
from stripe_local.call import Call
from stripe_local.currencies import check_amount, check_whole, money
from stripe_local.errors import ApiError, bad_parameter
from stripe_local.events import emit
from stripe_local.ids import new_id
from stripe_local.listing import list_objects
from stripe_local.metadata import merge_metadata
from stripe_local.resources.charges import refundable
from stripe_local.shapes import names
from stripe_local.store import Document

UNUSED = "customer customer_account receipt_number source_transfer_reversal transfer_reversal"


def create(call: Call) -> Document:
    """POST /v1/refunds. Emits refund.created, charge.refunded."""
    call.refuse("customer", "instructions_email", "origin", "refund_application_fee", "reverse_transfer")
    charge = refunded_charge(call)
    amount = refund_amount(call, charge)
    refund = new_refund(call, charge, amount)
    before = {name: charge[name] for name in ("amount_refunded", "refunded")}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    call.store.save(charge)
    emit(call, "refund.created", refund)
    previous = {name: value for name, value in before.items() if charge[name] != value}
    emit(call, "charge.refunded", charge, previous=previous)
    return refund


def refunded_charge(call: Call) -> Document:
    """The charge that the request names, directly or by its payment intent."""
    if "charge" in call.params:
        return call.load("charge", call.params["charge"], param="charge")
    if "payment_intent" not in call.params:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise bad_parameter(message, code="parameter_missing")
    intent = call.load("payment_intent", call.params["payment_intent"], param="payment_intent")
    if not intent["amount_received"]:
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise ApiError(message, code="payment_intent_unexpected_state", param="payment_intent")
    return call.load("charge", intent["latest_charge"])


def refund_amount(call: Call, charge: Document) -> int:
    """How much goes back; refuses more than is left, a charge already refunded, and one in dispute."""
    if not charge["captured"]:
        raise ApiError(
            f"Charge {charge['id']} has not been captured.", code="charge_not_refundable", param="charge"
        )
    if any(
        is_against(dispute)
        for dispute in call.store.find("dispute", account=call.account, charge=charge["id"])
    ):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise ApiError(message, code="charge_disputed")
    left, currency = refundable(charge), charge["currency"]
    if left == 0:
        raise ApiError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = check_whole(check_amount(call.params.get("amount", left)), currency)
    if amount > left:
        raise ApiError(
            f"Refund amount ({money(amount, currency)}) is greater than unrefunded amount on charge"
            f" ({money(left, currency)})",
            param="amount",
        )
    return amount


def is_against(dispute: Document) -> bool:
    """Whether a dispute holds the money, or took it."""
    return dispute["status"] not in (
        "won",
        "warning_closed",
        "warning_needs_response",
        "warning_under_review",
    )


def new_refund(call: Call, charge: Document, amount: int) -> Document:
    """Keep the refund and take its money from the balance, where the charge's money is (pending or available)."""
    refund: Document = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "destination_details": {
            "card": {
                "reference": None,
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": merge_metadata({}, call.params.get("metadata")),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": call.params.get("reason"),
        "status": "succeeded",
        **names(UNUSED),
    }
    paid_in = call.store.get_any(charge["balance_transaction"]) or {}
    transaction = ledger.post(
        call,
        kind="refund",
        amount=-amount,
        currency=charge["currency"],
        source=refund["id"],
        available_on=paid_in.get("available_on"),
        description="REFUND FOR CHARGE" + (f" ({charge['description']})" if charge["description"] else ""),
    )
    refund["balance_transaction"] = transaction["id"]
    return call.store.insert(refund, account=call.account)


def fail_refund(call: Call, refund: Document, *, reason: str = "lost_or_stolen_card") -> Document:
    """The bank sends a refund back. Emits refund.failed, refund.updated, charge.refund.updated, charge.updated."""
    if refund["status"] != "succeeded":
        raise ApiError(f"This refund has a status of {refund['status']}.")
    transaction = ledger.post(
        call,
        kind="refund_failure",
        amount=refund["amount"],
        currency=refund["currency"],
        source=refund["id"],
        description="REFUND FAILURE",
    )
    refund |= {
        "status": "failed",
        "failure_reason": reason,
        "failure_balance_transaction": transaction["id"],
    }
    call.store.save(refund)
    charge = call.load("charge", refund["charge"])
    before = {name: charge[name] for name in ("amount_refunded", "refunded")}
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    call.store.save(charge)
    previous = {"status": "succeeded"}
    emit(call, "refund.failed", refund)
    emit(call, "refund.updated", refund, previous=previous)
    emit(call, "charge.refund.updated", refund, previous=previous)
    emit(call, "charge.updated", charge, previous=before)
    return refund


def retrieve(call: Call) -> Document:
    """GET /v1/refunds/{id}"""
    return call.load("refund", call.path[-1])


def update(call: Call) -> Document:
    """POST /v1/refunds/{id}: metadata. Emits refund.updated, charge.refund.updated."""
    refund = call.load("refund", call.path[0])
    before = refund["metadata"]
    refund["metadata"] = merge_metadata(before, call.params.get("metadata"))
    call.store.save(refund)
    emit(call, "refund.updated", refund, previous={"metadata": before})
    emit(call, "charge.refund.updated", refund, previous={"metadata": before})
    return refund


def list_all(call: Call) -> Document:
    """GET /v1/refunds"""
    return list_objects(call, "refund", "/v1/refunds", filters=("charge", "payment_intent"))


def list_of_charge(call: Call) -> Document:
    """GET /v1/charges/{id}/refunds"""
    charge = call.load("charge", call.path[0])
    return list_objects(
        call, "refund", f"/v1/charges/{charge['id']}/refunds", fixed={"charge": [charge["id"]]}
    )
