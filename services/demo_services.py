"""The demo's storefronts: opened, filled and sold from through the same services as everybody's. Safe to run again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.utils import timezone

from core.jobs.worker import drain
from services.account_services import open_account, sync_account
from services.address_services import save_address
from services.auth_services import make_operator
from services.cart_services import open_cart
from services.import_services import import_products
from services.inventory_services import StockLine
from services.order_history import Actor
from services.order_services import deliver_order, place_order
from services.payment_services import start_payment, sync_payment
from services.promotion_services import save_promotion
from services.refund_services import request_refund
from services.shipping_services import set_flat_rate, ship_order
from services.tenant_services import sign_up_seller, update_storefront
from shop.models import ActorKind, InventoryItem, Order, Product, Promotion
from tenants.context import tenant_scope
from tenants.models import Tenant, User
from tenants.models.user import normalise_email

PASSWORD = "souk-demo-2026"
OPERATOR, BUYER = "operator@souk.example", "buyer@souk.example"
SAMPLES = settings.BASE_DIR / "shop" / "sample"
REAL_EXPORT = settings.BASE_DIR.parent / "shared" / "data" / "shopify" / "apparel.csv"
STRIPE_SECONDS = 20


@dataclass(frozen=True)
class DemoShop:
    """A storefront of the demo."""

    slug: str
    name: str
    export: Path
    brand: dict[str, str]
    shipping_minor: int
    free_from_minor: int


def demo_shops() -> list[DemoShop]:
    """Three brands; the third sells from a real export where one is at hand."""
    third = REAL_EXPORT if REAL_EXPORT.is_file() else SAMPLES / "tea.csv"
    return [
        DemoShop(
            "kiln-and-linen",
            "Kiln & Linen",
            SAMPLES / "products.csv",
            {
                "primary": "#1f4d3f",
                "accent": "#d98e4a",
                "font": "serif",
                "tagline": "Quiet things for the table.",
            },
            590,
            8_000,
        ),
        DemoShop(
            "ember-and-leaf",
            "Ember & Leaf",
            SAMPLES / "tea.csv",
            {
                "primary": "#7a2e2e",
                "accent": "#d9b26f",
                "font": "rounded",
                "tagline": "Tea, picked and packed by hand.",
            },
            390,
            4_000,
        ),
        DemoShop(
            "northern-thread",
            "Northern Thread",
            third,
            {"primary": "#14455f", "accent": "#ef8354", "font": "system", "tagline": "Clothes that last."},
            490,
            10_000,
        ),
    ]


def seed_demo(*, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Open what is missing of the demo. Returns the addresses and logins. Needs the local Stripe for its orders."""
    if not User.objects.filter(email=OPERATOR, is_operator=True).exists():
        make_operator(email=OPERATOR, password=PASSWORD)
    buyer = User.objects.filter(email=normalise_email(BUYER)).first() or User.objects.create_user(
        BUYER, PASSWORD, name="Grace Buyer", email_verified_at=timezone.now()
    )
    shops = []
    for shop in demo_shops():
        tenant = _open(shop, buyer, say)
        shops.append({"name": shop.name, "url": tenant.url, "email": _owner(shop), "password": PASSWORD})
    return {
        "operator": {"url": f"{Tenant.marketplace_url()}/admin/", "email": OPERATOR, "password": PASSWORD},
        "storefronts": shops,
        "buyer": {"url": shops[0]["url"], "email": BUYER, "password": PASSWORD},
    }


def _owner(shop: DemoShop) -> str:
    return f"owner@{shop.slug}.example"


def _open(shop: DemoShop, buyer: User, say: Callable[[str], None]) -> Tenant:
    """Each part is done where it is missing, so that an interrupted start is finished by the next one."""
    known = Tenant.objects.filter(slug=shop.slug).first()
    tenant = known or _sign_up(shop, say)
    with tenant_scope(tenant):
        is_filled, has_orders = Product.objects.exists(), Order.objects.exists()
        if not is_filled:
            with shop.export.open("rb") as source:
                report = import_products(source)
            say(f"  {report.created} products, {report.variants} variants, {report.units} units")
        if not Promotion.objects.exists():
            save_promotion(
                code="WELCOME10", kind="percentage", percentage_basis_points=1_000, per_buyer_limit=1
            )
            set_flat_rate(
                name="Standard", price_minor=shop.shipping_minor, free_from_minor=shop.free_from_minor
            )
            save_address(user_id=buyer.pk, **ADDRESS)
    if settings.STRIPE_API_BASE and not has_orders:
        _sell(tenant, buyer, say)
    return tenant


def _sign_up(shop: DemoShop, say: Callable[[str], None]) -> Tenant:
    say(f"Opening {shop.name}")
    made = sign_up_seller(email=_owner(shop), password=PASSWORD, name=shop.name, slug=shop.slug)
    return update_storefront(tenant_id=made.tenant.pk, actor_id=made.user.pk, changes={"brand": shop.brand})


ADDRESS: dict[str, Any] = {
    "name": "Grace Buyer",
    "line1": "Unter den Linden 1",
    "postal_code": "10117",
    "city": "Berlin",
    "country": "DE",
}


def _sell(tenant: Tenant, buyer: User, say: Callable[[str], None]) -> None:
    """A few orders in every state, paid on the local Stripe's page."""
    account = open_account(tenant_id=tenant.pk)
    _post(f"{settings.STRIPE_API_BASE}/connect/onboarding/{account.stripe_account_id}", {})
    sync_account(stripe_account_id=account.stripe_account_id or "")
    seller = Actor(ActorKind.SELLER)
    with tenant_scope(tenant):
        goods = list(
            InventoryItem.objects.filter(available_stock__gt=0).order_by("-available_stock", "pk")[:10]
        )
        orders = [order for order in _orders(goods, buyer) if _pay(order)]
        for order in orders[:3]:
            ship_order(
                order_id=order.pk,
                carrier="DHL",
                tracking_number=f"0034043416109400{order.number}",
                actor=seller,
            )
        for order in orders[:2]:
            deliver_order(order_id=order.pk, actor=seller)
        if orders:
            request_refund(order_id=orders[0].pk, amount_minor=500, reason="a scratch", actor=seller)
    drain()
    say(f"  {len(orders)} orders paid, some shipped, delivered, refunded")


def _orders(goods: list[InventoryItem], buyer: User) -> Iterator[Order]:
    """Two different things each, so that a single piece is not sold twice."""
    for number in range(len(goods) // 2):
        lines = [StockLine(item.pk, 1) for item in goods[2 * number : 2 * number + 2]]
        cart = open_cart(buyer_id=buyer.pk, lines=lines)
        yield place_order(cart_token=cart.token, email=BUYER, shipping_address=ADDRESS, buyer_id=buyer.pk)


def _pay(order: Order) -> bool:
    payment = start_payment(order_id=order.pk)
    _post(payment.checkout_url, {"card_number": "4242424242424242"})
    return sync_payment(payment_id=payment.pk).status == "captured"


def _post(url: str, form: dict[str, str]) -> None:
    requests.post(url, data=form, timeout=STRIPE_SECONDS, allow_redirects=False).raise_for_status()
