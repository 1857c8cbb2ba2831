"""A running stack with a storefront in it, Chromium, and people who use it.

The fixtures end with this folder: while Playwright is there, its thread may not use Django's ORM.
"""

import os
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Error

from screenshots import chromium
from screenshots.scene import Scene
from screenshots.visitor import Visitor
from stack.processes import ROOT, Stack
from tests.browser.absence import SKIPPED
from tests.browser.seller import open_shop

LEFTOVERS = ROOT / ".souk" / "browser"
_failed = pytest.StashKey[bool]()

Visit = Callable[..., Visitor]


def pytest_itemcollected(item: pytest.Item) -> None:
    """All tests of this folder start real processes; see tests.workers for who runs them."""
    item.add_marker(pytest.mark.stack)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test failed, for the pictures of it."""
    report = yield
    if report.when == "call":
        item.stash[_failed] = report.failed
    return report


@pytest.fixture(scope="package")
def executable() -> str:
    """Chromium. Where there is none nothing is tested, which is said aloud, and not accepted in CI."""
    path = chromium.installed()
    if path is None and os.environ.get("CI"):
        pytest.fail(SKIPPED, pytrace=False)
    return path or pytest.skip(SKIPPED)


@pytest.fixture(scope="package")
def scene(executable: str) -> Iterator[Scene]:
    """The storefront, on a stack of its own."""
    with Stack.fresh(own_postgres=True, fsync=False, pool_size=2, funds_after_seconds=0) as stack:
        stack.start()
        stack.wait_ready(90)
        yield open_shop(stack)


@pytest.fixture(scope="package")
def browser(executable: str) -> Iterator[Browser]:
    """Chromium, started once."""
    with chromium.running(executable) as running:
        yield running


@pytest.fixture
def visit(request: pytest.FixtureRequest, browser: Browser, scene: Scene) -> Iterator[Visit]:
    """Makes visitors. At the end their browsers must have had nothing to complain about."""
    visitors: list[Visitor] = []

    with ExitStack() as doors:

        def come(**options: object) -> Visitor:
            visitors.append(doors.enter_context(Visitor(browser, scene, **options)))  # type: ignore[arg-type]
            return visitors[-1]

        yield come
        keep_if_failed(request.node, visitors)
    assert not (problems := [each for visitor in visitors for each in visitor.problems]), problems


@pytest.fixture
def visitor(visit: Visit) -> Visitor:
    """A guest at a desk."""
    return visit()


def keep_if_failed(item: pytest.Item, visitors: list[Visitor]) -> None:
    """Keep what a failed test saw: a picture and the HTML."""
    if not item.stash.get(_failed, False):
        return
    LEFTOVERS.mkdir(parents=True, exist_ok=True)
    for number, visitor in enumerate(visitors, start=1):
        name = re.sub(r"[^\w-]+", "-", f"{item.name}-{number}").strip("-")
        try:
            visitor.page.screenshot(path=LEFTOVERS / f"{name}.png", full_page=True)
            (LEFTOVERS / f"{name}.html").write_text(visitor.page.content(), encoding="utf-8")
        except Error as error:
            (LEFTOVERS / f"{name}.txt").write_text(str(error), encoding="utf-8")
