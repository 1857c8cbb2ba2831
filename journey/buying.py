"""Steps of the buyers: carts, codes, totals, cards, and the last five units."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from journey.figures import Sale
from journey.http import Face, post_form
from journey.shopping import (
    ASKING_CARD,
    DECLINED_CARD,
    GOOD_CARD,
    card,
    cart_of,
    checkout,
    order_of,
    price_of,
    until_confirmed,
)
from journey.world import ADDRESS, PASSWORD, Seller, World, eventually, new_key

GUEST, BUYER = "guest-canary@example.com", "buyer-canary@example.com"
BUYERS, UNITS = 20, 5
# Codes made in an earlier step, and why a cart is refused each.
REFUSED_CODES = {
    "NO-SUCH": "unknown",
    "TOOMUCH": "minimum_spend",
    "TOOLATE": "ended",
    "TOOSOON": "not_started",
}


def guest_buys(world: World) -> str:
    """A guest asks for too much, tries codes, is declined, then pays."""
    seller = world.sellers[0]
    shop, sale = seller.shop, Sale([(price_of(seller, 0), 2), (price_of(seller, 1), 1)], has_promo=True)
    first, second = seller.ids["variant0"], seller.ids["variant1"]
    there_are = _ask_for_too_much(seller, first)
    cart = cart_of(shop, (first, 2), (second, 1))
    for code, reason in REFUSED_CODES.items():
        refusal = shop.ask("PUT", f"/api/v1/carts/{cart['token']}/promotion", {"code": code}).expect(409)
        assert refusal["reason_code"] == reason, refusal
    cart = cart_of(shop, (first, 2), (second, 1), code="welcome10")
    _check_totals(cart, sale)
    order = _order_once(shop, cart, sale)
    card(order, DECLINED_CARD)
    declined = eventually("the declined try is known", lambda: _failure(shop, order))
    assert order_of(shop, order)["status"] == "pending"
    assert len(_attempts(seller, order)) == 1, "the seller sees the declined try"
    card(order, GOOD_CARD)
    until_confirmed(shop, order)
    assert [try_["succeeded"] for try_ in _attempts(seller, order)] == [False, True]
    eventually("the guest is told by mail", lambda: f"To: {GUEST}" in _all_mail(world))
    seller.sales.append(sale)
    seller.ids |= {"order_id": order["id"], "secret": order["secret"]}
    world.canaries |= {GUEST, order["secret"], order["id"], cart["token"], ADDRESS["name"]}
    return (
        f"5000 units refused ({there_are} there are); {len(REFUSED_CODES)} codes refused; "
        f"total {sale.total} by hand and shown; {declined}, then paid and confirmed"
    )


def _ask_for_too_much(seller: Seller, variant: str) -> int:
    """Returns how many there are, as the refusal says."""
    refusal = seller.shop.post("carts", {"lines": [{"variant_id": variant, "quantity": 5_000}]})
    assert refusal.expect(409)["code"] == "insufficient_stock"
    there_are: int = refusal.json["lines"][0]["available"]
    assert there_are == seller.stock()[variant]["available_stock"]
    assert str(there_are) in refusal.json["detail"]
    return there_are


def _check_totals(cart: dict[str, Any], sale: Sale) -> None:
    shown = {name: cart[name]["amount"] for name in ("subtotal", "discount", "shipping", "total")}
    by_hand = {name: getattr(sale, name) for name in shown}
    assert shown == by_hand, f"shown {shown}, by hand {by_hand}"
    shares = sum(line["discount"]["amount"] for line in cart["lines"])
    assert shares == sale.discount, f"the lines' shares of the discount are {shares}"


def _order_once(shop: Face, cart: dict[str, Any], sale: Sale) -> dict[str, Any]:
    """Ordered twice under one key: one order. A total that nobody has seen is refused."""
    stale = {"cart": cart["token"], "email": GUEST, "shipping_address": ADDRESS}
    seen = sale.total - 1
    assert shop.post("checkout", {**stale, "expected_total_minor": seen}, key=new_key()).status == 409
    key = new_key()
    order = checkout(shop, cart, email=GUEST, key=key, expected_total_minor=sale.total)
    again = checkout(shop, cart, email=GUEST, key=key, expected_total_minor=sale.total)
    assert again["id"] == order["id"]
    assert order["total"]["amount"] == sale.total
    return order


def _failure(shop: Face, order: dict[str, Any]) -> str:
    code: str = order_of(shop, order)["payments"][0]["failure_code"]
    return code


def _attempts(seller: Seller, order: dict[str, Any]) -> list[dict[str, Any]]:
    """Tries to pay, oldest first, as the seller sees them."""
    payment = seller.staff.get(f"seller/orders/{order['id']}").expect(200)["payments"][0]
    return sorted(payment["attempts"], key=lambda attempt: attempt["created_at"])


def account_buys(world: World) -> str:
    """A buyer proves the mailbox, keeps two addresses, and pays with a card that asks for 3-D Secure."""
    seller = world.sellers[0]
    shop = seller.shop
    mine = shop.signed_in(_join(world, shop))
    home = _keep_addresses(mine)
    sale = Sale([(price_of(seller, 0), 1)])
    cart = cart_of(mine, (seller.ids["variant0"], 1))
    body = {"cart": cart["token"], "address_id": home["id"]}
    order = mine.post("checkout", body, key=new_key()).expect(201)
    assert order["total"]["amount"] == sale.total
    assert order["shipping_address"]["line1"] == home["line1"]
    card(order, ASKING_CARD)
    assert order_of(shop, order)["status"] == "pending"
    post_form(f"{order['checkout_url']}/3ds", {"outcome": "authenticate"})
    until_confirmed(shop, order)
    assert mine.get("me/orders").expect(200)["results"][0]["id"] == order["id"]
    seller.sales.append(sale)
    seller.ids |= {"address_id": home["id"], "buyer_order_id": order["id"]}
    world.buyer_access = mine.token
    world.canaries |= {BUYER, order["secret"], order["id"], home["id"]}
    return f"mailbox proved, 2 addresses with one default, 3-D Secure passed, {sale.total} paid and confirmed"


def _join(world: World, shop: Face) -> str:
    """An account, by the link in the mail; it works once. Returns the access token."""
    shop.post("auth/join", {"email": BUYER}).expect(202)
    proof = eventually("the mail with the link arrives", lambda: _proof(world, BUYER))
    body = {"proof": proof, "password": PASSWORD, "name": "Grace"}
    access: str = shop.post("auth/confirm", body).expect(200)["access"]
    assert shop.post("auth/confirm", body).status >= 400, "a link works once"
    return access


def _keep_addresses(mine: Face) -> dict[str, Any]:
    """Two addresses, the second one the default. Returns that."""
    mine.post("me/addresses", ADDRESS).expect(201)
    other = {**ADDRESS, "line1": "Alexanderplatz 7", "is_default": True}
    home: dict[str, Any] = mine.post("me/addresses", other).expect(201)
    addresses = mine.get("me/addresses").expect(200)
    assert [address["is_default"] for address in addresses] == [True, False]
    assert addresses[0]["id"] == home["id"]
    return home


def _proof(world: World, email: str) -> str | None:
    for path in sorted(world.mail.glob("*")):
        text = path.read_text(errors="replace")
        if f"To: {email}" in text and (found := re.search(r"/account/confirm#(\S+)", text)):
            return found.group(1)
    return None


def _all_mail(world: World) -> str:
    return "\n".join(path.read_text(errors="replace") for path in world.mail.glob("*"))


def last_units(world: World) -> str:
    """Twenty buyers at once for the last five units: five get them, fifteen are told."""
    seller = world.sellers[0]
    variant = seller.ids["variant2"]
    _leave(seller, variant, UNITS)
    carts = [cart_of(seller.shop, (variant, 1)) for _ in range(BUYERS)]

    def buy(number: int) -> tuple[int, Any]:
        email = f"rush{number}@example.com"
        body = {"cart": carts[number]["token"], "shipping_address": ADDRESS, "email": email}
        answer = seller.shop.post("checkout", body, key=new_key())
        return answer.status, answer.json

    with ThreadPoolExecutor(BUYERS) as pool:
        answers = list(pool.map(buy, range(BUYERS)))
    sold = [order for status, order in answers if status == 201]
    told = [body for status, body in answers if status == 409 and body["code"] == "insufficient_stock"]
    assert (len(sold), len(told)) == (UNITS, BUYERS - UNITS), f"{[status for status, _ in answers]}"
    assert {line["available"] for body in told for line in body["lines"]} == {0}
    for order in sold:
        card(order, GOOD_CARD)
    for order in sold:
        until_confirmed(seller.shop, order)
        seller.sales.append(Sale([(price_of(seller, 2), 1)]))
    left = seller.stock()[variant]
    assert (left["current_stock"], left["reserved_stock"]) == (0, 0)
    return f"{BUYERS} buyers at once for {UNITS} units: {len(sold)} sold and paid, {len(told)} told; 0 left"


def _leave(seller: Seller, variant: str, units: int) -> None:
    """Count the stock of a variant down to so many units."""
    delta = units - seller.stock()[variant]["available_stock"]
    counted = {"delta": delta, "reason": "counted"}
    seller.staff.post(f"seller/inventory/{variant}/adjust", counted).expect(200)
