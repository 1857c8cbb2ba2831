"""An operator's look at a storefront's dashboard: with a reason, for half an hour, every page of it in the audit log."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from core.clock import now
from core.db import marketplace_work
from core.errors import Conflict, Invalid, NotFound, Refused
from services.audit_services import record_audit
from services.auth_services import TokenRefused
from tenants.models import AuditEntry, Session, Tenant, TenantStatus, User
from tenants.selectors import find_support_session
from tenants.tokens import (
    BadToken,
    SupportToken,
    issue_support,
    issue_support_ticket,
    new_jti,
    read_token,
    session_stands,
)

# Pages that look again by themselves are noted once in this time.
NOTED_AGAIN_AFTER = timedelta(minutes=1)


class NothingToLookAt(Conflict):
    """The storefront has no pages: it is closed, or not open yet."""

    code = "storefront_has_no_pages"
    title = "This storefront has no pages to look at"


class OnlyLooking(Refused):
    """A support view changes nothing and asks Stripe nothing."""

    code = "support_view_only_reads"
    title = gettext_noop("A support view changes nothing")
    detail = gettext_noop("Ask the owner to do this, or leave the support view first.")


@dataclass(frozen=True)
class SupportVisit:
    """A support view that has been opened, and the ticket that leads to it: good once, for a minute."""

    tenant: Tenant
    session: Session
    ticket: str


@marketplace_work
@transaction.atomic
def open_support_view(*, tenant_id: UUID, operator_id: UUID, reason: str) -> SupportVisit:
    """Let an operator look at a storefront's dashboard as its owner sees it, for thirty minutes from now.

    Raises Invalid (no reason), Refused (no operator), NotFound, NothingToLookAt.
    """
    reason = reason.strip()
    if not reason:
        raise Invalid(field="reason", reason="is needed: the seller reads it")
    operator = User.objects.filter(pk=operator_id, is_operator=True, is_active=True).first()
    if operator is None:
        raise Refused()
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    if tenant is None:
        raise NotFound(what="storefront")
    if tenant.status not in (TenantStatus.ACTIVE, TenantStatus.SUSPENDED):
        raise NothingToLookAt()
    session = Session.objects.create(
        user=operator,
        tenant=tenant,
        refresh_jti=new_jti(),
        expires_at=now() + SupportToken.lifetime,
        is_support=True,
    )
    record_audit("support.opened", actor_id=operator.pk, tenant=tenant, reason=reason, session=session.pk)
    return SupportVisit(tenant, session, issue_support_ticket(session=session, user=operator))


@marketplace_work
def enter_support_view(*, ticket: str, tenant: Tenant) -> str:
    """Trade a ticket for the token of a cookie on `tenant`'s host, once: a conditional UPDATE decides. Raises TokenRefused."""
    try:
        claims = read_token(ticket, kind="support-ticket", tenant=tenant)
        session_id = UUID(claims["sid"])
    except (BadToken, ValueError) as error:
        raise TokenRefused() from error
    traded = Session.objects.filter(
        pk=session_id, tenant=tenant, is_support=True, refresh_jti=claims["jti"]
    ).update(refresh_jti=new_jti())
    session = find_support_session(session_id) if traded else None
    if session is None or not session_stands(session, claims):
        raise TokenRefused()
    return issue_support(session=session, user=session.user)


@marketplace_work
@transaction.atomic
def end_support_view(*, session_id: UUID) -> None:
    """The operator has seen enough. Again it does nothing."""
    session = Session.objects.select_related("tenant").filter(pk=session_id, is_support=True).first()
    if session and Session.objects.filter(pk=session.pk, revoked_at=None).update(revoked_at=now()):
        record_audit("support.ended", actor_id=session.user_id, tenant=session.tenant, session=session.pk)


def note_support_page(*, operator_id: UUID, tenant: Tenant, page: str, **about: str) -> None:
    """Write down that a page of the storefront being served is looked at: its route, and which row it is about."""
    facts = {"page": page, **about}
    last = AuditEntry.objects.filter(tenant=tenant).order_by("-at").first()
    if (
        last is None
        or (last.action, last.actor_id, last.facts) != ("support.page", operator_id, facts)
        or last.at < now() - NOTED_AGAIN_AFTER
    ):
        record_audit("support.page", actor_id=operator_id, tenant=tenant, **facts)
