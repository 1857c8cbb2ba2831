"""What everybody should have, counted without Souk: the arithmetic of how money moves, in plain Python and exact fractions.

Amounts are integer minor units, moments are seconds since 1970. What a seller is owed is kept sale by sale; what came of no
sale (reversals, write-offs) is kept under None.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

DAY = 86_400
SHARES = ("goods", "shipping", "tax")
Parts = dict[int, dict[str, int]]


def half_up(whole: int, part: int, of: int) -> int:
    """`whole` times part / of, half up."""
    return floor(Fraction(whole * part, of) + Fraction(1, 2)) if of else 0


def percent(amount: int, basis_points: int) -> int:
    """So many ten thousandths, half up."""
    return half_up(amount, basis_points, 10_000)


def share_out(total: int, weights: Sequence[int]) -> list[int]:
    """By largest remainder, ties to the lowest index; evenly where nothing weighs."""
    weights = weights if any(weights) else [1] * len(weights)
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [floor(each) for each in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: parts[index] - exact[index])
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


@dataclass(frozen=True)
class Terms:
    """A commission rule."""

    basis_points: int = 1_000
    fixed: int = 30
    floor: int = 0
    cap: int | None = None
    with_shipping: bool = False
    tax: int = 0
    returned: str = "percentage"
    bearer: str = "seller"

    def on(self, base: int) -> int:
        amount = max(percent(base, self.basis_points) + self.fixed, self.floor)
        amount = amount if self.cap is None else min(amount, self.cap)
        return min(amount, base)

    def returnable(self, base: int) -> int:
        """What goes back when all is given back."""
        whole = self.on(base)
        part = {"all": whole, "none": 0, "percentage": percent(base, self.basis_points)}
        return min(whole, part[self.returned])


@dataclass
class Line:
    """A line of an order, with its shares and what was taken back of them."""

    price: int
    quantity: int
    discount: int = 0
    funded: int = 0
    shipping: int = 0
    tax: int = 0
    commission: int = 0
    commission_tax: int = 0
    returnable: int = 0
    units_back: int = 0
    taken: Counter = field(default_factory=Counter)
    back: Counter = field(default_factory=Counter)

    @property
    def goods(self) -> int:
        return self.price * self.quantity - self.discount

    @property
    def paid(self) -> int:
        return sum(getattr(self, share) for share in SHARES)

    def left(self, share: str) -> int:
        return getattr(self, share) - self.taken[share]

    def going_back(self, *, is_last: bool) -> Counter:
        """What has gone back of commission, its tax and funding once `taken` is what was taken, less what has already."""
        taken = self.taken.total()
        wholes = {
            "commission": self.returnable,
            "commission_tax": half_up(self.commission_tax, self.returnable, self.commission),
            "funded": self.funded,
        }
        is_whole = taken == self.paid if self.paid else is_last
        return Counter(
            {
                name: max((whole if is_whole else half_up(whole, taken, self.paid)) - self.back[name], 0)
                for name, whole in wholes.items()
            }
        )


@dataclass
class Credit:
    """What a refund, a lost dispute or what was never captured has taken of the lines."""

    lines: list[tuple[Line, int, Counter, Counter]] = field(default_factory=list)

    @property
    def back(self) -> Counter:
        return sum((back for _, _, _, back in self.lines), Counter())

    @property
    def amount(self) -> int:
        return sum(taken.total() for _, _, taken, _ in self.lines)

    def undo(self) -> None:
        for line, units, taken, back in self.lines:
            line.units_back -= units
            line.taken -= taken
            line.back -= back


@dataclass(eq=False)
class Seller:
    """What one seller has in the one currency of the storefront."""

    currency: str = "EUR"
    minimum: int = 1
    hold_days: int = 7
    return_days: int | None = None
    reserve: int = 0
    reserve_days: int = 0
    is_paid_by_charge: bool = False
    unpaid: dict = field(default_factory=dict)
    reserved: int = 0
    in_dispute: int = 0
    earned: int = 0
    payouts: list["Payout"] = field(default_factory=list)
    debt_since: int | None = None

    def owe(self, sale: "Sale | None", *amounts: int) -> None:
        """Something becomes the seller's, or is taken off."""
        self.shift(sale, *amounts)
        self.earned += sum(amounts)

    def shift(self, sale: "Sale | None", *amounts: int) -> None:
        """Only where it is changes."""
        for amount in filter(None, amounts):
            self.unpaid[sale] = self.unpaid.get(sale, 0) + amount

    @property
    def owed(self) -> int:
        """Including what a payout that is being made has claimed."""
        return sum(self.unpaid.values()) + sum(
            each.amount for each in self.payouts if each.state == "requested"
        )

    @property
    def paid(self) -> int:
        return sum(each.amount - each.reversed for each in self.payouts if each.transfer_id)

    def pending(self, now: int) -> int:
        return sum(amount for sale, amount in self.unpaid.items() if sale and not sale.is_available(now))

    def free(self, now: int) -> dict:
        """What could be paid out, oldest first."""
        free = [sale for sale in self.unpaid if sale is None or sale.is_available(now)]
        return {sale: self.unpaid[sale] for sale in sorted(free, key=lambda sale: sale.age if sale else ())}

    def debt(self, now: int) -> int:
        return max(self.pending(now) - self.owed, 0)

    def plan(self, now: int, movable: int) -> list[tuple[dict, "Sale | None"]]:
        """What a run should claim: (amounts by sale, the charge that funds it)."""
        free = self.free(now)
        if sum(free.values()) < max(self.minimum, 1) or any(
            each.state == "requested" for each in self.payouts
        ):
            return []
        if self.is_paid_by_charge:
            return list(self._one_by_one(free))
        if sum(free.values()) > movable:
            chosen = {sale: amount for sale, amount in free.items() if amount <= 0}
            for sale, amount in free.items():
                if amount > 0 and sum(chosen.values()) + amount <= movable:
                    chosen[sale] = amount
            free = chosen
        return [(free, None)] if sum(free.values()) >= max(self.minimum, 1) else []

    def _one_by_one(self, free: dict) -> Iterable[tuple[dict, "Sale | None"]]:
        debts = {sale: amount for sale, amount in free.items() if sale is None or amount <= 0}
        carried = dict(debts)
        for sale, amount in free.items():
            if sale in debts:
                continue
            carried[sale] = amount
            if sum(carried.values()) > 0:
                yield carried, sale
                carried = {}


@dataclass(eq=False)
class Sale:
    """An order and what became of it."""

    seller: Seller
    lines: list[Line]
    terms: Terms
    state: str = "pending"
    captured: int = 0
    captured_at: int = 0
    authorised_at: int = 0
    charge_id: str = ""
    hold_until: int = 0
    funds_on: int = 0
    return_days: int | None = None
    delivered_at: int | None = None
    refunds: list["Refund"] = field(default_factory=list)
    disputes: list["Dispute"] = field(default_factory=list)
    lost: int = 0
    reserve: int = 0
    release_at: int = 0
    pk: Any = None
    line_pks: list[int] = field(default_factory=list)
    intent_id: str = ""

    @property
    def total(self) -> int:
        return sum(line.paid for line in self.lines)

    @property
    def age(self) -> tuple[int, str]:
        return self.captured_at, self.charge_id

    @property
    def left(self) -> int:
        """What may still be promised to the buyer."""
        return sum(line.left(share) for line in self.lines for share in SHARES)

    @property
    def refunded(self) -> int:
        return sum(refund.amount for refund in self.refunds if refund.state == "made")

    @property
    def promised(self) -> int:
        return sum(refund.amount for refund in self.refunds if refund.state == "requested")

    @property
    def open_dispute(self) -> "Dispute | None":
        return next((each for each in self.disputes if not each.outcome), None)

    @property
    def is_refundable(self) -> bool:
        """Stripe makes no refund of what the buyer's bank has asked back, or has got."""
        against = [each for each in self.disputes if each.outcome in ("", "lost") and not each.is_inquiry]
        return self.state == "captured" and not against

    @property
    def is_frozen(self) -> bool:
        return bool(self.open_dispute or self.promised)

    def available_at(self) -> int | None:
        moments = [self.hold_until] if self.seller.is_paid_by_charge else [self.hold_until, self.funds_on]
        if self.return_days is not None and self.refunded + self.lost < self.captured:
            if self.delivered_at is None:
                return None
            moments.append(self.delivered_at + self.return_days * DAY)
        return max(moments)

    def is_available(self, now: int) -> bool:
        at = self.available_at()
        return at is not None and at <= now and not self.is_frozen

    def by_amount(self, amount: int, only: Sequence[int] | None = None) -> Parts:
        named = [n for n in range(len(self.lines)) if only is None or n in only]
        keys = [(n, share) for n in named for share in SHARES]
        parts = share_out(amount, [self.lines[n].left(share) for n, share in keys])
        taken: Parts = {n: {} for n in named}
        for (n, share), part in zip(keys, parts, strict=True):
            taken[n][share] = part
        return taken

    def by_units(self, units: dict[int, int], *, with_shipping: bool) -> Parts:
        names = SHARES if with_shipping else ("goods", "tax")
        return {
            n: {
                share: half_up(line.left(share), count, line.quantity - line.units_back)
                for share in names
                for line in [self.lines[n]]
            }
            for n, count in units.items()
        }

    def credit(self, parts: Parts, units: dict[int, int] | None = None) -> Credit:
        """Take these parts of the lines. The last credit of an order brings back what lines without a price hold, too."""
        units = units or {}
        done = Credit()
        for n, taken in parts.items():
            self.lines[n].taken.update(taken)
            self.lines[n].units_back += units.get(n, 0)
        is_last = self.left == 0
        for n in range(len(self.lines)) if is_last else parts:
            back = self.lines[n].going_back(is_last=is_last)
            self.lines[n].back.update(back)
            done.lines.append((self.lines[n], units.get(n, 0), Counter(parts.get(n, {})), back))
        return done


@dataclass(eq=False)
class Refund:
    sale: Sale
    amount: int
    credit: Credit
    state: str = "requested"
    pk: Any = None
    stripe_id: str = ""


@dataclass(eq=False)
class Dispute:
    sale: Sale
    amount: int
    fee: int
    stripe_id: str
    is_inquiry: bool = False
    is_answered: bool = False
    outcome: str = ""


@dataclass(eq=False)
class Payout:
    seller: Seller
    claims: dict
    source: Sale | None = None
    state: str = "requested"
    reversed: int = 0
    sent_at: int = 0
    transfer_id: str = ""
    bank_payout: str = ""
    pk: Any = None
    reversals: list["Reversal"] = field(default_factory=list)

    @property
    def amount(self) -> int:
        return sum(self.claims.values())

    @property
    def left(self) -> int:
        return self.amount - self.reversed

    @property
    def is_being_reversed(self) -> bool:
        return any(each.state == "requested" for each in self.reversals)


@dataclass(eq=False)
class Reversal:
    payout: Payout
    amount: int
    state: str = "requested"
    pk: Any = None


def order(
    seller: Seller,
    cart: Sequence[tuple[int, int]],
    terms: Terms,
    *,
    percentage: int = 0,
    fixed: int = 0,
    funded: int = 0,
    shipping: int = 0,
    tax: int = 0,
) -> Sale:
    """What an order of (price, quantity) should be: every share of every line."""
    lines = [Line(price, quantity) for price, quantity in cart]
    goods = [line.price * line.quantity for line in lines]
    off = percent(sum(goods), percentage) if percentage else min(fixed, sum(goods))
    for line, part in zip(lines, share_out(off, goods), strict=True):
        line.discount = part
    for line, part in zip(lines, share_out(shipping, goods), strict=True):
        line.shipping = part
    if sum(goods) - off + shipping:
        for line, part in zip(
            lines, share_out(percent(off, funded), [line.discount for line in lines]), strict=True
        ):
            line.funded = part
        bases = [line.goods + line.funded + terms.with_shipping * line.shipping for line in lines]
        amount = terms.on(sum(bases))
        parts = share_out(amount, bases)
        taxes = share_out(percent(amount, terms.tax), parts)
        returnable = share_out(terms.returnable(sum(bases)), parts)
        for line, *shares in zip(lines, parts, taxes, returnable, strict=True):
            line.commission, line.commission_tax, line.returnable = shares
    for line in lines:
        line.tax = percent(line.paid, tax)
    return Sale(seller, lines, terms)


class Books:
    """Stripe's balance, the sellers and the marketplace. One method for each thing that can happen."""

    def __init__(self) -> None:
        self.stripe: Counter = Counter()
        self.ours: Counter = Counter()  # (account, currency), positive as its name says

    def _return(self, sale: Sale, back: Counter, sign: int = 1) -> None:
        currency = sale.seller.currency
        amounts = [sign * back["commission"], sign * back["commission_tax"], -sign * back["funded"]]
        sale.seller.owe(sale, *amounts)
        for name, amount in zip(
            ("commission_income", "commission_tax", "promotion_funding"), amounts, strict=True
        ):
            self.ours[name, currency] += amount if name == "promotion_funding" else -amount

    def _fee(self, sale: Sale, amount: int) -> None:
        if sale.terms.bearer == "seller":
            sale.seller.owe(sale, -amount)
        else:
            self.ours["processing_fees", sale.seller.currency] += amount
        self.stripe[sale.seller.currency] -= amount

    def capture(self, sale: Sale, amount: int, *, fee: int, at: int, charge_id: str, funds_on: int) -> None:
        seller, currency = sale.seller, sale.seller.currency
        rest = Counter()
        if amount < sale.total:
            rest = sale.credit(sale.by_amount(sale.total - amount)).back
        sale.state, sale.captured, sale.captured_at, sale.charge_id = "captured", amount, at, charge_id
        sale.hold_until, sale.return_days = at + seller.hold_days * DAY, seller.return_days
        sale.funds_on = funds_on
        commission = sum(line.commission for line in sale.lines) - rest["commission"]
        tax = sum(line.commission_tax for line in sale.lines) - rest["commission_tax"]
        funded = sum(line.funded for line in sale.lines) - rest["funded"]
        self.stripe[currency] += amount
        self.ours["commission_income", currency] += commission
        self.ours["commission_tax", currency] += tax
        self.ours["promotion_funding", currency] += funded
        seller.owe(sale, amount, -commission, -tax, funded)
        kept = min(percent(amount, seller.reserve), amount - commission - tax + funded)
        if kept > 0 and seller.reserve_days:
            sale.reserve, sale.release_at = kept, at + seller.reserve_days * DAY
            seller.shift(sale, -kept)
            seller.reserved += kept
        self._fee(sale, fee)

    def refund_made(self, refund: Refund) -> None:
        sale = refund.sale
        refund.state = "made"
        self.stripe[sale.seller.currency] -= refund.amount
        sale.seller.owe(sale, -refund.amount)
        self._return(sale, refund.credit.back)
        self._release_if_all_is_back(sale)

    def refund_refused(self, refund: Refund) -> None:
        """Nothing moved; it may be promised again."""
        refund.state = "failed"
        refund.credit.undo()

    def refund_came_back(self, refund: Refund) -> None:
        sale = refund.sale
        refund.state = "failed"
        self.stripe[sale.seller.currency] += refund.amount
        sale.seller.owe(sale, refund.amount)
        self._return(sale, refund.credit.back, -1)
        refund.credit.undo()

    def dispute_withdrawn(self, dispute: Dispute) -> None:
        sale = dispute.sale
        self.stripe[sale.seller.currency] -= dispute.amount
        sale.seller.in_dispute += dispute.amount
        self._fee(sale, dispute.fee)

    def dispute_won(self, dispute: Dispute, *, returns_fee: bool) -> None:
        sale = dispute.sale
        dispute.outcome = "won"
        self.stripe[sale.seller.currency] += dispute.amount
        sale.seller.in_dispute -= dispute.amount
        if returns_fee:
            self._fee(sale, -dispute.fee)

    def dispute_lost(self, dispute: Dispute) -> None:
        """The seller bears it."""
        sale = dispute.sale
        dispute.outcome = "lost"
        sale.seller.in_dispute -= dispute.amount
        sale.lost += dispute.amount
        sale.seller.owe(sale, -dispute.amount)
        self._return(sale, sale.credit(sale.by_amount(dispute.amount)).back)
        self._release_if_all_is_back(sale)

    def release(self, sale: Sale) -> None:
        if sale.reserve:
            sale.seller.shift(sale, sale.reserve)
            sale.seller.reserved -= sale.reserve
            sale.reserve = 0

    def _release_if_all_is_back(self, sale: Sale) -> None:
        if sale.refunded + sale.lost >= sale.captured:
            self.release(sale)

    def claim(self, seller: Seller, claims: dict, source: Sale | None) -> Payout:
        for sale in claims:
            del seller.unpaid[sale]
        payout = Payout(seller, claims, source)
        seller.payouts.append(payout)
        return payout

    def sent(self, payout: Payout, *, transfer_id: str, at: int) -> None:
        payout.state, payout.transfer_id, payout.sent_at = "sent", transfer_id, at
        self.stripe[payout.seller.currency] -= payout.amount

    def not_sent(self, payout: Payout) -> None:
        payout.state = "failed"
        for sale, amount in payout.claims.items():
            payout.seller.unpaid[sale] = payout.seller.unpaid.get(sale, 0) + amount

    def reversed(self, payout: Payout, amount: int) -> None:
        payout.state = "reversed"
        payout.reversed += amount
        payout.seller.shift(None, amount)
        self.stripe[payout.seller.currency] += amount

    def written_off(self, seller: Seller, amount: int) -> None:
        seller.owe(None, amount)
        self.ours["write_offs", seller.currency] += amount
