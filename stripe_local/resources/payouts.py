"""Payouts: from an account's balance to its bank."""

from stripe_local import ledger
from stripe_local.call import Call
from stripe_local.currencies import check_amount, check_currency
from stripe_local.errors import ApiError
from stripe_local.events import emit
from stripe_local.ids import new_id
from stripe_local.listing import list_objects
from stripe_local.metadata import merge_metadata
from stripe_local.resources.funds import balance_insufficient
from stripe_local.shapes import names
from stripe_local.store import Document

UNUSED = (
    "application_fee application_fee_amount failure_balance_transaction failure_code failure_message original_payout"
    " payout_method reversed_by statement_descriptor"
)
ARRIVES_AFTER_SECONDS = 2 * 86_400


def create(call: Call) -> Document:
    """POST /v1/payouts, a payout by hand."""
    call.refuse("destination", "payout_method")
    amount = check_amount(call.params["amount"])
    return pay_out(call, currency=check_currency(call.params["currency"]), amount=amount, is_automatic=False)


def pay_out(call: Call, *, currency: str, amount: int | None = None, is_automatic: bool = True) -> Document:
    """Send available funds (all of them when `amount` is None) to the bank. Emits payout.created."""
    available, _ = ledger.funds(call, call.account, currency)
    amount = available if amount is None else amount
    if amount < 1 or amount > available:
        raise balance_insufficient()
    payout = new_payout(call, amount, currency, is_automatic)
    if is_automatic:
        claim_transactions(call, payout)
    transaction = ledger.post(
        call,
        kind="payout",
        amount=-amount,
        currency=currency,
        source=payout["id"],
        description="STRIPE PAYOUT",
    )
    payout["balance_transaction"] = transaction["id"]
    if is_automatic:
        call.store.save({**transaction, "_payout": payout["id"]})
    call.store.save(payout)
    emit(call, "payout.created", payout)
    return payout


def new_payout(call: Call, amount: int, currency: str, is_automatic: bool) -> Document:
    """Keep a payout that is on its way."""
    payout: Document = {
        "id": new_id("po"),
        "object": "payout",
        "amount": amount,
        "arrival_date": call.now + ARRIVES_AFTER_SECONDS,
        "automatic": is_automatic,
        "balance_transaction": None,
        "created": call.now,
        "currency": currency,
        "description": call.params.get("description") or "STRIPE PAYOUT",
        "destination": bank_account_of(call),
        "livemode": False,
        "metadata": merge_metadata({}, call.params.get("metadata")),
        "method": call.params.get("method", "standard"),
        "reconciliation_status": "completed" if is_automatic else "not_applicable",
        "source_type": "card",
        "status": "in_transit",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
        **names(UNUSED),
    }
    return call.store.insert(payout, account=call.account)


def bank_account_of(call: Call) -> str | None:
    """The id of the account's first bank account."""
    account = call.store.get("account", call.account) if call.account else None
    banks = account["external_accounts"]["data"] if account else []
    return banks[0]["id"] if banks else None


def claim_transactions(call: Call, payout: Document) -> None:
    """Mark what an automatic payout pays: every available transaction of its currency that none paid before."""
    found = call.store.find("balance_transaction", account=call.account, currency=payout["currency"])
    for transaction in found:
        if "_payout" not in transaction and transaction["available_on"] <= call.now:
            call.store.save({**transaction, "_payout": payout["id"]})


def mark_paid(call: Call, payout: Document) -> Document:
    """The bank has it. Emits payout.updated, payout.paid."""
    if payout["status"] not in ("in_transit", "pending"):
        raise ApiError(f"This payout has a status of {payout['status']}.")
    before = payout["status"]
    payout |= {"status": "paid", "trace_id": {"status": "supported", "value": f"FT{payout['created']}"}}
    call.store.save(payout)
    emit(call, "payout.updated", payout, previous={"status": before})
    emit(call, "payout.paid", payout)
    return payout


def mark_failed(call: Call, payout: Document, *, code: str = "account_closed") -> Document:
    """The bank sent it back, perhaps after it was paid. Emits payout.updated, payout.failed."""
    if payout["status"] not in ("in_transit", "pending", "paid"):
        raise ApiError(f"This payout has a status of {payout['status']}.")
    transaction = ledger.post(
        call,
        kind="payout_failure",
        amount=payout["amount"],
        currency=payout["currency"],
        source=payout["id"],
        description="STRIPE PAYOUT FAILURE",
    )
    before = payout["status"]
    payout |= {
        "status": "failed",
        "failure_code": code,
        "failure_message": f"The bank account could not be paid ({code}).",
        "failure_balance_transaction": transaction["id"],
    }
    call.store.save(payout)
    emit(call, "payout.updated", payout, previous={"status": before})
    emit(call, "payout.failed", payout)
    return payout


def retrieve(call: Call) -> Document:
    """GET /v1/payouts/{id}"""
    return call.load("payout", call.path[0])


def list_all(call: Call) -> Document:
    """GET /v1/payouts"""
    call.refuse("arrival_date")
    return list_objects(call, "payout", "/v1/payouts", filters=("status", "destination"))
