"""The domains of a storefront, as its owner sees them."""

from dataclasses import dataclass
from datetime import datetime

from core.errors import NotFound
from tenants.models import DomainClaim, Tenant
from tenants.own_domains import is_apex, missing_since, readable, record_name, record_value


@dataclass(frozen=True)
class OwnDomain:
    """A domain that was claimed. `state`: waiting (for its proof), serving, or known_as (it is the storefront's address).

    `problem`: why it is waiting (no_record, other_records, taken, moved), or proof_missing, since `missing_since`; else "".
    `readable`: the name in its own letters, to stand beside the name itself; "" where that would be the same or could deceive.
    """

    domain: str
    readable: str
    state: str
    problem: str
    claimed_at: datetime
    checked_at: datetime | None
    verified_at: datetime | None
    missing_since: datetime | None
    record: str
    value: str
    is_apex: bool
    points_to: str

    @property
    def is_proved(self) -> bool:
        """It serves the storefront."""
        return self.state != "waiting"


def own_domains(tenant: Tenant) -> list[OwnDomain]:
    """The storefront's address first, then as they were claimed. Two queries, none where both were prefetched."""
    verified = {domain.domain: domain.verified_at for domain in tenant.domains.all()}
    claims: list[DomainClaim] = list(tenant.domain_claims.all())
    found = [_described(tenant, claim, verified.get(claim.domain)) for claim in claims]
    return sorted(found, key=lambda own: (own.state != "known_as", own.claimed_at, own.domain))


def own_domain(tenant: Tenant, domain: str) -> OwnDomain:
    """One of them. Raises NotFound."""
    for own in own_domains(tenant):
        if own.domain == domain:
            return own
    raise NotFound(what="domain")


def _described(tenant: Tenant, claim: DomainClaim, verified_at: datetime | None) -> OwnDomain:
    since = missing_since(claim.problem)
    state = "waiting"
    if verified_at is not None:
        state = "known_as" if tenant.primary_domain == claim.domain else "serving"
    return OwnDomain(
        domain=claim.domain,
        readable=readable(claim.domain),
        state=state,
        problem="proof_missing" if since else claim.problem,
        claimed_at=claim.created_at,
        checked_at=claim.checked_at,
        verified_at=verified_at,
        missing_since=since,
        record=record_name(claim.domain),
        value=record_value(claim.token),
        is_apex=is_apex(claim.domain),
        points_to=tenant.subdomain,
    )
