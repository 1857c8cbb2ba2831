from django.db import models
from django.db.models import F, Q

from core.ids import new_id
from shop.models.base import TenantModel


class PromotionKind(models.TextChoices):
    PERCENTAGE = "percentage"
    FIXED = "fixed"


class Promotion(TenantModel):
    """A discount by code: a percentage (basis points, at most 100 %) or a fixed amount above zero.

    The seller pays for it, unless the operator has agreed that the marketplace bears a part (`funded_basis_points`).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=10, choices=PromotionKind.choices)
    percentage_basis_points = models.IntegerField(null=True, blank=True)
    amount_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    minimum_spend_minor = models.BigIntegerField(default=0)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    usage_limit = models.IntegerField(null=True, blank=True)
    per_buyer_limit = models.IntegerField(null=True, blank=True)
    times_redeemed = models.IntegerField(default=0, editable=False)
    is_active = models.BooleanField(default=True)
    funded_basis_points = models.IntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind="percentage",
                    amount_minor=None,
                    percentage_basis_points__isnull=False,
                    percentage_basis_points__gt=0,
                    percentage_basis_points__lte=10_000,
                )
                | Q(
                    kind="fixed",
                    percentage_basis_points=None,
                    amount_minor__isnull=False,
                    amount_minor__gt=0,
                ),
                name="promotion_value",
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")), name="promotion_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(minimum_spend_minor__gte=0), name="promotion_minimum_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(times_redeemed__gte=0)
                & (Q(usage_limit=None) | Q(times_redeemed__lte=F("usage_limit"))),
                name="promotion_within_limit",
            ),
            models.CheckConstraint(
                condition=Q(funded_basis_points__gte=0) & Q(funded_basis_points__lte=10_000),
                name="promotion_funding_in_range",
            ),
            models.CheckConstraint(
                condition=Q(code__regex=r"^[A-Z0-9_-]{2,40}$"), name="promotion_code_shape"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class PromotionRedemption(TenantModel):
    """An order that uses a promotion. Released again when the order is cancelled."""

    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="redemptions")
    order = models.OneToOneField("shop.Order", on_delete=models.CASCADE, related_name="redemption")
    buyer_key = models.CharField(max_length=254)
    discount_minor = models.BigIntegerField()
    released_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["promotion", "buyer_key"], condition=Q(released_at=None), name="redemption_by_buyer"
            )
        ]

    def __str__(self) -> str:
        return f"{self.promotion_id} for {self.order_id}"
