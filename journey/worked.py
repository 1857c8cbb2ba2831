"""The worked example of how money moves: three orders on a third storefront, every figure known beforehand."""

from journey import later
from journey.figures import WORKED
from journey.paying import balance, earnings, promised, until_shows
from journey.selling import set_seller_terms
from journey.shopping import buy, refund
from journey.world import World, new_key

HOLD_DAYS = 7


def walk(world: World) -> str:
    """Two orders, a refund, a payout on day 7, a refund of what was paid, an order more, a payout on day 14."""
    seller = world.worked
    set_seller_terms(world, seller, hold_days=HOLD_DAYS, payout_minimum_minor=2_000)
    (a, a_order), (b, b_order) = buy(seller, (0, 1)), buy(seller, (1, 1))
    assert (a.fee, a.commission, a.owed) == (320, 1_030, WORKED["A"])
    assert (b.fee, b.commission, b.owed) == (204, 630, WORKED["B"])
    until_shows(seller, pending=WORKED["A"] + WORKED["B"], available=0)

    refund(seller, a_order, a, 2_500)
    until_shows(seller, pending=WORKED["A after its refund"] + WORKED["B"], available=0)
    for order, owed in ((a_order, WORKED["A after its refund"]), (b_order, WORKED["B"])):
        assert earnings(seller, order, "hold")["net_minor"] == owed
    assert promised(world, seller) == {}, "the hold is not over"
    assert seller.staff.post("seller/payouts", key=new_key()).expect(409)["code"] == "nothing_to_pay"
    later.pay(world, seller, HOLD_DAYS, WORKED["paid on day 7"])
    until_shows(seller, pending=0, available=0, paid=WORKED["paid on day 7"])

    refund(seller, b_order, b, 5_999)
    # The day of the run was told, not waited for: B's own days are not over yet.
    until_shows(seller, pending=WORKED["owed after B came back"], available=0)
    c, c_order = buy(seller, (2, 1))
    assert (c.fee, c.commission, c.owed) == (610, 2_030, WORKED["C"])
    until_shows(seller, pending=WORKED["owed after B came back"] + WORKED["C"])
    later.pay(world, seller, HOLD_DAYS, WORKED["paid on day 14"])
    earnings(seller, c_order, "paid")
    until_shows(seller, pending=0, available=0, paid=WORKED["paid in all"])
    assert balance(seller)["earned_minor"] == WORKED["paid in all"]
    return (
        f"{WORKED['A']} + {WORKED['B']}, {WORKED['paid on day 7']} paid on day 7, {WORKED['owed after B came back']} "
        f"carried, {WORKED['paid on day 14']} paid on day 14: {WORKED['paid in all']} in all, to the cent"
    )
