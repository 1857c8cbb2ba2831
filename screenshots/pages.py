"""Every page there is to see. Add a line for a new page: it is then tested and shown in docs/screenshots."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from screenshots.scene import Host, Scene, Who
from screenshots.visitor import Visitor

OWN_DOMAINS = ("www.kiln-linen.example", "töpferei-leinen.example")


@dataclass(frozen=True)
class Entry:
    """A page and how to get there.

    `path` is opened last; it may depend on the scene. It is None where what is done `before` ends on the page.
    `who` signs in first, by the form that is shown instead of the page.
    """

    name: str
    path: str | Callable[[Scene], str] | None
    host: Host = Host.STOREFRONT
    who: Who = Who.GUEST
    before: Callable[[Visitor], None] | None = None
    has_scripts: bool = True
    language: str = "en-GB"
    status: int = 200
    is_important: bool = False  # shown in the dark, too

    def path_in(self, scene: Scene) -> str | None:
        """The path, worked out."""
        return self.path(scene) if callable(self.path) else self.path

    def visit(self, visitor: Visitor) -> None:
        """Go there. Raises AssertionError where another status is answered than is said here."""
        path = self.path_in(visitor.scene)
        if self.who is not Who.GUEST:
            visitor.sign_in(self.who, path or "/", self.host)
        if self.before:
            self.before(visitor)
        if path is not None:
            status = visitor.open(path, self.host).status
            assert status == self.status, f"{self.name}: {path} was answered with {status}"


def order(state: str) -> Callable[[Scene], str]:
    """The page of an order in this state; see screenshots.orders."""
    return lambda scene: scene.orders[state]


def part_of_order(state: str, more: str = "") -> Callable[[Scene], str]:
    """The page of an order in this state as the staff sees it, or one below it."""
    return lambda scene: f"{scene.orders[f'staff-{state}']}{more}"


def refund_preview(visitor: Visitor) -> None:
    """A piece of an order that has arrived, before it is refunded."""
    visitor.open(f"{visitor.scene.orders['staff-delivered']}/refund")
    visitor.page.get_by_role("spinbutton").first.fill("1")
    visitor.page.get_by_label("Back into stock").first.check()
    visitor.page.get_by_label("Reason").fill("It arrived with a chip in the rim.")
    visitor.press("See what it comes to")
    visitor.page.get_by_role("button", name=re.compile("^Refund ")).wait_for()


def ticked_orders(visitor: Visitor) -> None:
    """Two orders that wait for something to be done with them."""
    visitor.open("/dashboard/orders")
    for box in visitor.page.locator("tbody").get_by_role("checkbox").all()[:2]:
        box.check()


def full_cart(visitor: Visitor) -> None:
    """Three different things."""
    for slug in ("morning-mug", "moon-jar", "dinner-plate"):
        visitor.put_into_cart(slug)


def refused_code(visitor: Visitor) -> None:
    """A cart, and a code that does not exist."""
    full_cart(visitor)
    visitor.enter_code("NOSUCHCODE")


def empty_form(visitor: Visitor) -> None:
    """A checkout sent without an address."""
    full_cart(visitor)
    visitor.open("/checkout")
    visitor.order()


def stock_change(visitor: Visitor) -> None:
    """The stock, and one item of it being changed."""
    visitor.open("/dashboard/inventory")
    visitor.page.get_by_role("button", name=re.compile("^Change the stock of")).first.click()


def stock_item(visitor: Visitor) -> None:
    """The stock of what was sold."""
    visitor.open("/dashboard/inventory?q=breakfast")
    visitor.page.locator("tbody a.row-link").first.click()
    visitor.page.get_by_role("heading", name="What happened").wait_for()


def tried_promotion(visitor: Visitor) -> None:
    """A new promotion, typed and tried on two products."""
    visitor.open("/dashboard/promotions/new")
    visitor.page.get_by_role("textbox", name="Code").fill("autumn15")
    visitor.page.get_by_role("textbox", name="Per cent").fill("15")
    visitor.page.get_by_label("Uses in all").fill("200")
    visitor.page.get_by_text("AUTUMN15 takes").wait_for()


def desk_storefront(scene: Scene) -> str:
    """The storefront as the operator sees it."""
    return f"/desk/storefronts/{scene.slug}"


def support_view(visitor: Visitor) -> None:
    """The operator in the storefront's dashboard."""
    path = desk_storefront(visitor.scene)
    visitor.sign_in(Who.OPERATOR, path, Host.MARKETPLACE)
    visitor.open(path, Host.MARKETPLACE)
    visitor.page.get_by_label("Why").first.fill("They asked where a payout is.")
    visitor.press("Open the support view")
    visitor.page.wait_for_url("**/dashboard")


def own_domains(visitor: Visitor) -> None:
    """A domain that is proved, and one that waits for its record; the stack takes DNS from a file."""
    staff, zone = visitor.scene.staff(), visitor.scene.stack.data_dir / "dns.json"
    claims = [staff.post("seller/domains", {"domain": name}).expect(201) for name in OWN_DOMAINS]
    zone.write_text(json.dumps({claims[0]["proof"]["name"]: [claims[0]["proof"]["value"]]}), encoding="utf-8")
    staff.post(f"seller/domains/{OWN_DOMAINS[0]}/check", {}).expect(200)


def exported_shop(visitor: Visitor) -> None:
    """The owner has gathered the shop's data."""
    visitor.open("/dashboard/data")
    visitor.page.get_by_role("button", name="Gather my data").click()
    visitor.page.get_by_role("link", name="Download the file").wait_for()


def desk_archives(scene: Scene) -> str:
    """The storefront's archives."""
    return f"{desk_storefront(scene)}/archives"


def archived_shop(visitor: Visitor) -> None:
    """The operator has made an archive."""
    visitor.open(desk_archives(visitor.scene), Host.MARKETPLACE)
    visitor.page.get_by_role("button", name="Make an archive").click()
    visitor.page.get_by_text("The archive is there").wait_for()


def opened_payout(visitor: Visitor) -> None:
    """A payout with its first order unfolded."""
    visitor.open(visitor.scene.orders["payout"])
    visitor.page.locator(".payout-order").first.evaluate("order => { order.open = true }")


MARKETPLACE = Host.MARKETPLACE
PAGES = [
    Entry("marketplace", "/", host=MARKETPLACE, is_important=True),
    Entry("shops", "/shops", host=MARKETPLACE, is_important=True),
    Entry("marketplace-search", "/search?q=bowl", host=MARKETPLACE),
    Entry("marketplace-signup", "/signup", host=MARKETPLACE),
    Entry("marketplace-confirm", "/account/confirm", host=MARKETPLACE),
    Entry("marketplace-not-found", "/no-such-page", host=MARKETPLACE, status=404),
    Entry("home", "/", is_important=True),
    Entry("category", "/?category=mugs"),
    Entry("search", "/?q=bowl"),
    Entry("search-nothing", "/?q=nosuchthing"),
    Entry("product", "/products/morning-mug", is_important=True),
    Entry("not-found", "/products/no-such-product", status=404),
    Entry("cart-empty", "/cart"),
    Entry("cart", "/cart", before=full_cart, is_important=True),
    Entry("cart-code-refused", None, before=refused_code),
    Entry("checkout", "/checkout", before=full_cart, is_important=True),
    Entry("checkout-refused", None, before=empty_form),
    Entry("order-unpaid", order("unpaid")),
    Entry("order-declined", order("declined")),
    Entry("order-confirmed", order("confirmed"), is_important=True),
    Entry("order-shipped", order("shipped")),
    Entry("order-delivered", order("delivered")),
    Entry("order-cancelled", order("cancelled")),
    Entry("order-review", order("review")),
    Entry("suspended", "/", host=Host.SUSPENDED, status=503),
    Entry("reviews", "/products/breakfast-bowl/reviews"),
    Entry("page", "/pages/returns"),
    Entry("home-arabic", "/", language="ar"),
    Entry("product-arabic", "/products/morning-mug", language="ar"),
    Entry("home-german", "/", language="de"),
    Entry("sign-in", "/account/sign-in"),
    Entry("join", "/account/join"),
    Entry("forgotten", "/account/forgotten"),
    Entry("account-confirm", "/account/confirm"),
    Entry("account", "/account", who=Who.BUYER, is_important=True),
    Entry("account-orders", "/account/orders", who=Who.BUYER),
    Entry("account-addresses", "/account/addresses", who=Who.BUYER),
    Entry("account-address-new", "/account/addresses/new", who=Who.BUYER),
    Entry("account-reviews", "/account/reviews", who=Who.BUYER),
    Entry("account-profile", "/account/profile", who=Who.BUYER),
    Entry("account-data", "/account/data", who=Who.BUYER),
    Entry("goodbye", "/account/goodbye"),
    Entry("dashboard-sign-in", "/dashboard/sign-in"),
    Entry("dashboard", "/dashboard", who=Who.OWNER, is_important=True),
    Entry("dashboard-products", "/dashboard/products", who=Who.OWNER, is_important=True),
    Entry(
        "dashboard-product", "/dashboard/products/by-slug/breakfast-bowl", who=Who.OWNER, is_important=True
    ),
    Entry("dashboard-product-new", "/dashboard/products/new", who=Who.OWNER),
    Entry("dashboard-categories", "/dashboard/products/categories", who=Who.OWNER),
    Entry("dashboard-import", "/dashboard/products/import", who=Who.OWNER),
    Entry("dashboard-shipping", "/dashboard/shipping", who=Who.OWNER),
    Entry("dashboard-bank", "/dashboard/bank", who=Who.OWNER),
    Entry("dashboard-brand", "/dashboard/brand", who=Who.OWNER),
    Entry("dashboard-pages", "/dashboard/pages", who=Who.OWNER),
    Entry("dashboard-page-new", "/dashboard/pages/new", who=Who.OWNER),
    Entry("dashboard-page", "/dashboard/pages/returns", who=Who.OWNER),
    Entry("dashboard-reviews", "/dashboard/reviews", who=Who.OWNER),
    Entry("dashboard-orders", "/dashboard/orders", who=Who.OWNER, is_important=True),
    Entry("dashboard-orders-filtered", "/dashboard/orders?status=delivered&total_min=1", who=Who.OWNER),
    Entry("dashboard-orders-ticked", None, who=Who.OWNER, before=ticked_orders),
    Entry("dashboard-orders-none", "/dashboard/orders?q=nosuchorder", who=Who.OWNER),
    Entry("dashboard-order", part_of_order("confirmed"), who=Who.OWNER, is_important=True),
    Entry("dashboard-order-declined", part_of_order("declined"), who=Who.OWNER),
    Entry("dashboard-order-delivered", part_of_order("delivered"), who=Who.OWNER),
    Entry("dashboard-order-cancelled", part_of_order("cancelled"), who=Who.OWNER),
    Entry("dashboard-order-earnings", part_of_order("delivered", "/earnings"), who=Who.OWNER),
    Entry("dashboard-refund", part_of_order("delivered", "/refund"), who=Who.OWNER),
    Entry("dashboard-refund-preview", None, who=Who.OWNER, before=refund_preview),
    Entry("dashboard-customers", "/dashboard/customers", who=Who.OWNER),
    Entry("dashboard-customer", order("customer"), who=Who.OWNER),
    Entry("dashboard-search", "/dashboard/search?q=bowl", who=Who.OWNER),
    Entry("dashboard-inventory", "/dashboard/inventory", who=Who.OWNER, is_important=True),
    Entry("dashboard-inventory-change", None, who=Who.OWNER, before=stock_change),
    Entry("dashboard-inventory-take", "/dashboard/inventory?take=1", who=Who.OWNER),
    Entry("dashboard-inventory-item", None, who=Who.OWNER, before=stock_item),
    Entry("dashboard-promotions", "/dashboard/promotions", who=Who.OWNER),
    Entry("dashboard-promotion", None, who=Who.OWNER, before=tried_promotion, is_important=True),
    Entry("dashboard-notifications", "/dashboard/notifications", who=Who.OWNER),
    Entry("dashboard-team", "/dashboard/team", who=Who.OWNER),
    Entry("dashboard-settings", "/dashboard/settings", who=Who.OWNER),
    Entry("dashboard-close", "/dashboard/settings/close", who=Who.OWNER),
    Entry("dashboard-money", "/dashboard/money", who=Who.OWNER, is_important=True),
    Entry("dashboard-unpaid", "/dashboard/money/unpaid", who=Who.OWNER),
    Entry("dashboard-reserve", "/dashboard/money/reserve", who=Who.OWNER),
    Entry("dashboard-payouts", "/dashboard/payouts", who=Who.OWNER),
    Entry("dashboard-payout", None, who=Who.OWNER, before=opened_payout, is_important=True),
    Entry("dashboard-disputes", "/dashboard/disputes", who=Who.OWNER),
    Entry("dashboard-dispute", order("dispute"), who=Who.OWNER, is_important=True),
    Entry("dashboard-invoices", "/dashboard/invoices", who=Who.OWNER),
    Entry("dashboard-domains", "/dashboard/domains", who=Who.OWNER, before=own_domains, is_important=True),
    Entry("dashboard-data", "/dashboard/data", who=Who.OWNER, before=exported_shop, is_important=True),
    Entry("operator", "/admin/", host=MARKETPLACE, who=Who.OPERATOR),
    Entry("desk", "/desk?days=7", host=MARKETPLACE, who=Who.OPERATOR, is_important=True),
    Entry("desk-storefronts", "/desk/storefronts", host=MARKETPLACE, who=Who.OPERATOR, is_important=True),
    Entry("desk-storefront", desk_storefront, host=MARKETPLACE, who=Who.OPERATOR, is_important=True),
    Entry(
        "desk-archives",
        desk_archives,
        host=MARKETPLACE,
        who=Who.OPERATOR,
        before=archived_shop,
        is_important=True,
    ),
    Entry("desk-storefront-new", "/desk/new-storefront", host=MARKETPLACE, who=Who.OPERATOR),
    Entry("desk-people", "/desk/people", host=MARKETPLACE, who=Who.OPERATOR),
    Entry("desk-audit", "/desk/audit", host=MARKETPLACE, who=Who.OPERATOR),
    Entry("desk-fleet", "/desk/fleet", host=MARKETPLACE, who=Who.OPERATOR),
    Entry("desk-operations", "/desk/operations", host=MARKETPLACE, who=Who.OPERATOR),
    Entry("dashboard-support", None, before=support_view),
    Entry("desk-payouts", "/desk/payouts", host=MARKETPLACE, who=Who.OPERATOR, is_important=True),
    Entry("desk-payout-run", "/desk/payouts/run", host=MARKETPLACE, who=Who.OPERATOR),
    Entry("desk-reconciliation", "/desk/reconciliation", host=MARKETPLACE, who=Who.OPERATOR),
    Entry("desk-debts", "/desk/debts", host=MARKETPLACE, who=Who.OPERATOR),
    Entry(
        "desk-commission",
        "/desk/commission?amount=100",
        host=MARKETPLACE,
        who=Who.OPERATOR,
        is_important=True,
    ),
    Entry("desk-commission-new", "/desk/commission/new", host=MARKETPLACE, who=Who.OPERATOR),
    Entry("desk-events", "/desk/events", host=MARKETPLACE, who=Who.OPERATOR),
    Entry("desk-jobs", "/desk/jobs", host=MARKETPLACE, who=Who.OPERATOR),
    Entry("home-without-scripts", "/", has_scripts=False),
    Entry("product-without-scripts", "/products/morning-mug", has_scripts=False),
]
BY_NAME = {entry.name: entry for entry in PAGES}
