"""What the desk's pages of money and machinery say: reasons, kinds of differences, ages."""

import json
from datetime import datetime
from typing import Any

from django import template

from core.clock import now

register = template.Library()

# Plan.why -> why a run left it.
WHY_LEFT = {
    "paused": "Payouts are paused",
    "not_verified": "Stripe does not let the account receive money",
    "busy": "An earlier payout is still being made",
    "owes": "The seller owes the marketplace",
    "below_minimum": "Less than the minimum",
    "funds": "Stripe cannot move the money yet",
    "changed": "Changed during the run, or another run was first",
}
DIFFERENCE_KINDS = {
    "only_at_stripe": "Only at Stripe",
    "only_in_our_books": "Only in our books",
    "amount_differs": "Amounts differ",
    "not_booked_by_souk": "Not booked by Souk",
    "balance_differs": "Balances differ",
}
PARTS = {
    "sale": "Sales",
    "commission": "Commission",
    "fee": "Stripe's fees",
    "refund": "Refunds",
    "commission_returned": "Commission given back",
    "transfer": "Transfers",
    "commission_tax": "Tax on commission",
    "commission_tax_returned": "Tax on commission given back",
    "funding": "Discounts paid by the marketplace",
    "funding_returned": "Discounts taken back",
    "dispute": "Disputes",
    "dispute_fee": "Dispute fees",
    "reserve_held": "Held in reserve",
    "reserve_released": "Released from reserve",
    "reversal": "Taken back",
    "write_off": "Written off",
}


@register.filter
def why_left(why: str) -> str:
    """Why a payout run left a seller."""
    return WHY_LEFT.get(why, why)


@register.filter
def difference_kind(kind: str) -> str:
    """What kind of difference it is."""
    return DIFFERENCE_KINDS.get(kind, kind)


@register.filter
def part_name(part: str) -> str:
    """What a leg of a booking, or a sum of a statement, stands for."""
    return PARTS.get(part, part.replace("_", " ").capitalize())


@register.filter
def age(moment: datetime | None) -> str:
    """How long ago, in the largest unit that says enough: "40 s", "12 min", "5 h", "3 days"."""
    if moment is None:
        return ""
    seconds = max(int((now() - moment).total_seconds()), 0)
    for size, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} s"


@register.filter
def pretty_json(value: Any) -> str:
    """JSON to be read; the template escapes it."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@register.filter
def from_iso(text: str) -> datetime | str:
    """A moment as JSON keeps it."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


@register.filter
def action_name(action: str) -> str:
    """`commission.rule_changed` as words: "Rule changed"."""
    return action.partition(".")[2].replace("_", " ").capitalize() or action


@register.filter
def first_line(text: str) -> str:
    """What an error says, without where it came from."""
    return text.partition("\n")[0]
