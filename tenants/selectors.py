"""Reading storefronts, for the operator; and who may what in one."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet

from core.db import as_marketplace
from core.errors import NotFound
from tenants.models import Membership, RetiredSchema, Role, Session, Tenant, User


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


def role_in(user_id: UUID, tenant: Tenant) -> str | None:
    """A person's role in a storefront.

    One that somebody was given counts once they have proved their mailbox: anybody may have opened an account in
    that name before.
    """
    return (
        Membership.objects.filter(
            Q(role=Role.OWNER) | Q(user__email_verified_at__isnull=False), user_id=user_id, tenant=tenant
        )
        .values_list("role", flat=True)
        .first()
    )


def is_member(tenant: Tenant, email: str) -> bool:
    """Whether somebody who works in a storefront has this mail address."""
    with as_marketplace():
        return Membership.objects.filter(tenant=tenant, user__email__iexact=email).exists()


def find_session(session_id: UUID) -> Session | None:
    """A session with its user, whether it still stands or not."""
    return Session.objects.select_related("user").filter(pk=session_id).first()


def find_support_session(session_id: UUID) -> Session | None:
    """A support view with its operator, whether it still stands or not. Read with the marketplace's rights."""
    with as_marketplace():
        return Session.objects.select_related("user").filter(pk=session_id, is_support=True).first()


def names_of(user_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """What people are called, or their mail address; those that whoever is served may not know are left out. One query."""
    wanted = {user_id for user_id in user_ids if user_id is not None}
    if not wanted:
        return {}
    rows = User.objects.filter(pk__in=wanted).values_list("pk", "name", "email")
    return {user_id: name or email for user_id, name, email in rows}


def former_schema(tenant: Tenant) -> RetiredSchema | None:
    """What the last restore of a storefront replaced, while it is kept."""
    rows = RetiredSchema.objects.filter(tenant=tenant, is_unfinished=False)
    return rows.order_by("-retired_at").first()
