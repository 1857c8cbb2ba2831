"""Everything can be done without a mouse, and one always sees where one is."""

import re

import pytest
from playwright.sync_api import Locator, expect

from screenshots.visitor import ADDRESS, EMAIL, GOOD_CARD, Visitor
from tests.browser.keeper import PASSWORD, open_shop, sell
from tests.browser.test_buying import CONFIRMED, heading

MOST_TABS = 80
LAMP = {"title": "Lamp", "is_published": True, "variants": [{"price_minor": 4_500}]}
UNSEEN_FOCUS = """() => {
    const focused = document.activeElement;
    if (!focused || focused === document.body) return "nothing";
    const drawn = (element) => {
        const style = getComputedStyle(element);
        return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
    };
    return [focused, ...(focused.labels ?? [])].some(drawn) ? "" : focused.outerHTML.slice(0, 200);
}"""


def tab_to(visitor: Visitor, wanted: Locator) -> None:
    """Press Tab until `wanted` has the focus; all that has it on the way must show it."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_TABS):
        visitor.page.keyboard.press("Tab")
        assert visitor.page.evaluate(UNSEEN_FOCUS) == "", "the focus cannot be seen"
        if wanted.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"{wanted} is not reached with the Tab key")


def enter(visitor: Visitor, wanted: Locator) -> None:
    """Reach it and press Enter."""
    tab_to(visitor, wanted)
    visitor.page.keyboard.press("Enter")


def fill(visitor: Visitor, label: str, text: str) -> None:
    """Reach a field and type."""
    tab_to(visitor, visitor.page.get_by_label(label))
    visitor.page.keyboard.type(text)


def test_a_guest_buys_with_the_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/")
    tab_to(visitor, page.get_by_label("Search products"))
    page.keyboard.type("morning")
    page.keyboard.press("Enter")
    enter(visitor, page.get_by_role("link", name="Morning Mug").first)
    enter(visitor, page.get_by_role("link", name="Ink", exact=True))
    expect(page.get_by_role("group", name="Glaze")).to_contain_text("Glaze Ink")
    enter(visitor, page.get_by_role("button", name="Add to cart"))
    enter(visitor, page.get_by_role("link", name="Check out"))
    fill(visitor, "E-mail", EMAIL)
    for label, text in ADDRESS.items():
        fill(visitor, label, text)
    enter(visitor, page.get_by_role("button", name=re.compile("^Order and pay")))
    fill(visitor, "Card number", GOOD_CARD)
    page.keyboard.press("Enter")

    expect(heading(visitor)).to_have_text(CONFIRMED)


def test_the_first_tab_skips_to_the_content(visitor: Visitor) -> None:
    visitor.open("/")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_role("link", name="Skip to content")).to_be_focused()
    visitor.page.keyboard.press("Enter")

    expect(visitor.page.get_by_role("main")).to_be_focused()


def test_the_focus_stays_on_the_choice_that_was_made(visitor: Visitor) -> None:
    visitor.open("/products/morning-mug")
    enter(visitor, visitor.page.get_by_role("link", name="Ink", exact=True))

    expect(visitor.page.get_by_role("group", name="Glaze")).to_contain_text("Glaze Ink")
    expect(visitor.page.get_by_role("link", name="Ink", exact=True)).to_be_focused()


def test_a_seller_ships_and_refunds_with_the_keyboard_alone(visitor: Visitor) -> None:
    page, shop = visitor.page, open_shop(visitor.scene)
    lamp = shop.staff.post("seller/products", LAMP).expect(201)["variants"][0]["id"]
    shop.staff.post(f"seller/inventory/{lamp}/receive", {"quantity": 2}).expect(200)
    sell(shop, (lamp, 2))
    page.goto(f"{shop.address}/dashboard/orders")
    fill(visitor, "E-mail", shop.email)
    fill(visitor, "Password", PASSWORD)
    page.keyboard.press("Enter")
    enter(visitor, page.get_by_role("main").get_by_role("link", name=re.compile(r"^#\d+")).first)
    fill(visitor, "Carrier", "DHL")
    enter(visitor, page.get_by_role("button", name="Mark as shipped"))
    expect(heading(visitor)).to_contain_text("Shipped")
    enter(visitor, page.get_by_role("link", name="Refund"))
    fill(visitor, "Pieces of Lamp", "1")
    fill(visitor, "Reason", "a dent")
    enter(visitor, page.get_by_role("button", name="See what it comes to"))
    enter(visitor, page.get_by_role("button", name="Refund €45.00"))

    expect(page.get_by_role("region", name="Refunds")).to_contain_text("€45.00")
