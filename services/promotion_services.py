"""Promotions by code: whether one applies, what it takes off, and that it is used no more often than allowed."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from babel.dates import format_date
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.translation import get_language, gettext_noop, to_locale
from django.utils.translation import gettext as _

from core.clock import now
from core.errors import Conflict, Invalid, NotFound
from core.money import Money, percent_of, split_minor
from services.audit_services import record_audit
from shop.models import Order, Promotion, PromotionKind, PromotionRedemption
from tenants.context import current_tenant, tenant_scope
from tenants.models import Tenant

CODE = re.compile(r"[A-Z0-9_-]{2,40}")


class PromotionRefused(Conflict):
    """The code does not apply. Facts: reason_code (unknown, not_started, ended, minimum_spend, used_up, used_by_you), reason."""

    code = "promotion_refused"
    title = gettext_noop("This code cannot be used")
    detail = gettext_noop("{reason}")


def _day(moment: datetime) -> str:
    """A date in the reader's language; English for programs."""
    return format_date(moment, "long", locale=to_locale(get_language() or "en"))


def normalise_code(code: str) -> str:
    """Codes are typed in any case."""
    return code.strip().upper()


def find_promotion(code: str) -> Promotion | None:
    """The promotion behind a code, active or not."""
    return Promotion.objects.filter(code=normalise_code(code)).first()


def check_promotion(promotion: Promotion | None, *, subtotal_minor: int, at: datetime) -> Promotion:
    """The promotion if it applies to this much at this moment. Raises PromotionRefused with the reason."""
    if promotion is None or not promotion.is_active:
        raise PromotionRefused(reason_code="unknown", reason=_("There is no such code."))
    if at < promotion.starts_at:
        raise PromotionRefused(
            reason_code="not_started",
            reason=_("{code} starts on {day}.").format(code=promotion.code, day=_day(promotion.starts_at)),
        )
    if promotion.ends_at is not None and at >= promotion.ends_at:
        raise PromotionRefused(
            reason_code="ended",
            reason=_("{code} ended on {day}.").format(code=promotion.code, day=_day(promotion.ends_at)),
        )
    if subtotal_minor < promotion.minimum_spend_minor:
        least = Money(promotion.minimum_spend_minor, promotion.currency).format(
            to_locale(get_language() or "en")
        )
        raise PromotionRefused(
            reason_code="minimum_spend",
            reason=_("{code} needs at least {amount} in the cart.").format(code=promotion.code, amount=least),
        )
    if promotion.usage_limit is not None and promotion.times_redeemed >= promotion.usage_limit:
        raise PromotionRefused(
            reason_code="used_up", reason=_("{code} has been used up.").format(code=promotion.code)
        )
    return promotion


def discount_lines(promotion: Promotion, line_subtotals: Sequence[int]) -> list[int]:
    """What each line gets off. The parts sum to the whole, and the whole is never more than the lines.

    A percentage is taken of the sum (half up) and shared out by largest remainder, like every other total.
    """
    subtotal = sum(line_subtotals)
    if promotion.kind == PromotionKind.PERCENTAGE:
        whole = percent_of(subtotal, promotion.percentage_basis_points or 0)
    else:
        whole = min(promotion.amount_minor or 0, subtotal)
    return split_minor(whole, line_subtotals)


def redeem_promotion(promotion: Promotion, *, order: Order, buyer_key: str, discount_minor: int) -> None:
    """Use the promotion for an order. Call inside the order's transaction.

    Locks: the promotion's row, by the conditional UPDATE that counts the use; under it the buyer's own uses are counted.
    Raises PromotionRefused.
    """
    _count_use(promotion, buyer_key=buyer_key, only=Q(is_active=True))
    PromotionRedemption.objects.create(
        promotion=promotion, order=order, buyer_key=buyer_key, discount_minor=discount_minor
    )


def _count_use(promotion: Promotion, *, buyer_key: str, only: Q) -> None:
    counted = Promotion.objects.filter(
        Q(usage_limit=None) | Q(times_redeemed__lt=F("usage_limit")), only, pk=promotion.pk
    ).update(times_redeemed=F("times_redeemed") + 1)
    if not counted:
        raise PromotionRefused(
            reason_code="used_up", reason=_("{code} has been used up.").format(code=promotion.code)
        )
    if promotion.per_buyer_limit is not None:
        used = PromotionRedemption.objects.filter(
            promotion=promotion, buyer_key=buyer_key, released_at=None
        ).count()
        if used >= promotion.per_buyer_limit:
            raise PromotionRefused(
                reason_code="used_by_you",
                reason=_("You have used {code} as often as it allows.").format(code=promotion.code),
            )


def retake_promotion(order: Order) -> None:
    """Use the promotion of a cancelled order again: its money came after all. Call inside a transaction.

    The price was agreed while the promotion was valid, so only the limits count. Raises PromotionRefused.
    """
    released = (
        PromotionRedemption.objects.select_related("promotion")
        .filter(order=order, released_at__isnull=False)
        .first()
    )
    if released is not None:
        _count_use(released.promotion, buyer_key=released.buyer_key, only=Q())
        PromotionRedemption.objects.filter(pk=released.pk).update(released_at=None)


def release_promotion(order: Order) -> None:
    """Give the use back when its order is cancelled. Call inside the order's transaction."""
    released = PromotionRedemption.objects.filter(order=order, released_at=None)
    for redemption in released:
        released.filter(pk=redemption.pk).update(released_at=now())
        Promotion.objects.filter(pk=redemption.promotion_id).update(times_redeemed=F("times_redeemed") - 1)


def check_promotion_values(values: dict[str, Any]) -> None:
    """The owner's rules: percentage above 0 and at most 100, fixed amount above 0, end after start. Raises Invalid."""
    if values["kind"] not in PromotionKind.values:
        raise Invalid(field="kind", reason=f"must be one of {', '.join(PromotionKind.values)}")
    if not CODE.fullmatch(values.get("code") or ""):
        raise Invalid(field="code", reason="must be 2 to 40 letters without accents, digits, - and _")
    if (values.get("minimum_spend_minor") or 0) < 0:
        raise Invalid(field="minimum_spend_minor", reason="must be 0 or more")
    for limit in ("usage_limit", "per_buyer_limit"):
        if values.get(limit) is not None and values[limit] < 0:
            raise Invalid(field=limit, reason="must be 0 or more")
    if values["kind"] == PromotionKind.PERCENTAGE:
        if not 0 < (values.get("percentage_basis_points") or 0) <= 10_000:
            raise Invalid(field="percentage_basis_points", reason="must be above 0 and at most 10000 (100 %)")
        if values.get("amount_minor") is not None:
            raise Invalid(field="amount_minor", reason="a percentage promotion has no amount")
    else:
        if (values.get("amount_minor") or 0) <= 0:
            raise Invalid(field="amount_minor", reason="must be above 0")
        if values.get("percentage_basis_points") is not None:
            raise Invalid(field="percentage_basis_points", reason="a fixed promotion has no percentage")
    if values.get("ends_at") is not None and values["ends_at"] <= values["starts_at"]:
        raise Invalid(field="ends_at", reason="must be after starts_at")


def save_promotion(*, promotion_id: UUID | None = None, **values: Any) -> Promotion:
    """Create a promotion, or change some of its fields. Raises Invalid, NotFound, Conflict (the code is taken)."""
    with transaction.atomic():
        promotion = Promotion(currency=current_tenant().currency, starts_at=now())
        if promotion_id is not None:
            found = Promotion.objects.select_for_update().filter(pk=promotion_id).first()
            if found is None:
                raise NotFound(what="promotion")
            promotion = found
        for field, value in values.items():
            setattr(promotion, field, normalise_code(value) if field == "code" else value)
        check_promotion_values(
            {field.attname: getattr(promotion, field.attname) for field in Promotion._meta.concrete_fields}
        )
        if promotion.usage_limit is not None and promotion.usage_limit < promotion.times_redeemed:
            raise Invalid(
                field="usage_limit", reason=f"it has been used {promotion.times_redeemed} times already"
            )
        try:
            with transaction.atomic():
                promotion.save()
        except IntegrityError as error:
            raise Conflict(field="code", reason="there is a promotion with this code already") from error
    return promotion


def fund_promotion(*, tenant: Tenant, code: str, funded_basis_points: int, actor_id: UUID) -> Promotion:
    """The operator agrees that the marketplace pays for a part of a discount, from the next order on. Raises NotFound."""
    with tenant_scope(tenant), transaction.atomic():
        promotion = Promotion.objects.select_for_update().filter(code=normalise_code(code)).first()
        if promotion is None:
            raise NotFound(what="promotion")
        promotion.funded_basis_points = funded_basis_points
        promotion.save(update_fields=["funded_basis_points"])
        record_audit(
            "promotion.funded",
            actor_id=actor_id,
            tenant=tenant,
            code=promotion.code,
            basis_points=funded_basis_points,
        )
    return promotion
