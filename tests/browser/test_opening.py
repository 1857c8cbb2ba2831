"""A seller signs up on the marketplace and stands in their own shop."""

from playwright.sync_api import expect

from screenshots.scene import Host
from screenshots.visitor import Visitor
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
    expect(heading(visitor)).to_have_text("Copper & Brass is open")
    visitor.follow("See the shop")

    expect(heading(visitor)).to_have_text("Copper & Brass")
    assert page.url == f"http://copper-brass.{visitor.scene.stack.host}/"


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
