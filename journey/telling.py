"""Steps about webhooks: told again, told late, told backwards, told by somebody else."""

import time
from typing import Any

from journey.figures import Sale
from journey.http import control, deliver
from journey.shopping import GOOD_CARD, card, cart_of, checkout, order_of, price_of, until_confirmed
from journey.world import Seller, World, eventually
from stack.commands import LOCAL_WEBHOOK_SECRET

QUIET_SECONDS = 0.4


def repeat_webhooks(world: World) -> str:
    """Every event Stripe has sent comes twice more, latest first: nothing changes."""
    until_quiet(world)
    before = [snapshot(world), _mails(world)]
    events = control(world.stripe, "events")["data"]
    for event in reversed(events):
        signed = sign(world, event)
        for _ in range(2):
            status = deliver(world.stack.url, world.stack.host, signed)
            assert status == 200, f"{event['type']}: {status}"
    until_quiet(world)
    assert [snapshot(world), _mails(world)] == before, "an event told again has changed something"
    _refuse_forgeries(world, events[-1])
    return f"{len(events)} events, each twice more, latest first: no order, movement, booking or mail more; 3 forgeries refused"


def sign(world: World, event: dict[str, Any], secret: str = LOCAL_WEBHOOK_SECRET) -> dict[str, str]:
    """The body and header Stripe would send for an event."""
    signed: dict[str, str] = control(world.stripe, "sign", {"event": event["id"], "secret": secret})
    return signed


def _refuse_forgeries(world: World, event: dict[str, Any]) -> None:
    """Another secret, a changed body, no signature."""
    good = sign(world, event)
    forgeries = [
        sign(world, event, "whsec_of_somebody_else"),
        {**good, "body": good["body"].replace('"livemode":false', '"livemode":true') + " "},
        {**good, "signature": ""},
    ]
    for forgery in forgeries:
        assert deliver(world.stack.url, world.stack.host, forgery) == 400, forgery["signature"]


def tell_late_and_backwards(world: World) -> str:
    """The second seller sells while Stripe is silent; then all is told at once, backwards and twice."""
    seller = world.sellers[1]
    until_quiet(world)
    control(world.stripe, "webhooks", {"mode": "pause"})
    sale = Sale([(price_of(seller, 0), 1), (price_of(seller, 1), 2)])
    cart = cart_of(seller.shop, (seller.ids["variant0"], 1), (seller.ids["variant1"], 2))
    order = checkout(seller.shop, cart, email="someone@example.com")
    assert order["total"]["amount"] == sale.total
    card(order, GOOD_CARD)
    assert order_of(seller.shop, order)["status"] == "pending", "nobody has told us yet"
    events = waiting_events(world)
    control(world.stripe, "webhooks", {"mode": "duplicate", "copies": 2})
    control(world.stripe, "webhooks/deliver", {"order": "reverse"})
    control(world.stripe, "webhooks", {"mode": "normal"})
    until_confirmed(seller.shop, order)
    seller.sales.append(sale)
    seller.ids |= {"order_id": order["id"], "secret": order["secret"]}
    return (
        f"{sale.total} paid while Stripe was silent; {events} events told backwards and twice: confirmed once"
    )


def waiting_events(world: World) -> int:
    """How many webhooks Stripe has in line."""
    return int(control(world.stripe, "state")["webhooks"]["queued"])


def until_quiet(world: World) -> None:
    """Waits until Stripe has nothing left to tell and what we show has stopped moving."""

    def is_quiet() -> bool:
        if waiting_events(world):
            return False
        first = [snapshot(world), _mails(world)]
        time.sleep(QUIET_SECONDS)
        return [snapshot(world), _mails(world)] == first and not waiting_events(world)

    eventually("everything told is worked off", is_quiet, 60)


def snapshot(world: World) -> list[Any]:
    """What must not move: orders, stock and its movements, promotions, balances, payouts."""
    found: list[Any] = []
    for seller in world.everybody:
        orders = list(seller.pages("seller/orders"))
        stock = list(seller.pages("seller/inventory"))
        found += [
            [(order["id"], order["status"], order["refunded"]["amount"]) for order in orders],
            [(row["sku"], row["current_stock"], row["reserved_stock"]) for row in stock],
            [_movements(seller, number) for number in range(3)],
            [(promo["code"], promo["times_redeemed"]) for promo in seller.pages("seller/promotions")],
            [(payout["id"], payout["status"]) for payout in seller.pages("seller/payouts")],
            len(list(seller.pages("seller/products"))),
            seller.staff.get("seller/balance").expect(200),
        ]
    return found


def _movements(seller: Seller, number: int) -> list[int]:
    path = f"seller/inventory/{seller.ids[f'variant{number}']}/movements"
    return [movement["id"] for movement in seller.pages(path)]


def _mails(world: World) -> int:
    return sum(path.read_text(errors="replace").count("\nMessage-ID:") for path in world.mail.glob("*"))
