"""How documents name kinds of money, days, months and rates."""

from datetime import UTC, date, datetime
from decimal import Decimal

from babel.dates import format_date

KINDS = {
    "sale": "Sale",
    "funding": "Discount paid by the marketplace",
    "funding_returned": "Marketplace's discount returned",
    "commission": "Commission",
    "commission_tax": "Tax on commission",
    "commission_returned": "Commission returned",
    "commission_tax_returned": "Tax on commission returned",
    "fee": "Payment fee",
    "refund": "Refund",
    "dispute": "Dispute",
    "dispute_fee": "Dispute fee",
    "reserve_held": "Held in reserve",
    "reserve_released": "Released from reserve",
    "reversal": "Reversal",
    "write_off": "Write-off",
}


def kind_name(kind: str) -> str:
    """A kind that nobody has named yet is its own code in plain letters: "late_fee" -> "Late fee"."""
    return KINDS.get(kind) or kind.replace("_", " ").capitalize()


def moment(iso: str) -> datetime:
    """An ISO 8601 time, in UTC. One without an offset is taken for UTC."""
    parsed = datetime.fromisoformat(iso)
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def long_day(iso: str) -> str:
    """23 November 2026."""
    return format_date(moment(iso), "d MMMM y", locale="en")


def short_day(iso: str | None) -> str:
    """23 Nov 2026."""
    return format_date(moment(iso), "d MMM y", locale="en") if iso else ""


def month_name(month: str) -> str:
    """ "2026-10" -> "October 2026"."""
    return format_date(date.fromisoformat(f"{month}-01"), "MMMM y", locale="en")


def percent(basis_points: int) -> str:
    """1900 -> "19%", 750 -> "7.5%"."""
    return f"{(Decimal(basis_points) / 100).normalize():f}%"
