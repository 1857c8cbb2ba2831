"""The operator runs the marketplace from the desk: each test is what they came for."""

import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from journey.http import control
from journey.world import new_key
from screenshots.scene import Host, Scene, Who
from screenshots.visitor import Visitor
from tests.browser.conftest import Visit
from tests.browser.keeper import Shop, enter, open_shop, sell, verify
from tests.browser.operator import (
    account_of,
    ask_once,
    at_desk,
    available,
    euros,
    give_reason,
    log_of,
    look_until,
    offer,
    part,
    put_aside,
    refund,
    row,
    stripe_of,
)
from tests.browser.test_buying import heading
from tests.browser.test_keyboard import enter as press_enter_on
from tests.browser.test_keyboard import tab_to

LONG_MS = 20_000  # work that takes long
TROUBLE = {"kind": "error_500", "times": 50, "stored": False}


@pytest.fixture
def stripe_url(scene: Scene) -> Iterator[str]:
    """Where the local Stripe is told what to do; afterwards nothing more goes wrong there."""
    assert scene.stack.stripe_url is not None
    yield scene.stack.stripe_url
    control(scene.stack.stripe_url, "faults", {"clear": True})


def delay(stripe_url: str, request: str) -> None:
    """The next such request takes long enough for a person to see that it does."""
    control(stripe_url, "faults", {"match": request, "kind": "delay", "seconds": 3})


# Storefronts -------------------------------------------------------------------------------------------------------


def test_a_storefront_is_suspended_and_restored_with_reasons_that_are_kept(visit: Visit) -> None:
    operator, buyer = visit(), visit()
    shop = open_shop(operator.scene, "Reed & Rush")
    buyer.page.goto(shop.address)
    expect(heading(buyer)).to_have_text("Reed & Rush")

    page = at_desk(operator, f"/desk/storefronts/{shop.slug}")
    give_reason(page, "Suspend", "Suspend", "the pictures are somebody else's")
    expect(page.get_by_role("status")).to_have_text("Closed to buyers with the next request.")
    expect(heading(operator)).to_contain_text("Suspended")
    assert status_of_next_request(buyer) == 503

    give_reason(page, "Reactivate", "Reactivate", "they were taken down")
    expect(heading(operator)).to_contain_text("Active")
    assert status_of_next_request(buyer) == 200
    expect(heading(buyer)).to_have_text("Reed & Rush")

    page, by = log_of(operator, shop), operator.scene.logins[Who.OPERATOR].email
    for action, reason in (
        ("tenant.suspend", "the pictures are somebody else's"),
        ("tenant.reactivate", "they were taken down"),
    ):
        expect(row(page, action)).to_contain_text(reason)
        expect(row(page, action)).to_contain_text(by)


def status_of_next_request(visitor: Visitor) -> int:
    """What a person who looks again is answered."""
    answer = visitor.page.reload()
    assert answer is not None
    return answer.status


@pytest.mark.parametrize("has_scripts", [True, False], ids=["keyboard", "keyboard and no scripts"])
def test_a_storefront_is_found_and_suspended_without_a_mouse(visit: Visit, has_scripts: bool) -> None:
    visitor = visit(has_scripts=has_scripts)
    page, login = visitor.page, visitor.scene.logins[Who.OPERATOR]
    shop = open_shop(visitor.scene, "Quill & Quartz")
    visitor.open("/desk", Host.MARKETPLACE)
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type(login.email)
    tab_to(visitor, page.get_by_label("Password"))
    page.keyboard.type(login.password)
    page.keyboard.press("Enter")
    tab_to(visitor, page.get_by_label("Search storefronts"))
    page.keyboard.type(shop.slug)
    page.keyboard.press("Enter")
    press_enter_on(visitor, page.get_by_role("main").get_by_role("link", name="Quill & Quartz"))
    expect(heading(visitor)).to_contain_text("Quill & Quartz")
    form = part(page, "Suspend")
    tab_to(visitor, form.get_by_label("Why"))
    page.keyboard.type("asked for by the owner")
    press_enter_on(visitor, form.get_by_role("button", name="Suspend"))

    expect(heading(visitor)).to_contain_text("Suspended")
    answer = visitor.page.goto(shop.address)
    assert answer is not None
    assert answer.status == 503


# Stripe's events and jobs ------------------------------------------------------------------------------------------


def test_an_event_that_was_put_aside_is_applied_again(visitor: Visitor) -> None:
    shop = open_shop(visitor.scene, "Brass & Bloom")
    verify(shop)
    event_id = put_aside(visitor.scene, account_of(visitor, shop))
    page = at_desk(visitor, "/desk/events?state=quarantined")
    page.get_by_label("Event or object").fill(event_id)
    page.get_by_role("main").get_by_role("button", name="Show").click()
    expect(row(page, "account.updated")).to_contain_text("not understood by last week's version")
    visitor.follow("account.updated")
    expect(heading(visitor)).to_contain_text("Quarantined")
    expect(part(page, "Why a person has to look")).to_contain_text("last week's version")
    visitor.press("Apply again")

    expect(page.get_by_role("status")).to_have_text("It is applied again now. Look again in a moment.")
    look_until(page, heading(visitor).filter(has_text="Applied"))
    expect(part(page, "Why a person has to look")).to_have_count(0)
    expect(part(page, "Facts").get_by_role("link", name="Brass & Bloom")).to_be_visible()
    expect(row(at_desk(visitor, "/desk/audit?action=events.retried"), event_id)).to_have_count(1)


def test_an_event_about_money_nobody_asked_to_move_stays_for_a_person(visitor: Visitor) -> None:
    shop = open_shop(visitor.scene, "Flax & Flint")
    verify(shop)
    made = stripe_of(visitor.scene).v1.transfers.create(
        params={"amount": 777, "currency": "eur", "destination": account_of(visitor, shop)}
    )
    page = at_desk(visitor, f"/desk/events?q={made.id}")
    look_until(page, row(page, "Quarantined"))
    row(page, "Quarantined").get_by_role("checkbox").check()
    expect(page.get_by_text("1 chosen")).to_be_visible()
    visitor.press("Apply again")

    expect(page.get_by_role("status").first).to_have_text(
        "They are applied again now. Look again in a moment."
    )
    look_until(page, row(page, "Quarantined"))
    expect(row(page, "Quarantined")).to_contain_text(f"transfer {made.id} was not made by a payout of ours")
    visitor.follow("transfer.created")
    expect(part(page, "In the books")).to_contain_text("Nothing is booked about this object.")


def test_a_job_that_failed_too_often_is_given_a_new_start(visitor: Visitor, stripe_url: str) -> None:
    shop = open_shop(visitor.scene, "Moss & Mortar")
    account = account_of(visitor, shop)
    control(stripe_url, "faults", {"match": f"GET /v?/accounts/{account}*", **TROUBLE})
    number = ask_once(visitor.scene, account)
    page = at_desk(visitor, "/desk/jobs")
    job = page.get_by_role("row").filter(has=page.locator(f'a[href="/desk/jobs/{number}"]'))
    look_until(page, job)
    job.get_by_role("link").click()
    expect(heading(visitor)).to_contain_text("account.sync Parked")
    expect(part(page, "What went wrong")).to_contain_text("PaymentProviderUnavailable")
    expect(part(page, "What it was told")).to_contain_text(account)
    control(stripe_url, "faults", {"clear": True})
    visitor.press("Try again")

    expect(page.get_by_role("status").first).to_have_text("They run again, with all their attempts.")
    expect(job).to_have_count(0)
    assert is_gone(visitor, f"/desk/jobs/{number}")


def is_gone(visitor: Visitor, path: str) -> bool:
    """Whether a page is there no more, now or in a moment."""
    for _ in range(40):
        if visitor.open(path, Host.MARKETPLACE).status == 404:
            return True
        visitor.page.wait_for_timeout(150)
    return False


# Money -------------------------------------------------------------------------------------------------------------


def test_a_difference_is_found_while_one_looks_and_explained_with_a_note(
    visitor: Visitor, stripe_url: str
) -> None:
    top_up = control(stripe_url, "funds", {"amount": 12_345, "currency": "eur"})["id"]
    page = at_desk(visitor, "/desk/reconciliation")
    delay(stripe_url, "GET /v1/balance_transactions")
    visitor.press("Compare now")
    expect(heading(visitor)).to_have_text("Comparison with Stripe")
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(part(page, "What was found")).to_be_visible(timeout=LONG_MS)
    visitor.follow("To the differences")
    expect(row(page, top_up)).to_contain_text("Open")
    expect(row(page, top_up)).to_contain_text("€123.45")
    visitor.follow(top_up)
    expect(part(page, "In our books")).to_contain_text("Nothing is booked under this key.")
    page.get_by_label("Why the two sides differ").fill("our bank sent it, for refunds at Christmas")
    visitor.press("Explain")

    expect(page.get_by_role("status")).to_contain_text("It is explained")
    expect(heading(visitor)).to_contain_text("Explained")
    expect(part(page, "History")).to_contain_text("our bank sent it, for refunds at Christmas")
    page = at_desk(visitor, "/desk/reconciliation")
    visitor.press("Compare now")
    expect(part(page, "What was found")).to_be_visible(timeout=LONG_MS)
    visitor.follow("To the differences")
    expect(row(page, top_up)).to_have_count(0)
    page.get_by_role("navigation", name="State").get_by_role("link", name="Explained").click()
    expect(row(page, top_up)).to_be_visible()


def test_work_that_takes_long_shows_its_end_without_scripts(visit: Visit, stripe_url: str) -> None:
    visitor = visit(has_scripts=False)
    page = at_desk(visitor, "/desk/reconciliation")
    delay(stripe_url, "GET /v1/balance_transactions")
    visitor.press("Compare now")
    expect(page.get_by_role("progressbar")).to_be_visible()

    expect(part(page, "What was found")).to_be_visible(timeout=LONG_MS)


def test_a_payout_run_is_previewed_left_and_found_again_and_adds_up_to_the_last_cent(
    visit: Visit, stripe_url: str
) -> None:
    operator, owner = visit(), visit()
    name = f"Tallow {new_key()[:8]}"
    shop = open_shop(operator.scene, name)
    amount = earn(shop)
    page = at_desk(operator, "/desk/payouts")
    operator.follow("Payout run")
    expect(row(page, name).get_by_role("cell").last).to_have_text(amount)
    delay(stripe_url, "GET /v1/balance")
    page.on("dialog", lambda dialog: dialog.accept())
    operator.press("Run now")
    expect(heading(operator)).to_have_text("Payout run")
    expect(page.get_by_role("progressbar")).to_be_visible()

    page.get_by_role("navigation", name="Dashboard").get_by_role("link", name="Long work").click()
    expect(heading(operator)).to_have_text("Long work")
    page.get_by_role("main").get_by_role("link", name="Payout run").first.click()
    came = part(page, "What came of it")
    expect(came).to_contain_text(re.compile(r"Payouts requested\s*[1-9]"), timeout=LONG_MS)
    operator.follow("To the payouts")
    row(page, name).get_by_role("link").click()
    expect(heading(operator)).to_contain_text(amount)
    look_until(page, page.get_by_role("heading", name="Statement 1"))

    page = enter(owner, shop, "/dashboard/payouts")
    owner.follow("Payout 1")
    expect(heading(owner)).to_contain_text(amount)
    assert_adds_up(page, euros(amount))
    assert_files_add_up(owner, euros(amount))


def earn(shop: Shop) -> str:
    """Two sales and a part of one given back. Returns what is to be paid for them, as pages write it."""
    verify(shop)
    candle, spool = offer(shop, "Candle", 1_999), offer(shop, "Spool", 333)
    first = sell(shop, (candle, 2), (spool, 1))
    sell(shop, (spool, 3), email="grace@example.com")
    refund(shop, first, 501)
    return f"€{Decimal(available(shop, refunded_minor=501)) / 100:.2f}"


def assert_adds_up(page: Page, amount: Decimal) -> None:
    """By kind, by order, and each order by its lines, each line by its columns: it is always the payout."""
    kinds = [euros(text) for text in page.locator("#made-of dd").all_inner_texts()]
    assert sum(kinds[:-1]) == kinds[-1] == amount
    orders = page.locator(".payout-order")
    expect(orders).to_have_count(2)
    by_order = []
    for order in orders.all():
        order.locator("summary").click()
        by_order.append(euros(order.locator(".order-sum").inner_text()))
        by_line = []
        for line in order.locator("tbody tr").all():
            *columns, whole = [text for text in line.get_by_role("cell").all_inner_texts() if text.strip()]
            assert sum(map(euros, columns)) == euros(whole)
            by_line.append(euros(whole))
        assert sum(by_line) == by_order[-1]
    assert sum(by_order) == amount == euros(page.locator("#all-sum").inner_text())


def assert_files_add_up(visitor: Visitor, amount: Decimal) -> None:
    """The PDF is one; the CSV's lines come to the payout."""
    with visitor.page.expect_download() as pdf:
        visitor.follow("Statement (PDF)")
    assert Path(pdf.value.path()).read_bytes().startswith(b"%PDF")
    with visitor.page.expect_download() as table:
        visitor.follow("CSV")
    text = Path(table.value.path()).read_text(encoding="utf-8-sig")
    lines = [line for line in csv.DictReader(io.StringIO(text)) if line["section"] == "line"]
    assert sum(Decimal(line["amount"]) for line in lines) == amount


# Who may be here ---------------------------------------------------------------------------------------------------


def test_the_support_view_shows_what_the_owner_sees_changes_nothing_and_is_written_down(visit: Visit) -> None:
    operator, owner = visit(), visit()
    shop = open_shop(operator.scene, "Pewter & Pine")
    sell(shop, (offer(shop, "Pewter jug", 4_900), 1))
    theirs = enter(owner, shop, "/dashboard/orders").get_by_role("main").inner_text()
    page = at_desk(operator, f"/desk/storefronts/{shop.slug}")
    give_reason(page, "See it as its owner does", "Open the support view", "Ticket 4711: where is my money?")

    bar = page.get_by_role("status").filter(has_text="Support view")
    expect(bar).to_contain_text("can change nothing")
    page.goto(f"{shop.address}/dashboard/orders")
    expect(bar).to_be_visible()
    assert page.get_by_role("main").inner_text() == theirs
    page.goto(f"{shop.address}/dashboard/brand")
    page.get_by_role("textbox", name="Greeting (optional)", exact=True).fill("The operator was here")
    with page.expect_navigation() as answer:
        operator.press("Save")
    assert answer.value.status == 403
    expect(page.get_by_role("main")).to_contain_text("A support view changes nothing")
    page.goto(f"{shop.address}/account")
    expect(page.get_by_label("Password")).to_be_visible()

    page.goto(f"{shop.address}/dashboard")
    bar.get_by_role("link", name="Leave").click()
    operator.press("Leave")
    expect(heading(operator)).to_have_text("You have left the support view")
    page.goto(f"{shop.address}/dashboard")
    expect(page.get_by_label("Password")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/dashboard/sign-in"))
    owner.page.goto(f"{shop.address}/dashboard/brand")
    expect(owner.page.get_by_role("textbox", name="Greeting (optional)", exact=True)).to_have_value("")
    assert_written_down(operator, owner, shop)


def assert_written_down(operator: Visitor, owner: Visitor, shop: Shop) -> None:
    """The reason and the pages, for the operators and for the seller."""
    page = log_of(operator, shop)
    expect(row(page, "support.opened")).to_contain_text("Ticket 4711: where is my money?")
    expect(row(page, "support.page").filter(has_text="dashboard/orders")).to_have_count(1)
    looks = row(page, "support.page").filter(has_text=re.compile(r"dashboard/brand(?!/)"))
    expect(looks).to_have_count(1)
    expect(row(page, "support.ended")).to_have_count(1)
    owner.page.goto(f"{shop.address}/dashboard/team")
    log = owner.page.get_by_role("region", name="What was done")
    expect(log).to_contain_text("Ticket 4711: where is my money?")


@pytest.mark.parametrize("who", [Who.OWNER, Who.BUYER])
def test_nobody_else_gets_to_the_desk(visitor: Visitor, who: Who) -> None:
    page, at_home = visitor.page, "/dashboard" if who is Who.OWNER else "/account"
    visitor.sign_in(who, at_home, Host.STOREFRONT)
    visitor.open(at_home)
    expect(page.get_by_label("Password")).to_have_count(0)
    assert visitor.open("/desk").status == 404
    assert_kept_out(visitor)

    login = visitor.scene.logins[who]
    page.get_by_label("Email").fill(login.email)
    page.get_by_label("Password").fill(login.password)
    visitor.press("Log in")
    expect(
        page.get_by_text("Please enter the correct email and password for a staff account")
    ).to_be_visible()
    assert_kept_out(visitor)


def assert_kept_out(visitor: Visitor) -> None:
    """Whatever of the desk is asked for, there is a form to sign in, and not a word of it."""
    for path in ("/desk", "/desk/storefronts", "/desk/payouts/run", "/desk/audit", "/desk/jobs"):
        visitor.open(path, Host.MARKETPLACE)
        assert "/admin/login/" in visitor.page.url
        expect(visitor.page.get_by_label("Password")).to_be_visible()
        expect(visitor.page.get_by_role("navigation", name="Dashboard")).to_have_count(0)
