from django.db import models
from django.db.models import F, Q


class Charge(models.Model):
    """What we know of a captured charge at Stripe: whose it is, its fee, and when its money may be paid out.

    `available_at` is the latest of Stripe's `available_on`, capture + hold days and, where the marketplace waits for
    delivery (`return_days`), delivery + that many days; null while one of them is not known. Every ledger entry of the
    seller that this charge caused becomes available with it, unless the charge is frozen: a dispute is open or a refund
    is in progress.
    """

    charge_id = models.CharField(max_length=80, primary_key=True)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="charges")
    order_id = models.UUIDField()
    order_number = models.BigIntegerField()
    payment_id = models.UUIDField(unique=True)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    captured_at = models.DateTimeField()
    hold_until = models.DateTimeField()
    balance_transaction_id = models.CharField(max_length=80, blank=True)
    fee_minor = models.BigIntegerField(null=True)
    funds_available_on = models.DateTimeField(null=True)
    return_days = models.IntegerField(null=True)
    delivered_at = models.DateTimeField(null=True)
    is_frozen = models.BooleanField(default=False)
    refunded_minor = models.BigIntegerField(default=0)
    disputed_minor = models.BigIntegerField(default=0)
    available_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "order_id"], name="charge_by_order"),
            models.Index(fields=["tenant", "available_at"], name="charge_by_availability"),
            models.Index(fields=["tenant"], condition=Q(is_frozen=True), name="charge_frozen"),
            models.Index(fields=["captured_at"], condition=Q(fee_minor=None), name="charge_without_fee"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0) & Q(refunded_minor__lte=F("amount_minor")),
                name="charge_refund_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(disputed_minor__gte=0) & Q(disputed_minor__lte=F("amount_minor")),
                name="charge_dispute_within_amount",
            ),
        ]

    def __str__(self) -> str:
        return self.charge_id
