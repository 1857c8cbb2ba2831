"""Carts: what a buyer means to buy, checked against stock whenever it changes."""

from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext_noop

from core.clock import now
from core.errors import Conflict, NotFound
from core.ids import new_id, new_secret
from services.inventory_services import InsufficientStock, StockLine
from services.pricing import OFFER, PricedCart, PricedLine, lines_of, price_cart, price_lines
from services.promotion_services import check_promotion, find_promotion, normalise_code
from shop.models import Cart, CartLine
from tenants.context import current_tenant

MAX_LINES = 100
MOST_UNITS = 10_000


class CartAlreadyOrdered(Conflict):
    """The cart has become an order. Facts: order_id."""

    code = "cart_already_ordered"
    title = gettext_noop("This cart has been ordered already")


class CartFull(Conflict):
    """Too many different things."""

    code = "cart_full"
    title = gettext_noop("The cart is full")
    detail = gettext_noop("A cart holds up to {limit} different items.")


class NotForSale(Conflict):
    """The variant is not sold (any more). Facts: variant_id."""

    code = "not_for_sale"
    title = gettext_noop("This item is not for sale")


def find_cart(token: str) -> Cart:
    """An open cart by its secret. Raises NotFound (also when expired), CartAlreadyOrdered."""
    cart = Cart.objects.filter(token=token, expires_at__gt=now()).first()
    if cart is None:
        raise NotFound(what="cart")
    if cart.order_id is not None:
        raise CartAlreadyOrdered(order_id=str(cart.order_id))
    return cart


# A cart and its first lines: all of them, or nothing where one is refused. Says what there is of each either way.
OPEN = f"""
WITH wanted AS (
  SELECT variant_id, sum(units)::int AS units, min(place) AS place
    FROM unnest(%(variants)s::uuid[], %(units)s::int[]) WITH ORDINALITY AS w(variant_id, units, place) GROUP BY variant_id
), offered AS (
  SELECT {OFFER.format(units="w.units")}, w.place
    FROM wanted w LEFT JOIN (shop_variant v JOIN shop_product p ON p.id = v.product_id
         JOIN shop_inventoryitem i ON i.variant_id = v.id) ON v.id = w.variant_id
    LEFT JOIN shop_shippingrate r ON r.is_active
), opened AS (
  INSERT INTO shop_cart (id, token, buyer_id, promotion_code, expires_at, created_at)
  SELECT %(cart)s, %(token)s, %(buyer)s, '', %(expires_at)s, %(created_at)s
   WHERE NOT EXISTS (SELECT FROM offered WHERE is_for_sale IS NOT TRUE OR quantity > least(available, %(most)s))
  RETURNING id
), filled AS (
  INSERT INTO shop_cartline (cart_id, variant_id, quantity)
  SELECT opened.id, variant_id, quantity FROM opened, offered ORDER BY place
)
SELECT * FROM offered ORDER BY place
"""  # noqa: S608 - our own columns


def open_cart(*, buyer_id: UUID | None = None, lines: Iterable[StockLine] = ()) -> Cart:
    """A new cart, with its first lines, as `open_priced_cart` makes it."""
    return open_priced_cart(buyer_id=buyer_id, lines=lines)[0]


def open_priced_cart(
    *, buyer_id: UUID | None = None, lines: Iterable[StockLine] = ()
) -> tuple[Cart, PricedCart]:
    """A new cart with its first lines, and what it costs, in one statement. Lines of the same variant are added up.

    Raises NotFound, NotForSale, InsufficientStock, CartFull, for the first line refused; then there is no cart.
    """
    wanted = list(lines)
    if len({line.variant_id for line in wanted}) > MAX_LINES:
        raise CartFull(limit=MAX_LINES)
    moment = now()
    cart = Cart(
        id=new_id(),
        token=new_secret(),
        buyer_id=buyer_id,
        expires_at=moment + settings.CART_LIFETIME,
        created_at=moment,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            OPEN,
            {
                "variants": [line.variant_id for line in wanted],
                "units": [line.quantity for line in wanted],
                "cart": cart.pk,
                "token": cart.token,
                "buyer": buyer_id,
                "expires_at": cart.expires_at,
                "created_at": moment,
                "most": MOST_UNITS,
            },
        )
        offers = cursor.fetchall()
    if any(row[0] is None for row in offers):
        raise NotFound(what="variant")
    offered, rate = lines_of(offers)
    _check_offered(offered)
    return cart, price_lines(
        offered, rate=rate, promotion_code="", currency=current_tenant().currency, at=moment
    )


def _check_offered(lines: Iterable[PricedLine]) -> None:
    for line in lines:
        if not line.is_for_sale:
            raise NotForSale(variant_id=str(line.variant_id))
        if line.is_short or line.quantity > MOST_UNITS:
            raise short_of(line.variant_id, line.sku, line.quantity, line.available)


# Adds to what the cart has, if the sum is on hand; says what there is when it is not.
ADD = """
WITH offered AS (
  SELECT v.id, v.sku, v.is_active AND p.is_published AND p.archived_at IS NULL AS is_for_sale,
         CASE WHEN i.is_tracked THEN i.available_stock END AS available,
         coalesce((SELECT quantity FROM shop_cartline WHERE cart_id = %(cart)s AND variant_id = v.id), 0) AS had,
         (SELECT count(*) FROM shop_cartline WHERE cart_id = %(cart)s) AS lines
    FROM shop_variant v JOIN shop_product p ON p.id = v.product_id JOIN shop_inventoryitem i ON i.variant_id = v.id
   WHERE v.id = %(variant)s
), added AS (
  INSERT INTO shop_cartline (cart_id, variant_id, quantity)
  SELECT %(cart)s, id, had + %(quantity)s FROM offered
   WHERE is_for_sale AND (available IS NULL OR had + %(quantity)s <= available) AND had + %(quantity)s <= %(most)s
     AND (had > 0 OR lines < %(limit)s)
  ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = shop_cartline.quantity + %(quantity)s
  RETURNING quantity
)
SELECT sku, is_for_sale, available, had, lines, (SELECT quantity FROM added) FROM offered
"""


def add_to_cart(*, cart: Cart, variant_id: UUID, quantity: int) -> int:
    """Add units to a cart, in one statement. Returns how many of the variant it has now.

    Stock is checked, not held: it is reserved at checkout. Raises NotFound, NotForSale, InsufficientStock, CartFull.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            ADD,
            {
                "cart": cart.pk,
                "variant": variant_id,
                "quantity": quantity,
                "limit": MAX_LINES,
                "most": MOST_UNITS,
            },
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFound(what="variant")
    sku, is_for_sale, available, had, lines, result = row
    if result is not None:
        return result
    if not is_for_sale:
        raise NotForSale(variant_id=str(variant_id))
    if not had and lines >= MAX_LINES:
        raise CartFull(limit=MAX_LINES)
    raise short_of(variant_id, sku, had + quantity, available)


def short_of(variant_id: UUID, sku: str, requested: int, available: int | None) -> InsufficientStock:
    """The refusal for one line."""
    there_are = MOST_UNITS if available is None else min(available, MOST_UNITS)
    return InsufficientStock(
        lines=[{"variant_id": str(variant_id), "sku": sku, "requested": requested, "available": there_are}]
    )


def set_quantity(*, cart: Cart, variant_id: UUID, quantity: int) -> None:
    """Make it exactly so many; 0 takes the line out. The line keeps its place.

    Raises NotFound, NotForSale, InsufficientStock.
    """
    with transaction.atomic():
        line = CartLine.objects.select_for_update().filter(cart=cart, variant_id=variant_id).first()
        if line is None:
            raise NotFound(what="cart line")
        if quantity == 0:
            line.delete()
        elif quantity != line.quantity:
            add_to_cart(cart=cart, variant_id=variant_id, quantity=quantity - line.quantity)


def set_promotion(*, cart: Cart, code: str) -> None:
    """Enter a code ("" takes it out). Raises PromotionRefused with the reason, and keeps what was there."""
    code = normalise_code(code)
    if code:
        subtotal = price(cart).subtotal_minor
        check_promotion(find_promotion(code), subtotal_minor=subtotal, at=now())
    Cart.objects.filter(pk=cart.pk).update(promotion_code=code)
    cart.promotion_code = code


def price(cart: Cart) -> PricedCart:
    """The cart as it would be charged now."""
    return price_cart(
        cart_id=cart.pk, promotion_code=cart.promotion_code, currency=current_tenant().currency, at=now()
    )


@transaction.atomic
def join_carts(*, token: str, buyer_id: UUID) -> Cart | None:
    """A guest signs in: their cart, with what an earlier cart of the account still had in it; or that one alone.

    What is no longer for sale, or more than there is, stays behind. None where there is no open cart.
    Locks: the guest's cart, then the account's earlier one, which another device may be ordering.
    """
    try:
        cart = adopt_cart(token=token, buyer_id=buyer_id) if token else None
    except (NotFound, CartAlreadyOrdered):
        cart = None
    others = (
        Cart.objects.select_for_update()
        .filter(buyer_id=buyer_id, order_id=None, expires_at__gt=now())
        .order_by("-created_at")
    )
    earlier = others.exclude(pk=cart.pk).first() if cart else others.first()
    if cart is None or earlier is None:
        return cart or earlier
    for line in earlier.lines.all():
        with suppress(NotForSale, InsufficientStock, CartFull):
            add_to_cart(cart=cart, variant_id=line.variant_id, quantity=line.quantity)
    earlier.delete()
    return cart


def adopt_cart(*, token: str, buyer_id: UUID) -> Cart:
    """A guest signs in: the cart becomes theirs, decided by one conditional UPDATE. Raises NotFound where it is somebody else's."""
    cart = find_cart(token)
    if cart.buyer_id == buyer_id:
        return cart
    if not Cart.objects.filter(pk=cart.pk, buyer_id=None).update(buyer_id=buyer_id):
        raise NotFound(what="cart")
    cart.buyer_id = buyer_id
    return cart
