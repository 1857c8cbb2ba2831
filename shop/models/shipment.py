from django.db import models
from django.db.models import Q

from core.ids import new_id
from shop.models.base import TenantModel


class ShippingRate(TenantModel):
    """What sending an order costs the buyer. One flat rate per storefront; free from an amount on, where set."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=80)
    price_minor = models.BigIntegerField()
    free_from_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="shipping_rate_not_negative"),
            models.UniqueConstraint(
                fields=["is_active"], condition=Q(is_active=True), name="shipping_rate_one_active"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Shipment(TenantModel):
    """One parcel."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey("shop.Order", on_delete=models.PROTECT, related_name="shipments")
    carrier = models.CharField(max_length=60)
    tracking_number = models.CharField(max_length=80, blank=True)
    tracking_url = models.CharField(max_length=500, blank=True)
    shipped_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    actor_id = models.UUIDField(null=True)

    class Meta:
        ordering = ["shipped_at", "id"]

    def __str__(self) -> str:
        return f"{self.carrier} {self.tracking_number}"


class ShipmentLine(TenantModel):
    """So many units of an order line in a parcel."""

    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey("shop.OrderLine", on_delete=models.CASCADE, related_name="shipment_lines")
    quantity = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["shipment", "order_line"], name="shipment_line_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="shipment_line_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.order_line_id}"
