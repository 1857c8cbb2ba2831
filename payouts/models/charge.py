from django.db import models
from django.db.models import Q


class Charge(models.Model):
    """What we know of a captured charge at Stripe: whose it is, its fee, and when its money may be paid out.

    `available_at` is the latest of Stripe's `available_on` and capture + hold days; null until Stripe has told the
    fee. Every ledger entry of the seller that this charge caused becomes available with it.
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
    available_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "order_id"], name="charge_by_order"),
            models.Index(fields=["captured_at"], condition=Q(fee_minor=None), name="charge_without_fee"),
        ]

    def __str__(self) -> str:
        return self.charge_id
