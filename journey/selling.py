"""Steps of the sellers and the operator: sign-up, onboarding, import, prices."""

import time
from functools import partial
from typing import Any

from journey.figures import FREE_FROM, PROMO_MINIMUM, PROMO_PERCENT, SHIPPING
from journey.http import post_form
from journey.world import PASSWORD, Seller, World, eventually, new_key

OPERATOR = "operator@souk.example"


def sign_up(world: World) -> str:
    """Three sellers sign up; a retry returns the same storefront; bad addresses are refused."""
    times = []
    for seller in world.everybody:
        body = {"email": seller.email, "password": PASSWORD, "name": seller.name, "slug": seller.slug}
        key, started = new_key(), time.perf_counter()
        made = world.marketplace.post("signup", body, key=key).expect(201)
        times.append((time.perf_counter() - started) * 1000)
        again = world.marketplace.post("signup", body, key=key)
        assert again.headers.get("Idempotent-Replayed") == "true"
        assert again.expect(201)["storefront"] == made["storefront"]
        seller.tenant_id, seller.access, seller.refresh = (
            made["storefront"]["id"],
            made["access"],
            made["refresh"],
        )
        seller.shop = world.storefront(f"{seller.slug}.{world.stack.host}")
        seller.shop.get("products").expect(200)
    refused = 0
    for slug, status in (
        ("admin", 409),
        ("paypa1", 409),
        (world.sellers[0].slug, 409),
        ("-x-", 400),
        ("LOO--KS", 400),
    ):
        body = {"email": "else@example.com", "password": PASSWORD, "name": "Else", "slug": slug}
        world.marketplace.post("signup", body, key=new_key()).expect(status)
        refused += 1
    slowest = ", ".join(f"{ms:.0f} ms" for ms in times)
    return f"3 storefronts open after {slowest}; retried with the same key: the same; {refused} bad addresses refused"


def set_terms(world: World) -> str:
    """The operator signs in and lets the sellers be paid out at once, and only when the journey asks."""
    world.stack.manage("create_operator", "--email", OPERATOR, "--password", PASSWORD)
    pair = world.marketplace.post("auth/token", {"email": OPERATOR, "password": PASSWORD}).expect(200)
    world.operator = world.marketplace.signed_in(pair["access"])
    for seller in world.everybody:
        set_seller_terms(world, seller, hold_days=0, payout_minimum_minor=1_000, schedule="manual")
    suspended = world.sellers[1]
    path = f"operator/tenants/{suspended.tenant_id}"
    world.operator.post(f"{path}/suspend", {"reason": "a rehearsal"}).expect(200)
    assert suspended.shop.get("products").status == 503
    world.operator.post(f"{path}/reactivate", {"reason": "the rehearsal is over"}).expect(200)
    suspended.shop.get("products").expect(200)
    return (
        "operator signed in; hold 0 days, minimum 10.00; suspended: 503 to the next request; reactivated: 200"
    )


def set_seller_terms(world: World, seller: Seller, **terms: int | str) -> None:
    """What the operator sets for one seller; the rest stays as it is."""
    path = f"/api/v1/operator/tenants/{seller.tenant_id}/terms"
    kept = world.operator.ask("PATCH", path, terms).expect(200)
    assert {name: kept[name] for name in terms} == terms


def onboard(world: World) -> str:
    """The sellers prove themselves at Stripe; the webhook tells us."""
    for seller in world.everybody:
        verify(seller)
    return "3 accounts verified on Stripe's page, followed by webhook; transfers active"


def verify(seller: Seller) -> None:
    """Through Stripe's page, until we know of it."""
    link = eventually("the account at Stripe is open", partial(_link, seller))
    assert post_form(link, {}).status in (200, 302, 303)
    eventually("account.updated arrives", partial(_may_receive, seller))


def _may_receive(seller: Seller) -> bool:
    return bool(seller.staff.get("seller/account").expect(200)["transfers_active"])


def _link(seller: Seller) -> str | None:
    answer = seller.staff.post("seller/account/onboarding", {})
    return answer.json["url"] if answer.status == 200 else None


def import_exports(world: World) -> str:
    """Each imports an export; what arrives is counted against the file; again changes nothing."""
    _rehearse(world.sellers[1])
    parts = []
    for seller in world.sellers:
        export = seller.export
        report = _import(seller)
        assert (report["created"], report["rejected"]) == (export.products, 0), report["problems"][:3]
        by_csv = (export.products, export.variants, export.units)
        assert (report["created"], report["variants"], report["units"]) == by_csv
        assert _counted(seller) == by_csv, f"listed {_counted(seller)}, in the file {by_csv}"
        again = _import(seller)
        assert (again["unchanged"], again["created"], again["updated"]) == (export.products, 0, 0)
        assert _counted(seller) == by_csv
        parts.append("{}: {} products, {} variants, {} units".format(export.path.name, *by_csv))
    return "; ".join(parts) + "; again: unchanged"


def _rehearse(seller: Seller) -> None:
    """A dry run tells the same and writes nothing."""
    assert _import(seller, dry_run="true")["created"] == seller.export.products
    assert _counted(seller) == (0, 0, 0)


def _import(seller: Seller, **form: str) -> dict[str, Any]:
    files = {"file": (seller.export.path.name, seller.export.path.read_bytes(), "text/csv")}
    answer = seller.staff.ask("POST", "/api/v1/seller/imports", form, files=files)
    report: dict[str, Any] = answer.expect(200)
    return report


def _counted(seller: Seller) -> tuple[int, int, int]:
    """Products, variants and units, as the API lists them."""
    rows = seller.stock().values()
    products = len(list(seller.pages("seller/products")))
    return products, len(rows), sum(row["current_stock"] for row in rows)


def prepare_shops(world: World) -> str:
    """Stock is received, shipping and a promotion are set; promotions against the rules are refused."""
    for seller in world.sellers:
        for number, handle in enumerate(list(seller.export.prices)[:3]):
            variant = seller.shop.get(f"products/{handle}").expect(200)["variants"][0]
            assert variant["price"]["amount"] == seller.export.prices[handle]
            seller.ids[f"variant{number}"] = variant["id"]
            seller.staff.post(f"seller/inventory/{variant['id']}/receive", {"quantity": 30}).expect(200)
        rate = {"name": "Standard", "price_minor": SHIPPING, "free_from_minor": FREE_FROM}
        seller.staff.ask("PUT", "/api/v1/seller/shipping-rate", rate).expect(200)
    _stock_worked_example(world.worked)
    seller = world.sellers[0]
    promo = {"code": "WELCOME10", "kind": "percentage", "percentage_basis_points": PROMO_PERCENT * 100}
    made = seller.staff.post("seller/promotions", {**promo, "minimum_spend_minor": PROMO_MINIMUM}).expect(201)
    seller.ids["promotion_id"] = made["id"]
    past, future = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
    for values in (
        {"code": "TOOMUCH", "minimum_spend_minor": 10**9},
        {"code": "TOOLATE", "starts_at": "2019-01-01T00:00:00Z", "ends_at": past},
        {"code": "TOOSOON", "starts_at": future},
    ):
        seller.staff.post("seller/promotions", {**promo, **values}).expect(201)
    assert seller.staff.post("seller/promotions", promo).status == 409, "a code is taken once"
    bad = [
        {"code": "BAD1", "kind": "percentage", "percentage_basis_points": 10_001},
        {"code": "BAD2", "kind": "fixed", "amount_minor": 0},
        {"code": "BAD4", "kind": "percentage", "percentage_basis_points": 0},
        {**promo, "code": "BAD3", "starts_at": "2030-01-02T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"},
    ]
    for values in bad:
        seller.staff.post("seller/promotions", values).expect(400)
    return f"90 units received in each, shipping 4.90, WELCOME10 takes {PROMO_PERCENT} %; {len(bad)} bad promotions refused"


def _stock_worked_example(seller: Seller) -> None:
    """Three products made by hand, sent for nothing."""
    for number, (handle, price) in enumerate(seller.export.prices.items()):
        body = {"title": handle, "slug": handle, "is_published": True, "variants": [{"price_minor": price}]}
        made = seller.staff.post("seller/products", body).expect(201)
        variant = seller.ids[f"variant{number}"] = made["variants"][0]["id"]
        seller.staff.post(f"seller/inventory/{variant}/receive", {"quantity": 30}).expect(200)
    rate = {"name": "Standard", "price_minor": seller.shipping}
    seller.staff.ask("PUT", "/api/v1/seller/shipping-rate", rate).expect(200)
