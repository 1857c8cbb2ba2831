"""A guest buys, whatever the card and the stock do."""

import re
from decimal import Decimal

from playwright.sync_api import Locator, expect

from journey.shopping import cart_of, checkout
from screenshots.scene import Scene
from screenshots.visitor import ASKING_CARD, DECLINED_CARD, GOOD_CARD, Visitor
from tests.browser.seller import make_lamp

CONFIRMED = "Thank you, your order is confirmed"


def heading(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("heading", level=1)


def amount(visitor: Visitor, name: str) -> Decimal:
    """An amount of the totals on the page."""
    row = visitor.page.get_by_role("term").filter(has_text=re.compile(f"^{name}"))
    text = row.locator("xpath=following-sibling::dd").inner_text()
    return Decimal(re.sub(r"[^\d.]", "", text))


def test_a_guest_buys_and_sees_the_order_confirmed_without_a_reload(visitor: Visitor) -> None:
    visitor.open("/")
    visitor.search("morning")
    visitor.follow("Morning Mug")
    visitor.follow("Ink")
    expect(visitor.page.get_by_role("group", name="Glaze")).to_contain_text("Glaze Ink")
    visitor.press("Add to cart")
    expect(visitor.page.get_by_role("status")).to_contain_text("Added to your cart")

    visitor.check_out()
    visitor.pay(GOOD_CARD)

    expect(heading(visitor)).to_have_text(CONFIRMED)
    expect(visitor.page.get_by_role("main")).to_contain_text("Morning Mug")
    expect(visitor.page.get_by_role("main")).to_contain_text("Unter den Linden 1")


def test_a_declined_card_is_explained_and_another_one_pays(visitor: Visitor) -> None:
    visitor.put_into_cart("morning-mug")
    visitor.check_out()
    visitor.pay(DECLINED_CARD)
    expect(visitor.page.get_by_role("alert")).to_have_text("Your card was declined.")

    visitor.follow("Cancel and go back")
    expect(heading(visitor)).to_have_text("Your order waits for its payment")
    until_told(visitor, "The last try to pay did not work: Your card was declined.")
    visitor.press("Pay now")
    visitor.pay(GOOD_CARD)

    expect(heading(visitor)).to_have_text(CONFIRMED)


def test_a_card_that_asks_for_3d_secure_pays_once_the_bank_is_answered(visitor: Visitor) -> None:
    visitor.put_into_cart("morning-mug")
    visitor.check_out()
    visitor.pay(ASKING_CARD)
    visitor.press("Authenticate")

    expect(heading(visitor)).to_have_text(CONFIRMED)


def test_a_failed_3d_secure_leads_back_to_the_card(visitor: Visitor) -> None:
    visitor.put_into_cart("morning-mug")
    visitor.check_out()
    visitor.pay(ASKING_CARD)
    visitor.press("Fail")
    expect(visitor.page.get_by_role("alert")).to_be_visible()
    visitor.pay(GOOD_CARD)

    expect(heading(visitor)).to_have_text(CONFIRMED)


def test_the_last_one_bought_by_another_is_named_before_anything_is_paid(
    visitor: Visitor, scene: Scene
) -> None:
    lamp = make_lamp(scene, stock=1)
    visitor.put_into_cart("morning-mug")
    visitor.put_into_cart(lamp.slug)
    visitor.follow("Check out")
    visitor.fill_in_address()
    checkout(scene.shop(), cart_of(scene.shop(), (lamp.variant_id, 1)), email="faster@example.com")
    visitor.order()

    order = visitor.page.get_by_role("complementary", name="Your order")
    expect(order.get_by_role("alert")).to_contain_text("Sold out.")
    expect(visitor.page.get_by_label("Full name")).to_have_value("Ada Lovelace")
    order.get_by_role("link", name="Change the cart").click()
    expect(visitor.page.get_by_role("alert")).to_have_text("Sold out. Remove it to go on.")
    expect(visitor.page.get_by_role("link", name="Check out")).to_have_count(0)
    visitor.press(f"Remove {lamp.title}")

    visitor.check_out()
    visitor.pay(GOOD_CARD)
    expect(heading(visitor)).to_have_text(CONFIRMED)
    expect(visitor.page.get_by_role("main")).not_to_contain_text(lamp.title)


def test_a_code_is_refused_with_its_reason_and_a_good_one_changes_the_total(
    visitor: Visitor, scene: Scene
) -> None:
    lamp = make_lamp(scene, stock=5, price_minor=4_500)
    visitor.put_into_cart(lamp.slug)
    assert amount(visitor, "Total") == Decimal("50.90")

    visitor.enter_code("toolate")
    expect(visitor.page.get_by_role("alert")).to_have_text(re.compile(r"TOOLATE ended on .*2020\."))
    assert amount(visitor, "Total") == Decimal("50.90")
    visitor.enter_code("welcome10")

    expect(visitor.page.get_by_role("term").filter(has_text="Discount (WELCOME10)")).to_be_visible()
    assert amount(visitor, "Total") == Decimal("46.40")
    visitor.check_out()
    expect(visitor.page.get_by_role("button", name=re.compile("^Pay "))).to_contain_text("46.40")


def until_told(visitor: Visitor, sentence: str) -> None:
    """The payment provider tells in its own time: look again until it has."""
    alert = visitor.page.get_by_role("alert").filter(has_text=sentence)
    for _ in range(20):
        if alert.is_visible():
            return
        visitor.page.reload()
    expect(alert).to_be_visible()
