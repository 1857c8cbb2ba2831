"""The schema in force is the one the code believes in: after errors, rollbacks, savepoints and under load."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from services.cart_services import open_cart
from services.schema_names import drop_schema
from shop.models import Product
from tenants.context import tenant_scope
from tenants.models import Domain
from tests.factories.shop import make_product
from tests.factories.tenants import make_tenant, owner_session
from tests.tenancy.support import MARKETPLACE, ask

PRODUCTS = "/api/v1/products"


def path_of_session() -> list[str]:
    """What the session says, asked past the wrapper."""
    with connection.connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        return [name.strip(' "') for name in cursor.fetchone()[0].split(",")]


def schema_in_force() -> str:
    """What the next statement of the code sees."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        return cursor.fetchone()[0]


def role_in_force() -> str:
    """With whose rights the next statement of the code runs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT CASE WHEN current_user = session_user THEN 'public' ELSE current_user END")
        return cursor.fetchone()[0]


def agree() -> bool:
    """The wrapper's belief, if it has one, is the session's path; and the schema it serves and its role are in force."""
    believed = connection.search_path_set_schemas
    is_path = believed is None or believed == path_of_session()
    return is_path and schema_in_force() == role_in_force() == connection.schema_name


@pytest.fixture(params=[True, False], ids=["limited", "unlimited"])
def limit(request, settings):
    """With and without TENANT_LIMIT_SET_CALLS, which is read at each statement."""
    settings.TENANT_LIMIT_SET_CALLS = request.param
    return request.param


@pytest.fixture
def shops(tenant, other_tenant):
    for one, title in ((tenant, "Amaranth"), (other_tenant, "Bergamot")):
        with tenant_scope(one):
            make_product(title=title)
    return tenant, other_tenant


def titles(host: str) -> list[str]:
    return [row["title"] for row in ask(host, "GET", PRODUCTS).json()["results"]]


def test_after_a_request_that_failed_inside_a_transaction_the_next_is_served_its_own(
    limit, shops, monkeypatch
):
    a, b = shops

    def fail(**options):
        with transaction.atomic():
            open_cart(lines=[])
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")

    monkeypatch.setattr("tenants.api.auth.request_mailbox_proof", fail)
    for _ in range(3):
        assert ask(a.host, "POST", "/api/v1/auth/join", {"email": "a@example.com"}).status_code == 500
        assert agree()
        assert titles(b.host) == ["Bergamot"]
        assert titles(a.host) == ["Amaranth"]
        assert agree()


def test_a_switch_inside_a_savepoint_that_rolls_back_leaves_wrapper_and_session_agreed(limit, shops):
    a, b = shops
    with tenant_scope(a), transaction.atomic():
        assert agree()
        try:
            with transaction.atomic():
                connection.set_tenant(b)
                assert Product.objects.get().title == "Bergamot"
                raise ArithmeticError
        except ArithmeticError:
            pass
        assert agree()
        assert Product.objects.get().title == "Bergamot"  # nobody switched back
        connection.set_tenant(a)
        assert Product.objects.get().title == "Amaranth"
        assert agree()


@pytest.mark.parametrize("ending", ["commit", "rollback", "broken"])
def test_a_switch_inside_a_transaction_holds_however_it_ends(limit, committed, ending):
    a, b = make_tenant(), make_tenant()
    connection.set_tenant(a)
    assert agree()
    try:
        with transaction.atomic():
            connection.set_tenant(b)
            assert agree()
            if ending == "rollback":
                raise ArithmeticError
            if ending == "broken":
                Product.objects.raw("SELECT 1 / 0")[0]
    except (ArithmeticError, DatabaseError):
        pass
    assert agree()
    assert schema_in_force() == b.schema_name


def test_a_request_ends_in_the_public_schema(limit, shops):
    for host in (shops[0].host, MARKETPLACE, "nowhere.example", shops[1].host):
        connection.set_tenant(shops[0])
        Client().get(PRODUCTS, headers={"host": host})
        assert connection.schema_name == "public"
        assert agree()


def test_a_replaced_session_is_told_its_schema(committed):
    a = make_tenant()
    with tenant_scope(a):
        assert agree()
        connection.close()
        assert schema_in_force() == a.schema_name
        assert agree()


def test_a_host_that_went_to_another_storefront_is_served_by_that_one(shops):
    a, b = shops
    host = a.host
    assert [titles(host), titles(host)] == [["Amaranth"], ["Amaranth"]]
    Domain.objects.filter(domain=host).update(tenant=b)
    assert titles(host) == ["Bergamot"]
    Domain.objects.filter(domain=host).delete()
    assert ask(host, "GET", PRODUCTS).status_code == 404


def test_a_session_whose_role_is_gone_serves_others(committed):
    a, b = make_tenant(), make_tenant()
    host = a.host
    assert titles(host) == []
    with owner_session() as owner, owner.cursor() as cursor:
        cursor.execute(
            "UPDATE tenants_tenant SET status = 'closed', closed_at = now() WHERE id = %s", [str(a.pk)]
        )
    drop_schema(a.schema_name)
    assert ask(host, "GET", PRODUCTS).status_code == 404
    assert titles(b.host) == []
