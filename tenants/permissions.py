"""Who may: roles are read from the database on each request."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.requests import tenant_of
from tenants.models import Role
from tenants.selectors import role_in

EVERYONE = frozenset(Role.values)
MANAGERS = frozenset({Role.OWNER, Role.MANAGER})
FULFILLERS = MANAGERS | {Role.FULFILMENT}
SUPPORTERS = MANAGERS | {Role.SUPPORT}
OWNER = frozenset({Role.OWNER})


def role_here(request: Request) -> str | None:
    """The signed-in person's role in the storefront this request is for. One query per request."""
    if not hasattr(request, "_role_here"):
        tenant = tenant_of(request)
        is_known = request.user is not None and tenant is not None
        request._role_here = role_in(request.user.pk, tenant) if is_known else None
    return request._role_here


class IsMember(BasePermission):
    """Staff of this storefront. The view says which roles: `roles = {"GET": EVERYONE, "POST": MANAGERS}` or one set."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Methods that are not named need a manager."""
        roles = getattr(view, "roles", MANAGERS)
        if isinstance(roles, dict):
            roles = roles.get(request.method, MANAGERS)
        return role_here(request) in roles


class IsOperator(BasePermission):
    """The marketplace's own staff, on the marketplace host."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Operators are people with a flag; storefront tokens never reach here."""
        return bool(request.user and request.user.is_operator and tenant_of(request) is None)
