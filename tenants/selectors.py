"""Reading storefronts, for the operator."""

from uuid import UUID

from django.db.models import Q, QuerySet

from core.errors import NotFound
from tenants.models import Tenant


def storefronts(*, status: str = "", q: str = "") -> QuerySet[Tenant]:
    """All storefronts, newest first; `q` finds slugs and names."""
    found = Tenant.objects.order_by("-created_at", "-id")
    if status:
        found = found.filter(status=status)
    return found.filter(Q(slug__icontains=q) | Q(name__icontains=q)) if q else found


def storefront(tenant_id: UUID) -> Tenant:
    """One storefront. Raises NotFound."""
    found = Tenant.objects.filter(pk=tenant_id).first()
    if found is None:
        raise NotFound(what="storefront")
    return found
