"""Whose a domain is: claimed by anybody, proved by DNS, moved, removed, looked at every day."""

from datetime import timedelta
from functools import partial

import pytest
from django.conf import settings as django_settings
from django.core import mail

from core.clock import now
from core.errors import Invalid, NotFound, TooMany
from core.jobs.queue import TASKS
from services.dns_services import DnsUnavailable
from services.domain_services import (
    CHECKS,
    MOST_CLAIMS,
    DomainTaken,
    NoDomainsHere,
    NotProved,
    TooManyDomains,
    claim_domain,
    make_primary,
    prove_domain,
    remove_domain,
    serves_host,
    use_subdomain_again,
)
from services.domain_watch_services import MISSING_KEPT, look_at_all_domains, look_at_domains
from services.tenant_services import close_tenant, suspend_tenant
from shop.models import Notification
from tenants.context import tenant_scope
from tenants.models import AuditEntry, Domain, DomainClaim, LoginAttempt, Tenant
from tenants.own_domains import check_domain, is_apex, readable, record_name, record_value
from tests.factories import dns as fake
from tests.factories.dns import TestResolver
from tests.factories.jobs import queued, run_jobs
from tests.factories.tenants import make_operator, make_tenant, owner_of
from tests.factories.threads import Gate, at_once, failures

ATELIER = "atelier.example"


@pytest.fixture
def internet(settings) -> type[TestResolver]:
    settings.DOMAIN_RESOLVER = fake.PATH
    return TestResolver.forget()


def claim(tenant: Tenant, domain: str = ATELIER) -> DomainClaim:
    return claim_domain(tenant_id=tenant.pk, domain=domain, actor_id=owner_of(tenant).pk)


def prove(tenant: Tenant, domain: str = ATELIER) -> Domain:
    return prove_domain(tenant_id=tenant.pk, domain=domain, actor_id=owner_of(tenant).pk)


def proved(tenant: Tenant, internet, domain: str = ATELIER) -> DomainClaim:
    made = claim(tenant, domain)
    internet.publish(made)
    prove(tenant, domain)
    return made


def known_as(tenant: Tenant, domain: str = ATELIER) -> None:
    make_primary(tenant_id=tenant.pk, domain=domain, actor_id=owner_of(tenant).pk)


def actions(tenant: Tenant) -> list[str]:
    found = AuditEntry.objects.filter(tenant=tenant, action__startswith="domain.").order_by("at")
    return [entry.action.removeprefix("domain.") for entry in found]


# What a domain may be called --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "travels"),
    [
        ("atelier.example", "atelier.example"),
        (" Atelier.EXAMPLE. ", "atelier.example"),
        ("https://www.atelier.example/", "www.atelier.example"),
        ("töpferei.example", "xn--tpferei-90a.example"),
        ("TÖPFEREI.example", "xn--tpferei-90a.example"),
        ("xn--tpferei-90a.example", "xn--tpferei-90a.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("متجر.example", "xn--pgbep1f.example"),
        ("店。example", "xn--hxt.example"),
        ("a.b.c.d.example", "a.b.c.d.example"),
        ("shop.co.uk.example", "shop.co.uk.example"),
        ("my-shop.github.io", "my-shop.github.io"),
        ("1.example", "1.example"),
    ],
)
def test_a_domain_is_kept_as_it_travels(typed, travels):
    assert check_domain(typed) == travels


@pytest.mark.parametrize(
    ("typed", "because"),
    [
        ("", "not the name"), (".", "not the name"), ("a..example", "not the name"), ("-a.example", "not the name"),
        ("a-.example", "not the name"), ("a_b.example", "not the name"), ("_souk.atelier.example", "not the name"),
        ("atelier.example/path", "not the name"), ("atelier.example:443", "not the name"), ("a@b.example", "not the name"),
        ("atelier.example\x00", "not the name"), ("ate lier.example", "not the name"), ("atelier.example?x", "not the name"),
        ("x" * 64 + ".example", "not the name"), (".".join(["abcdefgh"] * 30) + ".example", "not the name"),
        ("xn--a.example", "not the name"), ("ab--c.example", "not the name"), ("atelier.123", "not the name"),
        ("a\u200db.example", "not the name"), ("🏺.example", "not the name"), ("ftp://atelier.example", "not the name"),
        ("*.atelier.example", "stands for many"), ("*", "stands for many"),
        ("192.0.2.1", "IP address"), ("192.0.2.1:80", "IP address"), ("[2001:db8::1]", "IP address"),
        ("2001:db8::1", "IP address"), ("::1", "IP address"), ("3221225985", "IP address"), ("0x7f.0x1", "IP address"),
        ("atelier", "whole domain"), ("localhost", "whole domain"), ("com", "whole domain"),
        ("shop.localhost", "reached from the internet"), ("shop.local", "reached from the internet"),
        ("shop.internal", "reached from the internet"), ("x.home.arpa", "reached from the internet"),
        ("shop.test", "reached from the internet"), ("shop.invalid", "reached from the internet"),
        ("co.uk", "many people"), ("github.io", "many people"), ("com.au", "many people"), ("xn--55qx5d.cn", "many people"),
    ],
)  # fmt: skip
def test_what_is_no_domain_of_ones_own_is_refused_with_the_reason(typed, because):
    with pytest.raises(Invalid) as refusal:
        check_domain(typed)
    assert refusal.value.facts["field"] == "domain"
    assert because in refusal.value.facts["reason"]


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("market.souk.example", "market.souk.example"),
        ("market.souk.example", "pottery.market.souk.example"),
        ("market.souk.example", "souk.example"),
        ("market.souk.example", "blog.souk.example"),
        ("market.souk.example", "MARKET.SOUK.EXAMPLE."),
        ("souk.co.uk", "souk.co.uk"),
        ("souk.co.uk", "a.b.souk.co.uk"),
    ],
)
def test_the_marketplaces_own_domain_is_nobody_elses(settings, host, domain):
    settings.MARKETPLACE_HOST = host
    with pytest.raises(Invalid, match="marketplace"):
        check_domain(domain)
    assert check_domain("notsouk.co.uk") == "notsouk.co.uk"
    assert check_domain("notsouk.example") == "notsouk.example"


def test_letters_that_could_be_read_as_others_are_shown_as_they_travel_only():
    assert readable("xn--tpferei-90a.example") == "töpferei.example"
    assert readable(check_domain("متجر.example")) == "متجر.example"
    assert readable(check_domain("日本のカメラ.example")) == "日本のカメラ.example"
    for alike in ("\u0430\u0440\u0440\u04cf\u0435.example", "p\u0430ypal.example", "\u03bfmega.example"):
        assert readable(check_domain(alike)) == ""
    assert readable(ATELIER) == ""
    assert readable("xn--zz.example") == ""


def test_a_registered_domain_is_told_from_what_is_under_it():
    assert is_apex("atelier.example")
    assert is_apex("atelier.co.uk")
    assert not is_apex("www.atelier.co.uk")


# Claims -----------------------------------------------------------------------------------------------------------


def test_a_claim_has_a_word_nobody_can_guess_and_gives_nothing(tenant, other_tenant, internet):
    one, other = claim(tenant), claim(other_tenant)

    assert len(one.token) >= 32
    assert one.token != other.token
    assert claim(tenant, "ATELIER.example").pk == one.pk
    assert not Domain.objects.filter(domain=ATELIER).exists()
    assert not serves_host(ATELIER)
    assert internet.asked == []
    assert actions(tenant) == actions(other_tenant) == ["claimed"]


def test_a_storefront_has_so_many_domains_and_no_more(tenant, internet):
    for number in range(MOST_CLAIMS):
        claim(tenant, f"a{number}.example")
    with pytest.raises(TooManyDomains):
        claim(tenant)
    assert claim(tenant, "a3.example")
    remove_domain(tenant_id=tenant.pk, domain="a3.example", actor_id=owner_of(tenant).pk)
    claim(tenant)


def test_staging_copies_and_closed_storefronts_get_none_and_suspended_ones_do(tenant, other_tenant, internet):
    operator = make_operator()
    made = claim(tenant)
    internet.publish(made)
    suspend_tenant(tenant_id=tenant.pk, actor_id=operator.pk, reason="x")
    prove(tenant)
    close_tenant(tenant_id=tenant.pk, actor_id=operator.pk, reason="x")
    Tenant.objects.filter(pk=other_tenant.pk).update(is_staging=True, copied_from=tenant.pk)
    for one, doing in (
        (tenant, partial(claim, domain="other.example")),
        (tenant, prove),
        (tenant, known_as),
        (other_tenant, claim),
    ):
        with pytest.raises(NoDomainsHere):
            doing(one)


# Proof ------------------------------------------------------------------------------------------------------------


def test_a_domain_is_served_once_its_record_stands(tenant, internet):
    made = claim(tenant)
    with pytest.raises(NotProved) as refusal:
        prove(tenant)
    assert refusal.value.facts == {
        "domain": ATELIER,
        "record": "_souk.atelier.example",
        "value": f"souk-verification={made.token}",
        "found": 0,
    }
    made.refresh_from_db()
    assert (made.problem, made.checked_at is None) == ("no_record", False)

    internet.zone["_souk.atelier.example"] = ["v=spf1 -all", f"souk-verification={made.token}x", made.token]
    with pytest.raises(NotProved):
        prove(tenant)
    made.refresh_from_db()
    assert made.problem == "other_records"
    assert not serves_host(ATELIER)

    internet.publish(made)
    domain = prove(tenant)

    assert (domain.domain, domain.tenant_id, domain.is_primary) == (ATELIER, tenant.pk, False)
    assert domain.verified_at is not None
    made.refresh_from_db()
    assert made.problem == ""
    assert serves_host(ATELIER)
    assert prove(tenant).pk == domain.pk
    assert actions(tenant) == ["claimed", "proved"]
    tenant.refresh_from_db()
    assert tenant.host == tenant.subdomain
    assert Domain.objects.get(domain=tenant.subdomain).is_primary


def test_a_record_at_another_name_or_of_another_seller_proves_nothing(tenant, other_tenant, internet):
    mine, theirs = claim(tenant), claim(other_tenant)
    internet.zone[ATELIER] = internet.zone["_souk.www.atelier.example"] = [record_value(mine.token)]
    internet.publish(theirs)
    with pytest.raises(NotProved):
        prove(tenant)
    prove(other_tenant)
    assert Domain.objects.get(domain=ATELIER).tenant_id == other_tenant.pk


def test_what_was_never_claimed_cannot_be_proved_nor_by_its_other_spelling(tenant, other_tenant, internet):
    proved(other_tenant, internet)
    for domain in (ATELIER, "nothing.example", tenant.subdomain, other_tenant.subdomain, ""):
        with pytest.raises(NotFound):
            prove(tenant, domain)
        with pytest.raises(NotFound):
            known_as(tenant, domain)
        with pytest.raises(NotFound):
            remove_domain(tenant_id=tenant.pk, domain=domain, actor_id=owner_of(tenant).pk)
    assert Domain.objects.filter(tenant=tenant).count() == 1


def test_a_claim_that_would_be_refused_today_is_not_proved(tenant, internet, settings):
    made = claim(tenant, "shops.example")
    internet.publish(made)
    settings.MARKETPLACE_HOST = "market.shops.example"
    with pytest.raises(Invalid, match="marketplace"):
        prove(tenant, "shops.example")
    assert internet.asked == []


def test_dns_that_does_not_answer_changes_nothing(tenant, internet):
    made = proved(tenant, internet)
    known_as(tenant)
    internet.weather = {record_name(ATELIER)}
    with pytest.raises(DnsUnavailable):
        prove(tenant)
    look_at_domains(tenant_id=tenant.pk, at=now())
    made.refresh_from_db()
    assert made.problem == ""
    tenant.refresh_from_db()
    assert tenant.host == ATELIER


def test_dns_is_asked_so_often_and_no_more(tenant, internet):
    claim(tenant)
    for _ in range(CHECKS):
        with pytest.raises(NotProved):
            prove(tenant)
    with pytest.raises(TooMany):
        prove(tenant)
    assert len(internet.asked) == CHECKS
    LoginAttempt.objects.all().delete()
    with pytest.raises(NotProved):
        prove(tenant)


# A domain that another storefront has -----------------------------------------------------------------------------


def test_a_domain_stays_where_its_record_stands(tenant, other_tenant, internet):
    proved(tenant, internet)
    known_as(tenant)
    theirs = claim(other_tenant)
    with pytest.raises(NotProved):
        prove(other_tenant)
    internet.publish(theirs)

    with pytest.raises(DomainTaken) as refusal:
        prove(other_tenant)

    assert str(tenant.pk) not in str(refusal.value.facts)
    theirs.refresh_from_db()
    assert theirs.problem == "taken"
    assert Domain.objects.get(domain=ATELIER).tenant_id == tenant.pk
    tenant.refresh_from_db()
    assert tenant.primary_domain == ATELIER


def test_a_domain_moves_to_who_controls_its_dns_now_and_the_former_owner_is_told(
    tenant, other_tenant, internet
):
    old = proved(tenant, internet)
    known_as(tenant)
    theirs = claim(other_tenant)
    internet.publish(theirs)
    internet.withdraw(old)

    prove(other_tenant)

    assert Domain.objects.get(domain=ATELIER).tenant_id == other_tenant.pk
    tenant.refresh_from_db()
    old.refresh_from_db()
    assert (tenant.primary_domain, old.problem) == ("", "moved")
    assert actions(tenant) == ["claimed", "proved", "made_primary", "moved_away"]
    assert actions(other_tenant) == ["claimed", "proved"]
    run_jobs()
    with tenant_scope(tenant):
        told = Notification.objects.get(type="domain")
    assert told.title == "atelier.example serves another storefront now"
    assert other_tenant.name not in told.message
    assert mail.outbox[-1].to == [owner_of(tenant).email]
    # And back, by the same rule.
    internet.publish(old)
    with pytest.raises(DomainTaken):
        prove(tenant)
    internet.withdraw(theirs)
    prove(tenant)
    assert Domain.objects.get(domain=ATELIER).tenant_id == tenant.pk


def test_without_a_record_of_ones_own_nobody_loses_a_domain(tenant, other_tenant, internet):
    old = proved(tenant, internet)
    internet.withdraw(old)
    claim(other_tenant)
    with pytest.raises(NotProved):
        prove(other_tenant)
    assert Domain.objects.get(domain=ATELIER).tenant_id == tenant.pk


def test_a_holder_who_proved_anew_while_dns_was_asked_keeps_the_domain(tenant, other_tenant, internet):
    old, theirs = proved(tenant, internet), claim(other_tenant)
    internet.publish(theirs)
    internet.withdraw(old)

    def proves_anew() -> None:
        internet.on_ask = None
        remove_domain(tenant_id=tenant.pk, domain=ATELIER, actor_id=owner_of(tenant).pk)
        proved(tenant, internet)

    internet.on_ask = proves_anew
    with pytest.raises(DomainTaken):  # what DNS said is older than what the holder has shown
        prove(other_tenant)
    assert Domain.objects.get(domain=ATELIER).tenant_id == tenant.pk


def test_an_erased_storefront_holds_no_domain(tenant, other_tenant, internet):
    proved(tenant, internet)
    close_tenant(tenant_id=tenant.pk, actor_id=make_operator().pk, reason="x")
    Tenant.objects.filter(pk=tenant.pk).update(status="erased", erased_at=now())
    theirs = claim(other_tenant)
    internet.publish(theirs)
    prove(other_tenant)
    assert Domain.objects.get(domain=ATELIER).tenant_id == other_tenant.pk
    assert not queued("domain.tell")


# Removal, and the storefront's address ----------------------------------------------------------------------------


def test_only_a_proved_domain_of_ones_own_is_the_address(tenant, other_tenant, internet):
    claim(tenant)
    with pytest.raises(NotProved):
        known_as(tenant)
    proved(other_tenant, internet, "theirs.example")
    with pytest.raises(NotFound):
        known_as(tenant, "theirs.example")
    tenant.refresh_from_db()
    assert tenant.primary_domain == ""


def test_the_address_is_chosen_and_taken_back(tenant, internet):
    proved(tenant, internet)
    known_as(tenant)
    known_as(tenant)
    tenant.refresh_from_db()
    assert tenant.url == f"http://{ATELIER}:{django_settings.PORT}"
    for _ in range(2):
        use_subdomain_again(tenant_id=tenant.pk, actor_id=owner_of(tenant).pk)
    tenant.refresh_from_db()
    assert tenant.host == tenant.subdomain
    assert serves_host(ATELIER)
    assert actions(tenant) == ["claimed", "proved", "made_primary", "subdomain_again"]


def test_a_removed_domain_is_forgotten_and_its_word_with_it(tenant, internet):
    old = proved(tenant, internet)
    known_as(tenant)
    remove_domain(tenant_id=tenant.pk, domain=ATELIER, actor_id=owner_of(tenant).pk, reason="sold")

    tenant.refresh_from_db()
    assert tenant.primary_domain == ""
    assert not serves_host(ATELIER)
    assert AuditEntry.objects.get(action="domain.removed").reason == "sold"
    new = claim(tenant)
    assert new.token != old.token
    with pytest.raises(NotProved):
        prove(tenant)
    with pytest.raises(NotFound):
        remove_domain(tenant_id=tenant.pk, domain=tenant.subdomain, actor_id=owner_of(tenant).pk)


# Day by day -------------------------------------------------------------------------------------------------------


def test_a_record_that_is_gone_is_told_once_and_ends_the_redirects_after_a_fortnight(tenant, internet):
    made, start = proved(tenant, internet), now()
    known_as(tenant)
    internet.withdraw(made)

    def on_day(day: int) -> None:
        look_at_domains(tenant_id=tenant.pk, at=start + timedelta(days=day))
        run_jobs()

    for day in range(MISSING_KEPT.days):
        on_day(day)
    with tenant_scope(tenant):
        assert [told.title for told in Notification.objects.filter(type="domain")] == [
            f"The record of {ATELIER} is gone"
        ]
        assert (
            f'"souk-verification={made.token}" at _souk.{ATELIER}'
            in Notification.objects.get(type="domain").message
        )
    tenant.refresh_from_db()
    assert tenant.host == ATELIER

    for day in (14, 15, 16):
        on_day(day)
    tenant.refresh_from_db()
    assert tenant.host == tenant.subdomain
    assert serves_host(ATELIER)
    with tenant_scope(tenant):
        assert Notification.objects.filter(type="domain").count() == 2
    assert actions(tenant)[3:] == ["proof_missing", "no_longer_primary"]

    internet.publish(made)
    on_day(17)
    made.refresh_from_db()
    assert made.problem == ""


def test_days_without_an_answer_do_not_count_and_a_record_that_is_back_begins_anew(tenant, internet):
    made, start = proved(tenant, internet), now()
    known_as(tenant)
    internet.withdraw(made)
    look_at_domains(tenant_id=tenant.pk, at=start)
    internet.weather = {record_name(ATELIER)}
    look_at_domains(tenant_id=tenant.pk, at=start + timedelta(days=20))
    tenant.refresh_from_db()
    assert tenant.primary_domain == ATELIER
    internet.weather = set()
    internet.publish(made)
    look_at_domains(tenant_id=tenant.pk, at=start + timedelta(days=21))
    internet.withdraw(made)
    look_at_domains(tenant_id=tenant.pk, at=start + timedelta(days=22))
    tenant.refresh_from_db()
    assert tenant.primary_domain == ATELIER


def test_every_day_each_served_storefront_with_domains_is_looked_at(tenant, other_tenant, internet):
    made = proved(tenant, internet)
    internet.withdraw(made)
    assert TASKS["domain.recheck"].cron
    internet.asked.clear()

    assert look_at_all_domains() == 1
    run_jobs()

    assert internet.asked == [record_name(ATELIER)]
    made.refresh_from_db()
    assert made.problem.startswith("missing:")
    close_tenant(tenant_id=tenant.pk, actor_id=make_operator().pk, reason="x")
    assert look_at_all_domains() == 0
    assert not queued("domain.look")


# At the same moment -----------------------------------------------------------------------------------------------


def test_of_sellers_who_prove_at_once_exactly_one_gets_the_domain(committed, settings):
    settings.DOMAIN_RESOLVER = fake.PATH
    internet = TestResolver.forget()
    sellers = [make_tenant() for _ in range(3)]
    for seller in sellers:
        internet.publish(claim(seller))
    everybody_was_answered = Gate(3)
    internet.on_ask = everybody_was_answered.wait

    results = at_once([partial(prove, seller) for seller in sellers])

    assert failures(results, DomainTaken) == []
    winners = [result for result in results if isinstance(result, Domain)]
    assert len(winners) == 1
    assert Domain.objects.get(domain=ATELIER).tenant_id == winners[0].tenant_id
    assert AuditEntry.objects.filter(action="domain.proved").count() == 1


def test_control_looking_before_writing_would_give_it_to_everybody(committed, settings):
    sellers = [make_tenant() for _ in range(2)]
    for seller in sellers:
        claim(seller)
    everybody_looked = Gate(2)

    def naive(seller: Tenant) -> str:
        is_free = not Domain.objects.filter(domain=ATELIER).exists()
        everybody_looked.wait()
        return seller.slug if is_free else ""

    assert all(at_once([partial(naive, seller) for seller in sellers]))


def test_making_it_the_address_and_removing_it_at_once_leave_no_address_that_is_gone(committed, settings):
    settings.DOMAIN_RESOLVER = fake.PATH
    internet = TestResolver.forget()
    seller = make_tenant()
    for number in range(6):
        domain = f"a{number}.example"
        proved(seller, internet, domain)
        remove = partial(remove_domain, tenant_id=seller.pk, domain=domain, actor_id=owner_of(seller).pk)
        results = at_once([partial(known_as, seller, domain), remove])
        assert failures(results, NotFound) == []
        seller.refresh_from_db()
        assert seller.primary_domain == ""
