"""What a cart costs. Worked out on the server each time; a client's price is never read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection

from core.money import percent_of, split_minor
from services.promotion_services import PromotionRefused, check_promotion, discount_lines, find_promotion
from shop.models import Promotion


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One variant in a cart, with what the server knows of it now."""

    variant_id: UUID
    product_id: UUID
    product_slug: str
    product_title: str
    variant_title: str
    sku: str
    thumbnail: str
    quantity: int
    unit_price_minor: int
    available: int | None
    is_for_sale: bool
    weight_grams: int

    @property
    def subtotal_minor(self) -> int:
        """Units times price."""
        return self.unit_price_minor * self.quantity

    @property
    def is_short(self) -> bool:
        """More units than there are."""
        return self.available is not None and self.quantity > self.available


@dataclass(frozen=True)
class PricedCart:
    """Lines and totals in minor units. `promotion_problem` says why a code that was entered takes nothing off.

    `funded` is each line's part of the discount that the marketplace pays for.
    """

    currency: str
    lines: list[PricedLine]
    discounts: list[int]
    shipping_shares: list[int]
    shipping_minor: int
    shipping_method: str
    promotion: Promotion | None
    promotion_code: str
    promotion_problem: PromotionRefused | None
    funded: list[int]
    subtotal_minor: int = field(init=False)
    discount_minor: int = field(init=False)
    total_minor: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "subtotal_minor", sum(line.subtotal_minor for line in self.lines))
        object.__setattr__(self, "discount_minor", sum(self.discounts))
        object.__setattr__(
            self, "total_minor", self.subtotal_minor - self.discount_minor + self.shipping_minor
        )


@dataclass(frozen=True, slots=True)
class FlatRate:
    """What sending an order costs in this storefront, whatever is in it; nothing from a value of goods on."""

    name: str
    price_minor: int
    free_from_minor: int | None

    def price_of(self, goods_minor: int) -> int:
        """For goods of this value after discounts."""
        is_free = self.free_from_minor is not None and goods_minor >= self.free_from_minor
        return 0 if is_free else self.price_minor


FREE = FlatRate("", 0, None)
# The fields of a PricedLine and of a FlatRate, in their order, with the units named by the caller.
OFFER = """v.id AS variant_id, p.id AS product_id, p.slug AS product_slug, p.title AS product_title,
       array_to_string(v.option_values, ' / ') AS variant_title, v.sku, coalesce(p.cover->>'thumbnail', '') AS thumbnail,
       {units} AS quantity, v.price_minor AS unit_price_minor, CASE WHEN i.is_tracked THEN i.available_stock END AS available,
       v.is_active AND p.is_published AND p.archived_at IS NULL AS is_for_sale, v.weight_grams,
       r.name AS rate_name, r.price_minor AS rate_minor, r.free_from_minor"""
LINES = f"""
SELECT {OFFER.format(units="l.quantity")}
  FROM shop_cartline l
  JOIN shop_variant v ON v.id = l.variant_id
  JOIN shop_product p ON p.id = v.product_id
  JOIN shop_inventoryitem i ON i.variant_id = v.id
  LEFT JOIN shop_shippingrate r ON r.is_active
 WHERE l.cart_id = %s ORDER BY l.id
"""  # noqa: S608 - our own columns


OFFERED = f"""
SELECT {OFFER.format(units="w.units")}
  FROM unnest(%s::uuid[], %s::int[]) WITH ORDINALITY AS w(variant_id, units, place)
  JOIN shop_variant v ON v.id = w.variant_id JOIN shop_product p ON p.id = v.product_id
  JOIN shop_inventoryitem i ON i.variant_id = v.id
  LEFT JOIN shop_shippingrate r ON r.is_active
 ORDER BY w.place
"""  # noqa: S608 - our own columns


def offered_lines(units: dict[UUID, int]) -> tuple[list[PricedLine], FlatRate]:
    """So many units of each variant as lines, as if they were in a cart, in one query. Unknown variants are left out."""
    with connection.cursor() as cursor:
        cursor.execute(OFFERED, [list(units), list(units.values())])
        return lines_of(cursor.fetchall())


def read_lines(cart_id: UUID) -> tuple[list[PricedLine], FlatRate]:
    """The lines of a cart with price, stock and state of now, and what sending costs, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(LINES, [cart_id])
        return lines_of(cursor.fetchall())


def lines_of(offers: Sequence[tuple]) -> tuple[list[PricedLine], FlatRate]:
    """Rows of OFFER as lines and the flat rate."""
    has_rate = bool(offers) and offers[0][12] is not None
    return [PricedLine(*row[:12]) for row in offers], FlatRate(*offers[0][12:15]) if has_rate else FREE


def price_cart(*, cart_id: UUID, promotion_code: str, currency: str, at: datetime) -> PricedCart:
    """Price a cart as it is now. A code that does not apply is reported, not raised."""
    lines, rate = read_lines(cart_id)
    return price_lines(lines, rate=rate, promotion_code=promotion_code, currency=currency, at=at)


def price_lines(
    lines: Sequence[PricedLine], *, rate: FlatRate, promotion_code: str, currency: str, at: datetime
) -> PricedCart:
    """Discount and shipping of these lines, with each line's share of both."""
    return price_with(
        find_promotion(promotion_code) if promotion_code else None,
        lines,
        rate=rate,
        promotion_code=promotion_code,
        currency=currency,
        at=at,
    )


def price_with(
    candidate: Promotion | None,
    lines: Sequence[PricedLine],
    *,
    rate: FlatRate,
    promotion_code: str,
    currency: str,
    at: datetime,
) -> PricedCart:
    """The same, with the promotion at hand that the code stands for; it need not be saved. Without a code, none."""
    subtotals = [line.subtotal_minor for line in lines]
    promotion, problem, discounts = None, None, [0] * len(subtotals)
    if promotion_code:
        try:
            promotion = check_promotion(candidate, subtotal_minor=sum(subtotals), at=at)
            discounts = discount_lines(promotion, subtotals)
        except PromotionRefused as refusal:
            problem = refusal
    shipping = rate.price_of(sum(subtotals) - sum(discounts))
    funding = promotion.funded_basis_points if promotion else 0
    return PricedCart(
        currency=currency,
        lines=list(lines),
        discounts=discounts,
        shipping_minor=shipping,
        shipping_method=rate.name,
        shipping_shares=split_minor(shipping, subtotals),
        promotion=promotion,
        promotion_code=promotion_code,
        promotion_problem=problem,
        funded=split_minor(percent_of(sum(discounts), funding), discounts) if funding else [0] * len(lines),
    )
