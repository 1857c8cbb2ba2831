from django.db import models
from django.db.models import F, Q

from core.ids import new_id


class Reserve(models.Model):
    """A part of a sale that is held back for a time, in case the buyer's money is asked back."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="reserves")
    charge = models.OneToOneField("payouts.Charge", on_delete=models.PROTECT, related_name="reserve")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    held_at = models.DateTimeField()
    release_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["release_at"], condition=Q(released_at=None), name="reserve_held")]
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="reserve_amount_positive"),
            models.CheckConstraint(condition=Q(release_at__gte=F("held_at")), name="reserve_release_after"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency} until {self.release_at:%Y-%m-%d}"


class Debt(models.Model):
    """A seller's available balance is below zero since then. Kept by the daily look at debts; gone when it is paid off."""

    account = models.OneToOneField(
        "payouts.LedgerAccount", on_delete=models.PROTECT, primary_key=True, related_name="debt"
    )
    amount_minor = models.BigIntegerField()
    since = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="debt_amount_positive")]

    def __str__(self) -> str:
        return f"{self.amount_minor} since {self.since:%Y-%m-%d}"


class WriteOff(models.Model):
    """A debt that the operator no longer expects to be paid, and why."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="write_offs")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    reason = models.CharField(max_length=300)
    actor_id = models.UUIDField(null=True)
    request_key = models.CharField(max_length=360, unique=True, null=True, editable=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="write_off_amount_positive"),
            models.CheckConstraint(condition=~Q(reason=""), name="write_off_has_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency}"
