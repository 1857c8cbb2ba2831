"""Buyers' banks ask money back: of two disputes the seller wins one by answering, and loses the other."""

from typing import Any

from journey.figures import DISPUTE_FEE, Sale
from journey.http import control, stripe_list
from journey.paying import earnings, pay, until_shows
from journey.shopping import buy
from journey.world import Seller, World, eventually, new_key


def win_and_lose(world: World) -> str:
    """Two orders, two disputes: what is withdrawn, refused meanwhile, given back, and lost."""
    seller = world.sellers[0]
    (won, won_order), (lost, lost_order) = buy(seller, (0, 2)), buy(seller, (1, 1))
    until_shows(seller, available=seller.unpaid, in_dispute=0)
    win, lose = _open(world, seller, won, won_order), _open(world, seller, lost, lost_order)
    withdrawn = won.captured + lost.captured
    until_shows(seller, pending=seller.unpaid, available=0, in_dispute=withdrawn)
    for order in (won_order, lost_order):
        earnings(seller, order, "dispute_open")
        path, body = f"seller/orders/{order['id']}/refunds", {"amount_minor": 100, "reason": "sorry"}
        refused = seller.staff.post(path, body, key=new_key()).expect(409)
        assert refused["code"] == "dispute_open", refused

    answer = {"text": "It was delivered, here is the tracking."}
    answered = seller.staff.post(f"seller/disputes/{win}/answer", answer).expect(200)
    assert answered["status"] == "under_review"
    assert seller.staff.post(f"seller/disputes/{win}/answer", answer).status == 409, "a bank reads once"
    control(world.stripe, f"disputes/{win}/close", {"outcome": "won"})
    won.dispute_moves = 2
    until_shows(seller, pending=lost.owed, available=won.owed, in_dispute=lost.captured)

    control(world.stripe, f"disputes/{lose}/close", {"outcome": "lost"})
    lost.lost = lost.captured
    until_shows(seller, pending=0, available=seller.unpaid, in_dispute=0)
    statuses = {row["id"]: row["status"] for row in seller.pages("seller/disputes")}
    assert statuses == {win: "won", lose: "lost"}, statuses
    known = world.operator.get("operator/disputes").expect(200)["results"]
    assert {(row["id"], row["tenant_id"], row["status"]) for row in known} == {
        (win, seller.tenant_id, "won"),
        (lose, seller.tenant_id, "lost"),
    }, known
    seller.ids["dispute_id"] = win
    paid = pay(world, seller)
    return (
        f"{withdrawn} withdrawn and 2 fees of {DISPUTE_FEE} booked, refunds refused meanwhile; "
        f"{won.captured} back by an answer, {lost.lost} lost with {lost.commission_returned} commission back; {paid} paid"
    )


def _open(world: World, seller: Seller, sale: Sale, order: dict[str, Any]) -> str:
    """The bank takes all of a sale back. Returns the dispute's id, once the seller sees it."""
    intents = stripe_list(world.stripe, "payment_intents")
    (intent,) = [intent["id"] for intent in intents if intent["metadata"]["order"] == order["id"]]
    opened = control(world.stripe, "disputes", {"payment_intent": intent, "fee": DISPUTE_FEE})
    assert opened["amount"] == sale.captured
    sale.dispute_fee, sale.dispute_moves = DISPUTE_FEE, 1
    dispute: str = opened["id"]

    def is_withdrawn() -> bool:
        found = seller.staff.get(f"seller/disputes/{dispute}")
        return found.status == 200 and found.json["fee_minor"] == DISPUTE_FEE

    eventually("the seller sees the dispute", is_withdrawn)
    shown = seller.staff.get(f"seller/disputes/{dispute}").expect(200)
    assert (shown["amount_minor"], shown["is_open"]) == (sale.captured, True), shown
    return dispute
