from django.db import models
from django.db.models import F, Q

from shop.models.base import TenantModel


class InventoryItem(TenantModel):
    """One SKU's stock. Changed only by services.inventory_services, with a movement for each change.

    `available_stock` = `current_stock` - `reserved_stock`, computed by PostgreSQL. An item that is not tracked can
    always be sold and keeps no counts.
    """

    variant = models.OneToOneField(
        "shop.Variant", on_delete=models.CASCADE, primary_key=True, related_name="inventory"
    )
    product = models.ForeignKey("shop.Product", on_delete=models.CASCADE, related_name="inventory")
    is_tracked = models.BooleanField(default=True)
    current_stock = models.IntegerField(default=0)
    reserved_stock = models.IntegerField(default=0)
    available_stock = models.GeneratedField(
        expression=F("current_stock") - F("reserved_stock"),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    low_stock_threshold = models.IntegerField(default=5)
    low_stock_since = models.DateTimeField(null=True, editable=False)
    last_restocked = models.DateTimeField(null=True, editable=False)

    class Meta:
        indexes = [
            models.Index(
                fields=["-variant"],
                condition=Q(is_tracked=True, low_stock_since__isnull=False),
                name="stock_low",
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(reserved_stock__gte=0) & Q(current_stock__gte=F("reserved_stock")),
                name="stock_reserved_within_current",
            ),
            models.CheckConstraint(
                condition=Q(low_stock_threshold__gte=0), name="stock_threshold_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.variant_id}: {self.current_stock} - {self.reserved_stock}"


class MovementKind(models.TextChoices):
    """Why stock changed, and what it does to (current, reserved)."""

    RECEIVE = "receive"  # +n,  0   goods came in
    RESERVE = "reserve"  #  0, +n   an order was placed
    RELEASE = "release"  #  0, -n   an order was cancelled or ran out of time
    CONSUME = "consume"  # -n, -n   an order was paid
    RETURN = "return"  #   +n,  0   goods came back
    ADJUST = "adjust"  #   ±n,  0   counted again


class InventoryMovement(TenantModel):
    """One change of one item's stock, with the counts after it. Never changed or deleted; a buyer's words in it are
    forgotten with the buyer."""

    item = models.ForeignKey(InventoryItem, on_delete=models.CASCADE, related_name="movements")
    kind = models.CharField(max_length=8, choices=MovementKind.choices)
    current_delta = models.IntegerField()
    reserved_delta = models.IntegerField()
    current_after = models.IntegerField()
    reserved_after = models.IntegerField()
    order_id = models.UUIDField(null=True)
    reason = models.CharField(max_length=200, blank=True)
    actor_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["item", "-id"], name="movement_by_item")]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=MovementKind.values), name="movement_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.current_delta}/{self.reserved_delta}"
