"""Transfers: from the platform's balance to a connected account's, and back."""

from stripe_local import ledger
from stripe_local.call import Call
from stripe_local.currencies import check_amount, check_currency
from stripe_local.errors import ApiError, no_such
from stripe_local.events import emit
from stripe_local.ids import new_id
from stripe_local.listing import list_objects
from stripe_local.metadata import merge_metadata
from stripe_local.rendering import list_of
from stripe_local.resources.funds import balance_insufficient
from stripe_local.store import Document


def create(call: Call) -> Document:
    """POST /v1/transfers. Emits transfer.created, and payment.created for the destination."""
    call.platform_only()
    amount = check_amount(call.need("amount"))
    currency = check_currency(call.params["currency"])
    account = destination(call)
    charge = source_charge(call, amount, currency)
    available_on = None
    if charge is not None:
        available_on = (call.store.get_any(charge["balance_transaction"]) or {}).get("available_on")
    elif ledger.funds(call, "", currency)[0] < amount:
        raise balance_insufficient()
    transfer = new_transfer(call, amount, currency, account["id"], charge)
    move_funds(call, transfer, available_on)
    emit(call, "transfer.created", transfer)
    return transfer


def destination(call: Call) -> Document:
    """The account that receives; refuses one that may not."""
    account_id = call.params["destination"]
    account = call.store.get("account", account_id)
    if account is None:
        raise no_such("destination", account_id, param="destination", status=400)
    if account["capabilities"].get("transfers") != "active":
        raise ApiError(
            "Your destination account needs to have at least one of the following capabilities enabled: transfers,"
            " crypto_transfers, legacy_payments",
            code="insufficient_capabilities_for_transfer",
        )
    return account


def source_charge(call: Call, amount: int, currency: str) -> Document | None:
    """The charge that funds the transfer, when the request names one; refuses more than the charge has."""
    charge_id = call.params.get("source_transaction")
    if charge_id is None:
        return None
    charge = call.load("charge", charge_id, param="source_transaction")
    if not charge["captured"]:
        raise ApiError(f"Charge {charge_id} has not been captured.", param="source_transaction")
    if charge["currency"] != currency:
        message = f"The currency of source_transaction's balance transaction ({charge['currency']}) must be the same"
        raise ApiError(f"{message} as the transfer currency ({currency}).", param="currency")
    siblings = call.store.find("transfer", source_transaction=charge_id)
    left = charge["amount_captured"] - sum(each["amount"] - each["amount_reversed"] for each in siblings)
    if amount > left:
        raise ApiError(
            "Transfers using this transaction as a source must not exceed the source amount of"
            f" {charge['amount_captured']} {currency}. (There are {len(siblings)} transfers that already use this source.)",
            param="amount",
        )
    return charge


def new_transfer(
    call: Call, amount: int, currency: str, account_id: str, charge: Document | None
) -> Document:
    """Keep a transfer, in the charge's group when it has a source."""
    transfer_id = new_id("tr")
    transfer: Document = {
        "id": transfer_id,
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "balance_transaction": None,
        "created": call.now,
        "currency": currency,
        "description": call.params.get("description"),
        "destination": account_id,
        "destination_payment": new_id("py"),
        "livemode": False,
        "metadata": merge_metadata({}, call.params.get("metadata")),
        "reversals": list_of([], f"/v1/transfers/{transfer_id}/reversals"),
        "reversed": False,
        "source_transaction": charge["id"] if charge else None,
        "source_type": call.params.get("source_type", "card"),
        "transfer_group": call.params.get("transfer_group") or group_of(call, charge),
    }
    return call.store.insert(transfer)


def group_of(call: Call, charge: Document | None) -> str | None:
    """A source charge's group; a charge without one gets one named after its payment."""
    if charge is None:
        return None
    if charge["transfer_group"] is None:
        charge["transfer_group"] = f"group_{charge['payment_intent']}"
        call.store.save(charge)
        intent = call.store.get("payment_intent", charge["payment_intent"])
        if intent is not None:
            call.store.save({**intent, "transfer_group": charge["transfer_group"]})
    return str(charge["transfer_group"])


def move_funds(call: Call, transfer: Document, available_on: int | None) -> None:
    """Out of the platform's balance, into the account's, both when the source is available."""
    facts = {"currency": transfer["currency"], "available_on": available_on}
    amount, account_id, payment_id = (
        transfer["amount"],
        transfer["destination"],
        transfer["destination_payment"],
    )
    out = ledger.post(call, kind="transfer", amount=-amount, source=transfer["id"], account="", **facts)
    into = ledger.post(call, kind="payment", amount=amount, source=payment_id, account=account_id, **facts)
    transfer["balance_transaction"] = out["id"]
    call.store.save(transfer)
    payment = destination_payment(call, transfer, into["id"])
    emit(call, "payment.created", payment, account=account_id)


def destination_payment(call: Call, transfer: Document, transaction_id: str) -> Document:
    """What the connected account sees of a transfer: a charge whose id begins with `py_`."""
    payment: Document = {
        "id": transfer["destination_payment"],
        "object": "charge",
        "amount": transfer["amount"],
        "amount_captured": transfer["amount"],
        "amount_refunded": 0,
        "balance_transaction": transaction_id,
        "captured": True,
        "created": call.now,
        "currency": transfer["currency"],
        "description": transfer["description"],
        "disputed": False,
        "livemode": False,
        "metadata": {},
        "paid": True,
        "payment_intent": None,
        "refunded": False,
        "source_transfer": transfer["id"],
        "status": "succeeded",
        "transfer_group": transfer["transfer_group"],
    }
    return call.store.insert(payment, account=transfer["destination"])


def retrieve(call: Call) -> Document:
    """GET /v1/transfers/{id}"""
    return call.load("transfer", call.path[0])


def list_all(call: Call) -> Document:
    """GET /v1/transfers"""
    return list_objects(call, "transfer", "/v1/transfers", filters=("destination", "transfer_group"))


def update(call: Call) -> Document:
    """POST /v1/transfers/{id}: metadata and description. Emits transfer.updated."""
    transfer = call.load("transfer", call.path[0])
    before = {"metadata": transfer["metadata"], "description": transfer["description"]}
    transfer["metadata"] = merge_metadata(transfer["metadata"], call.params.get("metadata"))
    transfer["description"] = call.params.get("description", transfer["description"])
    call.store.save(transfer)
    emit(call, "transfer.updated", transfer, previous={k: v for k, v in before.items() if transfer[k] != v})
    return transfer
