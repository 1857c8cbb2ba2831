"""Figures worked out by hand, without any of Souk's code: integers in cents, halves up."""

import csv
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

COMMISSION_PERCENT, COMMISSION_FIXED = 10, 30
STRIPE_PER_10_000, STRIPE_FIXED = 290, 30
SHIPPING, FREE_FROM = 490, 50_000
PROMO_PERCENT, PROMO_MINIMUM = 10, 2_000


def half_up(numerator: int, denominator: int) -> int:
    """A quotient of non-negative integers, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)


@dataclass
class Sale:
    """An order as the journey expects it."""

    lines: list[tuple[int, int]]  # (price in cents, units)
    has_promo: bool = False
    refunded: int = 0

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
        return 0 if self.subtotal - self.discount >= FREE_FROM else SHIPPING

    @property
    def total(self) -> int:
        """What the buyer pays."""
        return self.subtotal - self.discount + self.shipping

    @property
    def commission_percentage(self) -> int:
        """The part of the commission that refunds give back in proportion."""
        return half_up((self.subtotal - self.discount) * COMMISSION_PERCENT, 100)

    @property
    def commission(self) -> int:
        """Percentage of the goods after discounts, plus the fixed part."""
        return min(self.commission_percentage + COMMISSION_FIXED, self.subtotal - self.discount)

    @property
    def fee(self) -> int:
        """Stripe's 2.9 % + 0.30 of what was charged."""
        return half_up(self.total * STRIPE_PER_10_000, 10_000) + STRIPE_FIXED

    @property
    def commission_returned(self) -> int:
        """For what was refunded so far."""
        return half_up(self.commission_percentage * self.refunded, self.total)

    @property
    def owed(self) -> int:
        """What the seller gets of it."""
        return self.total - self.commission - self.fee - self.refunded + self.commission_returned


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
