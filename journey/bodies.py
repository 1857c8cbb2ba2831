"""What is sent to each route: valid where that matters, so that it is the wall that refuses and not the form."""

from collections.abc import Iterator
from typing import Any

from journey.world import ADDRESS, Seller
from stack.processes import ROOT

Crossing = tuple[str, str, str, dict[str, Any]]  # who asks, method, path, body

BODIES: dict[str, dict[str, Any]] = {
    "/promotion": {"code": "WELCOME10"},
    "/lines/{variant_id}": {"quantity": 1},
    "/me": {"name": "Taken over"},
    "/seller/products/{product_id}": {"title": "Taken over"},
    "/seller/inventory/{variant_id}": {"low_stock_threshold": 7},
    "/receive": {"quantity": 1},
    "/adjust": {"delta": 1, "reason": "taken over"},
    "/shipments": {"carrier": "DHL"},
    "/refunds": {"amount_minor": 1, "reason": "taken over"},
    "/seller/promotions/{promotion_id}": {"is_active": False},
    "/seller/shipping-rate": {"name": "Taken over", "price_minor": 1},
    "/seller/storefront": {"name": "Taken over"},
    "/seller/members": {"email": "thief@example.com", "role": "manager"},
    "/seller/domains": {"domain": "thief.example"},
    "/check": {},
    "/primary": {},
    "/seller/account/onboarding": {},
    "/seller/notifications": {},
    "/deliver": {},
    "/cancel": {},
    "/payment": {},
    "/capture": {},
    "/void": {},
    "/answer": {"text": "taken over"},
    "/accept": {},
    "/seller/payouts": {},
    "/seller/account": {"legal_name": "Taken over"},
    "/write-offs": {"currency": "EUR", "amount_minor": 1, "reason": "taken over"},
    "/reversals": {"amount_minor": 1, "reason": "taken over"},
    "/funding": {"funded_basis_points": 10_000},
    "/terms": {"hold_days": 1},
    "/auth/logout": {},
    "/reviews/{product_id}": {"rating": 5},
    "/seller/pages": {"title": "Taken over"},
    "/seller/pages/{slug}": {"title": "Taken over"},
    "/hide": {"reason": "taken over"},
    "/publish": {},
}


def body_for(method: str, path: str, alice: Seller) -> dict[str, Any] | None:
    """The body for a route, with A's things where it takes names."""
    if method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        return None
    line = {"variant_id": alice.ids["variant0"], "quantity": 1}
    own: dict[str, dict[str, Any]] = {
        "/carts": {"lines": [line]},
        "/lines": line,
        "/checkout": {"cart": alice.ids["token"], "email": "x@example.com", "shipping_address": ADDRESS},
        "/auth/refresh": {"refresh": alice.refresh},
        "/auth/join": {"email": alice.email},
        "/auth/password/reset": {"email": alice.email},
        "/me/addresses": ADDRESS,
        "/me/addresses/{address_id}": ADDRESS,
        "/seller/categories": {"name": "Taken over", "parent_id": alice.ids["category_id"]},
        "/seller/categories/{category_id}": {"name": "Taken over"},
        "/operator/payout-runs": {"tenants": [alice.tenant_id]},
    }
    for ending, body in {**BODIES, **own}.items():
        if path.endswith(ending):
            return body
    return {"reason": "taken over"}


def picture() -> dict[str, tuple[str, bytes, str]]:
    """A form with a picture in it."""
    path = sorted((ROOT / "shop" / "sample" / "pictures").iterdir())[0]
    return {"file": (path.name, path.read_bytes(), "image/webp")}


def crossings(alice: dict[str, str], bob: dict[str, str], refresh: str) -> Iterator[Crossing]:
    """Requests to B's own things that name one of A's."""
    line = {"variant_id": alice["variant0"], "quantity": 1}
    checkout = {"email": "x@example.com", "shipping_address": ADDRESS}
    owner, nobody = "B's owner", "nobody"
    for asker in (owner, nobody):
        yield asker, "POST", "carts", {"lines": [line]}
        yield asker, "POST", "checkout", {**checkout, "cart": alice["token"]}
    yield nobody, "POST", f"carts/{bob['token']}/lines", line
    yield nobody, "PUT", f"carts/{bob['token']}/promotion", {"code": "WELCOME10"}
    yield nobody, "POST", "auth/refresh", {"refresh": refresh}
    yield owner, "POST", "checkout", {"cart": bob["token"], "address_id": alice["address_id"]}
    yield owner, "POST", "seller/categories", {"name": "Crossed", "parent_id": alice["category_id"]}
    yield (
        owner,
        "POST",
        "seller/products",
        {"title": "Crossed", "category_id": alice["category_id"], "variants": [{"price_minor": 100}]},
    )
    yield (
        owner,
        "POST",
        f"seller/orders/{bob['order_id']}/refunds",
        {"amount_minor": 1, "reason": "crossed", "restock": [line]},
    )
