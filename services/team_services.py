"""The team of a storefront: who is invited to it, with which role, and who is no longer part of it.

`tenant_services.set_membership` gives a role, `remove_membership` takes it away; here is what the dashboard needs besides.
"""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from core.db import marketplace_work
from core.errors import Conflict, Invalid, NotFound
from core.jobs import enqueue
from services.audit_services import record_audit
from services.auth_services import count_attempt
from services.tenant_services import lock_tenant
from tenants.models import Membership, Role, Tenant

INVITATIONS = 5  # in a quarter of an hour, to one person


class OwnerStays(Conflict):
    """There is one owner, whose role can neither be taken nor be changed."""

    code = "owner_stays"
    title = gettext_noop("The owner stays the owner")


class HasJoined(Conflict):
    """Who has proved their mailbox needs no invitation any more."""

    code = "has_joined"
    title = gettext_noop("This person has joined already")


@marketplace_work
@transaction.atomic
def change_role(*, tenant_id: UUID, membership_id: UUID, role: str, actor_id: UUID) -> Membership:
    """Give a member another role, from the next request on. The same role again changes nothing.

    Locks the tenant. Raises Invalid, NotFound, OwnerStays.
    """
    if role not in Role.values or role == Role.OWNER:
        raise Invalid(field="role", reason="choose manager, fulfilment or support")
    tenant, row = _member(tenant_id, membership_id)
    if row.role != role:
        before, row.role = row.role, role
        row.save(update_fields=["role"])
        record_audit(
            "membership.role_changed",
            actor_id=actor_id,
            tenant=tenant,
            user=row.user_id,
            role=role,
            before=before,
        )
    return row


@marketplace_work
def resend_invitation(*, tenant_id: UUID, membership_id: UUID, actor_id: UUID) -> None:
    """Mail the link again: the one before is good for a day.

    Raises NotFound, HasJoined, OwnerStays, TooMany after INVITATIONS.
    """
    count_attempt(f"invite:{membership_id}", INVITATIONS)
    with transaction.atomic():
        tenant, row = _member(tenant_id, membership_id)
        if row.user.email_verified_at is not None:
            raise HasJoined()
        record_audit("membership.invited_again", actor_id=actor_id, tenant=tenant, user=row.user_id)
        enqueue("mail.mailbox_proof", email=row.user.email, purpose="invite")


def _member(tenant_id: UUID, membership_id: UUID) -> tuple[Tenant, Membership]:
    """A member whose role may change; the storefront is locked."""
    tenant = lock_tenant(tenant_id)
    row = Membership.objects.select_related("user").filter(pk=membership_id, tenant=tenant).first()
    if row is None:
        raise NotFound(what="member")
    if row.role == Role.OWNER:
        raise OwnerStays()
    return tenant, row
