from django.db import models

from shop.models.base import TenantModel


class OrderInvoice(TenantModel):
    """An order has been invoiced: its number, of a sequence without gaps. What it says are the order's frozen copies."""

    order = models.OneToOneField(
        "shop.Order", on_delete=models.PROTECT, primary_key=True, related_name="invoice"
    )
    number = models.IntegerField(unique=True)
    issued_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(number__gte=1), name="order_invoice_number_positive")
        ]

    def __str__(self) -> str:
        return f"invoice {self.number}"
