"""Exact money: integer minor units and a currency, always together."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import format_currency, get_currency_precision

BASIS_POINTS = 10_000


def decimals_of(currency: str) -> int:
    """Digits after the point: EUR 2, JPY 0, KWD 3 (Unicode CLDR, by babel)."""
    return get_currency_precision(currency)


def split_minor(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Share an amount by weight. The parts sum to the whole: largest remainder first, ties to the lowest index.

    Weights are zero or more. With all weights zero the amount is shared evenly. A negative total is the
    mirror image of the positive one.
    """
    if not weights:
        return []
    if total_minor < 0:
        return [-part for part in split_minor(-total_minor, weights)]
    if not any(weights):
        weights = [1] * len(weights)
    whole = sum(weights)
    shares = [divmod(total_minor * weight, whole) for weight in weights]
    spare = total_minor - sum(share for share, _ in shares)
    lucky = set(sorted(range(len(shares)), key=lambda index: -shares[index][1])[:spare])
    return [share + (index in lucky) for index, (share, _) in enumerate(shares)]


def percent_of(amount_minor: int, basis_points: int) -> int:
    """`basis_points` / 10,000 of a non-negative amount, half up at the minor unit."""
    return (amount_minor * basis_points * 2 + BASIS_POINTS) // (BASIS_POINTS * 2)


def to_minor(amount: Decimal, currency: str) -> int:
    """19.99 EUR -> 1999. Raises ValueError where the amount has more decimals than the currency."""
    scaled = amount.scaleb(decimals_of(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{currency} has {decimals_of(currency)} decimals")
    return int(scaled.to_integral_value(rounding=ROUND_HALF_UP))


def to_major(amount_minor: int, currency: str) -> Decimal:
    """1999 EUR -> Decimal("19.99"). For showing only."""
    return Decimal(amount_minor).scaleb(-decimals_of(currency))


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount. Money(1999, "EUR") is 19.99 EUR; Money(500, "JPY") is 500 JPY."""

    minor: int
    currency: str

    def as_json(self) -> dict[str, int | str]:
        """The API's shape: {"amount": 1999, "currency": "EUR"}."""
        return {"amount": self.minor, "currency": self.currency}

    def format(self, locale: str = "en") -> str:
        """For people: "€19.99"."""
        return format_currency(to_major(self.minor, self.currency), self.currency, locale=locale)
