from django.db import models
from django.db.models import F, Q

from core.ids import new_id


class InvoiceSeries(models.Model):
    """The last number given in a series. Taken under this row's lock, with the invoice: no number is lost or given twice."""

    name = models.CharField(max_length=20, primary_key=True)
    last = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "invoice series"

    def __str__(self) -> str:
        return f"{self.name} {self.last}"


class CommissionInvoice(models.Model):
    """What the marketplace charged a seller in a month, commission less what was returned; below zero it is a credit note."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    series = models.ForeignKey(InvoiceSeries, on_delete=models.PROTECT, related_name="invoices")
    sequence = models.BigIntegerField()
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="commission_invoices")
    month = models.DateField()
    currency = models.CharField(max_length=3)
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    lines = models.JSONField()
    seller = models.JSONField()
    issued_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["tenant", "-issued_at"], name="invoice_by_tenant")]
        constraints = [
            models.UniqueConstraint(fields=["series", "sequence"], name="invoice_number_once"),
            models.UniqueConstraint(fields=["tenant", "month", "currency"], name="invoice_once_a_month"),
            models.CheckConstraint(
                condition=Q(total_minor=F("net_minor") + F("tax_minor")), name="invoice_total_is_its_parts"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """As it is printed: SOUK-000123."""
        return f"{self.series_id}-{self.sequence:06d}"
