"""What the staff reads of promotions: the list with each one's state and what it gave away, and products to try one with."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Case, CharField, F, Q, QuerySet, Sum, Value, When

from shop.models import Promotion, PromotionRedemption, Variant

STATES = ("active", "scheduled", "ended", "used_up", "inactive")
MOST_FOUND = 8


def promotion_list(*, at: datetime, state: str = "", q: str = "") -> QuerySet[Promotion]:
    """Promotions with their `state` at a moment (one of STATES), newest first; `q` finds codes."""
    found = Promotion.objects.annotate(
        state=Case(
            When(is_active=False, then=Value("inactive")),
            When(ends_at__lte=at, then=Value("ended")),
            When(Q(usage_limit__isnull=False, times_redeemed__gte=F("usage_limit")), then=Value("used_up")),
            When(starts_at__gt=at, then=Value("scheduled")),
            default=Value("active"),
            output_field=CharField(),
        )
    ).order_by("-created_at", "-id")
    if q:
        found = found.filter(code__contains=q.upper())
    return found.filter(state=state) if state in STATES else found


def given_away(promotion_ids: Iterable[UUID]) -> dict[UUID, int]:
    """What each promotion took off orders that still stand, minor units; those that took nothing are left out."""
    rows = (
        PromotionRedemption.objects.filter(promotion_id__in=list(promotion_ids), released_at=None)
        .values_list("promotion_id")
        .annotate(minor=Sum("discount_minor"))
    )
    return dict(rows)


def variants_for_sale(*, q: str = "", limit: int = MOST_FOUND) -> list[Variant]:
    """Variants that buyers can put into a cart, with product and stock, newest first; `q` finds titles and SKUs."""
    found = Variant.objects.filter(
        is_active=True, product__is_published=True, product__archived_at=None
    ).select_related("product", "inventory")
    if q:
        found = found.filter(Q(product__title__icontains=q) | Q(sku__istartswith=q))
    return list(found.order_by("-product__created_at", "position", "id")[:limit])


def variants_to_try(count: int = 2) -> list[UUID]:
    """Something to show what a promotion does: the newest products that can be bought now."""
    found = Variant.objects.filter(
        Q(inventory__is_tracked=False) | Q(inventory__available_stock__gt=0),
        is_active=True,
        product__is_published=True,
        product__archived_at=None,
    )
    newest = found.order_by("-product__created_at", "position", "id").values_list("pk", "product_id")[:40]
    first: dict[UUID, UUID] = {}
    for pk, product_id in newest:
        first.setdefault(product_id, pk)
    return list(first.values())[:count]
