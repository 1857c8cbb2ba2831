"""One order in each state, made over HTTP by a guest and handled by the owner."""

from typing import Any

from journey.http import Face
from journey.shopping import DECLINED_CARD, GOOD_CARD, card, cart_of, checkout, order_of, until_confirmed
from journey.world import ADDRESS, eventually
from screenshots.money import open_bank, pay_out
from screenshots.scene import Scene

GUEST = "ada@example.com"
STATES = ("unpaid", "declined", "confirmed", "shipped", "delivered", "cancelled")
SLUGS = ("breakfast-bowl", "waffle-towel")


def make_orders(scene: Scene) -> None:
    """Fill in `scene.orders`."""
    shop, staff = scene.shop(), scene.staff()
    open_bank(scene)
    orders = {state: _order(shop) for state in STATES}
    paid = STATES[2:]
    for state in paid:
        card(orders[state], GOOD_CARD)
    card(orders["declined"], DECLINED_CARD)
    for state in paid:
        until_confirmed(shop, orders[state])
    parcel = {"carrier": "DHL", "tracking_number": "00340434161094000001"}
    for state in ("shipped", "delivered"):
        staff.post(f"seller/orders/{orders[state]['id']}/shipments", parcel).expect(201)
    staff.post(f"seller/orders/{orders['delivered']['id']}/deliver").expect(200)
    product_id = _review(shop, orders["delivered"])
    staff.post(f"seller/orders/{orders['cancelled']['id']}/cancel", {"reason": "it broke"}).expect(200)
    declined = orders["declined"]
    eventually("the declined try is known", lambda: order_of(shop, declined)["payments"][0]["failure_code"])
    scene.orders |= {state: f"/orders/{made['secret']}" for state, made in orders.items()}
    scene.orders |= {f"staff-{state}": f"/dashboard/orders/{made['id']}" for state, made in orders.items()}
    scene.orders["customer"] = f"/dashboard/customers/{orders['delivered']['id']}"
    scene.orders["review"] = f"{scene.orders['delivered']}/reviews/{product_id}"
    pay_out(scene, orders["shipped"])
    scene.suspend_one()


def _review(shop: Face, order: dict[str, Any]) -> str:
    """The guest says what it is like. Returns the product's id."""
    product = shop.get(f"products/{SLUGS[0]}").expect(200)
    path = f"/api/v1/guest-orders/{order['secret']}/reviews/{product['id']}"
    text = "It is deep enough for soup and pretty enough for guests."
    shop.ask("PUT", path, {"rating": 5, "title": "Every morning", "text": text}).expect(200)
    return str(product["id"])


def _order(shop: Face) -> dict[str, Any]:
    variants = [shop.get(f"products/{slug}").expect(200)["variants"][0]["id"] for slug in SLUGS]
    cart = cart_of(shop, *((variant, 1) for variant in variants))
    return checkout(shop, cart, email=GUEST, shipping_address={**ADDRESS, "name": "Ada Lovelace"})
