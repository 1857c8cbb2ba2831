"""Taking later what the buyer's bank has promised: a part of it, or nothing."""

from journey.figures import Sale
from journey.http import stripe_list
from journey.paying import balance, earnings, pay, until_shows
from journey.shopping import buy
from journey.world import Seller, World

LEFT_OUT = 2_000


def capture_and_void(world: World) -> str:
    """Two orders are authorised: of one a part is captured and the rest let go, the other is let go whole."""
    seller = world.sellers[0]
    before = balance(seller)
    _take(seller, "manual")
    (sale, order), (_, void_order) = buy(seller, (0, 2)), buy(seller, (1, 1))
    seller.sales.pop()  # nothing of it is ever taken
    for each in (order, void_order):
        assert [payment["status"] for payment in each["payments"]] == ["authorised"]
        earnings(seller, each, "not_captured")
    assert balance(seller) == before, "a promise is no money"

    path = f"seller/orders/{order['id']}/capture"
    over = seller.staff.post(path, {"amount_minor": sale.total + 1}).expect(409)
    assert over["code"] == "over_capture", over
    sale.uncaptured = LEFT_OUT
    taken = seller.staff.post(path, {"amount_minor": sale.captured}).expect(200)
    assert [payment["captured_minor"] for payment in taken["payments"]] == [sale.captured]
    assert seller.staff.post(path, {}).expect(409)["code"] == "not_authorised", "a payment is captured once"

    voided = seller.staff.post(f"seller/orders/{void_order['id']}/void").expect(200)
    assert voided["status"] == "cancelled"
    assert [payment["status"] for payment in voided["payments"]] == ["voided"]
    _check_stripe(world, {order["id"]: ("succeeded", sale.captured), void_order["id"]: ("canceled", 0)})
    _take(seller, "automatic")
    until_shows(seller, available=sale.owed)
    paid = _pay(world, seller, sale)
    return (
        f"{sale.total} authorised, {sale.captured} captured, {sale.uncaptured} let go, commission {sale.commission}, "
        f"{paid} paid; another order let go whole and cancelled"
    )


def _take(seller: Seller, method: str) -> None:
    body = {"capture_method": method}
    assert (
        seller.staff.ask("PATCH", "/api/v1/seller/storefront", body).expect(200)["capture_method"] == method
    )


def _check_stripe(world: World, by_hand: dict[str, tuple[str, int]]) -> None:
    intents = stripe_list(world.stripe, "payment_intents")
    found = {
        intent["metadata"]["order"]: (intent["status"], intent["amount_received"])
        for intent in intents
        if intent["metadata"]["order"] in by_hand
    }
    assert found == by_hand, f"at Stripe {found}, by hand {by_hand}"


def _pay(world: World, seller: Seller, sale: Sale) -> int:
    paid = pay(world, seller)
    assert paid == sale.owed
    return paid
