"""The demo's storefronts: opened, filled and sold from through the same services as everybody's. Safe to run again."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import requests
from django.conf import settings
from django.utils import timezone

from core.jobs.worker import drain
from services.account_services import open_account, set_terms, sync_account
from services.address_services import save_address
from services.auth_services import make_operator
from services.cart_services import open_cart, set_promotion
from services.demo_shops import DemoShop, demo_pages, demo_shops
from services.directory_services import rebuild_directory
from services.import_services import import_products
from services.inventory_services import StockLine
from services.order_history import Actor
from services.order_services import cancel_order, deliver_order, place_order
from services.page_services import save_page
from services.payment_services import start_payment, sync_payment
from services.payout_services import run_payouts
from services.promotion_services import save_promotion
from services.refund_services import request_refund
from services.review_services import answer_review, save_review
from services.shipping_services import set_flat_rate, ship_order
from services.tenant_services import sign_up_seller, update_storefront
from shop.models import ActorKind, InventoryItem, Order, OrderLine, Product, Promotion, StaticPage
from tenants.context import tenant_scope
from tenants.models import Tenant, User
from tenants.models.user import normalise_email

Say = Callable[[str], None]
PASSWORD = "souk-demo-2026"
OPERATOR, BUYER, GUEST = "operator@souk.example", "buyer@souk.example", "guest@souk.example"
CODE = "WELCOME10"
ADDRESS: dict[str, Any] = {
    "name": "Grace Buyer",
    "line1": "Unter den Linden 1",
    "postal_code": "10117",
    "city": "Berlin",
    "country": "DE",
}
# Of Stripe's test cards: the money is pending for two days, or there at once.
CARD, CARD_AT_ONCE = "4242424242424242", "4000000000000077"
STRIPE_SECONDS = 20
ORDERS = 6


def seed_demo(*, say: Say = lambda line: None, samples_only: bool = False) -> dict[str, Any]:
    """Open what is missing of the demo; with `samples_only` nothing but what ships with Souk. Returns the addresses and logins. Needs the local Stripe for its orders."""
    operator = User.objects.filter(email=OPERATOR, is_operator=True).first() or make_operator(
        email=OPERATOR, password=PASSWORD
    )
    buyer = User.objects.filter(email=normalise_email(BUYER)).first() or User.objects.create_user(
        BUYER, PASSWORD, name="Grace Buyer", email_verified_at=timezone.now()
    )
    shops = []
    for shop in demo_shops(samples_only=samples_only):
        tenant = _open(shop, operator=operator, buyer=buyer, say=say)
        shops.append({"name": shop.name, "url": tenant.url, "email": shop.owner, "password": PASSWORD})
    rebuild_directory()
    return {
        "operator": {"url": f"{Tenant.marketplace_url()}/desk", "email": OPERATOR, "password": PASSWORD},
        "storefronts": shops,
        "buyer": {"url": shops[0]["url"], "email": BUYER, "password": PASSWORD},
    }


def _open(shop: DemoShop, *, operator: User, buyer: User, say: Say) -> Tenant:
    """Each part is done where it is missing, so that an interrupted start is finished by the next one."""
    tenant = Tenant.objects.filter(slug=shop.slug).first() or _sign_up(shop, say)
    with tenant_scope(tenant):
        if not StaticPage.objects.exists():
            for slug, (title, body) in demo_pages().items():
                save_page(slug=slug, title=title, body=body, is_new=True)
        is_filled, has_orders = Product.objects.exists(), Order.objects.exists()
        if not is_filled:
            _fill(shop, say)
        if not Promotion.objects.exists():
            save_promotion(code=CODE, kind="percentage", percentage_basis_points=1_000, per_buyer_limit=1)
            set_flat_rate(
                name="Standard", price_minor=shop.shipping_minor, free_from_minor=shop.free_from_minor
            )
            save_address(user_id=buyer.pk, **ADDRESS)
    if settings.STRIPE_API_BASE and not has_orders:
        _do_business(shop, tenant, operator=operator, buyer=buyer, say=say)
    return tenant


def _sign_up(shop: DemoShop, say: Say) -> Tenant:
    say(f"Opening {shop.name}")
    made = sign_up_seller(email=shop.owner, password=PASSWORD, name=shop.name, slug=shop.slug)
    return update_storefront(tenant_id=made.tenant.pk, actor_id=made.user.pk, changes={"brand": shop.brand})


def _fill(shop: DemoShop, say: Say) -> None:
    with shop.open_export() as source:
        report = import_products(source)
    say(f"  {report.created} products, {report.variants} variants, {report.units} units")


def _do_business(shop: DemoShop, tenant: Tenant, *, operator: User, buyer: User, say: Say) -> None:
    """The seller is verified, sells, ships, gives money back, and in one shop is paid out."""
    account = open_account(tenant_id=tenant.pk)
    _post(f"{settings.STRIPE_API_BASE}/connect/onboarding/{account.stripe_account_id}", {})
    sync_account(stripe_account_id=account.stripe_account_id or "")
    if shop.is_paid_out:
        set_terms(tenant_id=tenant.pk, actor_id=operator.pk, hold_days=0)
    card = CARD_AT_ONCE if shop.is_paid_out else CARD
    with tenant_scope(tenant):
        orders = [order for order in _orders(buyer) if _pay(order, card)]
        _handle(orders, Actor(ActorKind.SELLER))
    drain()
    say(f"  {len(orders)} orders paid; some shipped, delivered, cancelled, refunded")
    if shop.is_paid_out:
        payouts = run_payouts(tenant_ids=[tenant.pk], actor_id=operator.pk)
        drain()
        say(f"  {len(payouts)} payout on its way to the seller")


def _orders(buyer: User) -> Iterator[Order]:
    """By the buyer and by a guest, each of two different things, so that a single piece is not sold twice."""
    in_stock = InventoryItem.objects.filter(is_tracked=True, available_stock__gt=0)
    goods = list(in_stock.order_by("-available_stock", "pk")[: 2 * ORDERS])
    for number in range(len(goods) // 2):
        lines = [StockLine(item.pk, 1) for item in goods[2 * number : 2 * number + 2]]
        is_guest = number % 3 == 2
        person, email = (None, GUEST) if is_guest else (buyer.pk, BUYER)
        cart = open_cart(buyer_id=person, lines=lines)
        if number == 1:
            set_promotion(cart=cart, code=CODE)
        yield place_order(cart_token=cart.token, email=email, shipping_address=ADDRESS, buyer_id=person)


def _pay(order: Order, card: str) -> bool:
    payment = start_payment(order_id=order.pk)
    _post(payment.checkout_url, {"card_number": card})
    return sync_payment(payment_id=payment.pk).status == "captured"


def _handle(orders: Sequence[Order], seller: Actor) -> None:
    """Two are delivered, one of them with a scratch; two are on their way; the last is cancelled; the rest waits."""
    for order in orders[:4]:
        tracking = f"0034043416109400{order.number:04}"
        ship_order(order_id=order.pk, carrier="DHL", tracking_number=tracking, actor=seller)
    for order in orders[:2]:
        deliver_order(order_id=order.pk, actor=seller)
    _review([line for order in orders[:2] for line in order.lines.select_related("variant", "order")])
    for order in orders[:1]:
        request_refund(order_id=order.pk, amount_minor=500, reason="a scratch", actor=seller)
    for order in orders[5:]:
        cancel_order(order_id=order.pk, actor=seller, reason="it broke while it was packed")


WORDS = (
    (
        5,
        "Even better than in the picture",
        "Arrived well packed, two days after I ordered. We use it every day.",
    ),
    (4, "Lovely", "A little smaller than I thought, but beautifully made."),
    (5, "A present that was loved", ""),
    (
        3,
        "Good, with a scratch",
        "There was a scratch on one side. The shop gave some of the money back at once.",
    ),
)
ANSWER = "Thank you for telling us. We have changed how we pack these, so that it does not happen again."


def _review(lines: Sequence[OrderLine]) -> None:
    """What arrived is reviewed; the scratch is answered."""
    for line, (rating, title, text) in zip(lines, WORDS, strict=False):
        assert line.variant is not None
        review = save_review(
            product_id=line.variant.product_id, order=line.order, rating=rating, title=title, text=text
        )
        if rating <= 3:
            answer_review(review_id=review.pk, text=ANSWER)


def _post(url: str, form: dict[str, str]) -> None:
    requests.post(url, data=form, timeout=STRIPE_SECONDS, allow_redirects=False).raise_for_status()
