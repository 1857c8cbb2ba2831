"""A seller signs up on the marketplace and stands in their own shop."""

from playwright.sync_api import expect

from screenshots.scene import Host
from screenshots.visitor import Visitor
from tests.browser.seller import PICTURE
from tests.browser.test_buying import heading


def test_a_seller_signs_up_and_visits_the_new_storefront(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/", Host.MARKETPLACE)
    visitor.follow("Open a shop")
    page.get_by_label("Name of your shop").fill("Copper & Brass")
    expect(page.get_by_label("Address")).to_have_value("copper-brass")
    page.get_by_label("Your e-mail").fill("owner@copper-brass.example")
    page.get_by_label("Password").fill("a-quiet-harbour-44")
    visitor.press("Open my shop")
    expect(page.get_by_role("heading", name="Copper & Brass is open")).to_be_visible()
    visitor.follow("See the shop")

    expect(heading(visitor)).to_have_text("Copper & Brass")
    assert page.url == f"http://copper-brass.{visitor.scene.stack.host}/"


def test_from_sign_up_to_the_first_product_in_the_sellers_own_colours(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/signup", Host.MARKETPLACE)
    page.get_by_label("Name of your shop").fill("Tin & Thyme")
    page.get_by_label("Your e-mail").fill("owner@tin-thyme.example")
    page.get_by_label("Password").fill("a-quiet-harbour-45")
    visitor.press("Open my shop")

    page.get_by_role("main").get_by_role("link", name="Add a product").click()
    page.get_by_label("Title").fill("Tin kettle")
    page.get_by_label("Price in EUR").fill("39.50")
    page.get_by_label("Pieces in stock").fill("2")
    page.get_by_label("Picture").set_input_files(PICTURE)
    page.get_by_role("button", name="Add it", exact=True).click()
    expect(heading(visitor)).to_have_text("Tin kettle")
    expect(page.get_by_role("main")).to_contain_text("€39.50")
    expect(page.get_by_role("main")).to_contain_text("Only 2 left")
    expect(page.get_by_role("img", name="Tin kettle")).to_be_visible()

    page.goto(page.url.partition("/products/")[0] + "/dashboard/brand")
    page.get_by_label("Main colour").fill("#ffd75e")
    expect(page.locator("#contrast")).to_contain_text("hard to read")
    page.get_by_role("textbox", name="Greeting (optional)", exact=True).fill("Kettles that sing")
    preview = page.frame_locator("iframe")
    expect(preview.get_by_role("heading", level=1)).to_have_text("Kettles that sing")
    visitor.press("Save")
    visitor.follow("See the shop")
    expect(heading(visitor)).to_have_text("Kettles that sing")
    assert (
        page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--brand')") == "#ffd75e"
    )


def test_an_address_that_is_taken_is_said_so_and_nothing_typed_is_lost(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/signup", Host.MARKETPLACE)
    page.get_by_label("Name of your shop").fill("Another Kiln")
    page.get_by_label("Address").fill(visitor.scene.slug)
    page.get_by_label("Your e-mail").fill("owner@another-kiln.example")
    page.get_by_label("Password").fill("a-quiet-harbour-44")
    visitor.press("Open my shop")

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Address")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Name of your shop")).to_have_value("Another Kiln")
