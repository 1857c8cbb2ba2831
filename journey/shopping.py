"""What a buyer does, one request each."""

from typing import Any

from journey.figures import Sale
from journey.http import Face, post_form
from journey.world import ADDRESS, Seller, eventually, new_key

GOOD_CARD, DECLINED_CARD, ASKING_CARD = "4242424242424242", "4000000000000002", "4000002500003155"


def price_of(seller: Seller, number: int) -> int:
    """The price the export gives the n-th product, in cents."""
    return list(seller.export.prices.values())[number]


def cart_of(shop: Face, *lines: tuple[str, int], code: str = "") -> dict[str, Any]:
    """A new cart, with a code where one is given."""
    body = {"lines": [{"variant_id": variant, "quantity": units} for variant, units in lines]}
    cart = shop.post("carts", body).expect(201)
    return (
        shop.ask("PUT", f"/api/v1/carts/{cart['token']}/promotion", {"code": code}).expect(200)
        if code
        else cart
    )


def checkout(
    shop: Face, cart: dict[str, Any], *, email: str = "", key: str = "", **extra: Any
) -> dict[str, Any]:
    """Order a cart; the answer has `checkout_url`."""
    body = {"cart": cart["token"], "shipping_address": ADDRESS, **extra}
    return shop.post("checkout", {**body, "email": email} if email else body, key=key or new_key()).expect(
        201
    )


def card(order: dict[str, Any], number: str) -> int:
    """Enter a card on Stripe's page."""
    return post_form(order["checkout_url"], {"card_number": number}).status


def order_of(shop: Face, order: dict[str, Any]) -> dict[str, Any]:
    """The order as the holder of its secret sees it."""
    return shop.get(f"guest-orders/{order['secret']}").expect(200)


def until_confirmed(shop: Face, order: dict[str, Any]) -> dict[str, Any]:
    """Waits for the webhook to confirm."""
    return eventually(
        "the order is confirmed", lambda: (found := order_of(shop, order))["status"] == "confirmed" and found
    )


def buy(seller: Seller, *wanted: tuple[int, int], reserved: int = 0) -> tuple[Sale, dict[str, Any]]:
    """A guest buys (n-th product, units) and pays: the sale as worked out by hand, and the order once it is confirmed."""
    sale = Sale(
        [(price_of(seller, number), units) for number, units in wanted],
        shipping_price=seller.shipping,
        reserve_percent=reserved,
    )
    cart = cart_of(seller.shop, *((seller.ids[f"variant{number}"], units) for number, units in wanted))
    order = checkout(seller.shop, cart, email="guest@example.com", expected_total_minor=sale.total)
    card(order, GOOD_CARD)
    until_confirmed(seller.shop, order)
    seller.sales.append(sale)
    return sale, seller.staff.get(f"seller/orders/{order['id']}").expect(200)


def refund(
    seller: Seller, order: dict[str, Any], sale: Sale, amount: int, *, unit_of: int | None = None
) -> None:
    """The seller gives money back (an amount, or a unit of the n-th line), and Stripe has done it."""
    how: dict[str, Any] = {"amount_minor": amount}
    if unit_of is not None:
        how = {"lines": [{"line_id": order["lines"][unit_of]["id"], "quantity": 1}]}
    path = f"seller/orders/{order['id']}"
    body = {"reason": "returned", **how}
    made = seller.staff.post(f"{path}/refunds", body, key=new_key()).expect(201)
    assert made["amount_minor"] == amount, f"refunded {made['amount_minor']}, by hand {amount}"
    sale.refunds.append((amount, unit_of))
    eventually(
        "the refund is made",
        lambda: seller.staff.get(path).expect(200)["refunded"]["amount"] == sale.refunded,
    )
