"""What scripts spare the seller: pictures come and go while the sheet is being typed, rows are added, texts are formatted."""

import pytest
from playwright.sync_api import FilePayload, Page, expect

from screenshots.scene import Host, Scene, Who
from screenshots.visitor import Visitor
from tests.browser.conftest import Visit
from tests.browser.seller import PICTURE, make_lamp


@pytest.fixture
def opened(visit: Visit, scene: Scene) -> Page:
    """The page of a new product with one picture, in the owner's browser."""
    visitor: Visitor = visit()
    path = f"/dashboard/products/by-slug/{make_lamp(scene, stock=3).slug}"
    visitor.sign_in(Who.OWNER, path, Host.STOREFRONT)
    visitor.open(path)
    return visitor.page


def files(*names: str) -> list[FilePayload]:
    """Files to choose: a picture each, and what is none under a name that ends in .txt."""
    return [
        {
            "name": name,
            "mimeType": "image/webp",
            "buffer": b"no picture" if name.endswith(".txt") else PICTURE.read_bytes(),
        }
        for name in names
    ]


def order(page: Page) -> list[str]:
    return [str(one.get_attribute("data-image")) for one in page.locator(".picture").all()]


def test_pictures_come_one_by_one_and_what_is_typed_meanwhile_stays(opened: Page) -> None:
    opened.get_by_label("Made by").fill("Typed before")

    opened.locator("#files").set_input_files(files("front.webp", "notes.txt", "back.webp"))

    expect(opened.locator(".picture")).to_have_count(3)
    expect(opened.locator(".uploads .problem")).to_contain_text("not a JPEG, PNG, WebP or GIF")
    expect(opened.locator(".uploads li")).to_have_count(1)
    expect(opened.get_by_label("Made by")).to_have_value("Typed before")
    expect(opened.locator(".save-bar")).to_contain_text("Not saved yet")
    opened.locator(".save-bar button").click()
    expect(opened.get_by_role("status").first).to_have_text("Saved.")
    expect(opened.get_by_label("Made by")).to_have_value("Typed before")


def test_pictures_are_ordered_by_keys_and_by_dragging(opened: Page) -> None:
    opened.locator("#files").set_input_files(files("a.webp", "b.webp"))
    expect(opened.locator(".picture")).to_have_count(3)
    first, second, third = order(opened)

    opened.locator(f'[data-image="{third}"] [value=image-up]').focus()
    opened.keyboard.press("Enter")
    expect(opened.locator(".picture").nth(1)).to_have_attribute("data-image", third)
    expect(opened.locator(f'[data-image="{third}"] [value=image-up]')).to_be_focused()
    opened.locator(f'[data-image="{first}"]').drag_to(opened.locator(f'[data-image="{second}"]'))
    expect(opened.locator(".picture").last).to_have_attribute("data-image", first)
    opened.wait_for_load_state("networkidle")
    opened.reload()
    assert order(opened) == [third, second, first]


def test_options_become_rows_and_rows_become_variants(opened: Page) -> None:
    opened.locator(".options summary").click()
    opened.get_by_label("Option 1").fill("Shade")
    opened.get_by_label("Its values, separated by commas").first.fill("Linen, Paper")
    opened.get_by_role("button", name="Make a row of each combination").click()
    expect(opened.locator("[data-row]")).to_have_count(2)

    opened.get_by_role("button", name="More rows").click()
    expect(opened.locator("[data-row]")).to_have_count(3)
    opened.keyboard.type("Glass")
    opened.locator("[name=r2-price]").fill("60")
    opened.locator(".save-bar button").click()

    expect(opened.get_by_role("status").first).to_have_text("Saved.")
    shades = [opened.locator(f"[name=r{number}-option_1]").input_value() for number in range(3)]
    assert shades == ["Linen", "Paper", "Glass"]


def test_a_text_is_formatted_and_read_as_it_was_written(opened: Page) -> None:
    text = opened.locator(".rich")
    text.click()
    opened.get_by_role("button", name="Bold").click()
    opened.keyboard.type("Bright")
    opened.locator(".save-bar button").click()

    expect(opened.get_by_role("status").first).to_have_text("Saved.")
    expect(opened.locator(".rich :is(b, strong)")).to_have_text("Bright")


def test_the_save_key_saves_and_does_not_make_rows(opened: Page) -> None:
    opened.get_by_label("Title", exact=True).fill("Lamp by Enter")
    opened.keyboard.press("Enter")

    expect(opened.get_by_role("status").first).to_have_text("Saved.")
    expect(opened.get_by_role("heading", level=1)).to_contain_text("Lamp by Enter")
