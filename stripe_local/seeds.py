"""Many charges at once, as a busy month would have left them."""

from collections.abc import Iterator
from typing import Any

from stripe_local import ledger
from stripe_local.call import Call
from stripe_local.cards import BY_NUMBER
from stripe_local.currencies import check_charge_amount, check_currency
from stripe_local.resources.charges import new_charge
from stripe_local.shapes import billing_details
from stripe_local.store import Document

MOST = 1_000_000
DAY = 86_400


def sow(
    call: Call,
    *,
    charges: int,
    currency: str = "eur",
    amount: int = 1_000,
    fee: int = 59,
    days: int = 30,
    prefix: str = "seed",
) -> dict[str, Any]:
    """Keep captured charges with their balance transactions, evenly over the last days, oldest first. No events.

    Their ids are `ch_seed_0000001`, `txn_seed_0000001` and so on. They name payment intents `pi_seed_0000001` by which
    they are listed, but which are not there.
    """
    check_charge_amount(amount, check_currency(currency))
    if not (1 <= charges <= MOST and 0 <= fee <= amount and days >= 0):
        raise ValueError(f"charges must be 1 to {MOST}, fee 0 to the amount, days 0 or more")
    if call.store.get_any(f"ch_{prefix}_{1:07}") is not None:
        raise ValueError(f"{prefix} was sown before: choose another prefix")
    pairs = list(
        grown(call, charges, {"currency": currency.lower(), "amount": amount, "fee": fee}, days, prefix)
    )
    call.store.insert_many((each for pair in pairs for each in pair), account=call.account)
    ledger.move_all(call, call.account, (transaction for _, transaction in pairs))
    (first, _), (last, _) = pairs[0], pairs[-1]
    return {
        "charges": charges,
        "first": first["id"],
        "last": last["id"],
        "created": [first["created"], last["created"]],
    }


def grown(
    call: Call, charges: int, facts: dict[str, Any], days: int, prefix: str
) -> Iterator[tuple[Document, Document]]:
    """Each charge with its balance transaction."""
    now, wait, span = call.now, call.settings.funds_after_seconds, days * DAY
    charge = pattern(call, facts)
    transaction = ledger.new_transaction(kind="charge", source="", created=0, available_on=0, **facts)
    for number in range(1, charges + 1):
        name = f"{prefix}_{number:07}"
        created = now - span + span * number // charges
        charge_id, transaction_id = f"ch_{name}", f"txn_{name}"
        yield (
            {
                **charge,
                "id": charge_id,
                "created": created,
                "balance_transaction": transaction_id,
                "payment_intent": f"pi_{name}",
                "receipt_url": f"{call.settings.public_url}/receipts/pi_{name}",
            },
            {
                **transaction,
                "id": transaction_id,
                "created": created,
                "available_on": created + wait,
                "source": charge_id,
            },
        )


def pattern(call: Call, facts: dict[str, Any]) -> Document:
    """What all the charges have in common."""
    intent = {
        "id": "",
        "amount": facts["amount"],
        "currency": facts["currency"],
        "description": None,
        "metadata": {},
        "receipt_email": None,
        "transfer_group": None,
    }
    method = {"id": None, "billing_details": billing_details(email="buyer@example.com")}
    charge = new_charge(call, intent, method, BY_NUMBER["4242424242424242"])
    return charge | {"captured": True, "amount_captured": facts["amount"]}
