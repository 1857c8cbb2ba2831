"""The operator's admin, on the marketplace host."""

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.urls import reverse

from services.provisioning_services import make_ready_schema
from shop.models import OrderStatus
from tenants.models import AuditEntry, Tenant, TenantStatus
from tests.factories.shop import make_order, pay
from tests.factories.tenants import make_operator, make_user

HOST = {"HTTP_HOST": "souk.localhost"}


def path(name, *args):
    """Of the admin. (Ids of Stripe have "_3B" in them at times: unquoted, the admin reads that as ";".)"""
    return reverse(f"admin:{name}", urlconf="config.urls_public", args=args)


@pytest.fixture
def operator(db, client):
    person = make_operator()
    client.force_login(person)
    return person


def test_every_list_and_every_row_opens(operator, client, serving, stripe_local):
    order = make_order()
    pay(order, stripe_local)
    assert order.status == OrderStatus.CONFIRMED

    for model, model_admin in admin.site._registry.items():
        info = f"{model._meta.app_label}_{model._meta.model_name}"
        assert client.get(path(f"{info}_changelist"), **HOST).status_code == 200, info
        row = model_admin.get_queryset(None).first() if info != "admin_logentry" else None
        if row is not None:
            assert client.get(path(f"{info}_change", quote(row.pk)), **HOST).status_code == 200, info


def test_suspending_in_the_admin_goes_through_the_service_and_the_audit_log(operator, client, tenant):
    client.post(
        path("tenants_tenant_changelist"), {"action": "suspend", "_selected_action": [str(tenant.pk)]}, **HOST
    )

    assert Tenant.objects.get(pk=tenant.pk).status == TenantStatus.SUSPENDED
    assert AuditEntry.objects.get(tenant=tenant, action="tenant.suspend").actor_id == operator.pk


def test_an_illegal_move_is_a_message_and_changes_nothing(operator, client, tenant):
    answer = client.post(
        path("tenants_tenant_changelist"),
        {"action": "reactivate", "_selected_action": [str(tenant.pk)]},
        follow=True,
        **HOST,
    )

    assert answer.status_code == 200
    assert Tenant.objects.get(pk=tenant.pk).status == TenantStatus.ACTIVE


def test_adding_a_storefront_provisions_it(committed, client):
    make_ready_schema()
    client.force_login(make_operator())

    client.post(
        path("tenants_tenant_add"),
        {
            "name": "New Shop",
            "slug": "brand-new-shop",
            "currency": "EUR",
            "country": "DE",
            "email": "new@example.com",
        },
        **HOST,
    )

    made = Tenant.objects.get(slug="brand-new-shop")
    assert made.status == TenantStatus.ACTIVE
    assert made.memberships.get().user.email == "new@example.com"


def test_people_who_are_no_operators_do_not_get_in(db, client):
    client.force_login(make_user())

    assert client.get(path("tenants_tenant_changelist"), **HOST).status_code == 302


def test_the_books_cannot_be_edited(operator, client, serving, stripe_local):
    order = make_order()
    pay(order, stripe_local)
    for name in ("payouts_ledgertransaction_add", "payouts_payout_add", "payouts_charge_add"):
        assert client.get(path(name), **HOST).status_code == 403
