from django.db import models
from django.db.models import Q


class SellerAccount(models.Model):
    """A seller's account at Stripe, and the terms under which earnings become payouts."""

    tenant = models.OneToOneField(
        "tenants.Tenant", on_delete=models.PROTECT, primary_key=True, related_name="seller_account"
    )
    stripe_account_id = models.CharField(max_length=80, unique=True, null=True, blank=True)
    details_submitted = models.BooleanField(default=False)
    payouts_enabled = models.BooleanField(default=False)
    transfers_active = models.BooleanField(default=False)
    requirements = models.JSONField(default=dict, blank=True)
    refreshed_at = models.DateTimeField(null=True)
    hold_days = models.IntegerField()
    payout_minimum_minor = models.BigIntegerField()
    payouts_paused_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(hold_days__gte=0) & Q(hold_days__lte=90), name="seller_hold_days"
            ),
            models.CheckConstraint(
                condition=Q(payout_minimum_minor__gte=0), name="seller_minimum_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"seller account of {self.tenant_id}"

    @property
    def may_receive(self) -> bool:
        """Stripe would accept a transfer, and nobody has paused payouts."""
        return bool(
            self.stripe_account_id
            and self.payouts_enabled
            and self.transfers_active
            and not self.payouts_paused_reason
        )


class FeeBearer(models.TextChoices):
    SELLER = "seller"
    MARKETPLACE = "marketplace"


class CommissionRule(models.Model):
    """What the marketplace keeps of a sale: a percentage and a fixed amount. The first rule that matches wins.

    Frozen on the order when it is placed; editing a rule changes no order.
    """

    position = models.IntegerField(default=100)
    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.CASCADE, null=True, blank=True, related_name="commission_rules"
    )
    currency = models.CharField(max_length=3, blank=True)
    basis_points = models.IntegerField()
    fixed_minor = models.BigIntegerField(default=0)
    fee_bearer = models.CharField(max_length=11, choices=FeeBearer.choices, default=FeeBearer.SELLER)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(basis_points__gte=0) & Q(basis_points__lte=10_000), name="commission_basis_points"
            ),
            models.CheckConstraint(condition=Q(fixed_minor__gte=0), name="commission_fixed_not_negative"),
            models.CheckConstraint(
                condition=Q(fee_bearer__in=FeeBearer.values), name="commission_fee_bearer_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.basis_points / 100:g} % + {self.fixed_minor}"
