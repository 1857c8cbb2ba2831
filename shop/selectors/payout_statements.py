"""A payout's statement, order by order, so that the figures of a page add up to the payout."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from core.errors import NotFound
from payouts.desk_selectors import claimed_by
from payouts.models import Payout
from shop.models import Order
from shop.selectors.money import payouts_of
from tenants.models import Tenant

PER_PAGE = 50


@dataclass
class Fact:
    """What the books say happened: a sale, its commission, a refund. `occurred_at` is None in old statements."""

    kind: str
    amount_minor: int
    occurred_at: datetime | None
    key: str = ""


@dataclass
class OrderPart:
    """What a payout has of one order: its facts, which come to `amount_minor`, and the same amounts by order line."""

    number: int | None
    order_id: str = ""
    amount_minor: int = 0
    facts: list[Fact] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """The parts that any of its lines has, in the order in which money moves."""
        return [name for name in COLUMNS if any(line.get(f"{name}_minor") for line in self.lines)]

    @property
    def rows(self) -> list[tuple[dict[str, Any], list[tuple[str, int]]]]:
        """Each line with its amounts, in the order of `columns`."""
        shown = self.columns
        return [
            (line, [(name, int(line.get(f"{name}_minor") or 0)) for name in shown]) for line in self.lines
        ]

    @property
    def dated(self) -> list[tuple[Fact, datetime | None]]:
        """The facts, with their day where it is not the order's own."""
        first = self.occurred_at
        return [
            (fact, at if (at := fact.occurred_at) and first and at.date() != first.date() else None)
            for fact in self.facts
        ]

    @property
    def occurred_at(self) -> datetime | None:
        """When the first of it happened."""
        return min((fact.occurred_at for fact in self.facts if fact.occurred_at), default=None)


COLUMNS = ("sale", "funded", "commission", "commission_tax", "fee", "refunded", "disputed", "reserve")


@dataclass(frozen=True)
class Breakdown:
    """A statement by order. `orders` are those of one page; the sums are of all. Together they are `amount_minor`."""

    orders: list[OrderPart]
    loose: list[Fact]
    totals: dict[str, int]
    count: int
    page: int
    pages: int
    page_minor: int
    orders_minor: int
    loose_minor: int

    @property
    def first(self) -> int:
        """The place of the page's first order."""
        return (self.page - 1) * PER_PAGE + 1

    @property
    def last(self) -> int:
        """The place of the page's last order."""
        return self.first + len(self.orders) - 1

    @property
    def amount_minor(self) -> int:
        """What all of it comes to."""
        return self.orders_minor + self.loose_minor


def break_down(facts: list[dict[str, Any]], lines: list[dict[str, Any]], *, page: int = 1) -> Breakdown:
    """The page of that number, or the nearest there is. Only what is on it is read closely."""
    loose: list[dict[str, Any]] = []
    found: dict[int | str, _Raw] = defaultdict(_Raw)
    totals: dict[str, int] = defaultdict(int)
    numbers = _numbers(facts)
    for fact in facts:
        totals[fact["kind"]] += fact["amount_minor"]
        order_id = fact.get("order_id") or ""
        number = fact.get("order_number") or numbers.get(str(order_id))
        if number or order_id:
            raw = found[number or str(order_id)]
            raw.facts.append(fact)
            raw.order_id = raw.order_id or str(order_id)
        else:
            loose.append(fact)
    for line in lines:
        found[line.get("order_number") or ""].lines.append(line)
    places = sorted(found, key=lambda key: (isinstance(key, str), key))
    pages = max((len(places) - 1) // PER_PAGE + 1, 1)
    page = max(1, min(page, pages))
    shown = [found[key].part(key) for key in places[(page - 1) * PER_PAGE : page * PER_PAGE]]
    return Breakdown(
        orders=shown,
        loose=[_fact(fact) for fact in loose],
        totals=dict(totals),
        count=len(places),
        page=page,
        pages=pages,
        page_minor=sum(part.amount_minor for part in shown),
        orders_minor=sum(raw.amount_minor for raw in found.values()),
        loose_minor=sum(fact["amount_minor"] for fact in loose),
    )


@dataclass
class _Raw:
    """An order's part as the statement keeps it."""

    order_id: str = ""
    facts: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def amount_minor(self) -> int:
        """By its facts; by its lines where the statement has no facts."""
        return int(sum(row.get("amount_minor") or 0 for row in self.facts or self.lines))

    def part(self, key: int | str) -> OrderPart:
        """As it is shown."""
        number = key if isinstance(key, int) else None
        facts = [_fact(fact) for fact in self.facts]
        return OrderPart(number, self.order_id, self.amount_minor, facts, self.lines)


def _numbers(facts: list[dict[str, Any]]) -> dict[str, int]:
    """Order numbers by id: what was booked without its charge has none of its own."""
    known = {str(fact["order_id"]): fact["order_number"] for fact in facts if fact.get("order_number")}
    ids = {str(fact["order_id"]) for fact in facts if fact.get("order_id")} - known.keys()
    if ids:
        found = Order.objects.filter(pk__in=ids).values_list("pk", "number")
        known |= {str(order_id): number for order_id, number in found}
    return known


def _fact(fact: dict[str, Any]) -> Fact:
    at = fact.get("occurred_at")
    return Fact(
        kind=str(fact["kind"]),
        amount_minor=int(fact["amount_minor"]),
        occurred_at=datetime.fromisoformat(at) if isinstance(at, str) else at,
        key=str(fact.get("key") or ""),
    )


def breakdown_of(payout: Payout, *, page: int = 1) -> Breakdown:
    """What is on its statement; before there is one, what it has claimed (or had, before it failed)."""
    if payout.statement:
        return break_down(payout.statement.get("lines", []), payout.statement.get("orders", []), page=page)
    return break_down(list(claimed_by(payout.pk)), [], page=page)


def payout_rows(tenant: Tenant) -> QuerySet[Payout]:
    """Newest first, without the statements: a list of them would be megabytes."""
    return payouts_of(tenant).defer("statement")


def payout_numbered(tenant: Tenant, number: int) -> UUID:
    """The id of the payout of this number. Raises NotFound."""
    found: UUID | None = payouts_of(tenant).filter(number=number).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound(what="payout")
    return found
