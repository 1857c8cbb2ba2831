"""The owner closes the shop: told what happens, asked for the name and the password, and gone."""

import pytest
from django.core import mail

from core.clock import now
from services.order_history import SYSTEM
from services.order_services import cancel_order
from tenants.models import AuditEntry, LoginAttempt, Tenant, TenantStatus
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, pay
from tests.factories.tenants import PASSWORD, add_member, owner_of
from tests.web.test_dashboard import owner, sign_in  # noqa: F401 - fixtures
from tests.web.test_storefront import Browser

CLOSE = "/dashboard/settings/close"


def status_of(tenant: Tenant) -> str:
    return Tenant.objects.get(pk=tenant.pk).status


def test_the_settings_lead_there_and_the_page_says_until_when_it_can_be_taken_back(
    owner,  # noqa: F811
    serving,
    settings,
    django_assert_max_num_queries,
):
    owner.get("/dashboard/settings")
    assert CLOSE in owner.text

    with django_assert_max_num_queries(12):
        owner.get(CLOSE)

    until = now() + settings.CLOSED_KEPT
    assert f"Until {until:%B} {until.day}, {until.year}" in owner.text
    assert f"Type {serving.slug} to confirm" in owner.text
    assert status_of(serving) == TenantStatus.ACTIVE


def test_with_name_and_password_the_shop_is_closed_and_its_owner_gets_a_mail(owner, serving, settings):  # noqa: F811
    settings.MARKETPLACE_EMAIL = "help@souk.example"
    person = owner_of(serving)

    answer = owner.post(CLOSE, {"confirm": serving.slug, "password": PASSWORD, "reason": "Off to sea"})

    assert answer.status_code == 200
    assert "Your shop is closed" in owner.text
    assert "help@souk.example" in owner.text
    closed = Tenant.objects.get(pk=serving.pk)
    assert (closed.status, closed.status_reason) == (TenantStatus.CLOSED, "Off to sea")
    assert closed.erase_after == closed.closed_at + settings.CLOSED_KEPT
    assert AuditEntry.objects.get(action="tenant.close").actor_id == person.pk
    for path in ("/", "/dashboard", CLOSE):
        assert owner.get(path).status_code == 404
    run_jobs()
    assert [message.to for message in mail.outbox] == [[person.email]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"confirm": ""}, "This field is required."),
        ({"confirm": "yes"}, "This is not the name in the shop&#x27;s address."),
        ({"password": ""}, "This field is required."),
        ({"password": "something-else-altogether"}, "This is not your password."),
    ],
)
def test_what_is_missing_or_wrong_is_said_beside_it_and_nothing_is_closed(owner, serving, change, said):  # noqa: F811
    form = {"confirm": serving.slug, "password": PASSWORD, **change}

    assert owner.post(CLOSE, form).status_code == 400

    assert said in owner.text
    assert status_of(serving) == TenantStatus.ACTIVE


def test_passwords_cannot_be_tried_for_ever(owner, serving):  # noqa: F811
    form = {"confirm": serving.slug, "password": "guessed"}
    for _ in range(11):
        owner.post(CLOSE, form)

    owner.post(CLOSE, {**form, "password": PASSWORD})

    assert "Too many attempts" in owner.text or "Try again in" in owner.text
    assert status_of(serving) == TenantStatus.ACTIVE
    assert LoginAttempt.objects.filter(key=f"account:{owner_of(serving).pk}").exists()


def test_orders_are_sent_or_cancelled_first(owner, serving, stripe_local):  # noqa: F811
    waiting, paid = make_order(), make_order()
    pay(paid, stripe_local)

    owner.get(CLOSE)
    assert "Orders that wait for a payment" in owner.text
    assert "Orders to be sent" in owner.text
    assert 'name="password"' not in owner.text
    assert owner.post(CLOSE, {"confirm": serving.slug, "password": PASSWORD}).status_code == 400
    assert status_of(serving) == TenantStatus.ACTIVE

    cancel_order(order_id=waiting.pk, actor=SYSTEM)
    cancel_order(order_id=paid.pk, actor=SYSTEM)
    owner.get(CLOSE)
    assert "Refunds on their way" in owner.text
    run_jobs()
    owner.get(CLOSE)
    assert 'name="password"' in owner.text


@pytest.mark.parametrize("role", ["manager", "fulfilment", "support"])
def test_nobody_but_the_owner_closes_it(serving, role):
    browser = sign_in(Browser(serving), add_member(serving, role))

    browser.get("/dashboard/settings")
    assert CLOSE not in browser.text
    assert browser.get(CLOSE).status_code == 403
    assert browser.post(CLOSE, {"confirm": serving.slug, "password": PASSWORD}).status_code == 403
    assert status_of(serving) == TenantStatus.ACTIVE


def test_a_staging_copy_is_said_to_be_erased_with_the_next_night(owner, serving, other_tenant):  # noqa: F811
    Tenant.objects.filter(pk=serving.pk).update(is_staging=True, copied_from=other_tenant.pk)

    owner.get(CLOSE)

    assert "during the next night" in owner.text
    owner.post(CLOSE, {"confirm": serving.slug, "password": PASSWORD})
    assert status_of(serving) == TenantStatus.CLOSED
    run_jobs()
    assert mail.outbox == []
