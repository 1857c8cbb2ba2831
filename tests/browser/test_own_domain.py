"""A shop that has two hosts, in a browser that holds forms to where they may lead."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from journey.http import Face
from journey.world import new_key
from screenshots import chromium
from screenshots.scene import Scene

DOMAIN, SLUG = "tin-and-tide.example", "tin-and-tide"
EMAIL, PASSWORD = "owner@tin-and-tide.example", "a-quiet-harbour-47"


@pytest.fixture(scope="module")
def subdomain(scene: Scene) -> str:
    """Where the shop is besides DOMAIN, which is its address."""
    stack = scene.stack
    body = {"email": EMAIL, "password": PASSWORD, "name": "Tin & Tide", "slug": SLUG}
    made = Face(stack.url, stack.host).post("signup", body, key=new_key()).expect(201)
    owner = Face(stack.url, f"{SLUG}.{stack.host}").signed_in(made["access"])
    proof = owner.post("seller/domains", {"domain": DOMAIN}).expect(201)["proof"]
    (stack.data_dir / "dns.json").write_text(json.dumps({proof["name"]: [proof["value"]]}), encoding="utf-8")
    owner.post(f"seller/domains/{DOMAIN}/check", {}).expect(200)
    assert owner.ask("PUT", f"/api/v1/seller/domains/{DOMAIN}/primary", {}).status == 200
    return f"http://{SLUG}.{stack.host}"


@pytest.fixture
def page(browser: Browser, executable: str) -> Iterator[Page]:
    """A page of a Chromium that finds all of .example on this machine."""
    arguments = [*chromium.ARGUMENTS, "--host-resolver-rules=MAP *.example 127.0.0.1"]
    other = browser.browser_type.launch(executable_path=executable, args=arguments)
    page = other.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    yield page
    other.close()


def sign_in(page: Page, host: str) -> None:
    page.goto(f"{host}/dashboard")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page).to_have_url(f"{host}/dashboard")


def test_the_dashboard_works_at_every_host_and_its_forms_lead_to_the_shops_address(
    page: Page, scene: Scene, subdomain: str
) -> None:
    own = f"http://{DOMAIN}:{scene.stack.port}"
    page.goto(f"{subdomain}/?q=kettle")
    expect(page).to_have_url(f"{own}/?q=kettle")

    sign_in(page, subdomain)
    page.goto(f"{subdomain}/dashboard/products/new")
    page.get_by_label("Title").fill("Tin kettle")
    page.get_by_label("Price in EUR").fill("39.50")
    page.get_by_label("Pieces in stock").fill("2")
    page.get_by_role("button", name="Add it", exact=True).click()
    expect(page).to_have_url(f"{own}/products/tin-kettle")

    sign_in(page, own)
    page.goto(f"{own}/dashboard/domains")
    page.get_by_role("button", name=f"Remove {DOMAIN}").click()
    expect(page).to_have_url(f"{subdomain}/dashboard/domains?done=removed")
    page.goto(f"{subdomain}/?q=kettle")
    expect(page).to_have_url(f"{subdomain}/?q=kettle")
