"""The owner ends their own storefront."""

from uuid import UUID

from django.utils.translation import gettext_noop

from core.db import as_marketplace
from core.errors import Conflict, Invalid, Refused
from services.auth_services import confirm_password
from services.leaving_services import unfinished
from services.tenant_services import close_tenant
from tenants.models import Membership, Role, Tenant, User


class WrongPassword(Invalid):
    """It is not the owner's."""

    code = "wrong_password"


class StillToDo(Conflict):
    """What only the seller can do is not done. Facts: orders, refunds."""

    code = "still_to_do"
    title = gettext_noop("Something is still to be done")
    detail = gettext_noop(
        "Send or cancel your open orders first, and wait for refunds that are on their way."
    )


def close_own_storefront(
    *, tenant_id: UUID, user_id: UUID, password: str, confirm: str, reason: str = ""
) -> Tenant:
    """Close the owner's storefront; `confirm` is its slug, typed. Nobody gets in any more, the owner neither.

    Open orders have to be sent or cancelled before: afterwards nobody could. Money that is due is paid all the same.
    Raises Refused (not the owner), Invalid (confirm), WrongPassword, TooMany, StillToDo, IllegalTransition.
    """
    with as_marketplace():
        tenant = Tenant.objects.get(pk=tenant_id)
        if not Membership.objects.filter(tenant=tenant, user_id=user_id, role=Role.OWNER).exists():
            raise Refused()
        if confirm.strip().lower() != tenant.slug:
            raise Invalid(field="confirm", reason=f"type {tenant.slug} to close this storefront")
        confirm_password(
            User.objects.get(pk=user_id),
            password,
            refusal=WrongPassword(field="password", reason="this is not your password"),
        )
        if left := unfinished(tenant):
            raise StillToDo(reasons=[each.code for each in left])
    return close_tenant(tenant_id=tenant_id, actor_id=user_id, reason=reason or "closed by its owner")
