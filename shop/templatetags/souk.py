"""What the pages say in markup: money, the brand, pictures that stand in for missing ones."""

import hashlib
import json
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_decimal
from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import is_aware, localtime
from django.utils.translation import get_language, gettext, gettext_noop, to_locale

from core.middleware import allow_style
from core.money import Money
from shop.web.storefront.brand import brand_variables

register = template.Library()
TINTS = 6
NOT_IN_A_SCRIPT = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}


@register.filter
def money(value: Any, currency: str = "") -> str:
    """Money, {"amount", "currency"} or minor units with a currency, in the reader's language: "€19.99", "19,99 €"."""
    locale = get_language() or "en"
    if isinstance(value, Money):
        return _written(value.minor, value.currency, locale)
    if isinstance(value, dict):
        return _written(value["amount"], value["currency"], locale)
    return _written(int(value), currency, locale)


@lru_cache(maxsize=8192)
def _written(minor: int, currency: str, locale: str) -> str:
    return Money(minor, currency).format(locale.replace("-", "_"))


def _here(when: date | datetime) -> date | datetime:
    """In the time zone of the page: the seller's in the dashboard, else UTC."""
    return localtime(when) if isinstance(when, datetime) and is_aware(when) else when


@register.filter
def day(moment: date | datetime) -> str:
    """A date in the reader's language: "23 November 2026"."""
    return format_date(_here(moment), "long", locale=to_locale(get_language() or "en"))


@register.filter
def day_month(when: date | datetime) -> str:
    """A short date in the reader's language: "Nov 23", "23. Nov."."""
    return str(format_skeleton("MMMd", _here(when), locale=to_locale(get_language() or "en")))


@register.filter
def moment(when: datetime) -> str:
    """A date and time in the reader's language: "Nov 23, 2026, 5:05 PM", "23.11.2026, 17:05"."""
    locale, here = to_locale(get_language() or "en"), localtime(when)
    return f"{format_date(here, 'medium', locale=locale)}, {format_time(here.time(), 'short', locale=locale)}"


@register.filter
def decimal(value: float) -> str:
    """One decimal in the reader's language: "4.3", "4,3"."""
    return format_decimal(round(value, 1), format="0.0", locale=to_locale(get_language() or "en"))


STATUSES = {
    "pending": gettext_noop("Waits for payment"),
    "confirmed": gettext_noop("Confirmed"),
    "shipped": gettext_noop("Shipped"),
    "delivered": gettext_noop("Delivered"),
    "cancelled": gettext_noop("Cancelled"),
}


@register.filter
def order_status(status: str) -> str:
    """What a status is called in the reader's language."""
    return gettext(STATUSES.get(status, status))


@register.filter
def halves(stars: float) -> int:
    """Stars as the style sheet paints them: 4.3 of 5 is 9 halves."""
    return round(float(stars) * 2)


@register.filter
def percent_of(part: int, whole: int) -> int:
    """0 to 100."""
    return round(100 * part / whole) if whole else 0


@register.filter
def json_ld(things: list[dict[str, Any]]) -> SafeString:
    """Structured data as a data block, which browsers do not run; escaped as Django's own `json_script` does."""
    body = json.dumps(things, ensure_ascii=False).translate(NOT_IN_A_SCRIPT)
    return mark_safe(f'<script type="application/ld+json">{body}</script>')  # noqa: S308 - nothing in it can end it


@register.simple_tag(takes_context=True)
def brand_style(context: Any, tenant: Any) -> SafeString:
    """A tenant's brand as a style sheet of variables; Souk's own without a tenant. The page's policy allows exactly it."""
    variables = brand_variables(tenant.brand if tenant is not None else None)
    css = ":root{" + ";".join(f"{name}:{value}" for name, value in variables.items()) + "}"
    allow_style(context["request"], css)
    return mark_safe(f"<style>{css}</style>")  # noqa: S308 - brand.py lets nothing through that is not a colour or font of ours


ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>"
    "<path fill='{background}' d='M0 32V16a16 16 0 0 1 32 0v16z'/>"
    "<text x='16' y='24' font-family='Georgia,serif' font-size='20' text-anchor='middle' fill='{text}'>{letter}</text></svg>"
)


@register.simple_tag
def brand_icon(tenant: Any) -> str:
    """The page's icon as a data: address, an arch with the name's first letter."""
    variables = brand_variables(tenant.brand if tenant is not None else None)
    letter = monogram(tenant.name if tenant is not None else "Souk")
    svg = ICON.format(background=variables["--brand"], text=variables["--on-brand"], letter=escape(letter))
    return f"data:image/svg+xml,{quote(svg)}"


@register.filter
def of(values: dict[Any, Any], key: Any) -> Any:
    """`values[key]`, or None."""
    return values.get(key)


@register.filter
def country(code: str) -> str:
    """A country's name in the reader's language (Unicode CLDR)."""
    return str(Locale.parse(to_locale(get_language() or "en")).territories.get(code, code))


@register.filter
def tint(title: str) -> int:
    """A number from 0 to 5, always the same for a title, so that neighbours differ and reloads do not."""
    return hashlib.blake2b(title.encode(), digest_size=2).digest()[0] % TINTS


@register.filter
def monogram(title: str) -> str:
    """The first letter or digit of a title."""
    return next((letter.upper() for letter in title if letter.isalnum()), "·")


@register.filter
def is_web_link(url: str) -> bool:
    """Whether an address a seller typed may become a link."""
    return url.startswith(("https://", "http://"))


@register.filter
def few(available: int | None) -> bool:
    """So few units that a buyer should know."""
    return available is not None and 0 < available <= 5
