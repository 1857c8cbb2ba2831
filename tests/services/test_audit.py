"""`audit` looks at every storefront, whatever is wrong with one of them."""

import pytest
from django.db import connection

from services.invariant_services import audit
from services.staging_services import copy_to_staging
from shop.models import Order
from tenants.context import tenant_scope
from tests.factories.shop import make_order, pay
from tests.portability.conftest import archives  # noqa: F401 - a fixture


def test_a_storefront_that_lacks_a_table_is_named_and_the_others_are_looked_at(tenant, other_tenant):
    assert audit().violations == []
    with connection.cursor() as cursor:
        cursor.execute(f'DROP TABLE "{tenant.schema_name}".shop_payment CASCADE')

    report = audit()

    assert report.tenants == 2
    assert [(found.tenant, found.subject) for found in report.violations] == [
        (tenant.slug, tenant.schema_name)
    ]
    assert "shop_payment" in report.violations[0].detail


@pytest.mark.usefixtures("committed", "archives")
def test_a_staging_copy_is_asked_for_everything_but_the_books(tenant, stripe_local):
    with tenant_scope(tenant):
        pay(make_order(), stripe_local)
    copy = copy_to_staging(tenant_id=tenant.pk, actor_id=None).tenant

    assert audit().violations == []
    with tenant_scope(copy):
        Order.objects.update(refunded_minor=1)
    assert {found.tenant for found in audit().violations} == {copy.slug}
