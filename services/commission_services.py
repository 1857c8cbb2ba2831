"""What the marketplace keeps of a sale: which rule applies to which line, and each line's part of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from core.money import percent_of, split_minor
from payouts.models import CommissionReturn, FeeBearer
from tenants.context import tenant_scope
from tenants.models import Tenant


@dataclass(frozen=True)
class Commission:
    """A rule as it is frozen on an order. Fixed amount, floor and cap are minor units, once per order."""

    basis_points: int
    fixed_minor: int
    fee_bearer: str
    floor_minor: int = 0
    cap_minor: int | None = None
    includes_shipping: bool = False
    tax_basis_points: int = 0
    returned: str = CommissionReturn.PERCENTAGE

    def as_json(self) -> dict[str, Any]:
        """How the order keeps it."""
        return asdict(self)

    def base(self, goods_minor: int, shipping_minor: int = 0) -> int:
        """What the percentage is taken of: goods after discounts, and shipping where the rule says so. Never below zero."""
        return max(goods_minor + (shipping_minor if self.includes_shipping else 0), 0)

    def of(self, goods_minor: int, shipping_minor: int = 0) -> int:
        """The commission on what the lines cost after discounts. Never more than that, never below zero."""
        base = self.base(goods_minor, shipping_minor)
        amount = max(percent_of(base, self.basis_points) + self.fixed_minor, self.floor_minor)
        if self.cap_minor is not None:
            amount = min(amount, self.cap_minor)
        return max(0, min(base, amount))

    def percentage_part(self, goods_minor: int, shipping_minor: int = 0) -> int:
        """The part that is the percentage's, without the fixed amount or what the floor adds."""
        percentage = percent_of(self.base(goods_minor, shipping_minor), self.basis_points)
        return min(self.of(goods_minor, shipping_minor), percentage)

    def returnable(self, goods_minor: int, shipping_minor: int = 0) -> int:
        """How much goes back to the seller when everything is refunded."""
        if self.returned == CommissionReturn.NONE:
            return 0
        if self.returned == CommissionReturn.ALL:
            return self.of(goods_minor, shipping_minor)
        return self.percentage_part(goods_minor, shipping_minor)

    def tax(self, amount_minor: int) -> int:
        """Tax on the commission, rounded apart from it, half up."""
        return percent_of(amount_minor, self.tax_basis_points)


@dataclass(frozen=True)
class Saleable:
    """An order line as commission sees it. Goods are after discounts, without tax; what the marketplace funds is added back.

    It stands in the categories of its product, and in those named outright (slugs).
    """

    goods_minor: int
    shipping_minor: int = 0
    product_id: UUID | None = None
    stands_in: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LineCommission:
    """A line's own part."""

    amount_minor: int = 0
    tax_minor: int = 0
    returnable_minor: int = 0


@dataclass(frozen=True)
class OrderCommission:
    """What is frozen on the order: the rules that matched with base, amount and tax, and each line's part."""

    rule: dict[str, Any]
    lines: list[LineCommission]

    @property
    def amount_minor(self) -> int:
        """All lines."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def tax_minor(self) -> int:
        """All lines."""
        return sum(line.tax_minor for line in self.lines)


@dataclass(frozen=True)
class Preview:
    """What a sale would come to under the rules as they are: which one wins (None: what the settings say), and its commission."""

    rule_id: int | None
    order: OrderCommission


@dataclass(frozen=True)
class Candidate:
    """A rule that may apply to a seller in a currency: to all lines, or to those of a category (its slug)."""

    rule_id: int | None
    category: str
    commission: Commission

    def is_for(self, stands_in: frozenset[str]) -> bool:
        """Whether it applies to what stands in these categories."""
        return not self.category or self.category in stands_in


RULES = """
SELECT r.id, r.category, r.basis_points, r.fixed_minor, r.fee_bearer, r.floor_minor, r.cap_minor, r.includes_shipping,
       r.tax_basis_points, r.returned
  FROM public.payouts_commissionrule r LEFT JOIN public.payouts_selleraccount s ON s.tenant_id = %(tenant)s
 WHERE r.is_active AND (r.tenant_id = %(tenant)s OR r.tenant_id IS NULL) AND (r.plan = '' OR r.plan = s.plan)
   AND r.currency IN (%(currency)s, '')
 ORDER BY r.position, r.id
"""


def _rules(tenant: Tenant | None, currency: str) -> list[Candidate]:
    """In the operator's order, up to the first that matches everything."""
    with connection.cursor() as cursor:
        cursor.execute(RULES, {"tenant": tenant.pk if tenant else None, "currency": currency})
        rows = cursor.fetchall()
    found: list[Candidate] = []
    for rule_id, category, *terms in rows:
        found.append(Candidate(rule_id, category, Commission(*terms)))
        if not category:
            return found
    return [*found, Candidate(None, "", default_commission())]


def default_commission() -> Commission:
    """What holds where no rule matches."""
    return Commission(settings.COMMISSION_BASIS_POINTS, settings.COMMISSION_FIXED_MINOR, FeeBearer.SELLER)


def commission_for(*, tenant: Tenant | None, currency: str) -> Commission:
    """The rule for what stands in no special category: the first active one for this tenant, its plan, or everybody.

    Without a tenant: what a new seller starts with.
    """
    return next(rule.commission for rule in _rules(tenant, currency) if not rule.category)


def commission_on_order(
    *, tenant: Tenant | None, currency: str, lines: Sequence[Saleable]
) -> OrderCommission:
    """The commission on a new order. For each line the first matching rule wins; the parts sum to the whole.

    Lines of one rule are taken together: one percentage of their sum, one fixed amount, one floor and cap. A category
    rule is for products of that category or of one inside it.
    """
    rules = _rules(tenant, currency)
    categories = _categories(lines) if len(rules) > 1 else {}
    groups: dict[Commission, list[int]] = {}
    for index, line in enumerate(lines):
        stands_in = line.stands_in | categories.get(line.product_id, frozenset())
        applies = next(rule.commission for rule in rules if rule.is_for(stands_in))
        groups.setdefault(applies, []).append(index)
    parts = [LineCommission()] * len(lines)
    frozen = []
    for rule, indexes in groups.items():
        goods = sum(lines[index].goods_minor for index in indexes)
        shipping = sum(lines[index].shipping_minor for index in indexes)
        amount = rule.of(goods, shipping)
        bases = [rule.base(lines[index].goods_minor, lines[index].shipping_minor) for index in indexes]
        amounts = split_minor(amount, bases)
        taxes = split_minor(rule.tax(amount), amounts)
        returnable = split_minor(rule.returnable(goods, shipping), amounts)
        for index, *part in zip(indexes, amounts, taxes, returnable, strict=True):
            parts[index] = LineCommission(*part)
        facts = {"base_minor": sum(bases), "amount_minor": amount, "tax_minor": sum(taxes), "lines": indexes}
        frozen.append({**rule.as_json(), **facts})
    # The rule of the larger part of the order decides who bears Stripe's fee.
    main = max(frozen, key=lambda group: group["base_minor"])
    return OrderCommission({**main, "groups": frozen} if len(frozen) > 1 else main, parts)


def preview_commission(
    *, tenant: Tenant | None, currency: str, goods_minor: int, shipping_minor: int = 0, category: str = ""
) -> Preview:
    """What the commission on a sale of one line would be now. `category` is a slug of the seller's; those around it count.

    Without a tenant: for a seller on no plan.
    """
    stands_in = frozenset({category} if category else ())
    if tenant is not None and category:
        with tenant_scope(tenant):
            stands_in |= _around(category)
    line = Saleable(goods_minor, shipping_minor, stands_in=stands_in)
    winner = next(rule for rule in _rules(tenant, currency) if rule.is_for(stands_in))
    return Preview(winner.rule_id, commission_on_order(tenant=tenant, currency=currency, lines=[line]))


AROUND = """
WITH RECURSIVE stands_in AS (
  SELECT id, slug, parent_id FROM shop_category WHERE slug = %s
   UNION SELECT c.id, c.slug, c.parent_id FROM stands_in s JOIN shop_category c ON c.id = s.parent_id
)
SELECT slug FROM stands_in
"""


def _around(category: str) -> frozenset[str]:
    with connection.cursor() as cursor:
        cursor.execute(AROUND, [category])
        return frozenset(slug for (slug,) in cursor.fetchall())


CATEGORIES = """
WITH RECURSIVE stands_in AS (
  SELECT p.id AS product_id, c.id, c.slug, c.parent_id FROM shop_product p JOIN shop_category c ON c.id = p.category_id
   WHERE p.id = ANY(%s)
  UNION
  SELECT s.product_id, c.id, c.slug, c.parent_id FROM stands_in s JOIN shop_category c ON c.id = s.parent_id
)
SELECT product_id, array_agg(slug) FROM stands_in GROUP BY product_id
"""


def _categories(lines: Sequence[Saleable]) -> dict[UUID | None, frozenset[str]]:
    """The slugs of the categories each product stands in, with those around them."""
    if not any(line.product_id for line in lines):
        return {}
    with connection.cursor() as cursor:
        cursor.execute(CATEGORIES, [[line.product_id for line in lines if line.product_id]])
        return {product_id: frozenset(slugs) for product_id, slugs in cursor.fetchall()}


def share_of(whole_minor: int, part_minor: int, of_minor: int) -> int:
    """`whole` in the proportion part / of, half up: what has gone back when that much was taken back."""
    return (2 * whole_minor * part_minor + of_minor) // (2 * of_minor) if of_minor else 0
