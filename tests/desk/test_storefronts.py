"""Storefronts at the desk: found, opened, suspended with a reason, closed for good."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client

from core.clock import now
from payouts.models import AccountKind, Charge, Debt, SellerAccount
from services.account_services import set_terms
from services.ledger_services import ledger_account
from services.schema_recording_services import code_version
from services.tenant_services import suspend_tenant
from tenants.desk_selectors import AskedStorefronts, find_storefronts, schema_state
from tenants.models import AuditEntry, Domain, FleetEntry, Session, Tenant, TenantStatus, User
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_variant, pay
from tests.factories.tenants import add_member, make_tenant, make_user, owner_of
from tests.tenancy.support import MARKETPLACE

VERIFIED = {
    "details_submitted": True,
    "payouts_enabled": True,
    "transfers_active": True,
}
_accounts = iter(range(10_000))


def verify(tenant: Tenant) -> None:
    """The seller's account may receive payouts."""
    SellerAccount.objects.filter(tenant=tenant).update(
        stripe_account_id=f"acct_{next(_accounts)}", **VERIFIED
    )


def names(desk, query: str = "") -> list[str]:
    """The slugs of the storefronts listed, in their order."""
    assert desk.get(f"/desk/storefronts{query}").status_code == 200
    return re.findall(r'row-link" href="/desk/storefronts/([a-z0-9-]+)"', desk.text)


def clone(count: int, tenant: Tenant, **fields) -> None:
    """More storefronts, as rows of the shared tables only."""
    Tenant.objects.bulk_create(
        Tenant(
            schema_name=f"t_clone{number:020}",
            schema_version=tenant.schema_version,
            slug=f"clone-{number}",
            slug_skeleton=f"clone-{number}",
            name=f"Clone {number}",
            currency="EUR",
            status="active",
            activated_at=now(),
            **fields,
        )
        for number in range(count)
    )
    SellerAccount.objects.bulk_create(
        SellerAccount(tenant=each, hold_days=7, payout_minimum_minor=2000)
        for each in Tenant.objects.filter(slug__startswith="clone-")
    )


# Finding them -----------------------------------------------------------------------------------------------------


def test_they_are_listed_newest_first(desk, tenant, other_tenant):
    assert names(desk) == [other_tenant.slug, tenant.slug]


@pytest.mark.parametrize("of", ["name", "slug", "domain", "owner"])
def test_they_are_found_by_name_address_domain_and_owner(desk, tenant, other_tenant, of):
    Tenant.objects.filter(pk=tenant.pk).update(name="Ümlaut & Söhne")
    Domain.objects.create(domain="shop.example.org", tenant=tenant, is_primary=False)
    words = {
        "name": "%C3%BCmlaut",
        "slug": tenant.slug[2:9],
        "domain": "EXAMPLE.org",
        "owner": owner_of(tenant).email[3:14],
    }

    assert names(desk, f"?q={words[of]}") == [tenant.slug]


def test_staff_other_than_the_owner_do_not_find_a_storefront(desk, tenant):
    add_member(tenant, "manager", make_user(email="helper@else.example"))

    assert names(desk, "?q=helper@else") == []
    assert "No storefront is like that" in desk.text


def test_what_stands_for_anything_in_a_pattern_is_looked_for_as_it_is(desk, tenant):
    assert names(desk, "?q=%25") == []
    assert names(desk, "?q=_") == []


def test_they_are_filtered_by_status_schema_and_payouts(desk, operator, tenant, other_tenant):
    third = make_tenant()
    suspend_tenant(tenant_id=tenant.pk, actor_id=operator.pk, reason="a test")
    Tenant.objects.filter(pk=other_tenant.pk).update(schema_version="older")
    Tenant.objects.filter(pk=third.pk).update(schema_version="older")
    FleetEntry.objects.create(tenant=third, state="failed", error="ERROR: no", changed_at=now())
    verify(third)

    assert names(desk, "?status=suspended") == [tenant.slug]
    assert names(desk, "?schema=current") == [tenant.slug]
    assert names(desk, "?schema=behind") == [other_tenant.slug]
    assert names(desk, "?schema=failed") == [third.slug]
    assert names(desk, "?schema=missing") == []
    assert names(desk, "?receives=yes") == [third.slug]
    assert names(desk, "?receives=no") == [other_tenant.slug, tenant.slug]
    assert names(desk, "?receives=no&status=active") == [other_tenant.slug]


def test_filters_of_the_schema_say_what_each_row_says(operator, tenant, other_tenant):
    """One storefront for each case: the filter and the word on the row agree."""
    cases = [tenant, other_tenant, *(make_tenant() for _ in range(4))]
    for each, version, state in zip(
        cases,
        [code_version(), "older", "older", "older", "older", code_version()],
        ["", "", "failed", "missing", "current", "failed"],
        strict=True,
    ):
        Tenant.objects.filter(pk=each.pk).update(schema_version=version)
        if state:
            FleetEntry.objects.create(tenant=each, state=state, changed_at=now())

    found = {
        state: find_storefronts(AskedStorefronts(schema=state), version=code_version(), since=now())[0]
        for state in ("current", "behind", "failed", "missing")
    }

    assert {state: len(rows) for state, rows in found.items()} == {
        "current": 2,
        "behind": 2,
        "failed": 1,
        "missing": 1,
    }
    for state, rows in found.items():
        assert {schema_state(row, version=code_version()) for row in rows} == {state}


def test_by_volume_the_largest_of_thirty_days_come_first(desk, serving, other_tenant, stripe_local):
    order = make_order((make_variant(price_minor=5_000), 1))
    pay(order, stripe_local)

    assert names(desk, "?sort=volume") == [serving.slug, other_tenant.slug]
    assert "€54.90" in desk.text

    Charge.objects.update(captured_at=now() - timedelta(days=31), available_at=now() - timedelta(days=24))
    assert names(desk, "?sort=volume") == [other_tenant.slug, serving.slug]
    assert "€54.90" not in desk.text


def test_a_row_says_what_the_seller_is_owed(desk, serving, stripe_local):
    pay(make_order((make_variant(price_minor=5_000), 1)), stripe_local)
    owed = -ledger_account(AccountKind.SELLER_PAYABLE, serving, "EUR").balance_minor
    assert owed > 0

    desk.get("/desk/storefronts")

    assert f"€{owed / 100:.2f}" in desk.text


def test_health_is_a_word_with_its_reason(desk, operator, serving, stripe_local):
    verify(serving)
    desk.get("/desk/storefronts")
    assert "Well" in desk.text

    set_terms(tenant_id=serving.pk, actor_id=operator.pk, payouts_paused_reason="papers are missing")
    desk.get("/desk/storefronts")
    assert "Payouts paused" in desk.text
    assert "papers are missing" in desk.text

    account = ledger_account(AccountKind.SELLER_PAYABLE, serving, "EUR")
    Debt.objects.create(account=account, amount_minor=100, since=now())
    desk.get("/desk/storefronts")
    assert "In debt" in desk.text
    assert "Also: payouts paused." in desk.text

    suspend_tenant(tenant_id=serving.pk, actor_id=operator.pk, reason="counterfeit")
    desk.get("/desk/storefronts")
    assert "counterfeit" in desk.text
    assert "Also: in debt, payouts paused." in desk.text


def test_a_list_of_many_is_paged_and_asks_few_questions(desk, tenant, django_assert_max_num_queries):
    clone(60, tenant)

    with django_assert_max_num_queries(12):
        first = names(desk)
    seen = [*first, *names(desk, "?page=2"), *names(desk, "?page=3")]

    assert len(first) == 25
    assert len(seen) == len(set(seen)) == 61
    assert 'rel="next"' not in desk.text
    with django_assert_max_num_queries(12):
        names(desk, "?sort=volume&q=clone&status=active&receives=no&schema=current&page=2")
    assert "sort=volume&amp;q=clone" in desk.text or "q=clone" in desk.text


@pytest.mark.parametrize(
    "query", ["?page=0", "?page=x", "?page=99999", "?status=no", "?sort=x", "?q=%00", "?q=%E2%80%AE"]
)
def test_what_cannot_be_understood_is_left_out(desk, tenant, query):
    assert names(desk, query) == [tenant.slug]


def test_names_and_reasons_are_text(desk, operator, tenant):
    Tenant.objects.filter(pk=tenant.pk).update(name="<img src=x onerror=alert(1)>")
    suspend_tenant(tenant_id=tenant.pk, actor_id=operator.pk, reason="<b>bold</b>")

    for path in ("", f"/{tenant.slug}"):
        desk.get(f"/desk/storefronts{path}")
        assert "<img src=x" not in desk.text
        assert "<b>bold</b>" not in desk.text
        assert "&lt;b&gt;bold&lt;/b&gt;" in desk.text


# Opening one for somebody -----------------------------------------------------------------------------------------

NEW = {
    "name": "New Shop",
    "slug": "brand-new-shop",
    "email": "New@Example.com",
    "country": "FR",
    "currency": "CHF",
}


def test_one_is_opened_for_somebody_who_gets_a_mail(committed, client):
    from tests.desk.conftest import Desk
    from tests.factories.tenants import make_operator

    desk = Desk(make_operator())

    answer = desk.post("/desk/new-storefront", NEW)

    assert answer["Location"] == "/desk/storefronts/brand-new-shop?done=opened"
    desk.get(answer["Location"])
    assert "The storefront is open" in desk.text
    made = Tenant.objects.get(slug="brand-new-shop")
    assert (made.currency, made.country, owner_of(made).email) == ("CHF", "FR", "new@example.com")
    assert AuditEntry.objects.get(action="tenant.provisioned").actor_id == desk.person.pk
    run_jobs()
    assert [message.to for message in mail.outbox] == [["new@example.com"]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"slug": "admin"}, "id_slug"),
        ({"slug": "A B"}, "id_slug"),
        ({"email": "nobody"}, "Enter a valid email address."),
        ({"name": ""}, "This field is required."),
        ({"currency": "XXX"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_opened(desk, change, told):
    answer = desk.post("/desk/new-storefront", {**NEW, **change})

    assert answer.status_code in (400, 409)
    assert told in desk.text
    assert "errorlist" in desk.text
    assert not Tenant.objects.exists()


def test_a_taken_address_is_not_given_twice(desk, tenant):
    answer = desk.post("/desk/new-storefront", {**NEW, "slug": tenant.slug})

    assert answer.status_code == 409
    assert "is taken" in desk.text
    assert not User.objects.filter(email="new@example.com").exists()


# One of them ------------------------------------------------------------------------------------------------------


def test_its_page_says_all_there_is_to_know(desk, serving, stripe_local, django_assert_max_num_queries):
    pay(make_order((make_variant(price_minor=5_000), 1)), stripe_local)
    member = add_member(serving, "fulfilment")
    FleetEntry.objects.create(
        tenant=serving, state="failed", migration="shop.0099", error="ERROR: lock timeout", changed_at=now()
    )

    with django_assert_max_num_queries(12):
        assert desk.get(f"/desk/storefronts/{serving.slug}").status_code == 200

    for text in (
        serving.host,
        owner_of(serving).email,
        member.email,
        "€54.90",
        "ERROR: lock timeout",
        "shop.0099",
        serving.schema_name,
        "No account at Stripe yet.",
    ):
        assert text in desk.text, text


def test_nobody_s_storefront_is_not_found(desk):
    assert desk.get("/desk/storefronts/no-such-shop").status_code == 404
    assert (
        desk.post("/desk/storefronts/no-such-shop", {"action": "suspend", "reason": "x"}).status_code == 404
    )


def test_it_is_suspended_and_reactivated_with_a_reason(desk, tenant):
    path = f"/desk/storefronts/{tenant.slug}"

    answer = desk.post(path, {"action": "suspend", "reason": "  counterfeit goods "})
    assert answer["Location"] == f"{path}?done=suspended"
    found = Tenant.objects.get(pk=tenant.pk)
    assert (found.status, found.status_reason) == (TenantStatus.SUSPENDED, "counterfeit goods")
    assert Client(HTTP_HOST=tenant.host).get("/").status_code == 503

    desk.post(path, {"action": "reactivate", "reason": "proved to be real"})
    assert Tenant.objects.get(pk=tenant.pk).status == TenantStatus.ACTIVE
    assert Client(HTTP_HOST=tenant.host).get("/").status_code == 200
    lines = AuditEntry.objects.filter(tenant=tenant).order_by("at")
    assert [(line.action, line.reason, line.actor_id) for line in lines] == [
        ("tenant.suspend", "counterfeit goods", desk.person.pk),
        ("tenant.reactivate", "proved to be real", desk.person.pk),
    ]
    desk.get(path)
    assert "counterfeit goods" in desk.text


@pytest.mark.parametrize("action", ["suspend", "close", "reactivate"])
@pytest.mark.parametrize("reason", ["", "   ", "x" * 301, "with \u202e a trick"])
def test_without_a_reason_nothing_happens(desk, tenant, action, reason):
    answer = desk.post(
        f"/desk/storefronts/{tenant.slug}", {"action": action, "reason": reason, "confirm": tenant.slug}
    )

    assert answer.status_code == 400
    assert "is needed" in desk.text
    assert Tenant.objects.get(pk=tenant.pk).status == TenantStatus.ACTIVE
    assert not AuditEntry.objects.exists()


def test_closing_is_confirmed_by_its_address(desk, tenant):
    path = f"/desk/storefronts/{tenant.slug}"
    form = {"action": "close", "reason": "the seller asked for it"}

    for confirm in ("", "yes", tenant.slug.upper()):
        assert desk.post(path, {**form, "confirm": confirm}).status_code == 400
        assert "the seller asked for it" in desk.text, "what was typed stays"
    assert Tenant.objects.get(pk=tenant.pk).status == TenantStatus.ACTIVE

    assert desk.post(path, {**form, "confirm": tenant.slug}).status_code == 302
    closed = Tenant.objects.get(pk=tenant.pk)
    assert (closed.status, closed.status_reason) == (TenantStatus.CLOSED, "the seller asked for it")
    desk.get(path)
    assert 'value="suspend"' not in desk.text
    assert 'value="support"' not in desk.text


def test_a_move_that_is_not_possible_is_said_in_words(desk, tenant):
    answer = desk.post(f"/desk/storefronts/{tenant.slug}", {"action": "reactivate", "reason": "open up"})

    assert answer.status_code == 409
    assert "tenant is active: reactivate is not possible." in desk.text
    assert "open up" not in AuditEntry.objects.values_list("reason", flat=True)


@pytest.mark.parametrize("action", ["", "delete", "get", "__init__"])
def test_an_action_that_does_not_exist_is_refused(desk, tenant, action):
    assert desk.post(f"/desk/storefronts/{tenant.slug}", {"action": action, "reason": "x"}).status_code == 400


def test_forms_of_others_are_refused(operator, tenant):
    attacker = Client(enforce_csrf_checks=True, HTTP_HOST=MARKETPLACE)
    attacker.force_login(operator)

    for action in ("suspend", "close", "support"):
        form = {"action": action, "reason": "x", "confirm": tenant.slug}
        assert attacker.post(f"/desk/storefronts/{tenant.slug}", form).status_code == 403
    assert Tenant.objects.get(pk=tenant.pk).status == TenantStatus.ACTIVE
    assert not Session.objects.filter(is_support=True).exists()
