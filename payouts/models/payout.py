from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q
from django_fsm import FSMField, FSMModelMixin, transition

from core.ids import new_id


class PayoutStatus(models.TextChoices):
    REQUESTED = "requested"
    SENT = "sent"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"
    REVERSED = "reversed"
    UNKNOWN = "unknown"


class Payout(FSMModelMixin, models.Model):
    """A seller's available earnings in one currency, moved by one transfer.

    requested -> sent -> paid; requested -> failed | unknown; unknown -> sent | failed; sent or paid -> returned (the
    seller's bank sent it back to the seller's balance at Stripe) -> paid; sent, paid or returned -> reversed (part or
    all of the transfer came back to the marketplace: `reversed_minor`).
    The transfer's idempotency key is `payout:{id}`, known before Stripe is called. A retry is the same payout.
    `source_charge` is set where the marketplace transfers each charge on its own.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.IntegerField()
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="payouts")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    reversed_minor = models.BigIntegerField(default=0)
    source_charge = models.ForeignKey(
        "payouts.Charge", on_delete=models.PROTECT, null=True, related_name="payouts"
    )
    status = FSMField(default=PayoutStatus.REQUESTED, choices=PayoutStatus.choices, protected=True)
    destination = models.CharField(max_length=80)
    transfer_id = models.CharField(max_length=80, unique=True, null=True)
    bank_payout_id = models.CharField(max_length=80, blank=True)
    failure_code = models.CharField(max_length=80, blank=True)
    failure_message = models.CharField(max_length=300, blank=True)
    statement = models.JSONField(default=dict)
    requested_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "-requested_at"], name="payout_by_tenant"),
            models.Index(
                fields=["-requested_at"],
                include=["status", "currency", "amount_minor", "reversed_minor"],
                name="payout_by_time",
            ),
            models.Index(
                fields=["status"],
                condition=Q(status__in=["requested", "unknown", "failed", "returned"]),
                name="payout_to_look_at",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=PayoutStatus.values), name="payout_status_known"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payout_amount_positive"),
            models.CheckConstraint(
                condition=Q(reversed_minor__gte=0) & Q(reversed_minor__lte=F("amount_minor")),
                name="payout_reversed_within",
            ),
            models.UniqueConstraint(
                fields=["tenant", "currency", "source_charge"],
                condition=Q(status__in=["requested", "unknown"]),
                name="payout_one_live",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(fields=["tenant", "number"], name="payout_number_once"),
            models.CheckConstraint(
                condition=~Q(status__in=["sent", "paid"])
                | Q(transfer_id__isnull=False, sent_at__isnull=False),
                name="payout_sent_has_transfer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency} {self.status}"

    @transition(field=status, source=[PayoutStatus.REQUESTED, PayoutStatus.UNKNOWN], target=PayoutStatus.SENT)
    def send(self, *, at: datetime, transfer_id: str, statement: dict[str, Any]) -> None:
        self.sent_at, self.transfer_id, self.statement = at, transfer_id, statement
        self.failure_code = self.failure_message = ""

    @transition(field=status, source=[PayoutStatus.SENT, PayoutStatus.RETURNED], target=PayoutStatus.PAID)
    def settle(self, *, at: datetime, bank_payout_id: str = "") -> None:
        """The seller's bank has it, by Stripe's payout of that id."""
        self.settled_at, self.bank_payout_id = at, bank_payout_id
        self.failure_code = self.failure_message = ""

    @transition(field=status, source=[PayoutStatus.SENT, PayoutStatus.PAID], target=PayoutStatus.RETURNED)
    def come_back(self, *, at: datetime, code: str, message: str) -> None:
        """The seller's bank did not take it. The money is in the seller's balance at Stripe: nothing is sent again by us."""
        self.settled_at, self.failure_code, self.failure_message = at, code[:80], message[:300]

    @transition(
        field=status,
        source=[PayoutStatus.SENT, PayoutStatus.PAID, PayoutStatus.RETURNED, PayoutStatus.REVERSED],
        target=PayoutStatus.REVERSED,
    )
    def reverse(self, *, amount_minor: int) -> None:
        self.reversed_minor += amount_minor

    @transition(
        field=status, source=[PayoutStatus.REQUESTED, PayoutStatus.UNKNOWN], target=PayoutStatus.FAILED
    )
    def fail(self, *, at: datetime, code: str, message: str) -> None:
        self.settled_at, self.failure_code, self.failure_message = at, code[:80], message[:300]

    @transition(field=status, source=PayoutStatus.REQUESTED, target=PayoutStatus.UNKNOWN)
    def lose_sight(self, *, message: str) -> None:
        """Stripe may or may not have made the transfer, and cannot be asked by key any more."""
        self.failure_code, self.failure_message = "unknown", message[:300]


class PayoutEntry(models.Model):
    """The claim of a payout on a ledger entry. Released when the payout fails, so that another can take it."""

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="claims")
    entry = models.ForeignKey("payouts.LedgerEntry", on_delete=models.PROTECT, related_name="claims")
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entry"], condition=Q(released_at=None), name="payout_entry_claimed_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id} in {self.payout_id}"


class ReversalStatus(models.TextChoices):
    REQUESTED = "requested"
    MADE = "made"
    FAILED = "failed"


class TransferReversal(FSMModelMixin, models.Model):
    """Money taken back from a seller's balance at Stripe: a debt grown old, the operator's wish, or made in Stripe's dashboard.

    requested -> made | failed. The key at Stripe is `reversal:{id}`, known before the call.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="reversals")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = FSMField(default=ReversalStatus.REQUESTED, choices=ReversalStatus.choices, protected=True)
    reason = models.CharField(max_length=300)
    actor_id = models.UUIDField(null=True)
    reversal_id = models.CharField(max_length=80, unique=True, null=True)
    failure_message = models.CharField(max_length=300, blank=True)
    requested_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=ReversalStatus.values), name="reversal_status_known"
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="reversal_amount_positive"),
            models.CheckConstraint(
                condition=~Q(status="made") | Q(reversal_id__isnull=False), name="reversal_made_has_id"
            ),
            models.UniqueConstraint(
                fields=["payout"], condition=Q(status="requested"), name="reversal_one_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency} {self.status}"

    @transition(field=status, source=ReversalStatus.REQUESTED, target=ReversalStatus.MADE)
    def make(self, *, at: datetime, reversal_id: str) -> None:
        self.settled_at, self.reversal_id = at, reversal_id

    @transition(field=status, source=ReversalStatus.REQUESTED, target=ReversalStatus.FAILED)
    def fail(self, *, at: datetime, message: str) -> None:
        self.settled_at, self.failure_message = at, message[:300]
