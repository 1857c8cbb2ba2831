"""The operator sees whose domains are whose, and takes one away."""

import pytest

from services.domain_services import claim_domain, make_primary, prove_domain
from tenants.models import AuditEntry, Domain, DomainClaim
from tests.factories import dns as fake
from tests.factories.dns import TestResolver
from tests.factories.tenants import owner_of

OWN, WAITING = "atelier.example", "xn--tpferei-90a.example"


@pytest.fixture
def place(tenant, settings) -> str:
    """A storefront's page at the desk; it is known as OWN, and WAITING is not proved."""
    settings.DOMAIN_RESOLVER = fake.PATH
    internet = TestResolver.forget()
    who = {"tenant_id": tenant.pk, "actor_id": owner_of(tenant).pk}
    internet.publish(claim_domain(domain=OWN, **who))
    prove_domain(domain=OWN, **who)
    make_primary(domain=OWN, **who)
    claim_domain(domain=WAITING, **who)
    return f"/desk/storefronts/{tenant.slug}"


def test_its_domains_are_shown_with_their_state(desk, place, tenant, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        desk.get(place)
    for said in (
        tenant.subdomain,
        OWN,
        WAITING,
        "(<bdi>töpferei.example</bdi>)",
        "Waits for proof",
        "The shop&#x27;s address",
    ):
        assert said in desk.text


def test_a_domain_is_removed_with_a_reason(desk, place, tenant, operator):
    answer = desk.post(place, {"action": "remove-domain", "domain": OWN, "reason": " "})
    assert answer.status_code == 400
    assert Domain.objects.filter(domain=OWN).exists()

    answer = desk.post(place, {"action": "remove-domain", "domain": OWN, "reason": "a complaint"})

    assert answer["Location"] == f"{place}?done=domain-removed"
    assert not Domain.objects.filter(domain=OWN).exists()
    assert not DomainClaim.objects.filter(domain=OWN).exists()
    tenant.refresh_from_db()
    assert tenant.host == tenant.subdomain
    entry = AuditEntry.objects.get(action="domain.removed")
    assert (entry.actor_id, entry.reason, entry.facts) == (operator.pk, "a complaint", {"domain": OWN})
    desk.get(place)
    assert "a complaint" in desk.text


@pytest.mark.parametrize("domain", ["", "nothing.example", "\x00", "SUBDOMAIN", "OTHERS"])
def test_what_is_not_a_domain_of_its_own_is_not_removed(desk, place, tenant, other_tenant, domain):
    hosts = {"SUBDOMAIN": tenant.subdomain, "OTHERS": other_tenant.subdomain}
    asked = {"action": "remove-domain", "domain": hosts.get(domain, domain), "reason": "x"}
    before = set(Domain.objects.values_list("domain", flat=True))
    assert desk.post(place, asked).status_code == 404
    assert set(Domain.objects.values_list("domain", flat=True)) == before
