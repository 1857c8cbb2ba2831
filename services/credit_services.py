"""Taking back from order lines: what a refund, a lost dispute or a partial capture takes of each line's shares.

Each order line keeps what it was sold for (goods after discount, shipping, tax) and how much of that was credited. A credit
takes from what remains, so that many small ones end at exactly zero and can never be more than the sale.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F

from core.clock import now
from core.errors import Conflict, Invalid, NotFound
from core.money import split_minor
from services.commission_services import share_of
from shop.models import CreditKind, CreditLine, Order, OrderLine, Refund

SHARES = ("goods", "shipping", "tax")
RETURNS = ("commission", "commission_tax", "funded")


class TooManyUnitsBack(Conflict):
    """More units than are left to take back. Facts: line_id, left."""

    code = "too_many_units_back"
    title = "More units than are left to refund"


@dataclass(frozen=True)
class Returned:
    """What goes back between seller and marketplace with a credit: commission and its tax to the seller, funding to us."""

    commission_minor: int = 0
    commission_tax_minor: int = 0
    funded_minor: int = 0


@dataclass
class Taken:
    """One line's part of a credit that is being worked out."""

    line: OrderLine
    quantity: int = 0
    goods: int = 0
    shipping: int = 0
    tax: int = 0

    @property
    def amount(self) -> int:
        """What the buyer gets of it."""
        return self.goods + self.shipping + self.tax


def left_of(line: OrderLine, share: str) -> int:
    """What remains of a line's share, minor units."""
    if share == "goods":
        return line.subtotal_minor - line.discount_minor - line.credited_goods_minor
    return int(getattr(line, f"{share}_minor") - getattr(line, f"credited_{share}_minor"))


def by_units(lines: Sequence[OrderLine], units: Mapping[int, int], *, with_shipping: bool) -> list[Taken]:
    """So many units of each line (line id -> units), with their tax and, if wanted, their part of the shipping.

    A unit's part is taken of what remains, half up; the last unit takes the rest. Raises NotFound, Invalid, TooManyUnitsBack.
    """
    known = {line.pk: line for line in lines}
    taken = []
    for line_id, quantity in sorted(units.items()):
        line = known.get(line_id)
        if line is None:
            raise NotFound(what="order line")
        if quantity < 1:
            raise Invalid(field="lines", reason="a quantity must be at least 1")
        left = line.quantity - line.credited_quantity
        if quantity > left:
            raise TooManyUnitsBack(line_id=line_id, left=left)
        part = Taken(line, quantity)
        for share in SHARES:
            if share != "shipping" or with_shipping:
                setattr(part, share, share_of(left_of(line, share), quantity, left))
        taken.append(part)
    return taken


def by_amount(lines: Sequence[OrderLine], amount_minor: int) -> list[Taken]:
    """An amount, over everything that remains in proportion: largest remainder, never more of a share than is left."""
    left = [(line, share, left_of(line, share)) for line in lines for share in SHARES]
    parts = split_minor(min(amount_minor, sum(row[2] for row in left)), [row[2] for row in left])
    taken = {line.pk: Taken(line) for line in lines}
    for (line, share, _), part in zip(left, parts, strict=True):
        setattr(taken[line.pk], share, part)
    return list(taken.values())


def credit(
    order: Order, taken: Sequence[Taken], *, kind: CreditKind, source: str, refund: Refund | None = None
) -> Returned:
    """Write down what was taken of each line, and work out what commission and funding go back with it.

    The order must be locked by the caller. The database refuses more than a line's shares. Once per source and line.
    """
    rows = credit_rows(order, taken)
    for row in rows:
        row.kind, row.source, row.refund = kind, source, refund
        _add(row, 1)
    CreditLine.objects.bulk_create(rows)
    return returned_with(rows)


def credit_rows(order: Order, taken: Sequence[Taken]) -> list[CreditLine]:
    """What `credit` would write down, with the commission and funding of each line. Writes nothing."""
    lines = list(order.lines.all())
    left_after = sum(line.paid_minor - line.credited_minor for line in lines) - sum(
        part.amount for part in taken
    )
    rows = [_credit_line(part, is_last=left_after == 0) for part in taken]
    if left_after == 0:
        # The last credit of an order brings back what lines without a price of their own hold, too.
        named = {row.order_line_id for row in rows}
        rows += [_credit_line(Taken(line), is_last=True) for line in lines if line.pk not in named]
    return [row for row in rows if _is_something(row)]


def _credit_line(part: Taken, *, is_last: bool) -> CreditLine:
    line = part.line
    credited = line.credited_minor + part.amount
    is_whole = is_last if not line.paid_minor else credited == line.paid_minor

    def going_back(whole: int, before: int) -> int:
        after = whole if is_whole else share_of(whole, credited, line.paid_minor)
        return max(after - before, 0)

    commission = going_back(line.commission_returnable_minor, line.credited_commission_minor)
    # Tax follows the commission that is given back, all of it only where all of the commission is.
    tax_whole = share_of(line.commission_tax_minor, line.commission_returnable_minor, line.commission_minor)
    return CreditLine(
        order_line=line,
        quantity=part.quantity,
        goods_minor=part.goods,
        shipping_minor=part.shipping,
        tax_minor=part.tax,
        commission_minor=commission,
        commission_tax_minor=going_back(tax_whole, line.credited_commission_tax_minor),
        funded_minor=going_back(line.funded_minor, line.credited_funded_minor),
    )


def _is_something(row: CreditLine) -> bool:
    return bool(row.quantity) or any(getattr(row, f"{name}_minor") for name in SHARES + RETURNS)


def _add(row: CreditLine, sign: int) -> None:
    changes = {
        f"credited_{name}_minor": F(f"credited_{name}_minor") + sign * getattr(row, f"{name}_minor")
        for name in SHARES + RETURNS
    }
    OrderLine.objects.filter(pk=row.order_line_id).update(
        credited_quantity=F("credited_quantity") + sign * row.quantity, **changes
    )


def take_credit_back(source: str) -> None:
    """The refund failed: its amounts may be credited again. The order must be locked by the caller."""
    for row in CreditLine.objects.select_for_update().filter(source=source, taken_back_at=None):
        _add(row, -1)
        row.taken_back_at = now()
        row.save(update_fields=["taken_back_at"])


def returned_with(rows: Sequence[CreditLine]) -> Returned:
    """What goes back with these credits."""
    return Returned(*(sum(getattr(row, f"{name}_minor") for row in rows) for name in RETURNS))


def returned_by(source: str | UUID) -> Returned:
    """What went back with the credit of this source, as it was written down."""
    return returned_with(list(CreditLine.objects.filter(source=str(source))))
