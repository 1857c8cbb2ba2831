"""The owner's domains, by the API."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from services.domain_services import MOST_CLAIMS
from tenants.models import Domain, DomainClaim
from tests.api.conftest import Api
from tests.factories import dns as fake
from tests.factories.dns import TestResolver
from tests.factories.tenants import owner_of

ATELIER = "atelier.example"
HERE = f"seller/domains/{ATELIER}"


@pytest.fixture
def internet(settings) -> type[TestResolver]:
    settings.DOMAIN_RESOLVER = fake.PATH
    return TestResolver.forget()


@pytest.fixture
def owner(tenant, internet) -> Api:
    return Api(tenant, owner_of(tenant))


def problem(answer) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_a_domain_is_claimed_proved_made_the_address_and_removed(owner, internet):
    answer = owner.post("seller/domains", {"domain": "Atelier.Example"})
    assert answer.status_code == 201
    claim = DomainClaim.objects.get()
    assert answer.json() == {
        "domain": ATELIER,
        "state": "waiting",
        "problem": "",
        "claimed_at": answer.json()["claimed_at"],
        "checked_at": None,
        "verified_at": None,
        "proof": {"type": "TXT", "name": f"_souk.{ATELIER}", "value": f"souk-verification={claim.token}"},
        "points_to": owner.tenant.subdomain,
    }
    assert owner.post("seller/domains", {"domain": ATELIER}).json() == answer.json()

    assert problem(owner.post(f"{HERE}/check")) == (409, "domain_not_proved")
    assert owner.get(HERE).json()["problem"] == "no_record"
    assert problem(owner("PUT", f"{HERE}/primary")) == (409, "domain_not_proved")
    internet.publish(claim)
    assert owner.post(f"{HERE}/check").json()["state"] == "serving"
    assert owner("PUT", f"{HERE}/primary").json()["state"] == "known_as"
    assert [own["state"] for own in owner.get("seller/domains").json()] == ["known_as"]

    assert owner("DELETE", f"{HERE}/primary").status_code == 204
    assert owner.get(HERE).json()["state"] == "serving"
    assert owner("DELETE", HERE).status_code == 204
    assert problem(owner.get(HERE)) == (404, "not_found")
    assert not Domain.objects.filter(domain=ATELIER).exists()


@pytest.mark.parametrize(
    "domain",
    [
        "localhost",
        "co.uk",
        "*.a.example",
        "192.0.2.1",
        "a b.example",
        "souk.localhost",
        "x.souk.localhost",
        "a_b.example",
    ],
)
def test_what_is_no_domain_of_ones_own_is_refused_beside_its_field(owner, domain):
    answer = owner.post("seller/domains", {"domain": domain})
    assert problem(answer) == (400, "invalid")
    assert answer.json()["field"] == "domain"
    assert not DomainClaim.objects.exists()


def test_bodies_of_another_shape_are_refused(owner):
    for body in (
        {},
        {"domain": None},
        {"domain": 1},
        {"domain": "x" * 400},
        {"domain": ATELIER, "token": "mine"},
        [],
        None,
    ):
        assert owner.post("seller/domains", body).status_code == 400


def test_another_storefronts_domains_are_not_there(owner, other_tenant, internet):
    other = Api(other_tenant, owner_of(other_tenant))
    other.post("seller/domains", {"domain": ATELIER})
    internet.publish(DomainClaim.objects.get())
    assert other.post(f"{HERE}/check").status_code == 200
    for method, path in (
        ("GET", HERE), ("DELETE", HERE), ("POST", f"{HERE}/check"), ("PUT", f"{HERE}/primary"), ("DELETE", f"{HERE}/primary"),
    ):  # fmt: skip
        assert problem(owner(method, path)) == (404, "not_found")
    assert owner.get("seller/domains").json() == []
    owner.post("seller/domains", {"domain": ATELIER})
    assert problem(owner.post(f"{HERE}/check")) == (409, "domain_not_proved")
    internet.publish(DomainClaim.objects.get(tenant=owner.tenant))
    answer = owner.post(f"{HERE}/check")
    assert problem(answer) == (409, "domain_taken")
    assert str(other_tenant.pk) not in answer.content.decode()


def test_dns_that_does_not_answer_is_weather(owner, internet):
    owner.post("seller/domains", {"domain": ATELIER})
    internet.weather = {f"_souk.{ATELIER}"}
    answer = owner.post(f"{HERE}/check")
    assert problem(answer) == (503, "dns_unavailable")
    assert answer.headers["Retry-After"] == "60"


def test_the_list_asks_the_same_few_questions_however_many_there_are(owner):
    def asked() -> int:
        with CaptureQueriesContext(connection) as sent:
            assert owner.get("seller/domains").status_code == 200
        return len(sent)

    owner.post("seller/domains", {"domain": ATELIER})
    few = asked()
    for number in range(MOST_CLAIMS - 1):
        owner.post("seller/domains", {"domain": f"a{number}.example"})
    assert asked() == few
    assert problem(owner.post("seller/domains", {"domain": "b.example"})) == (409, "too_many_domains")
