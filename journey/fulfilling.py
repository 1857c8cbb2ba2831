"""What the seller does with an order: two parcels, and money back."""

from typing import Any

from journey.http import stripe_list
from journey.shopping import order_of
from journey.world import Seller, World, eventually, new_key

TRACKING = ("00340434161094000001", "00340434161094000002")
REFUND = 2_500


def ship_and_deliver(world: World) -> str:
    """Two parcels, then delivered; moves that do not exist are refused."""
    seller = world.sellers[0]
    path = f"seller/orders/{seller.ids['order_id']}"
    line = seller.staff.get(path).expect(200)["lines"][0]
    refused = _refuse(seller, f"{path}/deliver")
    refused += _refuse(seller, f"{path}/shipments", _parcel(TRACKING[0], line["id"], line["quantity"] + 1))
    seller.staff.post(f"{path}/shipments", _parcel(TRACKING[0], line["id"], 1)).expect(201)
    assert seller.staff.get(path).expect(200)["status"] == "confirmed"
    refused += _refuse(seller, f"{path}/cancel")
    seller.staff.post(f"{path}/shipments", {"carrier": "DHL", "tracking_number": TRACKING[1]}).expect(201)
    assert seller.staff.get(path).expect(200)["status"] == "shipped"
    refused += _refuse(seller, f"{path}/cancel")
    assert seller.staff.post(f"{path}/deliver").expect(200)["status"] == "delivered"
    refused += _refuse(seller, f"{path}/deliver")
    refused += _refuse(seller, f"{path}/shipments", {"carrier": "DHL"})
    parcels = order_of(seller.shop, seller.ids)["shipments"]
    assert [sum(line["quantity"] for line in parcel["lines"]) for parcel in parcels] == [1, 2]
    assert tuple(parcel["tracking_number"] for parcel in parcels) == TRACKING
    return f"2 parcels of 1 and 2 units with tracking, shipped, delivered; {refused} moves that do not exist refused"


def _parcel(tracking: str, line_id: int, units: int) -> dict[str, Any]:
    return {
        "carrier": "DHL",
        "tracking_number": tracking,
        "lines": [{"line_id": line_id, "quantity": units}],
    }


def _refuse(seller: Seller, path: str, body: dict[str, Any] | None = None) -> int:
    answer = seller.staff.post(path, body)
    assert answer.status == 409, f"{path}: {answer.status} {answer.text[:200]}"
    return 1


def refund_part(world: World) -> str:
    """A partial refund settles at Stripe; more than is left is refused."""
    seller = world.sellers[0]
    sale, path = seller.sales[0], f"seller/orders/{seller.ids['order_id']}/refunds"
    key, body = new_key(), {"amount_minor": REFUND, "reason": "a scratch"}
    made = seller.staff.post(path, body, key=key).expect(201)
    assert seller.staff.post(path, body, key=key).expect(201)["id"] == made["id"]
    too_much = {"amount_minor": sale.total - REFUND + 1, "reason": "x"}
    over = seller.staff.post(path, too_much, key=new_key())
    assert over.expect(409)["code"] == "over_refund"
    eventually(
        "the refund is made", lambda: order_of(seller.shop, seller.ids)["refunded"]["amount"] == REFUND
    )
    at_stripe = [refund["amount"] for refund in stripe_list(world.stripe, "refunds")]
    assert at_stripe == [REFUND], f"refunds at Stripe: {at_stripe}"
    sale.refunds.append((REFUND, None))
    return (
        f"{REFUND} refunded once under one key, also at Stripe; {sale.commission_returned} commission "
        "given back; one cent too many refused"
    )
