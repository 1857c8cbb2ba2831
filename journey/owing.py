"""Money that goes back and forth between a seller and the marketplace: debts, reserves, transfers that fail."""

from journey.figures import RESERVE_PERCENT
from journey.http import control
from journey.later import release_reserves
from journey.paying import (
    balance,
    earnings,
    follow,
    pay,
    request,
    to_bank,
    transfers,
    until,
    until_shows,
    why_not,
)
from journey.selling import set_seller_terms
from journey.shopping import buy, refund
from journey.world import World, new_key

RESERVE_DAYS = 30


def carry_a_debt(world: World) -> str:
    """Two units come back after they were paid out: the seller owes them, and the next payouts are less by it."""
    seller = world.sellers[1]
    sale, order = seller.sales[0], seller.staff.get(f"seller/orders/{seller.ids['order_id']}").expect(200)
    price, units = sale.lines[1]
    for _ in range(units):
        refund(seller, order, sale, price, unit_of=1)
    debt = sale.refunded - sale.commission_returned
    until_shows(seller, available=-debt, pending=0)
    assert why_not(world, seller), "a debt is never paid out"
    refused = seller.staff.post("seller/payouts", key=new_key()).expect(409)
    assert refused["code"] == "nothing_to_pay", refused

    small, small_order = buy(seller, (0, 1))
    left = debt - small.owed
    until_shows(seller, available=-left)
    earnings(seller, small_order, "debt")
    large, large_order = buy(seller, (1, 3))
    until_shows(seller, available=large.owed - left)
    paid = pay(world, seller)
    assert paid == small.owed + large.owed - debt
    earnings(seller, large_order, "paid")
    return (
        f"{units} x {price} back, one by one, after the payout: {debt} owed, {left} after a sale; "
        f"the next payout is {small.owed} + {large.owed} - {debt} = {paid}"
    )


def hold_a_reserve(world: World) -> str:
    """Ten per cent of two sales stay behind; one comes back with its sale, the other when its days are over."""
    seller = world.sellers[1]
    set_seller_terms(world, seller, reserve_basis_points=RESERVE_PERCENT * 100, reserve_days=RESERVE_DAYS)
    (kept, kept_order), (gone, gone_order) = [buy(seller, (2, 2), reserved=RESERVE_PERCENT) for _ in range(2)]
    held = kept.reserve + gone.reserve
    until_shows(seller, reserved=held, available=seller.unpaid)
    shown = seller.staff.get(f"seller/orders/{kept_order['id']}/earnings").expect(200)
    assert shown["reserved_minor"] == kept.reserve, shown
    assert shown["reserve_release_at"] is not None
    paid = pay(world, seller)
    assert release_reserves(world, RESERVE_DAYS - 1) == 0, "its days are not over"

    refund(seller, gone_order, gone, gone.total)
    gone.is_reserve_back = True
    until_shows(seller, reserved=kept.reserve, available=seller.unpaid)
    assert release_reserves(world, RESERVE_DAYS + 1) == 1
    kept.is_reserve_back = True
    until_shows(seller, reserved=0, available=seller.unpaid)
    debt = -seller.unpaid
    set_seller_terms(world, seller, reserve_basis_points=0, reserve_days=0)
    buy(seller, (2, 6))
    then = pay(world, seller)
    return (
        f"{held} of 2 sales held, {paid} paid without it; {gone.reserve} back with a sale that went back whole, "
        f"{kept.reserve} after {RESERVE_DAYS} days; {debt} still owed, {then} paid after a sale more"
    )


def fail_and_return(world: World) -> str:
    """Stripe refuses a transfer, and the next run makes it; the bank sends a payout back, and Stripe pays it again."""
    seller = world.sellers[0]
    sale, order = buy(seller, (0, 2))
    until_shows(seller, available=sale.owed)
    before = len(transfers(world, seller))
    fault = {"match": "POST /v1/transfers", "kind": "insufficient_balance", "times": 1}
    control(world.stripe, "faults", fault)
    failed = until(seller, request(world, seller, sale.owed), "failed")
    assert failed["failure_message"]
    assert len(transfers(world, seller)) == before
    until_shows(seller, available=sale.owed, in_transit=0)
    earnings(seller, order, "on_request")

    payout_id = request(world, seller, sale.owed)
    bank = follow(world, seller, payout_id, seller.due)
    control(world.stripe, f"payouts/{bank}/failed", {"code": "account_closed"})
    returned = until(seller, payout_id, "returned")
    assert returned["failure_message"]
    earnings(seller, order, "returned")
    until_shows(seller, available=0, in_transit=sale.owed, paid=sum(seller.paid))
    to_bank(world, seller, sale.owed)
    until(seller, payout_id, "paid")
    until_shows(seller, available=0, in_transit=0, paid=sum(seller.paid))
    assert len(transfers(world, seller)) == before + 1, "money that came back is not transferred again"
    assert balance(seller)["earned_minor"] == seller.owed
    return (
        f"transfer of {sale.owed} refused: failed, free again, made by the next run; "
        "sent back by the bank: returned; sent again: paid, with one transfer"
    )
