"""Things in a shop, valid by default. Call them while a storefront is being served."""

import itertools
import secrets

from django.conf import settings
from django.utils import timezone

from services.cart_services import open_cart
from services.catalogue_services import ProductInput, VariantInput, create_product
from services.inventory_services import StockLine, receive_stock
from services.order_history import SYSTEM
from services.order_services import deliver_order, place_order
from services.payment_services import start_payment, sync_payment
from services.promotion_services import save_promotion
from services.shipping_services import ship_order
from shop.models import Cart, InventoryItem, Order, Payment, Product, Promotion, Variant
from stripe_local.testing import LocalStripe

_numbers = itertools.count(1)
ADDRESS = {
    "name": "Ada Lovelace",
    "company": "",
    "line1": "Unter den Linden 1",
    "line2": "",
    "postal_code": "10117",
    "city": "Berlin",
    "region": "",
    "country": "DE",
    "phone": "",
}


def make_variant(*, stock: int = 10, price_minor: int = 1999, title: str | None = None, **fields) -> Variant:
    """A published product with one variant, in stock."""
    return make_product(stock=stock, price_minor=price_minor, title=title, **fields).variants.get()


def make_product(
    *, stock: int = 10, price_minor: int = 1999, title: str | None = None, is_published: bool = True, **fields
) -> Product:
    """A published product with one variant, in stock."""
    product = create_product(
        ProductInput(
            title=title or f"Thing {next(_numbers)}",
            is_published=is_published,
            variants=[VariantInput(price_minor=price_minor, **fields)],
        )
    )
    if stock:
        receive_stock(variant_id=product.variants.get().pk, quantity=stock)
    return product


def item_of(variant: Variant) -> InventoryItem:
    """The stock of a variant, read now."""
    return InventoryItem.objects.get(pk=variant.pk)


def make_cart(*lines: tuple[Variant, int]) -> Cart:
    """A guest's cart."""
    return open_cart(lines=[StockLine(variant.pk, quantity) for variant, quantity in lines])


def make_order(
    *lines: tuple[Variant, int], email: str = "buyer@example.com", code: str = "", **fields
) -> Order:
    """A pending order of a guest; of one unit of a new variant where no lines are given."""
    cart = make_cart(*(lines or ((make_variant(), 1),)))
    if code:
        Cart.objects.filter(pk=cart.pk).update(promotion_code=code)
    return place_order(cart_token=cart.token, email=email, shipping_address=ADDRESS, **fields)


def pay(order: Order, stripe: LocalStripe, card: str = "4242424242424242", **options) -> Payment:
    """Pay at the local Stripe's page and bring the result in, as a returning buyer does."""
    payment = start_payment(order_id=order.pk)
    stripe.pay(payment.session_id, card, **options)
    payment = sync_payment(payment_id=payment.pk)
    order.refresh_from_db()
    return payment


def make_delivered(variant: Variant, stripe: LocalStripe, **fields) -> Order:
    """An order of one unit that was paid, sent and has arrived."""
    order = make_order((variant, 1), **fields)
    pay(order, stripe)
    ship_order(order_id=order.pk, carrier="DHL", tracking_number="1", actor=SYSTEM)
    deliver_order(order_id=order.pk, actor=SYSTEM)
    order.refresh_from_db()
    return order


def make_promotion(**fields) -> Promotion:
    """Ten per cent off, valid now."""
    values = {
        "code": f"SAVE{secrets.token_hex(3).upper()}",
        "kind": "percentage",
        "starts_at": timezone.now() - settings.CART_LIFETIME,
    }
    if fields.get("kind") != "fixed":
        values["percentage_basis_points"] = 1000
    return save_promotion(**{**values, **fields})
