"""Who works here, and what was done here."""

from collections.abc import Iterable

from django.conf import settings
from django.db.models import Max, Q, QuerySet

from tenants.models import AuditEntry, Membership, Role, Session, Tenant

# What of the audit log is for the storefront's own eyes, too.
SHOWN = (
    "membership.set",
    "membership.role_changed",
    "membership.invited_again",
    "membership.removed",
    "tenant.signed_up",
    "tenant.provisioned",
    "tenant.settings_changed",
    "tenant.suspend",
    "tenant.reactivate",
    "tenant.close",
    "seller.terms_changed",
    "promotion.funded",
    "domain.claimed",
    "domain.proved",
    "domain.made_primary",
    "domain.subdomain_again",
    "domain.removed",
    "domain.moved_away",
    "domain.proof_missing",
    "domain.no_longer_primary",
    "support.opened",
    "support.page",
    "support.ended",
)


def team_of(tenant: Tenant) -> list[Membership]:
    """The team, the owner first; each with `state` (joined, invited, disabled) and `last_seen`, a moment or None.

    Whoever is signed in is prolonged with each visit, so the last one is a session's lifetime before its end. Two queries.
    """
    rows = list(Membership.objects.filter(tenant=tenant).select_related("user").order_by("created_at", "pk"))
    seen = dict(
        Session.objects.filter(Q(is_support=False), tenant=tenant, user_id__in=[row.user_id for row in rows])
        .values_list("user_id")
        .annotate(until=Max("expires_at"))
    )
    for row in rows:
        until = seen.get(row.user_id)
        lifetime = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
        row.last_seen = until - lifetime if until else None  # type: ignore[attr-defined]
        row.state = _state(row)  # type: ignore[attr-defined]
    return sorted(rows, key=lambda row: row.role != Role.OWNER)


def _state(row: Membership) -> str:
    if not row.user.is_active:
        return "disabled"
    is_known = row.role == Role.OWNER or row.user.email_verified_at is not None
    return "joined" if is_known else "invited"


def audit_of(tenant: Tenant, *, only: Iterable[str] = SHOWN) -> QuerySet[AuditEntry]:
    """What was done to the storefront and its team, newest first, with the marketplace's looks at it."""
    return AuditEntry.objects.filter(tenant=tenant, action__in=list(only)).order_by("-at", "-id")
