"""Disputes: a buyer's bank takes a payment back until it is decided who is right."""

from stripe_local import ledger
from stripe_local.call import Call
from stripe_local.currencies import check_whole
from stripe_local.errors import ApiError
from stripe_local.events import emit
from stripe_local.ids import new_id
from stripe_local.listing import list_objects
from stripe_local.metadata import merge_metadata
from stripe_local.resources.charges import refundable
from stripe_local.shapes import names
from stripe_local.store import Document

EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal"
    " customer_communication customer_email_address customer_name customer_purchase_ip customer_signature"
    " duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt"
    " refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation"
    " shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number"
    " uncategorized_file uncategorized_text"
)
OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
RESPONSE_SECONDS = 9 * 86_400
DISPUTE_FEE = 1_500


def open_dispute(
    call: Call,
    charge: Document,
    *,
    amount: int | None = None,
    reason: str = "general",
    fee: int = DISPUTE_FEE,
    inquiry: bool = False,
) -> Document:
    """Take `amount` (all that is left when None) and the fee from the balance; an inquiry takes nothing yet.

    Emits charge.dispute.created, charge.dispute.funds_withdrawn, charge.updated.
    """
    left = disputable(call, charge)
    amount = left if amount is None else check_whole(amount, charge["currency"])
    if not 1 <= amount <= left:
        raise ApiError(
            f"A dispute of {amount} is not possible: {left} of the charge is left.", param="amount"
        )
    if any(
        each["status"] in OPEN
        for each in call.store.find("dispute", account=call.account, charge=charge["id"])
    ):
        raise ApiError(f"Charge {charge['id']} has an open dispute already.", param="charge")
    dispute = new_dispute(call, charge, amount, reason, is_inquiry=inquiry)
    emit(call, "charge.dispute.created", dispute)
    if not inquiry:
        withdraw(call, dispute, amount=-amount, fee=fee)
        emit(call, "charge.dispute.funds_withdrawn", dispute)
    was_disputed, charge["disputed"] = charge["disputed"], True
    call.store.save(charge)
    if not was_disputed:
        emit(call, "charge.updated", charge, previous={"disputed": False})
    return dispute


def disputable(call: Call, charge: Document) -> int:
    """What is left of a charge after its refunds and the disputes it lost."""
    disputes = call.store.find("dispute", account=call.account, charge=charge["id"])
    return refundable(charge) - sum(each["amount"] for each in disputes if each["status"] == "lost")


def new_dispute(call: Call, charge: Document, amount: int, reason: str, *, is_inquiry: bool) -> Document:
    """Keep a dispute, or an inquiry, that asks for a response."""
    brand = charge["payment_method_details"]["card"]["brand"]
    case_type = "inquiry" if is_inquiry else "chargeback"
    card = {"brand": brand, "case_type": case_type, "network": brand, "network_reason_code": "10.4"}
    dispute: Document = {
        "id": new_id("dp"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**names(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": call.now + RESPONSE_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": is_inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {"card": card, "type": "card"},
        "reason": reason,
        "status": "warning_needs_response" if is_inquiry else "needs_response",
    }
    return call.store.insert(dispute, account=call.account)


def withdraw(call: Call, dispute: Document, *, amount: int, fee: int) -> None:
    """Move money because of a dispute; a positive amount (and a negative fee) gives it back."""
    transaction = ledger.post(
        call,
        kind="adjustment",
        amount=amount,
        fee=fee,
        currency=dispute["currency"],
        source=dispute["id"],
        description=f"Chargeback {'withdrawal' if amount < 0 else 'reversal'} for {dispute['charge']}",
        reporting="dispute" if amount < 0 else "dispute_reversal",
    )
    dispute["balance_transactions"].append(transaction)
    dispute["_fee"] = dispute.get("_fee", 0) + fee
    call.store.save(dispute)


def decide(call: Call, dispute: Document, *, is_won: bool, returns_fee: bool = False) -> Document:
    """Close a dispute. Emits charge.dispute.funds_reinstated when won, charge.dispute.closed."""
    check_open(dispute)
    if is_inquiry(dispute):
        raise ApiError("This is an inquiry: it closes as warning_closed, or escalates.", param="outcome")
    dispute["status"] = "won" if is_won else "lost"
    call.store.save(dispute)
    if is_won:
        withdraw(call, dispute, amount=dispute["amount"], fee=-dispute["_fee"] if returns_fee else 0)
        emit(call, "charge.dispute.funds_reinstated", dispute)
    emit(call, "charge.dispute.closed", dispute)
    return dispute


def escalate(call: Call, dispute: Document, *, fee: int = DISPUTE_FEE) -> Document:
    """An inquiry becomes a dispute of what is left of its amount, with a new time to respond.

    Emits charge.dispute.updated, charge.dispute.funds_withdrawn.
    """
    check_open(dispute)
    if not is_inquiry(dispute):
        raise ApiError("Only an inquiry escalates.")
    amount = min(dispute["amount"], disputable(call, call.load("charge", dispute["charge"])))
    if amount < 1:
        raise ApiError("Nothing of the charge is left to dispute.")
    before = {
        name: dispute[name] for name in ("amount", "status", "is_charge_refundable", "evidence_details")
    }
    dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
    details = {**dispute["evidence_details"], "due_by": call.now + RESPONSE_SECONDS, "submission_count": 0}
    dispute |= {"amount": amount, "status": "needs_response", "is_charge_refundable": False}
    dispute["evidence_details"] = details
    call.store.save(dispute)
    previous = {name: value for name, value in before.items() if dispute[name] != value}
    emit(call, "charge.dispute.updated", dispute, previous=previous)
    withdraw(call, dispute, amount=-amount, fee=fee)
    emit(call, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def drop(call: Call, dispute: Document) -> Document:
    """An inquiry ends without a dispute. Emits charge.dispute.closed."""
    check_open(dispute)
    if not is_inquiry(dispute):
        raise ApiError("Only an inquiry closes as warning_closed.", param="outcome")
    dispute["status"] = "warning_closed"
    call.store.save(dispute)
    emit(call, "charge.dispute.closed", dispute)
    return dispute


def is_inquiry(dispute: Document) -> bool:
    """Whether the bank only asks so far."""
    return str(dispute["status"]).startswith("warning_")


def check_open(dispute: Document) -> None:
    """Refuse what comes after the end."""
    if dispute["status"] not in OPEN:
        raise ApiError("This dispute is already closed", code="resource_already_closed")


def retrieve(call: Call) -> Document:
    """GET /v1/disputes/{id}"""
    return call.load("dispute", call.path[0])


def list_all(call: Call) -> Document:
    """GET /v1/disputes"""
    return list_objects(call, "dispute", "/v1/disputes", filters=("charge", "payment_intent"))


def update(call: Call) -> Document:
    """POST /v1/disputes/{id}: evidence, sent to the bank unless `submit=false`. Emits charge.dispute.updated."""
    dispute = call.load("dispute", call.path[0])
    before = {name: dispute[name] for name in ("status", "metadata", "evidence", "evidence_details")}
    dispute["metadata"] = merge_metadata(dispute["metadata"], call.params.get("metadata"))
    if "evidence" in call.params:
        add_evidence(call, dispute)
    call.store.save(dispute)
    emit(
        call, "charge.dispute.updated", dispute, previous={k: v for k, v in before.items() if dispute[k] != v}
    )
    return dispute


def add_evidence(call: Call, dispute: Document) -> None:
    """Keep evidence and, when submitted, wait for the bank."""
    check_open(dispute)
    dispute["evidence"] = {**dispute["evidence"], **call.params["evidence"]}
    details = {**dispute["evidence_details"], "has_evidence": True}
    if call.params.get("submit", True):
        details["submission_count"] += 1
        dispute["status"] = "warning_under_review" if is_inquiry(dispute) else "under_review"
    dispute["evidence_details"] = details


def close(call: Call) -> Document:
    """POST /v1/disputes/{id}/close: give in; the dispute is lost. An inquiry is refused: refund its charge."""
    return decide(call, call.load("dispute", call.path[0]), is_won=False)
