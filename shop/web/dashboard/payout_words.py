"""Payouts in plain words: where the money is, what happens next, and why a bank sent it back."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payouts.models import Payout, PayoutStatus
from shop.selectors.payout_statements import Breakdown
from shop.templatetags.souk import day, money
from shop.web.dashboard.order_words import PARTS

# The columns of an order line; see services.statement_services.
COLUMN_NAMES: dict[str, Any] = {
    "sale": gettext_lazy("Sale"),
    "funded": gettext_lazy("Discount paid by the marketplace"),
    "commission": gettext_lazy("Commission"),
    "commission_tax": gettext_lazy("Tax on commission"),
    "fee": gettext_lazy("Payment fee"),
    "refunded": gettext_lazy("Refund"),
    "disputed": gettext_lazy("Dispute"),
    "reserve": gettext_lazy("Reserve"),
}
# Stripe's codes (docs.stripe.com/api/payouts/failures) that a seller can do something about.
FAILURES: dict[str, Any] = {
    "account_closed": gettext_lazy("The bank account is closed."),
    "account_frozen": gettext_lazy("The bank account is frozen."),
    "bank_account_restricted": gettext_lazy("The bank account does not take payments of this kind."),
    "bank_ownership_changed": gettext_lazy("The bank account has changed hands."),
    "could_not_process": gettext_lazy("The bank could not process it."),
    "debit_not_authorized": gettext_lazy("The bank does not allow it."),
    "declined": gettext_lazy("The bank has declined it. Ask your bank why."),
    "incorrect_account_address": gettext_lazy("The address of the account's holder does not match."),
    "incorrect_account_holder_name": gettext_lazy("The name of the account's holder does not match."),
    "incorrect_account_holder_tax_id": gettext_lazy("The tax number of the account's holder does not match."),
    "invalid_account_number": gettext_lazy("The account number is wrong."),
    "invalid_currency": gettext_lazy("The bank account does not take this currency."),
    "no_account": gettext_lazy("There is no such bank account."),
    "unsupported_card": gettext_lazy("This card cannot receive payouts."),
    "account_invalid": gettext_lazy("Your account at Stripe cannot receive money."),
}
# services.payout_services.Plan.why
WHY_LEFT: dict[str, Any] = {
    "paused": gettext_lazy("The marketplace has paused your payouts."),
    "not_verified": gettext_lazy("Stripe does not let your account receive money yet."),
    "busy": gettext_lazy("An earlier payout is still being made."),
    "owes": gettext_lazy("Later earnings pay a debt first."),
    "below_minimum": gettext_lazy("It is less than the smallest payout."),
    "funds": gettext_lazy("Stripe cannot move the money yet."),
}


@dataclass(frozen=True)
class Told:
    """Where a payout is (`tone` of the style sheet), and what happens next."""

    where: str
    following: str = ""
    tone: str = ""
    to_bank: bool = False  # something is to be done at Stripe


def tell(payout: Payout, next_on: date | None) -> Told:
    """Where a payout is."""
    why = str(FAILURES.get(payout.failure_code, payout.failure_message))
    settled = day(payout.settled_at) if payout.settled_at else ""
    sent = day(payout.sent_at) if payout.sent_at else ""
    match payout.status:
        case PayoutStatus.REQUESTED:
            return Told(
                _("It is being made."), _("Stripe is asked to move the money; this takes a moment."), ""
            )
        case PayoutStatus.SENT:
            return Told(
                _("On its way since %(day)s.") % {"day": sent},
                _("Stripe has it and sends it to your bank. That usually takes a few working days."),
            )
        case PayoutStatus.PAID:
            return Told(_("At your bank since %(day)s.") % {"day": settled}, tone="good")
        case PayoutStatus.FAILED:
            return Told(
                f"{_('It could not be made.')} {why}".strip(),
                _("Nothing was moved. What it was made of is part of your next payout, on %(day)s.")
                % {"day": day(next_on)}
                if next_on
                else _("Nothing was moved. What it was made of is part of your next payout."),
                "bad",
                to_bank=True,
            )
        case PayoutStatus.RETURNED:
            return Told(
                f"{_('Your bank sent it back on %(day)s.') % {'day': settled}} {why}".strip(),
                _(
                    "The money is in your balance at Stripe. Check your bank account there; Stripe sends it again."
                ),
                "bad",
                to_bank=True,
            )
        case PayoutStatus.REVERSED:
            taken = money(payout.reversed_minor, payout.currency)
            return Told(
                _("%(amount)s of it was taken back by the marketplace.") % {"amount": taken},
                _("It pays a debt, or is payable again. Your balance has the rest."),
                "warn",
            )
        case PayoutStatus.UNKNOWN:
            return Told(
                _("Stripe has not said yet whether it was made."),
                _("The marketplace looks at it. Nothing is paid twice, and nothing is lost."),
                "warn",
            )
    return Told(payout.status)


def short(payout: Payout) -> str:
    """Where it is in a few words, for a list."""
    if payout.status in (PayoutStatus.FAILED, PayoutStatus.RETURNED):
        return str(FAILURES.get(payout.failure_code, payout.failure_message))
    if payout.status == PayoutStatus.PAID and payout.settled_at:
        return _("At your bank since %(day)s.") % {"day": day(payout.settled_at)}
    if payout.status == PayoutStatus.REVERSED:
        return _("%(amount)s taken back") % {"amount": money(payout.reversed_minor, payout.currency)}
    return ""


@dataclass(frozen=True)
class Moment:
    """A line of the history."""

    at: datetime
    what: str
    tone: str = ""
    reason: str = ""


def history(payout: Payout) -> list[Moment]:
    """What happened to it, newest first."""
    found = [Moment(payout.requested_at, _("Requested"))]
    if payout.sent_at:
        found.append(Moment(payout.sent_at, _("Moved to your account at Stripe"), "good"))
    if payout.settled_at:
        ends = {
            PayoutStatus.FAILED: (_("It could not be made"), "bad"),
            PayoutStatus.RETURNED: (_("Sent back by your bank"), "bad"),
        }
        what, tone = ends.get(PayoutStatus(payout.status), (_("Arrived at your bank"), "good"))
        why = str(FAILURES.get(payout.failure_code, payout.failure_message)) if tone == "bad" else ""
        found.append(Moment(payout.settled_at, what, tone, why))
    return found[::-1]


def total_rows(breakdown: Breakdown, payout: Payout) -> list[tuple[str, int]]:
    """What a payout is made of: the sums by kind, in the order in which money moves."""
    order = list(PARTS)
    kinds = breakdown.totals or payout.statement.get("totals", {})
    placed = sorted(kinds.items(), key=lambda item: order.index(item[0]) if item[0] in PARTS else len(order))
    return [(kind_name(kind), int(minor)) for kind, minor in placed]


def kind_name(kind: str) -> str:
    """A kind that nobody has named is its own code in plain letters."""
    return str(PARTS.get(kind) or kind.replace("_", " ").capitalize())
