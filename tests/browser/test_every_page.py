"""What holds on every page of screenshots.pages. A page is visited once for all of them."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from screenshots.pages import PAGES, Entry
from screenshots.scene import Scene
from screenshots.visitor import NARROW, WIDE, Visitor
from tests.browser.conftest import keep_if_failed

SERIOUS = {"serious", "critical"}
RULES = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
IN_THE_DARK = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}  # nothing else changes
SMALLEST_TARGET = 24
WIDER_THAN_THE_SCREEN = """() => {
    const width = document.documentElement.clientWidth;
    const scroller = document.scrollingElement;
    if (scroller.scrollWidth <= innerWidth && scroller.scrollWidth <= width) return [];
    return [...document.querySelectorAll("body *")]
        .filter((element) => element.getBoundingClientRect().right > width + 1)
        .map((element) => element.outerHTML.slice(0, 160));
}"""
SMALL_BUTTONS = """(smallest) =>
    [...document.querySelectorAll("button, summary, [role=button], input[type=submit], input[type=button]")]
        .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.ariaHidden)
        .map((element) => [element.getBoundingClientRect(), element])
        .filter(([box]) => box.width < smallest || box.height < smallest)
        .map(([box, element]) => `${box.width} x ${box.height}: ${element.outerHTML.slice(0, 160)}`)
"""


@pytest.fixture(scope="module", params=PAGES, ids=lambda entry: entry.name)
def shown(request: pytest.FixtureRequest, browser: Browser, scene: Scene) -> Iterator[Visitor]:
    """Somebody who looks at the page on a phone."""
    entry: Entry = request.param
    with Visitor(
        browser, scene, width=NARROW, has_scripts=entry.has_scripts, language=entry.language
    ) as visitor:
        entry.visit(visitor)
        yield visitor


@pytest.fixture(autouse=True)
def _kept_if_failed(request: pytest.FixtureRequest, shown: Visitor) -> Iterator[None]:
    yield
    keep_if_failed(request.node, [shown])


def test_the_browser_has_nothing_to_complain_about(shown: Visitor) -> None:
    assert shown.problems == []


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_nothing_is_wider_than_the_screen(shown: Visitor, width: int) -> None:
    shown.look(width=width, is_dark=False)

    assert shown.page.evaluate(WIDER_THAN_THE_SCREEN) == []


def test_buttons_can_be_hit_with_a_finger(shown: Visitor) -> None:
    shown.look(width=NARROW, is_dark=False)

    assert shown.page.evaluate(SMALL_BUTTONS, SMALLEST_TARGET) == []


# axe itself is a script.
@pytest.mark.parametrize(
    "shown", [entry for entry in PAGES if entry.has_scripts], ids=lambda entry: entry.name, indirect=True
)
@pytest.mark.parametrize(("width", "is_dark"), [(NARROW, False), (WIDE, True)], ids=["light", "dark"])
def test_nobody_is_kept_out(shown: Visitor, width: int, is_dark: bool) -> None:
    shown.look(width=width, is_dark=is_dark)

    found = violations(shown.page, IN_THE_DARK if is_dark else RULES)

    assert [told(each) for each in found if each["impact"] in SERIOUS] == []


def violations(page: Page, rules: dict[str, Any]) -> list[dict[str, Any]]:
    """What axe finds. (Its `run` would load the script again for every look at the page.)"""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    found: list[dict[str, Any]] = page.evaluate("async (rules) => (await axe.run(rules)).violations", rules)
    return found


def told(violation: dict[str, Any]) -> str:
    """A violation, in a line or two."""
    nodes = [f"{node['html'][:160]} ({node['failureSummary']})" for node in violation["nodes"][:3]]
    return f"{violation['id']} ({violation['impact']}): {'; '.join(nodes)}"
