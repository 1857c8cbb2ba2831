from typing import Any

from django.db import models
from django.db.models import Q

from core.ids import new_id
from shop.models.base import TenantModel

ADDRESS_FIELDS = ("name", "company", "line1", "line2", "postal_code", "city", "region", "country", "phone")


class Address(TenantModel):
    """Where a buyer wants things sent. Several per person, one of them the default. Orders keep a copy."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user_id = models.UUIDField()
    name = models.CharField(max_length=120)
    company = models.CharField(max_length=120, blank=True)
    line1 = models.CharField(max_length=200)
    line2 = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=120)
    region = models.CharField(max_length=120, blank=True)
    country = models.CharField(max_length=2)
    phone = models.CharField(max_length=40, blank=True)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "addresses"
        ordering = ["-is_default", "created_at"]
        indexes = [models.Index(fields=["user_id"], name="address_by_user")]
        constraints = [
            models.UniqueConstraint(
                fields=["user_id"], condition=Q(is_default=True), name="address_one_default"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.city}"

    def snapshot(self) -> dict[str, Any]:
        """The copy an order keeps."""
        return {field: getattr(self, field) for field in ADDRESS_FIELDS}
