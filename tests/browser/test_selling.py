"""A seller runs the shop from the dashboard: from an import to the last cent of a payout."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from journey.world import eventually
from screenshots.visitor import NARROW, Visitor
from tests.browser.conftest import Visit
from tests.browser.keeper import PASSWORD, Shop, enter, open_shop, sell, verify
from tests.browser.test_buying import heading

EXPORT = """Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price
spoon,Serving spoon,<p>Of ash.</p>,Oak & Ash,Spoons,,true,Title,Default Title,SPOON,80,shopify,9,deny,19.90
stool,Milking stool,,Oak & Ash,Stools,,true,Height,Low,STOOL-L,2500,shopify,4,deny,89.00
stool,,,,,,,,High,STOOL-H,3000,shopify,2,deny,109.00
bench,Garden bench,,Oak & Ash,Benches,,true,Title,Default Title,BENCH,9000,shopify,1,deny,cheap
"""


def shop_with_goods(visitor: Visitor) -> Shop:
    """A shop that sells spoons."""
    shop = open_shop(visitor.scene)
    files = {"file": ("export.csv", EXPORT.encode(), "text/csv")}
    shop.staff.ask("POST", "/api/v1/seller/imports", {}, files=files).expect(200)
    return shop


def variant(shop: Shop, sku: str) -> str:
    """The id of a variant for sale."""
    for product in shop.face.get("products?limit=100").expect(200)["results"]:
        for each in shop.face.get(f"products/{product['slug']}").expect(200)["variants"]:
            if each["sku"] == sku:
                return str(each["id"])
    raise AssertionError(f"{sku} is not for sale")


def euros(text: str) -> Decimal:
    """An amount as pages write it: "€1,234.50", "−€3.20", "-€3.20"."""
    found = re.search(r"([-−]?)€([\d,]+\.\d\d)", text)
    assert found, text
    return (Decimal(-1) if found[1] else Decimal(1)) * Decimal(found[2].replace(",", ""))


def test_an_export_is_taken_in_while_one_looks_and_found_again(visitor: Visitor, tmp_path: Path) -> None:
    shop = open_shop(visitor.scene)
    page = enter(visitor, shop, "/dashboard/products/import")
    (tmp_path / "export.csv").write_text(EXPORT)
    page.get_by_label("Shopify's product export").set_input_files(tmp_path / "export.csv")
    visitor.press("Take it in")

    expect(page.get_by_role("heading", name="What came of it")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("bench"))).to_contain_text("5")
    expect(page.get_by_role("main")).to_contain_text("export.csv")
    page.goto(f"{shop.address}/dashboard/operations")
    visitor.follow("Import of products")
    visitor.follow("See the products")
    expect(page.get_by_role("row", name=re.compile("Milking stool"))).to_contain_text("6 in 2 variants")
    expect(page.get_by_role("row", name=re.compile("Garden bench"))).to_have_count(0)


def test_prices_are_set_in_the_sheet_and_many_at_once(visitor: Visitor) -> None:
    shop = shop_with_goods(visitor)
    page = enter(visitor, shop, "/dashboard/products")
    visitor.follow("Milking stool")
    page.get_by_label("Price, High").fill("119")
    visitor.press("Save")
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    expect(page.get_by_label("Price, High")).to_have_value("119.00")

    page.goto(f"{shop.address}/dashboard/products")
    page.get_by_label("Tick all").check()
    page.locator("select[name=change]").select_option("prices")
    page.get_by_label("Change prices by").fill("10")
    visitor.press("Apply")
    expect(page.get_by_role("row", name=re.compile("Milking stool"))).to_contain_text("€97.90 – €130.90")
    expect(page.get_by_role("row", name=re.compile("Serving spoon"))).to_contain_text("€21.89")


def test_an_order_is_shipped_delivered_and_refunded_in_part_by_line(visitor: Visitor) -> None:
    shop = shop_with_goods(visitor)
    sell(shop, (variant(shop, "SPOON"), 3), (variant(shop, "STOOL-L"), 1))
    page = enter(visitor, shop, "/dashboard")
    page.get_by_role("region", name="Orders to ship").or_(page.get_by_role("main")).get_by_role(
        "link", name=re.compile(r"^#\d+")
    ).first.click()
    page.get_by_label("Carrier").fill("DHL")
    page.get_by_label(re.compile("^Tracking number")).fill("00340434161094000007")
    visitor.press("Mark as shipped")
    expect(page.get_by_role("main")).to_contain_text("00340434161094000007")
    visitor.press("Mark as delivered")
    expect(heading(visitor)).to_contain_text("Delivered")

    visitor.follow("Refund")
    page.get_by_label("Pieces of Serving spoon").fill("2")
    page.get_by_label(re.compile("^Reason")).fill("two came with a crack")
    visitor.press("See what it comes to")
    expect(heading(visitor)).to_have_text("Refund €39.80?")
    visitor.press("Refund €39.80")
    refunds = page.get_by_role("region", name="Refunds")
    expect(refunds).to_contain_text("€39.80")
    expect(refunds).to_contain_text("two came with a crack")
    page.get_by_label("Note").fill("She is happy with the third.")
    visitor.press("Keep the note")
    history = page.get_by_role("region", name="History")
    expect(history).to_contain_text("She is happy with the third.")
    with page.expect_download() as packing:
        visitor.follow("Packing slip")
    assert Path(packing.value.path()).read_bytes().startswith(b"%PDF")


def test_a_review_is_answered(visitor: Visitor) -> None:
    shop = shop_with_goods(visitor)
    order = sell(shop, (variant(shop, "SPOON"), 1))
    staff = shop.staff
    staff.post(f"seller/orders/{order['id']}/shipments", {"carrier": "DHL"}).expect(201)
    staff.post(f"seller/orders/{order['id']}/deliver").expect(200)
    spoon = shop.face.get("products/spoon").expect(200)
    path = f"/api/v1/guest-orders/{order['secret']}/reviews/{spoon['id']}"
    shop.face.ask("PUT", path, {"rating": 4, "title": "Sturdy", "text": "It stirs."}).expect(200)
    page = enter(visitor, shop, "/dashboard/reviews")
    page.get_by_label("Your answer").fill("It does. Thank you!")
    visitor.press("Answer")

    page.goto(f"{shop.address}/products/spoon")
    expect(page.get_by_role("main")).to_contain_text("It does. Thank you!")


def test_a_promotion_is_tried_before_it_is_offered(visitor: Visitor) -> None:
    shop = shop_with_goods(visitor)
    page = enter(visitor, shop, "/dashboard/promotions")
    visitor.follow("New promotion")
    page.get_by_role("textbox", name="Code").fill("ash20")
    page.get_by_label("Per cent").fill("20")
    trial = page.locator("#trial")
    expect(trial).to_contain_text("ASH20 takes 20% off", timeout=15_000)
    subtotal, discount = (trial.get_by_role("definition").nth(place).inner_text() for place in (0, 1))
    assert euros(discount) == -euros(subtotal) / 5
    visitor.press("Create the promotion")
    page.goto(f"{shop.address}/dashboard/promotions")
    expect(page.get_by_role("row", name=re.compile("ASH20"))).to_contain_text("20%")


# Parts of the navigation by the addresses behind them, and what only others may see.
PARTS = {
    "Orders": "orders", "Products": "products", "Stock": "inventory", "Customers": "customers", "Promotions": "promotions",
    "Reviews": "reviews", "Balance": "money", "Payouts": "payouts", "Disputes": "disputes", "Fee invoices": "invoices",
    "Brand": "brand", "Pages": "pages", "Shipping": "shipping", "Bank": "bank", "Team": "team", "Settings": "settings",
    "Imports and exports": "operations",
}  # fmt: skip
SEEN_BY = {
    "fulfilment": {"Orders", "Products", "Stock", "Reviews"},
    "support": {"Orders", "Products", "Stock", "Reviews", "Customers", "Promotions", "Disputes"},
    "manager": PARTS.keys() - {"Bank"},
}


@pytest.mark.parametrize("role", SEEN_BY)
def test_who_is_invited_joins_and_sees_what_the_role_may_and_no_more(
    visitor: Visitor, visit: Visit, role: str
) -> None:
    shop = shop_with_goods(visitor)
    email = f"{role}@{shop.slug}.example"
    page = enter(visitor, shop, "/dashboard/team")
    invite = page.get_by_role("region", name="Invite somebody")
    invite.get_by_label("E-mail").fill(email)
    invite.get_by_label("Role").select_option(role)
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_role("row", name=re.compile(email))).to_contain_text("Invited")

    them = visit()
    them.page.goto(eventually("the mail arrives", lambda: mailed_link(shop, email)))
    them.page.get_by_label("Your name").fill("Pat")
    them.page.get_by_label("Password").fill(PASSWORD)
    them.press("Set password")
    expect(heading(them)).to_be_visible()
    them.page.goto(f"{shop.address}/dashboard")
    if "sign-in" in them.page.url:
        enter(them, shop, email=email)
    seen = them.page.get_by_role("navigation", name="Dashboard")
    for part in PARTS:
        expect(seen.get_by_role("link", name=re.compile(f"^{part}"))).to_have_count(
            int(part in SEEN_BY[role])
        )
    for part, path in PARTS.items():
        answer = them.page.goto(f"{shop.address}/dashboard/{path}")
        assert answer is not None
        assert answer.status == (200 if part in SEEN_BY[role] else 403), path


def mailed_link(shop: Shop, email: str) -> str | None:
    """The link of the last mail to somebody."""
    for path in (shop.scene.stack.data_dir / "mail").glob("*"):
        text = path.read_text(errors="replace")
        if f"To: {email}" in text and (found := re.search(r"http\S+/account/confirm#\S+", text)):
            return found[0]
    return None


def test_a_payout_is_read_to_its_last_cent(visitor: Visitor) -> None:
    shop = shop_with_goods(visitor)
    verify(shop)
    first = sell(shop, (variant(shop, "SPOON"), 2), (variant(shop, "STOOL-H"), 1))
    sell(shop, (variant(shop, "STOOL-L"), 1), email="grace@example.com")
    refund = {"amount_minor": 500, "reason": "a dent"}
    shop.staff.post(f"seller/orders/{first['id']}/refunds", refund, key=shop.slug).expect(201)
    eventually("the money is available", lambda: is_available(shop))
    page = enter(visitor, shop, "/dashboard/money")
    available = euros(page.get_by_role("main").inner_text().partition("Available")[2])
    assert available > 0
    page.goto(f"{shop.address}/dashboard/payouts")
    page.on("dialog", lambda dialog: dialog.accept())
    visitor.press("Ask for a payout now")
    eventually("it is sent", lambda: [row["status"] for row in payouts_of(shop)] == ["sent"])
    visitor.follow("Payout 1")

    assert euros(heading(visitor).inner_text()) == available
    *parts, whole = amounts(page, "#made-of dd")
    assert sum(parts) == whole == available
    orders = page.locator("details.payout-order")
    assert orders.count() == 2
    for order in orders.all():
        (owed,) = amounts(order, ".order-sum")
        assert sum(amounts(order, ".line-sum")) == owed
    assert sum(amounts(page, ".order-sum")) == available
    with page.expect_download() as statement:
        visitor.follow("Statement (PDF)")
    assert Path(statement.value.path()).read_bytes().startswith(b"%PDF")


def amounts(place: Page | Locator, selector: str) -> list[Decimal]:
    """The amounts of all that matches, folded in or not."""
    return [euros(text) for text in place.locator(selector).all_text_contents()]


def payouts_of(shop: Shop) -> list[dict[str, Any]]:
    """The shop's payouts, newest first."""
    return list(shop.staff.get("seller/payouts").expect(200)["results"])


def is_available(shop: Shop) -> bool:
    """Nothing waits: fees are known, the refund is made."""
    (balance,) = shop.staff.get("seller/balance").expect(200)
    return bool(balance["available_minor"] > 0 and balance["pending_minor"] == 0)


def test_all_of_it_on_a_phone(visit: Visit) -> None:
    visitor = visit(width=NARROW)
    shop = shop_with_goods(visitor)
    sell(shop, (variant(shop, "SPOON"), 1))
    page = enter(visitor, shop)
    page.get_by_text("Menu", exact=True).click()
    page.get_by_role("navigation", name="Menu").get_by_role("link", name=re.compile("^Orders")).click()
    page.get_by_role("main").get_by_role("link", name=re.compile(r"^#\d+")).first.click()
    page.get_by_label("Carrier").fill("DHL")
    visitor.press("Mark as shipped")

    expect(heading(visitor)).to_contain_text("Shipped")
