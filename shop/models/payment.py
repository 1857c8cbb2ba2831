from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q
from django_fsm import FSMField, FSMModelMixin, transition

from core.ids import new_id
from shop.models.base import TenantModel


class PaymentStatus(models.TextChoices):
    PENDING = "pending"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    FAILED = "failed"
    VOIDED = "voided"


class Payment(FSMModelMixin, TenantModel):
    """One way of paying one order: a payment page at Stripe and the intent behind it.

    pending -> authorised | captured | failed | voided; authorised -> captured (all or part) | voided; failed ->
    authorised | captured | voided; voided -> captured (Stripe may still take the money, after the order was let go). An
    order may see several, at most one of them pending, authorised or captured. `transaction_id` is Stripe's charge; `refunded_minor` counts refunds asked
    for and not failed, so that no more than was captured can ever be promised.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey("shop.Order", on_delete=models.PROTECT, related_name="payments")
    method = models.CharField(max_length=20, default="card")
    status = FSMField(default=PaymentStatus.PENDING, choices=PaymentStatus.choices, protected=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    captured_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    transaction_id = models.CharField(max_length=80, unique=True, null=True)
    intent_id = models.CharField(max_length=80, unique=True, null=True)
    session_id = models.CharField(max_length=120, unique=True, null=True)
    checkout_url = models.CharField(max_length=2000, blank=True)
    client_secret = models.CharField(max_length=200, blank=True)
    failure_code = models.CharField(max_length=80, blank=True)
    failure_message = models.CharField(max_length=300, blank=True)
    gateway_response = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    authorised_at = models.DateTimeField(null=True)
    capture_before = models.DateTimeField(null=True)
    captured_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=PaymentStatus.values), name="payment_status_known"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0) & Q(refunded_minor__lte=F("captured_minor")),
                name="payment_refund_within_captured",
            ),
            models.CheckConstraint(
                condition=~Q(status="captured") | Q(captured_at__isnull=False, transaction_id__isnull=False),
                name="payment_captured_has_charge",
            ),
            models.CheckConstraint(
                condition=Q(captured_minor__gte=0) & Q(captured_minor__lte=F("amount_minor")),
                name="payment_captured_within_amount",
            ),
            models.CheckConstraint(
                condition=~Q(status="authorised") | Q(authorised_at__isnull=False, intent_id__isnull=False),
                name="payment_authorised_has_intent",
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(status__in=["pending", "authorised", "captured"]),
                name="payment_one_live",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.amount_minor} {self.currency}"

    @transition(
        field=status,
        source=[PaymentStatus.PENDING, PaymentStatus.FAILED],
        target=PaymentStatus.AUTHORISED,
    )
    def authorise(self, *, at: datetime, capture_before: datetime | None, response: dict[str, Any]) -> None:
        """The bank has promised the amount; it is taken later, by `capture`."""
        self.authorised_at, self.capture_before, self.gateway_response = at, capture_before, response
        self.failure_code = self.failure_message = ""

    @transition(
        field=status,
        source=[
            PaymentStatus.PENDING,
            PaymentStatus.AUTHORISED,
            PaymentStatus.FAILED,
            PaymentStatus.VOIDED,
        ],
        target=PaymentStatus.CAPTURED,
    )
    def capture(self, *, at: datetime, charge_id: str, captured_minor: int, response: dict[str, Any]) -> None:
        self.captured_at = at
        self.transaction_id = charge_id
        self.captured_minor = captured_minor
        self.gateway_response = response
        self.failure_code = self.failure_message = ""

    @transition(field=status, source=PaymentStatus.PENDING, target=PaymentStatus.FAILED)
    def fail(self, *, code: str, message: str) -> None:
        self.failure_code, self.failure_message = code[:80], message[:300]

    @transition(
        field=status,
        source=[PaymentStatus.PENDING, PaymentStatus.AUTHORISED, PaymentStatus.FAILED],
        target=PaymentStatus.VOIDED,
    )
    def void(self) -> None:
        """Nothing was taken and nothing will be."""


class PaymentAttempt(TenantModel):
    """One try with one card: Stripe's charge, how it ended, and what Stripe said."""

    payment = models.ForeignKey(Payment, on_delete=models.CASCADE, related_name="attempts")
    transaction_id = models.CharField(max_length=80, unique=True)
    succeeded = models.BooleanField()
    failure_code = models.CharField(max_length=80, blank=True)
    failure_message = models.CharField(max_length=300, blank=True)
    gateway_response = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.transaction_id
