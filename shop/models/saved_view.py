from django.db import models

from core.ids import new_id
from shop.models.base import TenantModel


class SavedView(TenantModel):
    """A list of the dashboard with filters, under a name. All of the staff have it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    section = models.CharField(max_length=20)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [models.UniqueConstraint(fields=["section", "name"], name="saved_view_name_once")]

    def __str__(self) -> str:
        return self.name
