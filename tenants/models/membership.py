from django.db import models
from django.db.models import Q

from core.ids import new_id


class Role(models.TextChoices):
    """What a person may do in one storefront: owner all, manager all but the team and money's destination."""

    OWNER = "owner"
    MANAGER = "manager"
    FULFILMENT = "fulfilment"
    SUPPORT = "support"


class Membership(models.Model):
    """A person's role in a storefront. Read on every request: a token carries no role."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "tenant"], name="membership_once"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.tenant_id}"
