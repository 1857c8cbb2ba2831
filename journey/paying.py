"""Payouts, as the journey asks for them: the preview first, then exactly that, then the bank."""

from functools import partial
from typing import Any

from journey.figures import added
from journey.http import control, stripe_list
from journey.statements import check_statement
from journey.world import Seller, World, eventually, new_key


def promised(world: World, *sellers: Seller) -> dict[str, int]:
    """What a run would pay to whom now, as the preview says it."""
    plans = world.operator.get("operator/payout-runs/preview").expect(200)
    wanted = {seller.tenant_id for seller in sellers}
    return {plan["tenant_id"]: plan["amount_minor"] for plan in plans if plan["tenant_id"] in wanted}


def why_not(world: World, seller: Seller) -> str:
    """The preview's reason for paying a seller nothing."""
    plans = world.operator.get("operator/payout-runs/preview").expect(200)
    (plan,) = [plan for plan in plans if plan["tenant_id"] == seller.tenant_id]
    assert plan["amount_minor"] == 0, plan
    reason: str = plan["reason"]
    return reason


def request(world: World, seller: Seller, amount: int) -> str:
    """A run for one seller: what the preview says is what is requested, and both are the amount. Returns its id."""
    assert promised(world, seller) == {seller.tenant_id: amount}, (
        f"promised {promised(world, seller)}, by hand {amount}"
    )
    body = {"tenants": [seller.tenant_id]}
    (made,) = world.operator.post("operator/payout-runs", body, key=new_key()).expect(201)["payouts"]
    assert made["amount_minor"] == amount, f"requested {made['amount_minor']}, by hand {amount}"
    payout_id: str = made["id"]
    return payout_id


def until(seller: Seller, payout_id: str, status: str) -> dict[str, Any]:
    """Waits for the payout to be there; returns it with its statement."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = seller.staff.get(f"seller/payouts/{payout_id}").expect(200)
        return found if found["status"] == status else None

    found: dict[str, Any] = eventually(f"payout {payout_id} is {status}", look)
    return found


def pay(world: World, seller: Seller) -> int:
    """All that is due: requested as promised, one transfer, a statement to the cent, at the bank. Returns the amount."""
    until_shows(seller, available=seller.unpaid)
    amount = seller.unpaid
    follow(world, seller, request(world, seller, amount), seller.due)
    until_shows(seller, available=0, in_transit=0, paid=sum(seller.paid))
    return amount


def follow(world: World, seller: Seller, payout_id: str, by_hand: dict[str, int]) -> str:
    """A requested payout to the bank. Returns the bank payout's id."""
    payout = until(seller, payout_id, "sent")
    assert payout["amount_minor"] == sum(by_hand.values())
    check_statement(seller, payout, by_hand)
    seller.paid.append(payout["amount_minor"])
    seller.settled = added(seller.sales)
    at_stripe = [transfer["amount"] for transfer in transfers(world, seller)]
    assert at_stripe == seller.paid, f"transfers at Stripe {at_stripe}, by hand {seller.paid}"
    bank = to_bank(world, seller, payout["amount_minor"])
    until(seller, payout_id, "paid")
    shown = balance(seller)
    assert (shown["in_transit_minor"], shown["paid_minor"]) == (0, sum(seller.paid)), shown
    return bank


def transfers(world: World, seller: Seller) -> list[dict[str, Any]]:
    """The seller's transfers at Stripe, oldest first."""
    found = stripe_list(world.stripe, "transfers")
    return [each for each in reversed(found) if each["metadata"]["tenant"] == seller.tenant_id]


def to_bank(world: World, seller: Seller, amount: int) -> str:
    """Stripe pays all of the seller's balance to the bank and tells us. Returns the bank payout's id."""
    account = transfers(world, seller)[0]["destination"]
    paid = control(world.stripe, "payouts", {"account": account, "currency": "eur"})
    assert paid["amount"] == amount, f"to the bank {paid['amount']}, by hand {amount}"
    control(world.stripe, f"payouts/{paid['id']}/paid", {})
    bank: str = paid["id"]
    return bank


def balance(seller: Seller) -> dict[str, Any]:
    """The seller's one balance."""
    (found,) = seller.staff.get("seller/balance").expect(200)
    return dict(found)


def shows(seller: Seller, **by_hand: int) -> bool:
    """Whether the balance has these amounts."""
    found = balance(seller)
    return all(found[f"{name}_minor"] == amount for name, amount in by_hand.items())


def until_shows(seller: Seller, **by_hand: int) -> None:
    """Waits for the balance to have these amounts. Raises AssertionError with what it has instead."""
    try:
        eventually("the balance is right", partial(shows, seller, **by_hand), 15)
    except AssertionError as problem:
        raise AssertionError(f"balance {balance(seller)}, by hand {by_hand}") from problem


def earnings(seller: Seller, order: dict[str, Any], state: str) -> dict[str, Any]:
    """What an order has earned; its state must be this one."""
    found: dict[str, Any] = seller.staff.get(f"seller/orders/{order['id']}/earnings").expect(200)
    assert found["state"] == state, f"expected {state}: {found}"
    assert found["net_minor"] == sum(found["parts"].values())
    return found
