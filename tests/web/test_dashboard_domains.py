"""The owner's domains, as a browser without JavaScript meets them."""

import re
from datetime import timedelta

import pytest

from core.clock import now
from services.domain_services import MOST_CLAIMS, make_primary
from services.domain_watch_services import look_at_domains
from services.support_services import open_support_view
from tenants.models import AuditEntry, Domain, DomainClaim, Tenant
from tests.factories import dns as fake
from tests.factories.dns import TestResolver
from tests.factories.tenants import add_member, make_operator, owner_of
from tests.web.test_dashboard import owner, sign_in  # noqa: F401 - fixtures
from tests.web.test_storefront import Browser

PAGE, ATELIER = "/dashboard/domains", "atelier.example"


@pytest.fixture
def internet(settings) -> type[TestResolver]:
    settings.DOMAIN_RESOLVER = fake.PATH
    return TestResolver.forget()


def do(browser: Browser, action: str, domain: str = ATELIER):
    return browser.post(PAGE, {"action": action, "domain": domain})


def proved(browser: Browser, internet, domain: str = ATELIER) -> None:
    do(browser, "add", domain)
    internet.publish(DomainClaim.objects.get(domain=domain, tenant=browser.tenant))
    assert do(browser, "check", domain)["Location"] == f"{PAGE}?done=proved"


def test_a_domain_is_added_shown_with_its_records_checked_and_made_the_address(owner, internet):  # noqa: F811
    assert do(owner, "add", " https://Atelier.example/ ")["Location"] == f"{PAGE}?done=claimed#{ATELIER}"
    claim = DomainClaim.objects.get()
    owner.get(f"{PAGE}?done=claimed")
    assert "Waits for proof" in owner.text
    codes = re.findall(r"<code[^>]*>([^<]+)</code>", owner.text)
    assert codes == [f"_souk.{ATELIER}", f"souk-verification={claim.token}", ATELIER, owner.tenant.subdomain]

    answer = do(owner, "check")
    assert answer.status_code == 409
    assert f"at _souk.{ATELIER} yet" in owner.text
    assert "No TXT record was found" in owner.text
    internet.publish(claim)
    assert do(owner, "check")["Location"] == f"{PAGE}?done=proved"
    owner.get(f"{PAGE}?done=proved")
    assert "Serves the shop" in owner.text
    assert do(owner, "primary")["Location"] == f"{PAGE}?done=primary"
    assert Tenant.objects.get(pk=owner.tenant.pk).primary_domain == ATELIER
    owner.get(PAGE)
    assert "The shop&#x27;s address" in owner.text
    assert do(owner, "subdomain")["Location"] == f"{PAGE}?done=subdomain"
    assert Tenant.objects.get(pk=owner.tenant.pk).primary_domain == ""


def test_a_domain_is_removed_also_by_who_stands_on_it(owner, internet):  # noqa: F811
    proved(owner, internet)
    there = sign_in(Browser(owner.tenant), owner_of(owner.tenant))
    there.defaults["HTTP_HOST"] = ATELIER
    sign_in(there, owner_of(owner.tenant))
    assert there.get(PAGE).status_code == 200
    answer = there.post(PAGE, {"action": "remove", "domain": ATELIER})
    assert answer["Location"] == f"http://{owner.tenant.subdomain}:8000{PAGE}?done=removed"
    assert there.get(PAGE).status_code == 404
    assert not Domain.objects.filter(domain=ATELIER).exists()

    do(owner, "add")
    assert do(owner, "remove")["Location"] == f"{PAGE}?done=removed"
    assert not DomainClaim.objects.exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "This field is required"),
        ("localhost", "type the whole domain"),
        ("*.atelier.example", "stands for many domains"),
        ("co.uk", "many people have domains under this one"),
        ("192.0.2.7", "this is an IP address"),
        ("shop.souk.localhost", "cannot be reached"),
        ("<script>alert(1)</script>", "this is not the name of a domain"),
        ("a\u200bb.example", "invisible characters"),
    ],
)
def test_what_is_no_domain_is_explained_beside_the_field(owner, internet, typed, said):  # noqa: F811
    assert do(owner, "add", typed).status_code == 400
    assert said.lower() in owner.text.lower()
    assert "<script>alert" not in owner.text
    assert not DomainClaim.objects.exists()


def test_a_domain_of_other_letters_is_shown_as_it_travels_with_the_letters_beside_it(owner, internet):  # noqa: F811
    do(owner, "add", "töpferei.example")
    do(owner, "add", "p\u0430ypal.example")
    owner.get(PAGE)
    assert "xn--tpferei-90a.example" in owner.text
    assert "(<bdi>töpferei.example</bdi>)" in owner.text
    assert "p\u0430ypal" not in owner.text


def test_only_the_owner_sees_and_changes_domains(serving, internet):
    for role in ("manager", "fulfilment", "support"):
        browser = sign_in(Browser(serving), add_member(serving, role))
        assert browser.get(PAGE).status_code == 403
        assert do(browser, "add").status_code == 403
        browser.get("/dashboard/settings")
        assert PAGE not in browser.text
    assert not DomainClaim.objects.exists()
    assert Browser(serving).get(PAGE)["Location"].startswith("/dashboard/sign-in")


def test_an_operator_who_looks_on_changes_nothing(serving, internet):
    visit = open_support_view(tenant_id=serving.pk, operator_id=make_operator().pk, reason="asked for help")
    browser = Browser(serving)
    browser.get(f"/dashboard/support?ticket={visit.ticket}")
    assert browser.get(PAGE).status_code == 200
    assert do(browser, "add").status_code == 403
    assert not DomainClaim.objects.exists()


def test_domains_of_another_shop_are_not_there(owner, internet, other_tenant):  # noqa: F811
    other = sign_in(Browser(other_tenant), owner_of(other_tenant))
    proved(other, internet)
    for action in ("check", "primary", "remove"):
        assert do(owner, action).status_code == 404
    owner.get(PAGE)
    assert ATELIER not in owner.text
    do(owner, "add")
    internet.publish(DomainClaim.objects.get(tenant=owner.tenant))
    assert do(owner, "check").status_code == 409
    assert "Another storefront" in owner.text
    assert other_tenant.name not in owner.text


def test_a_record_that_is_gone_is_said_with_since_when(owner, internet):  # noqa: F811
    proved(owner, internet)
    make_primary(tenant_id=owner.tenant.pk, domain=ATELIER, actor_id=owner_of(owner.tenant).pk)
    internet.zone.clear()
    look_at_domains(tenant_id=owner.tenant.pk, at=now() - timedelta(days=2))
    owner.get(PAGE)
    assert "The TXT record is gone" in owner.text
    assert "Gone since" in owner.text
    assert 'value="check"' in owner.text


def test_dns_that_does_not_answer_is_said(owner, internet):  # noqa: F811
    do(owner, "add")
    internet.weather = {f"_souk.{ATELIER}"}
    assert do(owner, "check").status_code == 503
    assert "did not answer" in owner.text


def test_the_addresses_for_dns_without_alias_are_said_where_they_are_known(owner, internet, settings):  # noqa: F811
    settings.SERVER_ADDRESSES = ["192.0.2.9", "2001:db8::9"]
    do(owner, "add")
    do(owner, "add", "www.atelier.example")
    owner.get(PAGE)
    kinds = re.findall(r'<th scope="row">(\w+)</th>', owner.text)
    assert kinds == ["TXT", "ALIAS", "A", "AAAA", "TXT", "CNAME"]
    assert "192.0.2.9" in owner.text


def test_a_staging_copy_is_told_that_it_gets_none(owner, internet):  # noqa: F811
    Tenant.objects.filter(pk=owner.tenant.pk).update(is_staging=True, copied_from=owner.tenant.pk)
    owner.get(PAGE)
    assert "A staging copy has" in owner.text
    assert do(owner, "add").status_code == 409


def test_what_was_done_is_in_the_log_of_the_team_page(owner, internet):  # noqa: F811
    proved(owner, internet)
    do(owner, "primary")
    do(owner, "remove")
    owner.get("/dashboard/team")
    for words in (
        "added a domain",
        "proved a domain",
        "made a domain the shop&#x27;s address",
        "removed a domain",
    ):
        assert words in owner.text
    assert owner.text.count(ATELIER) == 4
    assert AuditEntry.objects.filter(action__startswith="domain.", facts__domain=ATELIER).count() == 4


def test_the_page_asks_few_questions(owner, internet, django_assert_max_num_queries):  # noqa: F811
    for number in range(MOST_CLAIMS):
        proved(owner, internet, f"a{number}.example")
    with django_assert_max_num_queries(9):
        owner.get(PAGE)
    assert "Remove one to add another" in owner.text
