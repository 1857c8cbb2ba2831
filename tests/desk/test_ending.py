"""The end of a storefront at the desk: closed with a date, taken back, erased, and what is left to look at."""

import re
from datetime import timedelta

import pytest
from django.core import mail

from core.clock import now
from core.db import as_marketplace
from services.lifecycle_operations import start_erasure
from services.tenant_services import close_tenant
from tenants.context import tenant_scope
from tenants.models import Archive, AuditEntry, Operation, Tenant, TenantStatus
from tests.desk.conftest import Desk
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order
from tests.factories.tenants import make_operator, make_tenant, owner_of
from tests.portability.conftest import archives  # noqa: F401 - a fixture
from tests.portability.leaving import NOTHING, close, left_of


def page_of(tenant: Tenant) -> str:
    return f"/desk/storefronts/{tenant.slug}"


def test_closing_says_until_when_it_can_be_taken_back_and_tells_the_owner(desk, tenant):
    desk.get(page_of(tenant))
    assert "For 30 days this can be taken back" in desk.text

    desk.post(page_of(tenant), {"action": "close", "reason": "counterfeit", "confirm": tenant.slug})

    desk.get(f"{page_of(tenant)}?done=closed")
    until = now() + timedelta(days=30)
    assert f"The closing can be taken back until {until.day} {until:%B %Y}." in desk.text
    assert 'value="erase"' not in desk.text
    run_jobs()
    assert [message.to for message in mail.outbox] == [[owner_of(tenant).email]]


def test_a_closing_is_taken_back_with_a_reason(desk, tenant):
    close(tenant)

    assert desk.post(page_of(tenant), {"action": "reopen", "reason": ""}).status_code == 400
    answer = desk.post(page_of(tenant), {"action": "reopen", "reason": "they asked"})

    assert answer["Location"] == f"{page_of(tenant)}?done=reopened"
    assert Tenant.objects.get(pk=tenant.pk).status == TenantStatus.SUSPENDED
    assert AuditEntry.objects.get(action="tenant.reopen").reason == "they asked"
    desk.get(answer["Location"])
    assert 'value="reactivate"' in desk.text


@pytest.mark.parametrize("days_ago", [0, 31])
def test_what_stands_against_erasing_is_shown_with_what_to_do(desk, tenant, days_ago):
    with tenant_scope(tenant), as_marketplace():
        make_order()
    close(tenant, days_ago=days_ago)

    desk.get(page_of(tenant))

    assert "1 order that may still be paid." in desk.text
    assert "Wait, or cancel it." in desk.text
    assert ("The closing can be taken back until" in desk.text) is (days_ago == 0)
    assert 'value="erase"' not in desk.text
    answer = desk.post(page_of(tenant), {"action": "erase", "reason": "x", "confirm": tenant.slug})
    assert answer.status_code == 409
    assert not Operation.objects.exists()


def test_erasing_is_confirmed_by_its_address(desk, tenant):
    close(tenant, days_ago=31)
    desk.get(page_of(tenant))
    assert 'value="erase"' in desk.text

    for confirm in ("", "yes", tenant.slug.upper()):
        form = {"action": "erase", "reason": "its time is over", "confirm": confirm}
        assert desk.post(page_of(tenant), form).status_code == 400
        assert "its time is over" in desk.text, "what was typed stays"
    assert not Operation.objects.exists()


def test_the_list_of_closed_ones_says_what_stands_against_each(
    desk, tenant, other_tenant, django_assert_max_num_queries
):
    with tenant_scope(tenant), as_marketplace():
        make_order()
    for each in (tenant, other_tenant):
        close(each, days_ago=31)
    open_one = make_tenant()

    with django_assert_max_num_queries(12):
        desk.get("/desk/storefronts?status=closed")

    assert re.findall(r"order that may still be paid|Erased with the next night", desk.text) == [
        "Erased with the next night",
        "order that may still be paid",
    ]
    assert open_one.slug not in desk.text


@pytest.mark.usefixtures("archives")
def test_erasing_is_long_work_whose_page_leads_to_what_is_left(committed):
    desk, tenant = Desk(make_operator(email="op@souk.example")), make_tenant()
    close(tenant, days_ago=31)

    answer = desk.post(page_of(tenant), {"action": "erase", "reason": "over", "confirm": tenant.slug})

    operation = Operation.objects.get()
    assert answer["Location"] == f"/desk/operations/{operation.pk}"
    again = start_erasure(tenant_id=tenant.pk, actor_id=desk.person.pk, reason="over", confirm=tenant.slug)
    assert again == operation
    run_jobs()
    desk.get(answer["Location"])
    assert "It is gone" in desk.text
    assert tenant.slug not in desk.text
    (left,) = set(re.findall(r"/desk/storefronts/erased-[0-9a-f]{12}", desk.text))
    assert desk.get(left).status_code == 200
    assert "Erased storefront" in desk.text
    assert "What is left" in desk.text
    assert "Team" not in desk.text
    assert not re.findall(r'value="(suspend|reactivate|close|reopen|erase|support)"', desk.text)
    assert left_of(tenant) == NOTHING
    assert Archive.objects.get().kind == "farewell"
    assert desk.get(page_of(tenant)).status_code == 404
    desk.get("/desk/storefronts?status=erased")
    assert "Erased storefront" in desk.text
    for path in ("/desk", "/desk/storefronts", "/desk/fleet", "/desk/audit", "/desk/payouts", "/desk/debts"):
        assert desk.get(path).status_code == 200, path


@pytest.mark.usefixtures("archives")
def test_what_came_up_before_the_worker_began_is_said_on_its_page(committed):
    desk, tenant = Desk(make_operator()), make_tenant()
    close(tenant, days_ago=31)
    answer = desk.post(page_of(tenant), {"action": "erase", "reason": "over", "confirm": tenant.slug})
    with tenant_scope(tenant), as_marketplace():
        make_order()

    run_jobs()

    desk.get(answer["Location"])
    assert "1 order that may still be paid." in desk.text
    assert Tenant.objects.get(pk=tenant.pk).status == TenantStatus.CLOSED


def test_a_staging_copy_can_be_erased_as_soon_as_it_is_closed(desk, operator, tenant, other_tenant):
    Tenant.objects.filter(pk=tenant.pk).update(is_staging=True, copied_from=other_tenant.pk)
    desk.get(page_of(tenant))
    assert "A staging copy is erased with the next night." in desk.text

    close_tenant(tenant_id=tenant.pk, actor_id=operator.pk, reason="tried")

    desk.get(page_of(tenant))
    assert 'value="erase"' in desk.text
