"""Figures worked out by hand, without any of Souk's code: integers in cents, halves up."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

COMMISSION_PERCENT, COMMISSION_FIXED = 10, 30
STRIPE_PER_10_000, STRIPE_FIXED = 290, 30
SHIPPING, FREE_FROM = 490, 50_000
PROMO_PERCENT, PROMO_MINIMUM = 10, 2_000
DISPUTE_FEE = 1_500
RESERVE_PERCENT = 10
# What the third storefront sells, by handle, and what the worked example of how money moves says of it.
WORKED_PRICES = {"order-a": 10_000, "order-b": 5_999, "order-c": 20_000}
WORKED = {
    "A": 8_650,
    "B": 5_165,
    "A after its refund": 6_400,
    "paid on day 7": 11_565,
    "owed after B came back": -5_399,
    "C": 17_360,
    "paid on day 14": 11_961,
    "paid in all": 23_526,
}


def half_up(numerator: int, denominator: int) -> int:
    """A quotient of non-negative integers, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)


def split(whole: int, weights: Sequence[int]) -> list[int]:
    """A whole shared by weight: rounded down, then a cent each to the largest remainders, the first of equals first."""
    parts = [whole * weight // sum(weights) for weight in weights]
    remainders = [whole * weight % sum(weights) for weight in weights]
    order = sorted(range(len(weights)), key=lambda index: (-remainders[index], index))
    for index in order[: whole - sum(parts)]:
        parts[index] += 1
    return parts


# What went back: so much, of the goods of the n-th line, or of everything.
Credit = tuple[int, int | None]


@dataclass
class Sale:
    """An order as the journey expects it."""

    lines: list[tuple[int, int]]  # (price in cents, units)
    has_promo: bool = False
    shipping_price: int = SHIPPING
    uncaptured: int = 0
    refunds: list[Credit] = field(default_factory=list)
    lost: int = 0  # in a dispute
    dispute_fee: int = 0
    dispute_moves: int = 0  # at Stripe: out, and back where it was won
    reserve_percent: int = 0
    is_reserve_back: bool = False

    @property
    def refunded(self) -> int:
        """All refunds."""
        return sum(amount for amount, _ in self.refunds)

    @property
    def subtotal(self) -> int:
        """Prices times units."""
        return sum(price * units for price, units in self.lines)

    @property
    def discount(self) -> int:
        """Ten per cent of the sum, where the code was used."""
        return half_up(self.subtotal * PROMO_PERCENT, 100) if self.has_promo else 0

    @property
    def shipping(self) -> int:
        """Flat, free from an amount of goods on."""
        return 0 if self.subtotal - self.discount >= FREE_FROM else self.shipping_price

    @property
    def total(self) -> int:
        """What the buyer pays."""
        return self.subtotal - self.discount + self.shipping

    @property
    def captured(self) -> int:
        """What the buyer's bank paid."""
        return self.total - self.uncaptured

    @property
    def commission_percentage(self) -> int:
        """The part of the commission that refunds give back in proportion."""
        return half_up((self.subtotal - self.discount) * COMMISSION_PERCENT, 100)

    @property
    def commission(self) -> int:
        """Percentage of the goods after discounts, plus the fixed part; less the percentage of what was not captured."""
        whole = min(self.commission_percentage + COMMISSION_FIXED, self.subtotal - self.discount)
        return whole - self._given_back(self._not_taken)

    @property
    def fee(self) -> int:
        """Stripe's 2.9 % + 0.30 of what was charged."""
        return half_up(self.captured * STRIPE_PER_10_000, 10_000) + STRIPE_FIXED

    @property
    def commission_returned(self) -> int:
        """For what was refunded and lost so far."""
        lost: list[Credit] = [(self.lost, None)] if self.lost else []
        gone = self._given_back([*self._not_taken, *self.refunds, *lost])
        return gone - self._given_back(self._not_taken)

    @property
    def _not_taken(self) -> list[Credit]:
        return [(self.uncaptured, None)] if self.uncaptured else []

    def _given_back(self, credits: Sequence[Credit]) -> int:
        """The percentage follows the part of each line that went back: an amount is shared out over all that is left."""
        subtotals = [price * units for price, units in self.lines]
        goods = [
            subtotal - discount
            for subtotal, discount in zip(subtotals, split(self.discount, subtotals), strict=True)
        ]
        paid = [
            amount for pair in zip(goods, split(self.shipping, subtotals), strict=True) for amount in pair
        ]
        left = list(paid)
        for amount, line in credits:
            parts = split(amount, left) if line is None else [0] * len(left)
            if line is not None:
                parts[2 * line] = amount
            left = [whole - part for whole, part in zip(left, parts, strict=True)]
        returned = 0
        for line, commission in enumerate(split(self.commission_percentage, goods)):
            whole, remains = (sum(shares[2 * line : 2 * line + 2]) for shares in (paid, left))
            returned += half_up(commission * (whole - remains), whole)
        return returned

    @property
    def reserve(self) -> int:
        """What is held back of it for a time."""
        return half_up(self.captured * self.reserve_percent, 100)

    @property
    def parts(self) -> dict[str, int]:
        """What the books say of it, as a statement names it, without what is nothing."""
        parts = {
            "sale": self.captured,
            "commission": -self.commission,
            "fee": -self.fee,
            "refund": -self.refunded,
            "dispute": -self.lost,
            "dispute_fee": -self.dispute_fee,
            "commission_returned": self.commission_returned,
            "reserve_held": -self.reserve,
            "reserve_released": self.reserve if self.is_reserve_back else 0,
        }
        return {name: amount for name, amount in parts.items() if amount}

    @property
    def owed(self) -> int:
        """What the seller gets of it."""
        return sum(self.parts.values())

    @property
    def moves(self) -> int:
        """Balance transactions at Stripe: the charge, its refunds, its dispute."""
        return 1 + len(self.refunds) + self.dispute_moves


def added(sales: Sequence[Sale]) -> dict[str, int]:
    """The parts of several sales, by name."""
    names = {name: None for sale in sales for name in sale.parts}
    return {name: sum(sale.parts.get(name, 0) for sale in sales) for name in names}


@dataclass
class Export:
    """A product export, counted with nothing but the csv module."""

    path: Path
    products: int = 0
    variants: int = 0
    units: int = 0
    prices: dict[str, int] = field(default_factory=dict)  # handle -> cents of its first variant

    @classmethod
    def count(cls, path: Path) -> "Export":
        """Reads the file."""
        found = cls(path)
        with path.open(encoding="utf-8-sig", newline="") as source:
            for row in csv.DictReader(source):
                if row["Title"]:
                    found.products += 1
                if row["Variant Price"]:
                    found.variants += 1
                    found.units += max(int(row["Variant Inventory Qty"] or 0), 0)
                    found.prices.setdefault(row["Handle"], int(Decimal(row["Variant Price"]) * 100))
        return found


def exports(root: Path) -> list[Export]:
    """The real exports where they are at hand, else the samples that ship with Souk."""
    shared = root.parent / "shared" / "data" / "shopify"
    names = [shared / "apparel.csv", shared / "jewelery.csv"]
    if not all(path.is_file() for path in names):
        names = [root / "shop" / "sample" / "products.csv", root / "shop" / "sample" / "tea.csv"]
    return [Export.count(path) for path in names]
