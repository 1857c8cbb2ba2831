"""A shop of one's own for a test: opened over HTTP, kept in a browser."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from playwright.sync_api import Page

from journey.http import Face, control, post_form
from journey.shopping import GOOD_CARD, card, cart_of, checkout, until_confirmed
from journey.world import eventually, new_key
from screenshots.scene import Scene
from screenshots.visitor import Visitor

PASSWORD = "a-quiet-harbour-47"
_numbers = count(1)


@dataclass(frozen=True)
class Shop:
    """A storefront and its owner's login."""

    scene: Scene
    tenant_id: str
    slug: str
    email: str

    @property
    def address(self) -> str:
        """For a browser, without a slash at the end."""
        return f"http://{self.slug}.{self.scene.stack.host}"

    @property
    def face(self) -> Face:
        """Its API, asked by nobody in particular."""
        return Face(self.scene.stack.url, f"{self.slug}.{self.scene.stack.host}")

    @property
    def staff(self) -> Face:
        """Its API, asked by the owner."""
        pair = self.face.post("auth/token", {"email": self.email, "password": PASSWORD}).expect(200)
        return self.face.signed_in(pair["access"])


def open_shop(scene: Scene, name: str = "Oak & Ash") -> Shop:
    """A storefront with an owner and an account at Stripe that nobody has filled in yet."""
    slug = f"oak-and-ash-{next(_numbers)}"
    email = f"owner@{slug}.example"
    body = {"email": email, "password": PASSWORD, "name": name, "slug": slug}
    made = Face(scene.stack.url, scene.stack.host).post("signup", body, key=new_key()).expect(201)
    return Shop(scene, made["storefront"]["id"], slug, email)


def verify(shop: Shop) -> None:
    """The owner is onboarded at the local Stripe, and may be paid what is there at once, when asked."""
    link = eventually("there is an account at Stripe", lambda: _onboarding(shop))
    post_form(link, {})
    stripe_url = shop.scene.stack.stripe_url
    assert stripe_url is not None
    control(stripe_url, "funds", {"amount": 10**7, "currency": "eur"})
    terms: dict[str, Any] = {"hold_days": 0, "payout_minimum_minor": 100, "schedule": "manual"}
    path = f"/api/v1/operator/tenants/{shop.tenant_id}/terms"
    shop.scene.operator().ask("PATCH", path, terms).expect(200)
    eventually(
        "payouts are possible", lambda: shop.staff.get("seller/account").expect(200)["payouts_enabled"]
    )


def _onboarding(shop: Shop) -> str | None:
    answer = shop.staff.post("seller/account/onboarding", {})
    return str(answer.expect(200)["url"]) if answer.status == 200 else None


def sell(shop: Shop, *lines: tuple[str, int], email: str = "ada@example.com") -> dict[str, Any]:
    """A guest buys (variant id, units) and pays. Returns the order as the checkout answered."""
    order = checkout(shop.face, cart_of(shop.face, *lines), email=email)
    card(order, GOOD_CARD)
    until_confirmed(shop.face, order)
    return order


def enter(visitor: Visitor, shop: Shop, path: str = "/dashboard", *, email: str = "") -> Page:
    """Sign in at the dashboard and arrive at a page of it."""
    page = visitor.page
    page.goto(f"{shop.address}{path}")
    page.get_by_label("E-mail").fill(email or shop.email)
    page.get_by_label("Password").fill(PASSWORD)
    visitor.press("Sign in")
    page.wait_for_url(f"{shop.address}{path}")
    return page
