"""`audit` looks at every storefront, whatever is wrong with one of them."""

from django.db import connection

from services.invariant_services import audit


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
