"""Addresses of buyers as documents print them."""

from collections.abc import Mapping
from typing import Any

from babel import Locale


def address_lines(address: Mapping[str, Any]) -> list[str]:
    """Name, company, street, place and country, each on a line of its own; what is missing is left out."""

    def words(*names: str) -> str:
        return " ".join(str(address.get(name) or "") for name in names).strip()

    country = str(address.get("country") or "")
    lines = [
        words("name"),
        words("company"),
        words("line1"),
        words("line2"),
        words("postal_code", "city"),
        words("region"),
        str(Locale("en").territories.get(country, country)),
    ]
    return [line for line in lines if line]
