from django.db import models
from django.db.models import F, Q

# Stripe's words (docs.stripe.com/api/disputes/object#dispute_object-status). A warning is an inquiry: no money has moved.
OPEN_STATUSES = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")


class Dispute(models.Model):
    """A buyer's bank asks a payment back. A copy of what Stripe says, and how far the books have followed.

    While one is open its charge is frozen. `is_withdrawn`: Stripe has taken the amount from our balance.
    """

    dispute_id = models.CharField(max_length=80, primary_key=True)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="disputes")
    charge = models.ForeignKey("payouts.Charge", on_delete=models.PROTECT, related_name="disputes")
    order_id = models.UUIDField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=60, blank=True)
    status = models.CharField(max_length=30)
    is_withdrawn = models.BooleanField(default=False)
    evidence_due_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "-opened_at"], name="dispute_by_tenant"),
            models.Index(fields=["charge"], condition=Q(closed_at=None), name="dispute_open"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="dispute_amount_positive"),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(closed_at__gte=F("opened_at")), name="dispute_closed_after"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.status}"

    @property
    def is_open(self) -> bool:
        """The bank has not decided."""
        return self.status in OPEN_STATUSES
