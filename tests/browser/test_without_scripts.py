"""Scripts only save reloads: without them everything works."""

from playwright.sync_api import expect

from screenshots.visitor import GOOD_CARD, NARROW
from tests.browser.conftest import Visit
from tests.browser.test_buying import CONFIRMED, heading


def test_a_guest_buys_without_scripts(visit: Visit) -> None:
    visitor = visit(has_scripts=False, width=NARROW)
    page = visitor.page
    visitor.open("/")
    visitor.search("morning")
    visitor.follow("Morning Mug")
    page.get_by_role("link", name="Ink", exact=True).click()
    expect(page.get_by_role("group", name="Glaze")).to_contain_text("Glaze Ink")
    visitor.press("Add to cart")
    page.get_by_label("Quantity of Morning Mug").fill("2")
    visitor.press("Update")
    expect(page.get_by_label("Quantity of Morning Mug")).to_have_value("2")
    visitor.enter_code("WELCOME10")
    expect(page.get_by_role("term").filter(has_text="Discount (WELCOME10)")).to_be_visible()
    visitor.check_out()
    visitor.pay(GOOD_CARD)

    expect(heading(visitor)).to_have_text(CONFIRMED)


def test_lists_are_sorted_and_filtered_without_scripts(visit: Visit) -> None:
    visitor = visit(has_scripts=False)
    visitor.open("/")
    visitor.page.get_by_label("Sort by").select_option("Price, low to high")
    visitor.page.get_by_text("Filters").click()
    visitor.page.get_by_label("In stock").check()
    visitor.press("Apply")

    expect(visitor.page.get_by_label("Sort by")).to_have_value("price")
    expect(visitor.page.get_by_label("In stock")).to_be_checked()  # though the filters are folded away
