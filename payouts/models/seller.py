from django.db import models
from django.db.models import F, Q


class PayoutSchedule(models.TextChoices):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    MANUAL = "manual"


class SellerAccount(models.Model):
    """A seller's account at Stripe, and the terms under which earnings become payouts.

    Earnings wait `hold_days` after the capture and, where `return_days` is set, that many days after delivery. A rolling
    reserve keeps `reserve_basis_points` of each sale for `reserve_days`. Payouts are made daily, weekly (`schedule_day`
    1 is Monday), monthly (`schedule_day` of the month, or its last) in the seller's time zone, or when the seller asks.
    The minimum is in the storefront's currency; other currencies are paid whatever is there. Legal name, address and tax
    number are the seller's, as statements and invoices print them.
    """

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
    plan = models.CharField(max_length=40, blank=True)
    return_days = models.IntegerField(null=True, blank=True)
    reserve_basis_points = models.IntegerField(default=0)
    reserve_days = models.IntegerField(default=0)
    schedule = models.CharField(max_length=7, choices=PayoutSchedule.choices, default=PayoutSchedule.DAILY)
    schedule_day = models.IntegerField(default=1)
    time_zone = models.CharField(max_length=60, default="UTC")
    last_run_on = models.DateField(null=True, editable=False)
    legal_name = models.CharField(max_length=120, blank=True)
    legal_address = models.TextField(max_length=400, blank=True)
    tax_id = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(schedule__in=PayoutSchedule.values), name="seller_schedule_known"
            ),
            models.CheckConstraint(
                condition=Q(schedule_day__gte=1)
                & (
                    Q(schedule="weekly", schedule_day__lte=7)
                    | ~Q(schedule="weekly") & Q(schedule_day__lte=31)
                ),
                name="seller_schedule_day",
            ),
            models.CheckConstraint(
                condition=Q(return_days=None) | Q(return_days__gte=0) & Q(return_days__lte=90),
                name="seller_return_days",
            ),
            models.CheckConstraint(
                condition=Q(reserve_basis_points__gte=0)
                & Q(reserve_basis_points__lte=10_000)
                & Q(reserve_days__gte=0)
                & Q(reserve_days__lte=365),
                name="seller_reserve_in_range",
            ),
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


class CommissionReturn(models.TextChoices):
    """What of the commission goes back to the seller when the buyer is refunded, in proportion."""

    ALL = "all"
    PERCENTAGE = "percentage"
    NONE = "none"


class CommissionRule(models.Model):
    """What the marketplace keeps of a sale: a percentage and a fixed amount, within a floor and a cap.

    Rules are a list the operator orders; for each order line the first that matches the seller, the seller's plan, the
    product's category (its slug) and the currency wins. Amounts are in the rule's currency. The fixed amount, floor and
    cap apply once per order to the lines of one rule. Frozen on the order when it is placed; editing changes no order.
    """

    position = models.IntegerField(default=100)
    name = models.CharField(max_length=80, blank=True)
    plan = models.CharField(max_length=40, blank=True)
    category = models.CharField(max_length=80, blank=True)
    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.CASCADE, null=True, blank=True, related_name="commission_rules"
    )
    currency = models.CharField(max_length=3, blank=True)
    basis_points = models.IntegerField()
    fixed_minor = models.BigIntegerField(default=0)
    floor_minor = models.BigIntegerField(default=0)
    cap_minor = models.BigIntegerField(null=True, blank=True)
    includes_shipping = models.BooleanField(default=False)
    tax_basis_points = models.IntegerField(default=0)
    returned = models.CharField(
        max_length=10, choices=CommissionReturn.choices, default=CommissionReturn.PERCENTAGE
    )
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
                condition=Q(floor_minor__gte=0) & (Q(cap_minor=None) | Q(cap_minor__gte=F("floor_minor"))),
                name="commission_floor_below_cap",
            ),
            models.CheckConstraint(
                condition=Q(tax_basis_points__gte=0) & Q(tax_basis_points__lte=10_000),
                name="commission_tax_in_range",
            ),
            models.CheckConstraint(
                condition=Q(returned__in=CommissionReturn.values), name="commission_returned_known"
            ),
            models.CheckConstraint(
                condition=Q(fee_bearer__in=FeeBearer.values), name="commission_fee_bearer_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.basis_points / 100:g} % + {self.fixed_minor}"
