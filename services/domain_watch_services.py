"""Sellers' own domains, looked at day by day: does the record that proves them still stand?"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef

from core.db import marketplace_work
from core.jobs import enqueue
from services.audit_services import record_audit
from services.dns_services import DnsUnavailable, txt_records
from services.domain_services import forget_primary, note, tell_later
from services.notification_services import notify
from services.tenant_services import lock_tenant
from tenants.context import current_tenant, tenant_scope
from tenants.models import GONE, Domain, DomainClaim, Membership, Role, Tenant
from tenants.models.tenant import url_of
from tenants.own_domains import MISSING, missing_since, record_name, record_value

log = structlog.get_logger("souk.domains")
MISSING_KEPT = timedelta(days=14)
TOLD = {
    "moved": (
        "{domain} serves another storefront now",
        (
            "Whoever looks after the DNS of {domain} proved it for another storefront, and your record no longer stood there. "
            "Your shop is at {url}."
        ),
    ),
    "missing": (
        "The record of {domain} is gone",
        (
            'Your shop is still served at {domain}, but DNS has no TXT record "{value}" at {record} any more. Set it again. If it '
            "stays away for {days} days, your shop is known under {subdomain}."
        ),
    ),
    "no_longer_primary": (
        "Your shop is known under {subdomain} again",
        (
            "The record of {domain} has been gone for {days} days, so nobody is sent there any more: a domain may have been sold. If "
            'it is still yours, set the TXT record "{value}" at {record}, check it, and make the domain your address again.'
        ),
    ),
}


@marketplace_work
def look_at_domains(*, tenant_id: UUID, at: datetime) -> None:
    """Ask DNS again for each proved domain of a storefront. The owner is told once of a record that is gone.

    A domain without its record serves on: sellers tidy up, and nobody else gets it without a record of their own. But after
    MISSING_KEPT the storefront is not known under it any more: a domain may have been sold, and nobody shall be sent there.
    Where DNS does not answer nothing changes. Locks the storefront, for each domain.
    """
    own = list(Domain.objects.filter(tenant_id=tenant_id).values_list("domain", flat=True))
    for claim in DomainClaim.objects.filter(tenant_id=tenant_id, domain__in=own).order_by("domain"):
        try:
            standing = frozenset(txt_records(record_name(claim.domain)))
        except DnsUnavailable as error:
            log.warning("domain.not_asked", domain=claim.domain, error=str(error.__cause__))
            continue
        with transaction.atomic():
            _note_standing(claim, standing, at=at)


def _note_standing(asked: DomainClaim, standing: frozenset[str], *, at: datetime) -> None:
    """Call inside the transaction. What changed meanwhile is left to the next day."""
    tenant = lock_tenant(asked.tenant_id)
    claim = DomainClaim.objects.filter(pk=asked.pk, token=asked.token).first()
    if claim is None or not Domain.objects.filter(tenant=tenant, domain=claim.domain).exists():
        return
    if record_value(claim.token) in standing:
        note(claim, "", at=at)
        return
    since = missing_since(claim.problem) or at
    note(claim, f"{MISSING}{since.isoformat()}", at=at)
    if since == at:
        record_audit("domain.proof_missing", actor_id=None, tenant=tenant, domain=claim.domain)
        tell_later(tenant, "missing", claim.domain, at)
    elif at - since >= MISSING_KEPT and forget_primary(tenant, claim.domain):
        record_audit("domain.no_longer_primary", actor_id=None, tenant=tenant, domain=claim.domain)
        tell_later(tenant, "no_longer_primary", claim.domain, at)


def tell_of_domain(*, what: str, domain: str, day: str) -> None:
    """To the owner of the storefront being served, in the dashboard and by mail, once a day for the same thing."""
    tenant = current_tenant()
    owner = Membership.objects.select_related("user").filter(tenant=tenant, role=Role.OWNER).first()
    token = DomainClaim.objects.filter(tenant=tenant, domain=domain).values_list("token", flat=True).first()
    title, message = (
        text.format(
            domain=domain,
            url=tenant.url,
            subdomain=tenant.subdomain,
            record=record_name(domain),
            value=record_value(token or ""),
            days=MISSING_KEPT.days,
        )
        for text in TOLD[what]
    )
    notify(
        type="domain",
        title=title,
        message=f"{message}\n\n{url_of(tenant.subdomain)}/dashboard/domains",
        dedupe_key=f"staff:domain:{what}:{domain}:{day}",
        email=owner.user.email if owner else tenant.support_email,
        for_staff=True,
    )


def look_at_all_domains() -> int:
    """Queue a look for each storefront that is served and has domains of its own. Returns how many."""
    has_own = Exists(DomainClaim.objects.filter(tenant=OuterRef("pk")))
    tenants = Tenant.objects.filter(has_own).exclude(status__in=GONE).order_by("pk")
    for tenant in tenants.iterator():
        with tenant_scope(tenant):
            enqueue("domain.look")
    return tenants.count()
