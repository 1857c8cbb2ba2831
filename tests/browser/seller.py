"""The storefront of these tests, opened and filled over HTTP as its owner would."""

import re
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from journey.http import Face
from journey.world import ADDRESS, eventually, new_key
from screenshots.orders import make_orders
from screenshots.scene import Login, Scene, Who
from stack.processes import ROOT, Stack

SLUG, NAME = "kiln-and-linen", "Kiln & Linen"
EXPORT = ROOT / "shop" / "sample" / "products.csv"
PICTURE = ROOT / "shop" / "sample" / "pictures" / "harbour-mug.webp"
LOGINS = {
    Who.OWNER: Login("owner@kiln-and-linen.example", "a-quiet-harbour-42"),
    Who.BUYER: Login("buyer@souk.example", "a-quiet-harbour-44"),
    Who.OPERATOR: Login("operator@souk.example", "a-quiet-harbour-43"),
}
SHIPPING = {"name": "Standard", "price_minor": 590, "free_from_minor": 8_000}
BRAND = {
    "primary": "#1f4d3f",
    "accent": "#d98e4a",
    "font": "serif",
    "tagline": "Quiet things for the table.",
}
TEN_PERCENT = {"kind": "percentage", "percentage_basis_points": 1_000}
PAST = {"starts_at": "2019-01-01T00:00:00Z", "ends_at": "2020-01-01T00:00:00Z"}
_numbers = count(1)


@dataclass(frozen=True)
class Lamp:
    """A product made for one test."""

    title: str
    slug: str
    variant_id: str


def open_shop(stack: Stack) -> Scene:
    """A storefront with the samples, pictures, two codes and orders."""
    scene = Scene(stack, SLUG, LOGINS)
    owner, operator = LOGINS[Who.OWNER], LOGINS[Who.OPERATOR]
    stack.manage("create_operator", "--email", operator.email, "--password", operator.password)
    body = {"email": owner.email, "password": owner.password, "name": NAME, "slug": SLUG}
    Face(stack.url, stack.host).post("signup", body, key=new_key()).expect(201)
    staff = scene.staff()
    staff.ask("PATCH", "/api/v1/seller/storefront", {"brand": BRAND}).expect(200)
    staff.ask("PUT", "/api/v1/seller/shipping-rate", SHIPPING).expect(200)
    staff.post("seller/promotions", {"code": "WELCOME10", **TEN_PERCENT}).expect(201)
    staff.post("seller/promotions", {"code": "TOOLATE", **TEN_PERCENT, **PAST}).expect(201)
    returns = {"slug": "returns", "title": "Returns", "body": "Within **30 days**.", "is_published": True}
    staff.post("seller/pages", returns).expect(201)
    files = {"file": (EXPORT.name, EXPORT.read_bytes(), "text/csv")}
    staff.ask("POST", "/api/v1/seller/imports", {}, files=files).expect(200)
    make_orders(scene)
    join(scene, LOGINS[Who.BUYER])
    eventually("all pictures are there", lambda: _has_pictures(scene.shop()))
    return scene


def join(scene: Scene, login: Login) -> None:
    """An account for a buyer, by the link in the mail; with an address."""
    shop, mail = scene.shop(), scene.stack.data_dir / "mail"
    shop.post("auth/join", {"email": login.email}).expect(202)
    body = {"proof": eventually("the mail arrives", lambda: _proof(mail, login)), "name": "Grace Buyer"}
    pair = shop.post("auth/confirm", {**body, "password": login.password}).expect(200)
    shop.signed_in(pair["access"]).post("me/addresses", ADDRESS).expect(201)


def _proof(mail: Path, login: Login) -> str | None:
    for path in mail.glob("*"):
        text = path.read_text(errors="replace")
        if f"To: {login.email}" in text and (found := re.search(r"/account/confirm#(\S+)", text)):
            return found.group(1)
    return None


def make_lamp(scene: Scene, *, stock: int, price_minor: int = 4_500) -> Lamp:
    """A lamp with a picture, of which so many are there."""
    staff, title = scene.staff(), f"Lamp {next(_numbers)}"
    body = {"title": title, "is_published": True, "variants": [{"price_minor": price_minor}]}
    made = staff.post("seller/products", body).expect(201)
    variant_id = made["variants"][0]["id"]
    staff.post(f"seller/inventory/{variant_id}/receive", {"quantity": stock}).expect(200)
    files = {"file": (PICTURE.name, PICTURE.read_bytes(), "image/webp")}
    staff.post(f"seller/products/{made['id']}/images", {"alt": title}, files=files).expect(201)
    return Lamp(title, made["slug"], variant_id)


def _has_pictures(shop: Face) -> bool:
    listed: dict[str, Any] = shop.get("products?limit=100").expect(200)
    return all(row["image"] for row in listed["results"])
