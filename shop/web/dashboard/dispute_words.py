"""What a buyer's bank says, in plain words, and what helps against it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from payouts.models import Dispute
from shop.selectors.disputes import TO_ANSWER
from shop.templatetags.souk import money

DAY_SECONDS = 86_400
SOON_DAYS = 3

# Stripe's reasons (docs.stripe.com/api/disputes/object#dispute_object-reason): what is said, and what to answer with.
REASONS: dict[str, tuple[Any, Any]] = {
    "fraudulent": (
        gettext_lazy("The holder of the card says that somebody else paid with it."),
        gettext_lazy(
            "Show that the holder ordered: the same name and address as before, mails, a signature at the door."
        ),
    ),
    "product_not_received": (
        gettext_lazy("The buyer says that nothing arrived."),
        gettext_lazy("Say when and how it was sent, and what the carrier says about it."),
    ),
    "product_unacceptable": (
        gettext_lazy("The buyer says that it was broken, or not as described."),
        gettext_lazy("Say how you described it, what the buyer wrote to you, and what you offered."),
    ),
    "duplicate": (
        gettext_lazy("The buyer says that the same thing was charged twice."),
        gettext_lazy("Say how this order differs from the other one, or that one of them was refunded."),
    ),
    "credit_not_processed": (
        gettext_lazy("The buyer says that a refund was promised and did not come."),
        gettext_lazy("Say which refund was made and when, or why none was due."),
    ),
    "subscription_canceled": (
        gettext_lazy("The buyer says that this was cancelled before it was charged."),
        gettext_lazy("Say when the order was placed and whether it was cancelled."),
    ),
    "unrecognized": (
        gettext_lazy("The buyer does not recognise the payment."),
        gettext_lazy("Say what was ordered, by whom, and where it was sent."),
    ),
    "general": (
        gettext_lazy("The bank gives no particular reason."),
        gettext_lazy("Say what was ordered, when it was sent, and what you agreed with the buyer."),
    ),
    "noncompliant": (gettext_lazy("The bank says that its network's rules were not kept."), ""),
    "customer_initiated": (gettext_lazy("The buyer asked the bank to take the payment back."), ""),
    "bank_cannot_process": (gettext_lazy("The bank could not process the payment."), ""),
    "debit_not_authorized": (gettext_lazy("The holder of the account did not allow the payment."), ""),
    "incorrect_account_details": (gettext_lazy("The details of the account were wrong."), ""),
    "insufficient_funds": (gettext_lazy("There was not enough money in the account."), ""),
    "check_returned": (gettext_lazy("The cheque came back."), ""),
}


def reason_of(dispute: Dispute) -> str:
    """Why the bank asks. A reason that nobody has named is Stripe's own word in plain letters."""
    if not dispute.reason:
        return _("The bank gives no particular reason.")
    known = REASONS.get(dispute.reason)
    return str(known[0]) if known else dispute.reason.replace("_", " ").capitalize()


def advice_for(dispute: Dispute) -> str:
    """What an answer should say."""
    return str(REASONS.get(dispute.reason, REASONS["general"])[1] or REASONS["general"][1])


@dataclass(frozen=True)
class Deadline:
    """How long there is to answer. `tone` is of the style sheet."""

    at: datetime
    left: str
    tone: str


def deadline(dispute: Dispute, at: datetime) -> Deadline | None:
    """Of a dispute that waits for an answer; None where the bank has named no day."""
    due = dispute.evidence_due_at
    if due is None or dispute.status not in TO_ANSWER:
        return None
    seconds = (due - at).total_seconds()
    if seconds <= 0:
        return Deadline(due, _("The day has passed"), "bad")
    days = int(seconds // DAY_SECONDS)
    if days == 0:
        return Deadline(due, _("Less than a day left"), "bad")
    left = ngettext("%(days)d day left", "%(days)d days left", days) % {"days": days}
    return Deadline(due, left, "bad" if days < SOON_DAYS else "warn")


def outcome(dispute: Dispute) -> tuple[str, str]:
    """(tone, what the state means for the seller)."""
    amount = money(dispute.amount_minor, dispute.currency)
    match dispute.status:
        case "needs_response":
            return "bad", _("The bank has taken %(amount)s back. Answer, and it may be yours again.") % {
                "amount": amount
            }
        case "warning_needs_response":
            return "warn", _("The bank asks; no money was taken. A good answer can avoid a dispute.")
        case "under_review":
            return "", _("The bank has your answer and decides. That can take two to three months.")
        case "warning_under_review":
            return "", _("The bank has your answer. No money was taken.")
        case "warning_closed":
            return "good", _("The inquiry is over. No money was taken.")
        case "won":
            return "good", _("You have won: %(amount)s is yours again.") % {"amount": amount}
        case "lost":
            return "bad", _("The buyer keeps %(amount)s; it is taken off your balance.") % {"amount": amount}
    return "", ""
