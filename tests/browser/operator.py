"""The operator at the desk, and what has to be there for them to look at."""

from decimal import Decimal
from typing import Any

import stripe
from playwright.sync_api import Locator, Page, expect

from journey.world import eventually
from screenshots.scene import Host, Scene, Who
from screenshots.visitor import Visitor
from stack.commands import LOCAL_STRIPE_KEY
from tests.browser.keeper import Shop

LOOKS = 40
# A job with one attempt, in place of attempts over half a day.
ASK_ONCE = """
from django.db import transaction
from core.jobs import enqueue
from core.models import Job
with transaction.atomic():
    enqueue("account.sync", stripe_account_id="{account}")
    asked = Job.objects.filter(task="account.sync", args__stripe_account_id="{account}")
    job = asked.latest("pk")
    asked.filter(pk=job.pk).update(max_attempts=1)
print(job.pk)
"""
# As a version of Souk would have left it that did not know what to do with such accounts.
PUT_ASIDE = """
from core.db import as_marketplace
from payouts.models import StripeEvent
with as_marketplace():
    events = StripeEvent.objects.filter(type="account.updated", account="{account}", state="applied")
    event = events.latest("created")
    events.filter(pk=event.pk).update(state="quarantined", note="not understood by last week's version")
print(event.pk)
"""


def at_desk(visitor: Visitor, path: str = "/desk") -> Page:
    """The operator opens a page of the desk; signed in, if they are not."""
    visitor.sign_in(Who.OPERATOR, "/desk", Host.MARKETPLACE)
    visitor.open(path, Host.MARKETPLACE)
    return visitor.page


def part(page: Page, heading: str) -> Locator:
    """The panel under a heading."""
    named = page.get_by_role("heading", name=heading, exact=True)
    return page.locator("section.panel").filter(has=named)


def give_reason(page: Page, heading: str, button: str, reason: str) -> None:
    """Fill in one of the forms of a storefront's page, and send it."""
    form = part(page, heading)
    form.get_by_label("Why").fill(reason)
    form.get_by_role("button", name=button).click()


def row(page: Page, text: str) -> Locator:
    """The rows of a list that say it."""
    return page.get_by_role("row").filter(has_text=text)


def look_until(page: Page, wanted: Locator) -> None:
    """Workers do it in their own time: look again until it is there."""
    for _ in range(LOOKS):
        if wanted.first.is_visible():
            return
        page.wait_for_timeout(150)
        page.reload()
    expect(wanted.first).to_be_visible()


def log_of(visitor: Visitor, shop: Shop) -> Page:
    """The audit log, of one storefront."""
    page = at_desk(visitor, "/desk/audit")
    page.get_by_role("main").get_by_label("Storefront").fill(shop.slug)
    page.get_by_role("main").get_by_role("button", name="Show").click()
    return page


# What is there to look at ------------------------------------------------------------------------------------------


def offer(shop: Shop, title: str, price_minor: int) -> str:
    """Nine of something, for sale. Returns the variant's id."""
    body = {"title": title, "is_published": True, "variants": [{"price_minor": price_minor}]}
    made = shop.staff.post("seller/products", body).expect(201)
    variant_id: str = made["variants"][0]["id"]
    shop.staff.post(f"seller/inventory/{variant_id}/receive", {"quantity": 9}).expect(200)
    return variant_id


def refund(shop: Shop, order: dict[str, Any], amount_minor: int) -> None:
    """The seller gives some of it back."""
    body = {"amount_minor": amount_minor, "reason": "a dent"}
    shop.staff.post(f"seller/orders/{order['id']}/refunds", body, key=f"{order['id']}-back").expect(201)


def available(shop: Shop, *, refunded_minor: int) -> int:
    """What a payout would be, once the money of all sales is there and what goes back has gone."""

    def look() -> int:
        (balance,) = shop.staff.get("seller/balance").expect(200)
        orders = shop.staff.get("seller/orders?limit=100").expect(200)["results"]
        gone = sum(order["refunded"]["amount"] for order in orders)
        is_all = gone == refunded_minor and not balance["pending_minor"]
        return balance["available_minor"] if is_all else 0

    found: int = eventually("all of it is available", look)
    return found


def stripe_of(scene: Scene) -> stripe.StripeClient:
    """The local Stripe, asked by somebody who has the marketplace's key."""
    assert scene.stack.stripe_url is not None
    return stripe.StripeClient(LOCAL_STRIPE_KEY, base_addresses={"api": scene.stack.stripe_url})


def account_of(visitor: Visitor, shop: Shop) -> str:
    """The seller's account at Stripe, as the desk names it."""
    page = at_desk(visitor, f"/desk/storefronts/{shop.slug}")
    account = part(page, "Money").get_by_text("acct_")
    look_until(page, account)
    return account.first.inner_text()


def ask_once(scene: Scene, account: str) -> str:
    """A job that reads the account from Stripe, and is parked if that does not work. Returns its number."""
    return _printed(scene, ASK_ONCE.format(account=account))


def put_aside(scene: Scene, account: str) -> str:
    """The last news of the account, as if it waited for a person. Returns the event's id."""
    return _printed(scene, PUT_ASIDE.format(account=account))


def _printed(scene: Scene, code: str) -> str:
    return scene.stack.manage("shell", "-c", code).split()[-1]


def euros(text: str) -> Decimal:
    """An amount as pages write it: "€1,234.50", "−€3.20"."""
    sign = -1 if text.strip()[0] in "-−" else 1
    return sign * Decimal(text.strip().lstrip("-−").removeprefix("€").replace(",", ""))
