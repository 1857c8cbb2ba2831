"""Somebody with a browser of their own, who finds things by what they say: labels, buttons, links."""

import re
from types import TracebackType
from typing import Self

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

from screenshots.scene import Host, Scene, Who

WIDE, NARROW = 1280, 390
HEIGHTS = {WIDE: 800, NARROW: 844}
GOOD_CARD, DECLINED_CARD, ASKING_CARD = "4242 4242 4242 4242", "4000 0000 0000 0002", "4000 0025 0000 3155"
EMAIL = "ada@example.com"
ADDRESS = {
    "Full name": "Ada Lovelace",
    "Street and number": "Unter den Linden 1",
    "Postal code": "10117",
    "City": "Berlin",
}
PATIENCE_MS = 20_000


class Visitor:
    """A person. `problems` is what their browser complained about so far."""

    def __init__(
        self,
        browser: Browser,
        scene: Scene,
        *,
        width: int = WIDE,
        is_dark: bool = False,
        has_scripts: bool = True,
        language: str = "en-GB",
    ) -> None:
        """With a new browser profile."""
        self.scene = scene
        self.context = browser.new_context(
            viewport={"width": width, "height": HEIGHTS[width]},
            device_scale_factor=1,
            color_scheme="dark" if is_dark else "light",
            reduced_motion="reduce",
            java_script_enabled=has_scripts,
            locale=language,
            timezone_id="UTC",
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = self.context.new_page()
        self.problems: list[str] = []
        _watch(self.page, self.problems)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.context.close()

    def open(self, path: str, host: Host = Host.STOREFRONT) -> Response:
        """Type an address."""
        response = self.page.goto(f"{self.scene.address(host)}{path}")
        assert response is not None, f"{path} is the page that is open already"
        return response

    def look(self, *, width: int, is_dark: bool) -> None:
        """See the open page on another screen."""
        self.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        self.page.emulate_media(color_scheme="dark" if is_dark else "light")

    def press(self, name: str | re.Pattern[str]) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name).click()

    def follow(self, name: str | re.Pattern[str]) -> None:
        """Follow a link; the first of that name."""
        self.page.get_by_role("link", name=name).first.click()

    def search(self, words: str) -> None:
        """Use the search field."""
        self.page.get_by_label("Search products").fill(words)
        self.page.keyboard.press("Enter")

    # Buying ---------------------------------------------------------------------------------------------------------

    def put_into_cart(self, slug: str) -> None:
        """Open a product and put one into the cart."""
        self.open(f"/products/{slug}")
        self.press("Add to cart")
        self.page.wait_for_url("**/cart**")

    def fill_in_address(self) -> None:
        """Who buys and where it goes."""
        self.page.get_by_label("E-mail").fill(EMAIL)
        for label, text in ADDRESS.items():
            self.page.get_by_label(label).fill(text)

    def enter_code(self, code: str) -> None:
        """A promo code, in the cart."""
        field = self.page.get_by_role("textbox", name="Promo code")
        if not field.is_visible():
            self.page.get_by_text("Promo code", exact=True).first.click()
        field.fill(code)
        self.press("Apply")

    def order(self) -> None:
        """Send the checkout's form."""
        self.press(re.compile("^Order and pay"))

    def check_out(self) -> None:
        """From the cart to the payment page."""
        self.follow("Check out")
        self.fill_in_address()
        self.order()
        self.page.wait_for_url("**/pay/**")

    def pay(self, card: str) -> None:
        """Enter a card on the payment page."""
        self.page.get_by_label("Card number").fill(card)
        self.press(re.compile("^Pay "))

    # Being known ----------------------------------------------------------------------------------------------------

    def sign_in(self, who: Who, path: str, host: Host) -> None:
        """Open what is not for strangers, and fill in the form that is shown instead. Once is enough for a scene."""
        if known := self.scene.sessions.get(who):
            self.context.add_cookies(known)
            return
        login = self.scene.logins[who]
        self.open(path, host)
        self.page.get_by_label(re.compile("e-?mail", re.I)).first.fill(login.email)
        self.page.get_by_label(re.compile(r"^\s*password", re.I)).first.fill(login.password)
        self.press(re.compile("^(sign|log) in", re.I))
        self.page.get_by_label(re.compile(r"^\s*password", re.I)).first.wait_for(state="detached")
        self.scene.sessions[who] = self.context.cookies()


def _watch(page: Page, problems: list[str]) -> None:
    """Write down what goes wrong on any page. A refusal (4xx, 503) that is a page of its own is an answer, not a problem."""

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            problems.append(f"console: {message.text}")

    def failed(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # left the page before it was there
            problems.append(f"failed: {request.url} ({request.failure})")

    def answered(response: Response) -> None:
        is_page = response.request.is_navigation_request()
        if (response.status >= 500 and not (is_page and response.status == 503)) or (
            response.status >= 400 and not is_page
        ):
            problems.append(f"answered {response.status}: {response.url}")

    page.on("console", heard)
    page.on("pageerror", lambda error: problems.append(f"script: {error}"))
    page.on("requestfailed", failed)
    page.on("response", answered)
