"""What happened to the seller's money, and why some of it waits, in plain words."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payouts.models import AccountKind, LedgerTransaction
from services.unpaid_services import STATES, Standing, Unpaid
from shop.selectors.book_sums import BookSum
from shop.selectors.books import Booked
from shop.templatetags.souk import day, money
from shop.web.dashboard.invoice_pages import month_name
from shop.web.dashboard.order_forms import DayField
from shop.web.dashboard.order_words import PARTS, WHERE

# kind of a ledger transaction -> (what it is called, its icon)
KINDS: dict[str, tuple[Any, str]] = {
    "capture": (gettext_lazy("Sale"), "tag"),
    "fee": (gettext_lazy("Payment fee"), "percent"),
    "refund": (gettext_lazy("Refund"), "undo"),
    "refund_failed": (gettext_lazy("Refund came back"), "undo"),
    "dispute_withdrawn": (gettext_lazy("Dispute: money withdrawn"), "scales"),
    "dispute_reinstated": (gettext_lazy("Dispute won"), "scales"),
    "dispute_lost": (gettext_lazy("Dispute lost"), "scales"),
    "reserve_held": (gettext_lazy("Held in reserve"), "shield"),
    "reserve_released": (gettext_lazy("Released from reserve"), "shield"),
    "transfer": (gettext_lazy("Payout"), "send"),
    "transfer_reversal": (gettext_lazy("Payout taken back"), "back"),
    "write_off": (gettext_lazy("Debt given up"), "check"),
}
# What a list of the books can be narrowed to -> the kinds that are in it.
GROUPS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "sales": (gettext_lazy("Sales"), ("capture",)),
    "fees": (gettext_lazy("Payment fees"), ("fee",)),
    "refunds": (gettext_lazy("Refunds"), ("refund", "refund_failed")),
    "disputes": (gettext_lazy("Disputes"), ("dispute_withdrawn", "dispute_reinstated", "dispute_lost")),
    "reserve": (gettext_lazy("Reserve"), ("reserve_held", "reserve_released")),
    "payouts": (gettext_lazy("Payouts"), ("transfer", "transfer_reversal")),
    "write_offs": (gettext_lazy("Debts given up"), ("write_off",)),
}
# What a part is called where it is not of an order.
MORE_PARTS: dict[str, Any] = {
    "transfer": gettext_lazy("Paid out"),
    "reversal": gettext_lazy("Taken back from a payout"),
}
ACCOUNTS: dict[str, Any] = {
    AccountKind.SELLER_RESERVE.value: gettext_lazy("In reserve"),
    AccountKind.DISPUTE_HOLD.value: gettext_lazy("In dispute"),
}


class BooksForm(forms.Form):
    """What the books are narrowed to. Whatever makes no sense is said, and left out."""

    kind = forms.ChoiceField(required=False, label=gettext_lazy("What"))
    since = DayField(label=gettext_lazy("From"))
    until = DayField(label=gettext_lazy("Until"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="books_%s", **kwargs)
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)
        kind.choices = [("", gettext_lazy("Everything")), *((key, group[0]) for key, group in GROUPS.items())]

    def wanted(self) -> dict[str, Any]:
        """As the selector takes it."""
        self.is_valid()
        found = self.cleaned_data
        kind = found.get("kind") or ""
        return {
            "kinds": GROUPS[kind][1] if kind else (),
            "since": found.get("since"),
            "until": found.get("until"),
        }


def told(row: LedgerTransaction, what: Booked, payouts: dict[str, int]) -> dict[str, Any]:
    """A transaction as a row of the books: `parts` moved what is owed to the seller, `beside` is in reserve or in dispute."""
    name, icon = KINDS.get(row.kind, (row.kind.replace("_", " ").capitalize(), "coins"))
    payout_id = str(row.facts.get("payout_id", ""))
    return {
        "name": str(name),
        "icon": icon,
        "row": row,
        "currency": what.currency,
        "amount_minor": what.amount_minor,
        "parts": [
            (_part(move.part), move.amount_minor)
            for move in what.moves
            if move.account == AccountKind.SELLER_PAYABLE
        ],
        "beside": [
            (str(ACCOUNTS[move.account]), move.amount_minor)
            for move in what.moves
            if move.account in ACCOUNTS
        ],
        "payout_id": payout_id if payout_id in payouts else "",
        "payout_number": payouts.get(payout_id),
        "reason": row.facts.get("reason", "") if row.kind == "write_off" else "",
    }


def _part(part: str) -> str:
    return str(MORE_PARTS.get(part) or PARTS.get(part) or part.replace("_", " ").capitalize())


def added_up(found: BookSum) -> dict[str, Any]:
    """What a part of the books comes to, by what it was, in the order in which money moves."""
    order = list(PARTS)
    placed = sorted(found.parts, key=lambda part: order.index(part) if part in order else len(order))
    return {"sum": found, "parts": [(_part(part), found.parts[part]) for part in placed]}


def months(today: date) -> list[tuple[str, date, date]]:
    """This month and the one before, by name, with the first and the last day of each."""
    first = today.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    return [
        (month_name(start), start, end - timedelta(days=1))
        for start, end in ((first, after), (before, first))
    ]


# Why a sale is not paid: state -> the sentence. Those that name something are in `why`.
SENTENCES: dict[str, Any] = {
    "dispute_open": gettext_lazy("The buyer's bank disputes this payment."),
    "refund_in_progress": gettext_lazy("A refund of this order is being made."),
    "awaiting_fee": gettext_lazy("Stripe has not told its fee yet."),
    "hold": gettext_lazy("Sales are held for a time before they are paid out."),
    "return_window": gettext_lazy("The buyer can still return the order."),
    "funds_pending": gettext_lazy("Stripe has not received the money from the buyer's bank yet."),
    "account_restricted": gettext_lazy("Your account at Stripe cannot receive payouts yet."),
    "on_request": gettext_lazy("It can be paid out: ask for a payout."),
    "nothing_due": gettext_lazy(
        "Refunds, fees or disputes took all of it; it is settled with the next payout."
    ),
}


def why(sale: Unpaid, standing: Standing, paused_reason: str) -> str:
    """The reason of one sale as a sentence in the reader's language."""
    if sale.state == "awaiting_delivery":
        return _("It becomes available %(days)s days after the order is delivered.") % {
            "days": sale.return_days or 0
        }
    if sale.state == "debt" and sale.unpaid_minor < 0:
        return _(
            "Refunds, fees or disputes took this after the sale was paid out: it is part of what you owe."
        )
    return str(SENTENCES.get(sale.state) or why_stands(standing, paused_reason))


def why_stands(standing: Standing, paused_reason: str) -> str:
    """What stands between available money and the bank, as a sentence."""
    currency = standing.currency
    if standing.state == "paused":
        return _("Payouts are paused: %(reason)s") % {"reason": paused_reason}
    if standing.state == "debt":
        owed = money(-standing.available_minor, currency)
        return _("It goes towards %(amount)s that refunds and disputes took after they were paid out.") % {
            "amount": owed
        }
    if standing.state == "below_minimum":
        return _("%(amount)s is available; a payout needs at least %(minimum)s.") % {
            "amount": money(standing.available_minor, currency),
            "minimum": money(standing.minimum_minor, currency),
        }
    if standing.state == "scheduled" and standing.pays_on:
        return _("It is part of the next payout, on %(day)s.") % {"day": day(standing.pays_on)}
    return str(SENTENCES.get(standing.state, ""))


def reasons() -> list[tuple[str, Any]]:
    """What a list of unpaid sales can be narrowed to."""
    return [(state, WHERE[state][1]) for state in STATES]
