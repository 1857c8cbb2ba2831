"""An order's history and its earnings in plain words."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from services.order_note_services import LOOKED_AT
from shop.models import ActorKind, Order, OrderEvent
from shop.selectors.order_lists import NOTE
from shop.templatetags.souk import money

# action -> (what happened, how it looks)
WORDS: dict[str, tuple[Any, str]] = {
    "placed": (gettext_lazy("Order placed"), ""),
    "confirmed": (gettext_lazy("Order confirmed"), "good"),
    "revived": (gettext_lazy("Order taken up again"), ""),
    "cancelled": (gettext_lazy("Order cancelled"), "bad"),
    "shipped": (gettext_lazy("All pieces are on their way"), ""),
    "delivered": (gettext_lazy("Delivered"), "good"),
    "void_requested": (gettext_lazy("Payment let go"), ""),
    "late_payment_refunded": (gettext_lazy("A late payment is refunded"), "bad"),
    "dispute_answered": (gettext_lazy("Dispute answered"), ""),
    "dispute_accepted": (gettext_lazy("Dispute accepted"), ""),
    "dispute_needs_response": (gettext_lazy("Dispute opened"), "bad"),
    "dispute_warning_needs_response": (gettext_lazy("The bank inquires about the payment"), "bad"),
    "dispute_under_review": (gettext_lazy("The bank looks at the dispute"), ""),
    "dispute_warning_under_review": (gettext_lazy("The bank looks at its inquiry"), ""),
    "dispute_warning_closed": (gettext_lazy("Inquiry closed"), "good"),
    "dispute_won": (gettext_lazy("Dispute won"), "good"),
    "dispute_lost": (gettext_lazy("Dispute lost"), "bad"),
    NOTE: (gettext_lazy("Note"), "note"),
    LOOKED_AT: (gettext_lazy("Marked as looked at"), ""),
}
# Reasons that the code itself gives.
REASONS = {
    "unpaid": gettext_lazy("The time to pay ran out."),
    "buyer": "",
    "seller": "",
}


@dataclass(frozen=True)
class Moment:
    """A line of the history. `note` is what the staff wrote, None where it is no note; `reason` why it was done."""

    at: datetime
    what: str
    who: str
    tone: str
    reason: str = ""
    note: str | None = None


def timeline(order: Order, events: Iterable[OrderEvent], people: dict[UUID, str]) -> list[Moment]:
    """The history as people read it."""
    return [
        Moment(
            at=event.at,
            what=_what(event, order.currency),
            who=_who(event, people),
            tone=WORDS.get(event.action, ("", ""))[1],
            reason=str(REASONS.get(event.reason, event.reason)),
            note=str(event.facts.get("text", "")) if event.action == NOTE else None,
        )
        for event in events
    ]


def _who(event: OrderEvent, people: dict[UUID, str]) -> str:
    if event.actor_kind in (ActorKind.BUYER, ActorKind.GUEST) or event.action == "placed":
        return _("Buyer")
    if event.actor_kind == ActorKind.SELLER:
        known = people.get(event.actor_id) if event.actor_id else None
        return known or _("Staff")
    return _("Automatically")


def _what(event: OrderEvent, currency: str) -> str:
    if say := WITH_FACTS.get(event.action):
        return say(event.facts, currency)
    return str(WORDS.get(event.action, (event.action.replace("_", " ").capitalize(), ""))[0])


def _amount(facts: dict[str, Any], currency: str) -> str:
    minor = facts.get("amount_minor", facts.get("captured_minor"))
    return money(minor, currency) if isinstance(minor, int) else ""


def _parcel(facts: dict[str, Any], currency: str) -> str:
    named = " ".join(str(facts.get(name) or "") for name in ("carrier", "tracking_number")).strip()
    return _("Parcel sent: %(parcel)s") % {"parcel": named}


WITH_FACTS: dict[str, Callable[[dict[str, Any], str], str]] = {
    "parcel_sent": _parcel,
    "refund_requested": lambda facts, currency: (
        _("Refund of %(amount)s asked for") % {"amount": _amount(facts, currency)}
    ),
    "refund_found": lambda facts, currency: (
        _("Refund of %(amount)s found at Stripe") % {"amount": _amount(facts, currency)}
    ),
    "capture_requested": lambda facts, currency: (
        _("Capture of %(amount)s asked for") % {"amount": _amount(facts, currency)}
    ),
    "captured_in_part": lambda facts, currency: (
        _("%(amount)s captured, the rest let go") % {"amount": _amount(facts, currency)}
    ).strip(),
    "invoiced": lambda facts, currency: _("Invoice %(number)s made") % {"number": facts.get("number", "")},
}

# What an order's money is made of, from the seller's side.
PARTS: dict[str, Any] = {
    "sale": gettext_lazy("Sale"),
    "funding": gettext_lazy("Discount paid by the marketplace"),
    "funding_returned": gettext_lazy("Marketplace's discount returned"),
    "commission": gettext_lazy("Commission"),
    "commission_tax": gettext_lazy("Tax on commission"),
    "commission_returned": gettext_lazy("Commission returned"),
    "commission_tax_returned": gettext_lazy("Tax on commission returned"),
    "fee": gettext_lazy("Payment fee"),
    "refund": gettext_lazy("Refund"),
    "dispute": gettext_lazy("Dispute"),
    "dispute_fee": gettext_lazy("Dispute fee"),
    "reserve_held": gettext_lazy("Held in reserve"),
    "reserve_released": gettext_lazy("Released from reserve"),
    "reversal": gettext_lazy("Reversal"),
    "write_off": gettext_lazy("Write-off"),
}
# Where it is: services.earnings_services.Earnings.state -> (how it looks, what it is called)
WHERE: dict[str, tuple[str, Any]] = {
    "not_captured": ("mute", gettext_lazy("Not captured")),
    "refund_in_progress": ("warn", gettext_lazy("A refund is being made")),
    "dispute_open": ("bad", gettext_lazy("A dispute is open")),
    "awaiting_fee": ("mute", gettext_lazy("Stripe's fee is not known yet")),
    "awaiting_delivery": ("mute", gettext_lazy("Waits for delivery")),
    "funds_pending": ("mute", gettext_lazy("Pending")),
    "hold": ("mute", gettext_lazy("Held for a time")),
    "return_window": ("mute", gettext_lazy("Can still be returned")),
    "account_restricted": ("bad", gettext_lazy("Your account at Stripe is not finished")),
    "paused": ("bad", gettext_lazy("Payouts are paused")),
    "debt": ("warn", gettext_lazy("Goes towards a debt")),
    "below_minimum": ("mute", gettext_lazy("Too little for a payout")),
    "scheduled": ("info", gettext_lazy("In the next payout")),
    "on_request": ("info", gettext_lazy("Can be paid out")),
    "being_paid": ("info", gettext_lazy("Being paid out")),
    "in_transit": ("info", gettext_lazy("On its way")),
    "returned": ("bad", gettext_lazy("Came back")),
    "paid": ("good", gettext_lazy("Paid out")),
    "nothing_due": ("mute", gettext_lazy("Nothing is due")),
}


def earned_parts(parts: dict[str, int]) -> list[tuple[str, int]]:
    """What an order earns, each with its name, nothing left out."""
    return [
        (str(PARTS.get(part, part.replace("_", " ").capitalize())), amount) for part, amount in parts.items()
    ]
