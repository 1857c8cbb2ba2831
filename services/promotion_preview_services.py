"""What a cart would cost with a promotion that is only being thought of, and why. Nothing is saved.

Priced by the same functions as a real cart; only the sentences are of this file.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from babel.dates import format_date
from babel.numbers import format_percent
from django.utils.timezone import localtime
from django.utils.translation import get_language, ngettext, to_locale
from django.utils.translation import gettext as _

from core.money import Money, percent_of
from payouts.models import FeeBearer
from services.commission_services import OrderCommission
from services.order_services import commission_and_funding
from services.pricing import FlatRate, PricedCart, PricedLine, offered_lines, price_with
from services.promotion_services import check_promotion_values, normalise_code
from shop.models import Promotion, PromotionKind
from tenants.context import current_tenant

MOST_LINES = 5
MOST_UNITS = 10_000


@dataclass(frozen=True)
class PreviewLine:
    """A line with its part of the discount; `after_minor` is what the buyer pays for it, without shipping."""

    line: PricedLine
    discount_minor: int
    after_minor: int


@dataclass(frozen=True)
class Why:
    """A sentence; `tone` is good, warn or "" for a plain fact."""

    text: str
    tone: str = ""


@dataclass(frozen=True)
class PromotionPreview:
    """What buyer, marketplace and seller would have of it. `kept_minor` is before what Stripe takes of the seller."""

    cart: PricedCart
    lines: list[PreviewLine]
    commission: OrderCommission
    funded_minor: int
    commission_minor: int
    kept_minor: int
    seller_bears_fee: bool
    reasons: list[Why]


def preview_promotion(
    *, values: dict[str, Any], units: dict[UUID, int], at: datetime, promotion_id: UUID | None = None
) -> PromotionPreview:
    """Price so many units of these variants with the promotion that `values` would make, at a moment.

    `promotion_id` is the saved promotion that they would change: its uses count. Raises Invalid for values that could
    not be saved. What no rule is decided by (a buyer's own uses) is said in a sentence, as the buyer is unknown.
    """
    promotion = _would_be(values, promotion_id, at)
    lines, rate = offered_lines(dict(list(units.items())[:MOST_LINES]))
    cart = price_with(
        promotion,
        lines,
        rate=rate,
        promotion_code=promotion.code,
        currency=current_tenant().currency,
        at=at,
    )
    return _preview(cart, promotion, rate)


def preview_without(*, units: dict[UUID, int], at: datetime) -> PromotionPreview:
    """The same cart without a promotion."""
    lines, rate = offered_lines(dict(list(units.items())[:MOST_LINES]))
    cart = price_with(None, lines, rate=rate, promotion_code="", currency=current_tenant().currency, at=at)
    return _preview(cart, None, rate)


def _would_be(values: dict[str, Any], promotion_id: UUID | None, at: datetime) -> Promotion:
    promotion = Promotion.objects.filter(pk=promotion_id).first() if promotion_id else None
    promotion = promotion or Promotion(currency=current_tenant().currency, starts_at=at)
    for name, value in values.items():
        setattr(promotion, name, normalise_code(value) if name == "code" else value)
    check_promotion_values(
        {field.attname: getattr(promotion, field.attname) for field in Promotion._meta.concrete_fields}
    )
    return promotion


def _preview(cart: PricedCart, promotion: Promotion | None, rate: FlatRate) -> PromotionPreview:
    if cart.lines:
        commission, funded = commission_and_funding(cart)
    else:
        commission, funded = OrderCommission({}, []), []
    taken = commission.amount_minor + commission.tax_minor
    return PromotionPreview(
        cart=cart,
        lines=[
            PreviewLine(line, discount, line.subtotal_minor - discount)
            for line, discount in zip(cart.lines, cart.discounts, strict=True)
        ],
        commission=commission,
        funded_minor=sum(funded),
        commission_minor=taken,
        kept_minor=cart.total_minor + sum(funded) - taken,
        seller_bears_fee=bool(cart.total_minor) and commission.rule.get("fee_bearer") == FeeBearer.SELLER,
        reasons=[
            *_about_goods(cart),
            *_about_discount(cart, promotion),
            *_about_shipping(cart, rate),
            *_about_limits(promotion, sum(funded)),
            *_about_commission(cart, commission),
        ],
    )


# Why --------------------------------------------------------------------------------------------------------------


def _money(minor: int, currency: str) -> str:
    return Money(minor, currency).format(to_locale(get_language() or "en"))


def _percent(basis_points: int) -> str:
    locale = to_locale(get_language() or "en")
    return str(format_percent(basis_points / 10_000, locale=locale, decimal_quantization=False))


def _day(moment: datetime) -> str:
    return format_date(localtime(moment), "long", locale=to_locale(get_language() or "en"))


def _about_goods(cart: PricedCart) -> list[Why]:
    found = []
    for line in cart.lines:
        if not line.is_for_sale:
            found.append(Why(_("%(title)s is not for sale.") % {"title": line.product_title}, "warn"))
        elif line.is_short:
            facts = {"title": line.product_title, "available": line.available}
            found.append(Why(_("Of %(title)s only %(available)s can be bought now.") % facts, "warn"))
    return found


def _about_discount(cart: PricedCart, promotion: Promotion | None) -> list[Why]:
    if promotion is None:
        return []
    code, currency = promotion.code, cart.currency
    if cart.promotion_problem is not None:
        return [Why(_refused(cart, promotion), "warn")]
    if promotion.kind == PromotionKind.PERCENTAGE:
        facts = {
            "code": code,
            "percent": _percent(promotion.percentage_basis_points or 0),
            "subtotal": _money(cart.subtotal_minor, currency),
        }
        found = [Why(_("%(code)s takes %(percent)s off %(subtotal)s.") % facts, "good")]
    else:
        amount = promotion.amount_minor or 0
        facts = {"code": code, "amount": _money(amount, currency)}
        if amount > cart.subtotal_minor:
            text = _("%(code)s is worth %(amount)s, and takes off no more than the goods cost.")
        else:
            text = _("%(code)s takes %(amount)s off, each line its part by what it costs.")
        found = [Why(text % facts, "good")]
    if promotion.minimum_spend_minor:
        facts = {"amount": _money(promotion.minimum_spend_minor, currency)}
        found.append(Why(_("The cart reaches the %(amount)s that are needed.") % facts))
    if promotion.ends_at is not None:
        found.append(Why(_("It ends on %(day)s.") % {"day": _day(promotion.ends_at)}))
    return found


def _refused(cart: PricedCart, promotion: Promotion) -> str:
    """Why nothing is taken off: the buyer's own words for it, and what the seller can make of them."""
    problem = cart.promotion_problem
    assert problem is not None
    if not promotion.is_active:
        return _("%(code)s is switched off: buyers are told that there is no such code.") % {
            "code": promotion.code
        }
    if problem.facts.get("reason_code") == "minimum_spend":
        missing = promotion.minimum_spend_minor - cart.subtotal_minor
        return (
            f"{problem.sentence} {_('%(amount)s are missing.') % {'amount': _money(missing, cart.currency)}}"
        )
    return problem.sentence


def _about_shipping(cart: PricedCart, rate: FlatRate) -> list[Why]:
    if not cart.lines or not rate.price_minor:
        return [Why(_("Shipping costs nothing in this shop."))] if cart.lines else []
    free_from, goods = rate.free_from_minor, cart.subtotal_minor - cart.discount_minor
    if free_from is None:
        return [Why(_("Shipping costs the same for every order."))]
    facts = {"amount": _money(free_from, cart.currency)}
    if goods >= free_from:
        return [Why(_("Shipping is free from %(amount)s.") % facts, "good")]
    if cart.subtotal_minor >= free_from:
        return [
            Why(
                _("The discount takes the cart below the %(amount)s from which shipping is free.") % facts,
                "warn",
            )
        ]
    facts["missing"] = _money(free_from - goods, cart.currency)
    return [Why(_("Shipping is free from %(amount)s: %(missing)s are missing.") % facts)]


def _about_limits(promotion: Promotion | None, funded_minor: int) -> list[Why]:
    found: list[Why] = []
    if promotion is None:
        return found
    if promotion.usage_limit is not None and promotion.times_redeemed < promotion.usage_limit:
        left = promotion.usage_limit - promotion.times_redeemed
        found.append(
            Why(ngettext("It can be used once more.", "It can be used %(n)d more times.", left) % {"n": left})
        )
    if promotion.per_buyer_limit is not None:
        times = promotion.per_buyer_limit
        text = ngettext("Each buyer can use it once.", "Each buyer can use it %(n)d times.", times)
        found.append(Why(text % {"n": times}))
    if funded_minor:
        facts = {
            "percent": _percent(promotion.funded_basis_points),
            "amount": _money(funded_minor, promotion.currency),
        }
        found.append(Why(_("The marketplace pays %(percent)s of the discount: %(amount)s.") % facts, "good"))
    return found


def _about_commission(cart: PricedCart, commission: OrderCommission) -> list[Why]:
    if not cart.lines:
        return []
    if not cart.total_minor:
        return [Why(_("No money moves, so there is nothing to pay and no commission."))]
    rule = commission.rule
    if not commission.amount_minor:
        return [Why(_("The marketplace takes nothing."))]
    if len(rule.get("groups", [])) > 1:
        return [Why(_("The marketplace's commission differs by category."))]
    facts = {
        "percent": _percent(rule["basis_points"]),
        "fixed": _money(rule["fixed_minor"], cart.currency),
        "base": _money(rule["base_minor"], cart.currency),
        "amount": _money(rule["amount_minor"], cart.currency),
    }
    if rule["amount_minor"] != percent_of(rule["base_minor"], rule["basis_points"]) + rule["fixed_minor"]:
        text = _("The marketplace takes %(amount)s: as little, or as much, as it takes of an order.")
    elif rule["fixed_minor"]:
        text = _("The marketplace takes %(percent)s of %(base)s and %(fixed)s.")
    else:
        text = _("The marketplace takes %(percent)s of %(base)s.")
    return [Why(text % facts)]
