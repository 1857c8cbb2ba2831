"""Sellers' own domains: claimed, proved by DNS, made the storefront's address, and taken away again.

A claim gives nothing: it names the TXT record that proves it. Whoever controls a domain's DNS gets it, and nobody else: a
domain that serves another storefront moves only while that one's record no longer stands (docs/decisions/0022).

Locks everywhere: the storefronts by id; a domain, its claims and `Tenant.primary_domain` change under their storefront's lock.
"""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop

from core.clock import now
from core.db import marketplace_work, tenant_connection
from core.errors import Conflict, DomainError, NotFound
from core.ids import new_secret
from core.jobs import enqueue
from services.audit_services import record_audit
from services.auth_services import count_attempt
from services.dns_services import txt_records
from services.tenant_services import lock_tenant
from tenants.context import tenant_scope
from tenants.models import GONE, Domain, DomainClaim, Tenant, TenantStatus
from tenants.own_domains import check_domain, record_name, record_value

MOST_CLAIMS = 10
CHECKS = 20  # in a quarter of an hour, of one storefront


class NoDomainsHere(Conflict):
    """A storefront that is closed, or a staging copy, gets no domains."""

    code = "no_domains_here"
    title = gettext_noop("This storefront cannot have a domain of its own")
    detail = gettext_noop("Staging copies and closed storefronts have the marketplace's address only.")


class TooManyDomains(Conflict):
    """Facts: most."""

    code = "too_many_domains"
    title = gettext_noop("These are too many domains")
    detail = gettext_noop("A storefront has up to {most} domains. Remove one first.")


class NotProved(Conflict):
    """The record does not stand in DNS. Facts: domain, record, value, found (how many others stand there)."""

    code = "domain_not_proved"
    title = gettext_noop("The domain is not proved yet")
    detail = gettext_noop(
        'There is no TXT record "{value}" at {record} yet. DNS may take a while: check again in some minutes.'
    )


class DomainTaken(Conflict):
    """It is proved by another storefront, whose record stands as well. Facts: domain, record."""

    code = "domain_taken"
    title = gettext_noop("The domain serves another storefront")
    detail = gettext_noop(
        "Another storefront's record at {record} stands, too. Delete it if the domain is to move here, and check again."
    )


# Claim, prove ------------------------------------------------------------------------------------------------------


@marketplace_work
@transaction.atomic
def claim_domain(*, tenant_id: UUID, domain: str, actor_id: UUID) -> DomainClaim:
    """Say that a domain is the seller's. The answer has the token; the same domain again is the same claim.

    Locks the storefront. Raises Invalid (see `check_domain`), NoDomainsHere, TooManyDomains.
    """
    name = check_domain(domain)
    tenant = _lock(tenant_id)
    if claim := DomainClaim.objects.filter(tenant=tenant, domain=name).first():
        return claim
    if DomainClaim.objects.filter(tenant=tenant).count() >= MOST_CLAIMS:
        raise TooManyDomains(most=MOST_CLAIMS)
    claim = DomainClaim.objects.create(tenant=tenant, domain=name, token=new_secret())
    record_audit("domain.claimed", actor_id=actor_id, tenant=tenant, domain=name)
    return claim


@marketplace_work
def prove_domain(*, tenant_id: UUID, domain: str, actor_id: UUID) -> Domain:
    """Ask DNS, and serve the storefront at the domain if its record stands. What was found is noted at the claim.

    A domain that serves another storefront moves here if that one's record does not stand any more; its owner is told.
    DNS is asked before the transaction; two sellers who prove at once are told apart by the unique domain.
    Locks both storefronts. Raises NotFound, Invalid, NoDomainsHere, NotProved, DomainTaken, TooMany, DnsUnavailable.
    """
    count_attempt(f"domain:{tenant_id}", CHECKS)
    claim, asked_at = _claim(tenant_id, domain), now()
    check_domain(claim.domain)  # a restored claim may be older than what is refused today
    standing = frozenset(txt_records(record_name(claim.domain)))
    try:
        with transaction.atomic():
            proved = _settle(claim, standing, asked_at=asked_at, actor_id=actor_id)
    except IntegrityError as error:
        raise _taken(claim.domain) from error
    if isinstance(proved, DomainError):
        raise proved
    return proved


def _settle(
    claim: DomainClaim, standing: frozenset[str], *, asked_at: datetime, actor_id: UUID
) -> Domain | DomainError:
    """The domain, or why it is not theirs, which is noted. Call inside the transaction."""
    held = Domain.objects.filter(domain=claim.domain).values_list("tenant_id", flat=True).first()
    tenants = {
        tenant.pk: tenant
        for tenant in Tenant.objects.select_for_update()
        .filter(pk__in={claim.tenant_id, held or claim.tenant_id})
        .order_by("pk")
    }
    tenant = _may_have(tenants[claim.tenant_id])
    claim = _claim(tenant.pk, claim.domain)
    if record_value(claim.token) not in standing:
        if Domain.objects.filter(domain=claim.domain, tenant=tenant).exists():
            return _not_proved(claim, standing)  # proved before; the daily look says what follows
        note(claim, "other_records" if standing else "no_record")
        return _not_proved(claim, standing)
    holding = Domain.objects.filter(domain=claim.domain).first()
    if holding is not None and holding.tenant_id == tenant.pk:
        note(claim, "")
        return holding
    if holding is not None:
        holder = tenants.get(holding.tenant_id)
        if holder is None or _still_proved(holder, claim.domain, standing, asked_at):
            note(claim, "taken")
            return _taken(claim.domain)
        _take_from(holder, holding)
    note(claim, "")
    record_audit("domain.proved", actor_id=actor_id, tenant=tenant, domain=claim.domain)
    return Domain.objects.create(domain=claim.domain, tenant=tenant, is_primary=False, verified_at=now())


def _still_proved(holder: Tenant, domain: str, standing: frozenset[str], asked_at: datetime) -> bool:
    """Whether the record of who has the domain stands, or was seen by them after DNS told us. Call under the holder's lock."""
    if holder.status == TenantStatus.ERASED:
        return False
    return any(
        record_value(claim.token) in standing
        or (not claim.problem and claim.checked_at is not None and claim.checked_at >= asked_at)
        for claim in DomainClaim.objects.filter(tenant=holder, domain=domain)
    )


def _take_from(holder: Tenant, holding: Domain) -> None:
    """The domain is somebody else's now. Its former storefront is known under its subdomain, and told."""
    domain = holding.domain
    holding.delete()
    forget_primary(holder, domain)
    DomainClaim.objects.filter(tenant=holder, domain=domain).update(problem="moved", checked_at=now())
    record_audit("domain.moved_away", actor_id=None, tenant=holder, domain=domain)
    if holder.status not in GONE:
        tell_later(holder, "moved", domain, now())


def _not_proved(claim: DomainClaim, standing: frozenset[str]) -> NotProved:
    return NotProved(
        domain=claim.domain,
        record=record_name(claim.domain),
        value=record_value(claim.token),
        found=len(standing),
    )


def _taken(domain: str) -> DomainTaken:
    return DomainTaken(domain=domain, record=record_name(domain))


def tell_later(tenant: Tenant, what: str, domain: str, at: datetime) -> None:
    """The storefront's owner, by a job: its schema may be behind at this moment."""
    with tenant_scope(tenant):
        enqueue("domain.tell", what=what, domain=domain, day=f"{at:%Y-%m-%d}")


# The storefront's address, and the end of a domain ------------------------------------------------------------------


@marketplace_work
@transaction.atomic
def make_primary(*, tenant_id: UUID, domain: str, actor_id: UUID) -> None:
    """Know the storefront under a proved domain of its own, from the next request on; its other addresses lead there.

    Locks the storefront. Raises NotFound, NoDomainsHere, NotProved.
    """
    tenant = _lock(tenant_id)
    claim = _claim(tenant.pk, domain)
    if not Domain.objects.filter(tenant=tenant, domain=claim.domain, verified_at__isnull=False).exists():
        raise _not_proved(claim, frozenset())
    if tenant.primary_domain != claim.domain:
        _save_primary(tenant, claim.domain)
        record_audit("domain.made_primary", actor_id=actor_id, tenant=tenant, domain=claim.domain)


@marketplace_work
@transaction.atomic
def use_subdomain_again(*, tenant_id: UUID, actor_id: UUID) -> None:
    """Know the storefront under its subdomain, from the next request on. Its domains lead there. Locks the storefront."""
    tenant = lock_tenant(tenant_id)
    if tenant.primary_domain:
        record_audit("domain.subdomain_again", actor_id=actor_id, tenant=tenant, domain=tenant.primary_domain)
        _save_primary(tenant, "")


@marketplace_work
@transaction.atomic
def remove_domain(*, tenant_id: UUID, domain: str, actor_id: UUID, reason: str = "") -> None:
    """Forget a domain and its claim: the next request for it finds nothing, and Caddy fetches no certificate any more.

    Sessions need not be ended: cookies are a host's, and no request of that host is answered. Locks the storefront.
    Raises NotFound; the subdomain stays.
    """
    tenant = lock_tenant(tenant_id)
    claims, _ = DomainClaim.objects.filter(tenant=tenant, domain=domain).delete()
    own = Domain.objects.filter(tenant=tenant, domain=domain).exclude(domain=tenant.subdomain)
    served, _ = own.delete()
    if not claims and not served:
        raise NotFound(what="domain")
    forget_primary(tenant, domain)
    record_audit("domain.removed", actor_id=actor_id, tenant=tenant, reason=reason, domain=domain)


def forget_primary(tenant: Tenant, domain: str) -> bool:
    """Whether the storefront, which is locked, was known under this domain; it is not any more."""
    if tenant.primary_domain != domain:
        return False
    _save_primary(tenant, "")
    return True


def _save_primary(tenant: Tenant, domain: str) -> None:
    tenant.primary_domain = domain
    tenant.save(update_fields=["primary_domain"])


# Who is served ------------------------------------------------------------------------------------------------------


def serves_host(host: str) -> bool:
    """Whether Caddy may fetch a certificate for this host: the marketplace's, a storefront's subdomain, a proved domain."""
    name = host.lower().removesuffix(".")
    if name == settings.MARKETPLACE_HOST:
        return True
    if "\x00" in name:  # PostgreSQL has no text with it
        return False
    tenant_connection.set_schema_to_public()
    return (
        Domain.objects.filter(domain=name, verified_at__isnull=False)
        .exclude(tenant__status__in=[*GONE, TenantStatus.REQUESTED])
        .exists()
    )


def _lock(tenant_id: UUID) -> Tenant:
    return _may_have(lock_tenant(tenant_id))


def _may_have(tenant: Tenant) -> Tenant:
    if tenant.is_staging or tenant.status in GONE:
        raise NoDomainsHere()
    return tenant


def _claim(tenant_id: UUID, domain: str) -> DomainClaim:
    found = DomainClaim.objects.filter(tenant_id=tenant_id, domain=domain).first()
    if found is None:
        raise NotFound(what="domain")
    return found


def note(claim: DomainClaim, problem: str, *, at: datetime | None = None) -> None:
    """What was found when DNS was asked for a claim; its storefront is locked."""
    claim.problem, claim.checked_at = problem, at or now()
    claim.save(update_fields=["problem", "checked_at"])
