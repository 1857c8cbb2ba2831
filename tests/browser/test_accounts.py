"""A buyer with an account, on a phone and in another language."""

import re

from playwright.sync_api import expect

from journey.world import eventually
from screenshots.scene import Host, Scene, Who
from screenshots.visitor import GOOD_CARD, NARROW, Visitor
from tests.browser.conftest import Visit
from tests.browser.test_buying import CONFIRMED, heading


def test_whoever_has_an_account_buys_with_the_address_that_is_kept(visitor: Visitor) -> None:
    page = visitor.page
    visitor.put_into_cart("morning-mug")
    visitor.sign_in(Who.BUYER, "/account/orders", Host.STOREFRONT)
    visitor.open("/cart")
    visitor.follow("Check out")
    expect(page.get_by_label("E-mail")).to_have_value(visitor.scene.logins[Who.BUYER].email)
    expect(page.get_by_label("Street and number")).not_to_be_empty()
    visitor.order()
    visitor.pay(GOOD_CARD)
    expect(heading(visitor)).to_have_text(CONFIRMED)
    number = page.get_by_text(re.compile(r"^Order #\d+$")).first.inner_text()

    visitor.open("/account/orders")
    expect(page.get_by_role("link", name=re.compile(number, re.I))).to_be_visible()


def link_for(scene: Scene, email: str) -> str | None:
    """The link in the mail to somebody, once it is there."""
    for path in (scene.stack.data_dir / "mail").glob("*"):
        text = path.read_text(errors="replace")
        if f"To: {email}" in text and (found := re.search(r"(/account/confirm#\S+)", text)):
            return found[1]
    return None


def test_whoever_joins_sets_a_password_by_the_mailed_link(visitor: Visitor) -> None:
    page, email = visitor.page, "joining@example.com"
    visitor.open("/account/join")
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_load_state()

    visitor.open(eventually("the mail arrives", lambda: link_for(visitor.scene, email)))
    page.get_by_label("Your name").fill("Joan Joining")
    page.get_by_label("Password").fill("a-quiet-harbour-47")
    visitor.press("Set password")
    page.wait_for_url("**/account")
    expect(page.get_by_role("main")).to_contain_text("Joan Joining")


def test_an_address_is_kept_in_the_form_of_its_country(visitor: Visitor) -> None:
    page = visitor.page
    visitor.sign_in(Who.BUYER, "/account", Host.STOREFRONT)
    visitor.open("/account/addresses/new")
    page.get_by_label("Full name").fill("Grace Hopper")
    page.get_by_label("Country").select_option("US")
    page.get_by_label("State").select_option("NY")
    expect(page.get_by_label("Full name")).to_have_value("Grace Hopper")
    page.get_by_label("Street and number").fill("1 Navy Yard")
    page.get_by_label("City").fill("New York")
    page.get_by_label("ZIP code").fill("10001")
    visitor.press("Save")

    expect(page.get_by_role("main")).to_contain_text("1 Navy Yard")


def test_a_guest_buys_on_a_phone_from_right_to_left(visit: Visit) -> None:
    visitor = visit(width=NARROW, language="ar")
    page = visitor.page
    visitor.open("/products/morning-mug")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    visitor.press("أضف إلى السلة")
    visitor.follow("إتمام الشراء")
    for label, text in {
        "البريد الإلكتروني": "ada@example.com",
        "الاسم الكامل": "Ada Lovelace",
        "الشارع ورقم المبنى": "Unter den Linden 1",
        "الرمز البريدي": "10117",
        "المدينة": "Berlin",
    }.items():
        page.get_by_label(label, exact=True).fill(text)
    visitor.press(re.compile("^اطلب وادفع"))
    visitor.pay(GOOD_CARD)

    expect(heading(visitor)).to_have_text("شكرًا، تأكّد طلبك")


def test_another_language_is_chosen_at_the_foot_of_the_page_and_stays(visitor: Visitor) -> None:
    visitor.open("/products/morning-mug")
    visitor.page.get_by_label("Language").select_option("de")
    expect(visitor.page.get_by_role("button", name="In den Warenkorb")).to_be_visible()
    visitor.open("/cart")

    expect(heading(visitor)).to_have_text("Ihr Warenkorb")


def test_what_one_may_be_looking_for_is_shown_while_typing(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/")
    field = page.get_by_role("combobox", name="Search products")
    field.press_sequentially("morn")
    expect(page.get_by_role("option", name=re.compile("Morning Mug"))).to_be_visible()
    field.press("ArrowDown")
    field.press("Enter")

    expect(heading(visitor)).to_have_text("Morning Mug")


def test_a_price_that_has_changed_is_never_shown_again_by_the_back_button(visit: Visit, scene: Scene) -> None:
    from tests.browser.seller import make_lamp

    lamp, visitor = make_lamp(scene, stock=5, price_minor=4_500), visit()
    visitor.open(f"/products/{lamp.slug}")
    expect(visitor.page.get_by_role("main")).to_contain_text("€45.00")
    visitor.open("/")
    staff = scene.staff()
    product = next(
        row
        for row in staff.get("seller/products?limit=100").expect(200)["results"]
        if row["slug"] == lamp.slug
    )
    changes = {"variants": [{"id": lamp.variant_id, "price_minor": 9_900}]}
    staff.ask("PATCH", f"/api/v1/seller/products/{product['id']}", changes).expect(200)

    visitor.page.go_back()

    expect(visitor.page.get_by_role("main")).to_contain_text("€99.00")
    expect(visitor.page.get_by_role("main")).not_to_contain_text("€45.00")


def test_what_has_arrived_is_reviewed_with_stars(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open(visitor.scene.orders["delivered"])
    visitor.follow("Write a review")
    title = heading(visitor).inner_text()
    page.get_by_text("4: Good").click(force=True)
    page.get_by_label("In one line").fill("Dries well")
    visitor.press("Publish my review")

    expect(heading(visitor)).to_have_text(title)
    expect(page.get_by_role("heading", name="Dries well")).to_be_visible()
