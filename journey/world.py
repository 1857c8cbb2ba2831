"""What the journey knows so far, and how it waits."""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journey.figures import SHIPPING, Export, Sale, added
from journey.http import Face
from stack.processes import Stack

PASSWORD = "a-quiet-harbour-42"
ADDRESS = {
    "name": "Ada Canary Lovelace",
    "line1": "Unter den Linden 1",
    "postal_code": "10117",
    "city": "Berlin",
    "country": "DE",
}


@dataclass
class Seller:
    """A seller and the storefront, as the journey made them."""

    name: str
    slug: str
    email: str
    export: Export
    tenant_id: str = ""
    access: str = ""
    refresh: str = ""
    shop: Face = field(default_factory=lambda: Face("", ""))
    sales: list[Sale] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    shipping: int = SHIPPING
    paid: list[int] = field(default_factory=list)  # the transfers, in their order
    settled: dict[str, int] = field(default_factory=dict)  # what was in them, by part

    @property
    def staff(self) -> Face:
        """The storefront, asked by its owner."""
        return self.shop.signed_in(self.access)

    @property
    def owed(self) -> int:
        """What all sales so far are worth to the seller, in cents."""
        return sum(sale.owed for sale in self.sales)

    @property
    def due(self) -> dict[str, int]:
        """The parts of what was not paid out yet, as the next statement names them."""
        parts = {name: amount - self.settled.get(name, 0) for name, amount in added(self.sales).items()}
        return {name: amount for name, amount in parts.items() if amount}

    @property
    def unpaid(self) -> int:
        """What all sales are worth, less all payouts; below zero it is a debt."""
        return self.owed - sum(self.paid)

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Every row of one of the seller's lists, page by page."""
        cursor = ""
        while cursor is not None:
            page = self.staff.get(f"{path}?limit=100&cursor={cursor}").expect(200)
            yield from page["results"]
            cursor = page["next_cursor"]

    def stock(self) -> dict[str, dict[str, Any]]:
        """Stock by variant."""
        return {row["variant_id"]: row for row in self.pages("seller/inventory")}


@dataclass
class World:
    """The stack, the people, and the lines printed."""

    stack: Stack
    marketplace: Face
    sellers: list[Seller]
    worked: Seller
    operator: Face = field(default_factory=lambda: Face("", ""))
    buyer_access: str = ""
    canaries: set[str] = field(default_factory=set)
    results: dict[str, int] = field(default_factory=dict)
    routes: dict[str, dict[str, set[str]]] = field(default_factory=dict)

    @property
    def everybody(self) -> list[Seller]:
        """All sellers."""
        return [*self.sellers, self.worked]

    @property
    def mail(self) -> Path:
        """Where mail is kept as files."""
        return self.stack.data_dir / "mail"

    @property
    def stripe(self) -> str:
        """The local Stripe's address."""
        assert self.stack.stripe_url is not None, (
            "the journey walks on the local Stripe: unset STRIPE_SECRET_KEY"
        )
        return self.stack.stripe_url

    def storefront(self, host: str) -> Face:
        """A host of the same stack."""
        return Face(self.stack.url, host)


def eventually(what: str, probe: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The first truthy answer of `probe`. Raises AssertionError after `seconds`."""
    ends = time.monotonic() + seconds
    while True:
        if found := probe():
            return found
        assert time.monotonic() < ends, f"waited {seconds:.0f} s in vain until {what}"
        time.sleep(0.1)


def new_key() -> str:
    """An Idempotency-Key."""
    return uuid.uuid4().hex
