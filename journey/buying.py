"""Steps of the buyers: carts, totals, cards, the last five units; and what the seller does with the orders."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from journey.figures import Sale
from journey.http import Face, control, deliver, post_form
from journey.world import PASSWORD, Seller, World, eventually, new_key

ADDRESS = {
    "name": "Ada Canary Lovelace",
    "line1": "Unter den Linden 1",
    "postal_code": "10117",
    "city": "Berlin",
    "country": "DE",
}
GUEST, BUYER = "guest-canary@example.com", "buyer-canary@example.com"


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


def guest_buys(world: World) -> str:
    """A guest asks for too much, uses the code, is declined, then pays."""
    seller = world.sellers[0]
    shop, sale = seller.shop, Sale([(price_of(seller, 0), 2), (price_of(seller, 1), 1)], has_promo=True)
    first, second = seller.ids["variant0"], seller.ids["variant1"]
    refusal = shop.post("carts", {"lines": [{"variant_id": first, "quantity": 5_000}]})
    assert refusal.expect(409)["code"] == "insufficient_stock"
    there_are = refusal.json["lines"][0]["available"]
    assert str(there_are) in refusal.json["detail"]
    cart = cart_of(shop, (first, 2), (second, 1), code="welcome10")
    shown = {name: cart[name]["amount"] for name in ("subtotal", "discount", "shipping", "total")}
    by_hand = {
        "subtotal": sale.subtotal,
        "discount": sale.discount,
        "shipping": sale.shipping,
        "total": sale.total,
    }
    assert shown == by_hand, f"shown {shown}, by hand {by_hand}"
    key = new_key()
    order = checkout(shop, cart, email=GUEST, key=key, expected_total_minor=sale.total)
    assert checkout(shop, cart, email=GUEST, key=key, expected_total_minor=sale.total)["id"] == order["id"]
    assert order["total"]["amount"] == sale.total
    card(order, "4000000000000002")
    declined = eventually("the declined try is known", lambda: _failure(shop, order))
    assert order_of(shop, order)["status"] == "pending"
    card(order, "4242424242424242")
    until_confirmed(shop, order)
    seller.sales.append(sale)
    seller.ids |= {"order_id": order["id"], "secret": order["secret"], "token": cart["token"]}
    world.canaries |= {GUEST, order["secret"], order["id"], cart["token"], ADDRESS["name"]}
    return f"5000 units refused ({there_are} there are); total {sale.total} by hand and shown; {declined}, then paid and confirmed"


def _failure(shop: Face, order: dict[str, Any]) -> str:
    return order_of(shop, order)["payments"][0]["failure_code"]


def account_buys(world: World) -> str:
    """A buyer proves the mailbox, keeps two addresses, and pays with a card that asks for 3-D Secure."""
    seller = world.sellers[0]
    shop = seller.shop
    shop.post("auth/join", {"email": BUYER}).expect(202)
    proof = eventually("the mail with the link arrives", lambda: _proof(world, BUYER))
    pair = shop.post("auth/confirm", {"proof": proof, "password": PASSWORD, "name": "Grace"}).expect(200)
    mine = shop.signed_in(pair["access"])
    mine.post("me/addresses", ADDRESS).expect(201)
    second = mine.post("me/addresses", {**ADDRESS, "line1": "Alexanderplatz 7", "is_default": True}).expect(
        201
    )
    addresses = mine.get("me/addresses").expect(200)
    assert [address["is_default"] for address in addresses] == [True, False]
    assert addresses[0]["id"] == second["id"]
    sale = Sale([(price_of(seller, 0), 1)])
    cart = cart_of(mine, (seller.ids["variant0"], 1))
    body = {"cart": cart["token"], "address_id": second["id"]}
    order = mine.post("checkout", body, key=new_key()).expect(201)
    assert order["total"]["amount"] == sale.total
    assert order["shipping_address"]["line1"] == "Alexanderplatz 7"
    card(order, "4000002500003155")
    assert order_of(shop, order)["status"] == "pending"
    post_form(f"{order['checkout_url']}/3ds", {"outcome": "authenticate"})
    until_confirmed(shop, order)
    assert mine.get("me/orders").expect(200)["results"][0]["id"] == order["id"]
    seller.sales.append(sale)
    seller.ids |= {"address_id": second["id"]}
    world.canaries |= {BUYER, order["secret"], order["id"], second["id"]}
    return f"mailbox proved, 2 addresses with one default, 3-D Secure passed, {sale.total} paid and confirmed"


def _proof(world: World, email: str) -> str | None:
    folder = world.stack.data_dir / "mail"
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        text = path.read_text(errors="replace")
        if f"To: {email}" in text and (found := re.search(r"/account/confirm#(\S+)", text)):
            return found.group(1)
    return None


def other_shop_sells(world: World) -> str:
    """The second seller sells, too, to a card that simply works."""
    seller = world.sellers[1]
    sale = Sale([(price_of(seller, 0), 1), (price_of(seller, 1), 2)])
    cart = cart_of(seller.shop, (seller.ids["variant0"], 1), (seller.ids["variant1"], 2))
    order = checkout(seller.shop, cart, email="someone@example.com")
    assert order["total"]["amount"] == sale.total
    card(order, "4242424242424242")
    until_confirmed(seller.shop, order)
    seller.sales.append(sale)
    seller.ids |= {"order_id": order["id"], "secret": order["secret"], "token": cart["token"]}
    return f"{sale.total} paid at the second storefront and confirmed"


def repeat_webhooks(world: World) -> str:
    """Every event Stripe has sent comes once more, latest first: nothing changes."""
    before = snapshot(world)
    events = control(world.stripe, "events")
    events = events["data"] if isinstance(events, dict) else events
    for event in reversed(events):
        signed = control(world.stripe, "sign", {"event": event["id"], "secret": "whsec_local_development"})
        status = deliver(world.stack.url, world.stack.host, signed)
        assert status == 200, f"{event['type']}: {status}"
    assert snapshot(world) == before
    return f"{len(events)} events delivered again, in reverse: no order, stock or booking changed"


def snapshot(world: World) -> list[Any]:
    """What must not move: orders, stock and balances of all sellers."""
    found: list[Any] = []
    for seller in world.sellers:
        orders = seller.staff.get("seller/orders?limit=100").expect(200)["results"]
        stock = seller.staff.get("seller/inventory?limit=100").expect(200)["results"]
        found += [
            [(order["id"], order["status"], order["refunded"]["amount"]) for order in orders],
            [(row["sku"], row["current_stock"], row["reserved_stock"]) for row in stock],
            seller.staff.get("seller/balance").expect(200),
        ]
    return found


def last_units(world: World) -> str:
    """Twenty buyers at once for the last five units: five get them, fifteen are told."""
    seller = world.sellers[0]
    variant = seller.ids["variant2"]
    stock = {
        row["variant_id"]: row
        for row in seller.staff.get("seller/inventory?limit=100").expect(200)["results"]
    }
    delta = 5 - stock[variant]["available_stock"]
    seller.staff.post(f"seller/inventory/{variant}/adjust", {"delta": delta, "reason": "counted"}).expect(200)
    carts = [cart_of(seller.shop, (variant, 1)) for _ in range(20)]

    def buy(number: int) -> tuple[int, Any]:
        body = {
            "cart": carts[number]["token"],
            "shipping_address": ADDRESS,
            "email": f"rush{number}@example.com",
        }
        answer = seller.shop.post("checkout", body, key=new_key())
        return answer.status, answer.json

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(buy, range(20)))
    sold = [order for status, order in answers if status == 201]
    told = [body for status, body in answers if status == 409 and body["code"] == "insufficient_stock"]
    assert (len(sold), len(told)) == (5, 15), f"{[status for status, _ in answers]}"
    for order in sold:
        card(order, "4242424242424242")
    for order in sold:
        until_confirmed(seller.shop, order)
        seller.sales.append(Sale([(price_of(seller, 2), 1)]))
    left = {
        row["variant_id"]: row
        for row in seller.staff.get("seller/inventory?limit=100").expect(200)["results"]
    }
    assert (left[variant]["current_stock"], left[variant]["reserved_stock"]) == (0, 0)
    return "20 buyers at once for 5 units: 5 sold, 15 told; 0 left"


def ship_and_deliver(world: World) -> str:
    """Two parcels, then delivered; moves that do not exist are refused."""
    seller = world.sellers[0]
    path = f"seller/orders/{seller.ids['order_id']}"
    lines = seller.staff.get(path).expect(200)["lines"]
    assert seller.staff.post(f"{path}/deliver").status == 409
    first = {
        "carrier": "DHL",
        "tracking_number": "00340434161094000001",
        "lines": [{"line_id": lines[0]["id"], "quantity": 1}],
    }
    seller.staff.post(f"{path}/shipments", first).expect(201)
    assert seller.staff.get(path).expect(200)["status"] == "confirmed"
    seller.staff.post(
        f"{path}/shipments", {"carrier": "DHL", "tracking_number": "00340434161094000002"}
    ).expect(201)
    assert seller.staff.get(path).expect(200)["status"] == "shipped"
    assert seller.staff.post(f"{path}/cancel").status == 409
    assert seller.staff.post(f"{path}/deliver").expect(200)["status"] == "delivered"
    parcels = order_of(seller.shop, {"secret": seller.ids["secret"]})["shipments"]
    assert [sum(line["quantity"] for line in parcel["lines"]) for parcel in parcels] == [1, 2]
    return "2 parcels of 1 and 2 units with tracking, shipped, delivered; 2 moves that do not exist refused"


def refund_part(world: World) -> str:
    """A partial refund settles at Stripe; more than is left is refused."""
    seller = world.sellers[0]
    sale, path = seller.sales[0], f"seller/orders/{seller.ids['order_id']}"
    amount = 2_500
    key = new_key()
    body = {"amount_minor": amount, "reason": "a scratch"}
    made = seller.staff.post(f"{path}/refunds", body, key=key).expect(201)
    assert seller.staff.post(f"{path}/refunds", body, key=key).expect(201)["id"] == made["id"]
    over = seller.staff.post(
        f"{path}/refunds", {"amount_minor": sale.total - amount + 1, "reason": "x"}, key=new_key()
    )
    assert over.expect(409)["code"] == "over_refund"
    eventually(
        "the refund is made",
        lambda: order_of(seller.shop, {"secret": seller.ids["secret"]})["refunded"]["amount"] == amount,
    )
    sale.refunded = amount
    return f"{amount} refunded once under one key, {sale.commission_returned} commission given back; one cent too many refused"
