"""What the dashboard and the operator's desk say in markup: icons, what a state is called and how it looks."""

from datetime import datetime
from typing import Any

from babel.dates import format_date
from babel.numbers import format_percent
from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext, gettext_noop, to_locale

register = template.Library()

# state -> (how it looks, what it is called). One list: a word means the same on every page.
STATES: dict[str, tuple[str, str]] = {
    # orders
    "pending": ("mute", gettext_noop("Waits for payment")),
    "confirmed": ("warn", gettext_noop("To ship")),
    "partly_shipped": ("warn", gettext_noop("Partly shipped")),
    "shipped": ("info", gettext_noop("Shipped")),
    "delivered": ("good", gettext_noop("Delivered")),
    "cancelled": ("mute", gettext_noop("Cancelled")),
    # payments and refunds
    "authorised": ("warn", gettext_noop("Authorised")),
    "captured": ("good", gettext_noop("Paid")),
    "failed": ("bad", gettext_noop("Failed")),
    "voided": ("mute", gettext_noop("Let go")),
    "requested": ("warn", gettext_noop("Requested")),
    "succeeded": ("good", gettext_noop("Made")),
    "refunded": ("mute", gettext_noop("Refunded")),
    "partly_refunded": ("mute", gettext_noop("Partly refunded")),
    "unpaid": ("mute", gettext_noop("Unpaid")),
    "declined": ("bad", gettext_noop("Declined")),
    "free": ("mute", gettext_noop("Nothing to pay")),
    # payouts
    "sent": ("info", gettext_noop("On its way")),
    "paid": ("good", gettext_noop("Paid out")),
    "returned": ("bad", gettext_noop("Came back")),
    "reversed": ("warn", gettext_noop("Partly taken back")),
    "unknown": ("bad", gettext_noop("Being looked at")),
    # disputes
    "needs_response": ("bad", gettext_noop("Needs an answer")),
    "warning_needs_response": ("warn", gettext_noop("Inquiry: needs an answer")),
    "under_review": ("info", gettext_noop("The bank decides")),
    "warning_under_review": ("info", gettext_noop("Inquiry: the bank decides")),
    "warning_closed": ("mute", gettext_noop("Inquiry closed")),
    "won": ("good", gettext_noop("Won")),
    "lost": ("bad", gettext_noop("Lost")),
    # products, promotions, reviews
    "published": ("good", gettext_noop("For sale")),
    "draft": ("mute", gettext_noop("Draft")),
    "archived": ("mute", gettext_noop("Archived")),
    "active": ("good", gettext_noop("Active")),
    "inactive": ("mute", gettext_noop("Switched off")),
    "scheduled": ("info", gettext_noop("Scheduled")),
    "ended": ("mute", gettext_noop("Ended")),
    "used_up": ("mute", gettext_noop("Used up")),
    "hidden": ("mute", gettext_noop("Hidden")),
    # stock
    "in_stock": ("good", gettext_noop("In stock")),
    "low": ("warn", gettext_noop("Low")),
    "sold_out": ("bad", gettext_noop("Sold out")),
    "not_tracked": ("mute", gettext_noop("Not counted")),
    # operations and jobs
    "queued": ("mute", gettext_noop("Waiting")),
    "running": ("info", gettext_noop("Running")),
    "done": ("good", gettext_noop("Done")),
    "parked": ("bad", gettext_noop("Parked")),
    # storefronts
    "suspended": ("bad", gettext_noop("Suspended")),
    "closed": ("mute", gettext_noop("Closed")),
    "erased": ("mute", gettext_noop("Erased")),
    "current": ("good", gettext_noop("Up to date")),
    "behind": ("warn", gettext_noop("Behind")),
    "missing": ("bad", gettext_noop("Missing")),
    # domains
    "waiting": ("warn", gettext_noop("Waits for proof")),
    "serving": ("good", gettext_noop("Serves the shop")),
    "known_as": ("info", gettext_noop("The shop's address")),
    # at the desk, which is in English
    "open": ("bad", "Open"),
    "explained": ("info", "Explained"),
    "solved": ("good", "Solved"),
    "received": ("warn", "Waiting"),
    "applied": ("good", "Applied"),
    "ignored": ("mute", "Ignored"),
    "quarantined": ("bad", "Quarantined"),
    "made": ("good", "Made"),
    # people
    "invited": ("warn", gettext_noop("Invited")),
    "joined": ("good", gettext_noop("Has joined")),
    "disabled": ("bad", gettext_noop("Disabled")),
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """One of static/icons.svg, for the eye only: what it means stands beside it or in a label."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("icons.svg"), name
    )


@register.simple_tag
def badge(state: Any, label: str = "") -> SafeString:
    """A state as a small coloured word; `label` says it otherwise."""
    tone, known = STATES.get(str(state), ("mute", str(state).replace("_", " ").capitalize()))
    return format_html('<span class="pill tone-{}">{}</span>', tone, label or gettext(known))


@register.filter
def capped(count: int) -> str:
    """A figure of `shop.selectors.waiting`: 100 stands for more than 99."""
    return "99+" if count >= 100 else str(count)


@register.filter
def signed(number: int) -> str:
    """+3, −2, 0."""
    return f"+{number}" if number > 0 else f"−{-number}" if number < 0 else "0"


@register.filter
def day_short(when: datetime) -> str:
    """A date with its year, as short as the reader's language has it, by the clock of the page: "Nov 23, 2026"."""
    return format_date(localtime(when), "medium", locale=to_locale(get_language() or "en"))


@register.filter
def as_percent(basis_points: int) -> str:
    """Basis points in the reader's language: 1250 is "12.5%", "12,5 %"."""
    locale = to_locale(get_language() or "en")
    return str(format_percent(basis_points / 10_000, locale=locale, decimal_quantization=False))
