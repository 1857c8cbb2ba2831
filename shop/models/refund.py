from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django_fsm import FSMField, FSMModelMixin, transition

from core.ids import new_id
from shop.models.base import TenantModel


class RefundStatus(models.TextChoices):
    REQUESTED = "requested"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Refund(FSMModelMixin, TenantModel):
    """Money on its way back to the buyer. requested -> succeeded | failed; succeeded -> failed (the bank sent it back)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey("shop.Order", on_delete=models.PROTECT, related_name="refunds")
    payment = models.ForeignKey("shop.Payment", on_delete=models.PROTECT, related_name="refunds")
    request_key = models.CharField(max_length=360, unique=True, null=True, editable=False)
    status = FSMField(default=RefundStatus.REQUESTED, choices=RefundStatus.choices, protected=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    commission_returned_minor = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=300, blank=True)
    restock = models.JSONField(default=list)
    transaction_id = models.CharField(max_length=80, unique=True, null=True)
    gateway_response = models.JSONField(default=dict)
    actor_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=RefundStatus.values), name="refund_status_known"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.amount_minor} {self.currency}"

    @transition(field=status, source=RefundStatus.REQUESTED, target=RefundStatus.SUCCEEDED)
    def succeed(self, *, at: datetime, response: dict[str, Any]) -> None:
        self.settled_at = at
        self.gateway_response = response

    @transition(
        field=status, source=[RefundStatus.REQUESTED, RefundStatus.SUCCEEDED], target=RefundStatus.FAILED
    )
    def fail(self, *, at: datetime, response: dict[str, Any]) -> None:
        self.settled_at = at
        self.gateway_response = response


class CreditKind(models.TextChoices):
    REFUND = "refund"
    DISPUTE = "dispute"
    UNCAPTURED = "uncaptured"


class CreditLine(TenantModel):
    """What a refund, a lost dispute or a partial capture took back of one order line, share by share.

    `source` names the cause (the refund's id, the dispute's, the payment's). Units are counted where the seller named them.
    """

    order_line = models.ForeignKey("shop.OrderLine", on_delete=models.CASCADE, related_name="credits")
    refund = models.ForeignKey(Refund, on_delete=models.CASCADE, null=True, related_name="lines")
    kind = models.CharField(max_length=10, choices=CreditKind.choices)
    source = models.CharField(max_length=80)
    quantity = models.IntegerField(default=0)
    goods_minor = models.BigIntegerField()
    shipping_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    commission_minor = models.BigIntegerField()
    commission_tax_minor = models.BigIntegerField()
    funded_minor = models.BigIntegerField()
    taken_back_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "order_line"], name="credit_line_once"),
            models.CheckConstraint(
                condition=Q(goods_minor__gte=0)
                & Q(shipping_minor__gte=0)
                & Q(tax_minor__gte=0)
                & Q(commission_minor__gte=0)
                & Q(commission_tax_minor__gte=0)
                & Q(funded_minor__gte=0)
                & Q(quantity__gte=0),
                name="credit_line_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of line {self.order_line_id}"
