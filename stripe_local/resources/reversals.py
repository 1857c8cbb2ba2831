"""Transfer reversals: funds back from a connected account to the platform."""

from stripe_local import ledger
from stripe_local.call import Call
from stripe_local.currencies import check_amount, money
from stripe_local.errors import ApiError, no_such
from stripe_local.events import emit
from stripe_local.ids import new_id
from stripe_local.listing import list_objects
from stripe_local.metadata import merge_metadata
from stripe_local.rendering import public
from stripe_local.resources.funds import balance_insufficient
from stripe_local.store import Document


def create(call: Call) -> Document:
    """POST /v1/transfers/{id}/reversals. Emits transfer.reversed, also for a part."""
    call.refuse("refund_application_fee")
    transfer = call.load("transfer", call.path[0])
    amount = reversal_amount(call, transfer)
    reversal = new_reversal(call, transfer, amount)
    before = {name: transfer[name] for name in ("amount_reversed", "reversed")}
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    transfer["reversals"]["data"].insert(0, public(reversal, call.now))
    call.store.save(transfer)
    give_back(call, transfer)
    previous = {name: value for name, value in before.items() if transfer[name] != value}
    emit(call, "transfer.reversed", transfer, previous=previous)
    return reversal


def give_back(call: Call, transfer: Document) -> None:
    """Show the reversal on what the connected account sees of the transfer."""
    payment = call.store.get("charge", transfer["destination_payment"], account=transfer["destination"])
    if payment is not None:
        facts = {"amount_refunded": transfer["amount_reversed"], "refunded": transfer["reversed"]}
        call.store.save(payment | facts)


def reversal_amount(call: Call, transfer: Document) -> int:
    """How much comes back; refuses more than is left, and more than the account has."""
    left, currency = transfer["amount"] - transfer["amount_reversed"], transfer["currency"]
    if left == 0:
        raise ApiError(
            f"Transfer {transfer['id']} is already fully reversed.", code="transfer_already_reversed"
        )
    amount = check_amount(call.params.get("amount", left))
    if amount > left:
        raise ApiError(
            f"Reversal amount ({money(amount, currency)}) is greater than unreversed amount on transfer"
            f" ({money(left, currency)})",
            param="amount",
        )
    available, pending = ledger.funds(call, transfer["destination"], currency)
    if (available + pending if is_pending(call, transfer) else available) < amount:
        raise balance_insufficient()
    return amount


def is_pending(call: Call, transfer: Document) -> bool:
    """Whether the transferred funds are still on their way."""
    return arrives_on(call, transfer) > call.now


def arrives_on(call: Call, transfer: Document) -> int:
    """When the transferred funds become available."""
    return int((call.store.get_any(transfer["balance_transaction"]) or {"available_on": 0})["available_on"])


def new_reversal(call: Call, transfer: Document, amount: int) -> Document:
    """Keep a reversal and move its funds."""
    reversal: Document = {
        "id": new_id("trr"),
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": None,
        "created": call.now,
        "currency": transfer["currency"],
        "destination_payment_refund": new_id("pyr"),
        "metadata": merge_metadata({}, call.params.get("metadata")),
        "source_refund": None,
        "transfer": transfer["id"],
    }
    facts = {"currency": transfer["currency"], "available_on": arrives_on(call, transfer)}
    refund_id, account_id = reversal["destination_payment_refund"], transfer["destination"]
    into = ledger.post(
        call, kind="transfer_refund", amount=amount, source=reversal["id"], account="", **facts
    )
    ledger.post(call, kind="payment_refund", amount=-amount, source=refund_id, account=account_id, **facts)
    reversal["balance_transaction"] = into["id"]
    return call.store.insert(reversal)


def retrieve(call: Call) -> Document:
    """GET /v1/transfers/{id}/reversals/{id}"""
    reversal = call.load("transfer_reversal", call.path[1])
    if reversal["transfer"] != call.path[0]:
        raise no_such("transfer reversal", call.path[1])
    return reversal


def list_all(call: Call) -> Document:
    """GET /v1/transfers/{id}/reversals"""
    transfer = call.load("transfer", call.path[0])
    return list_objects(
        call,
        "transfer_reversal",
        f"/v1/transfers/{transfer['id']}/reversals",
        fixed={"transfer": [transfer["id"]]},
    )


def update(call: Call) -> Document:
    """POST /v1/transfers/{id}/reversals/{id}: metadata"""
    reversal = retrieve(call)
    reversal["metadata"] = merge_metadata(reversal["metadata"], call.params.get("metadata"))
    return call.store.save(reversal)
