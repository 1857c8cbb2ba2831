from django.db import models
from django.db.models import Q

from core.ids import new_id, new_secret
from shop.models.base import TenantModel


class Cart(TenantModel):
    """What a buyer means to buy. A guest holds its secret `token`; an account's cart also knows its person.

    Prices are never stored here: the server works them out whenever the cart is shown and once more at checkout.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    token = models.CharField(max_length=40, unique=True, default=new_secret, editable=False)
    buyer_id = models.UUIDField(null=True, db_index=True)
    promotion_code = models.CharField(max_length=40, blank=True)
    order_id = models.UUIDField(null=True, unique=True)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"cart {self.pk}"


class CartLine(TenantModel):
    """So many units of one variant."""

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="lines")
    variant = models.ForeignKey("shop.Variant", on_delete=models.CASCADE, related_name="+")
    quantity = models.IntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["cart", "variant"], name="cart_line_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=1) & Q(quantity__lte=10_000), name="cart_line_quantity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.variant_id}"
