"""Opening storefronts: in one piece or not at all, once however often it is asked; and the operator's hand on them."""

import re

import pytest
from django.db import connection

from core.models import Job
from payouts.models import SellerAccount
from services import provisioning_services, tenant_services
from tenants.models import Domain, Membership, ReadySchema, Tenant, User
from tests.factories.tenants import PASSWORD
from tests.factories.threads import at_once, failures
from tests.tenancy.support import MARKETPLACE, ask, digest

OPERATOR = "/api/v1/operator/tenants"
ROWS = (User, Tenant, Domain, Membership, SellerAccount, Job)


def body_for(slug: str, **fields) -> dict:
    email = f"{re.sub('[^a-z0-9]', '', slug.lower())[:30]}@example.com"
    return {"email": email, "password": PASSWORD, "name": "Amaranth", "slug": slug, **fields}


def sign_up(slug: str, *, key: str = "k-1", **fields):
    return ask(MARKETPLACE, "POST", "/api/v1/signup", body_for(slug, **fields), HTTP_IDEMPOTENCY_KEY=key)


def rows() -> dict:
    return {model.__name__: model.objects.count() for model in ROWS}


def pool() -> set[str]:
    return set(ReadySchema.objects.values_list("schema_name", flat=True))


def schemas() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\\_%'")
        return {name for (name,) in cursor.fetchall()}


# Once, in one piece ----------------------------------------------------------------------------------------------


def test_a_sign_up_opens_a_storefront_that_sells_at_once(db):
    answer = sign_up("amaranth")
    assert answer.status_code == 201
    made = answer.json()
    tenant = Tenant.objects.get()
    assert re.fullmatch(r"t_[a-z2-7]{16}", tenant.schema_name)  # never the seller's text
    assert ask(tenant.host, "GET", "/api/v1/products").status_code == 200
    assert ask(tenant.host, "GET", "/api/v1/seller/members", token=made["access"]).status_code == 200
    assert ask(MARKETPLACE, "GET", OPERATOR, token=made["access"]).status_code == 401
    assert tenant.schema_name not in answer.content.decode()


def test_the_same_key_returns_the_same_storefront(db):
    first, again = sign_up("amaranth"), sign_up("amaranth")
    assert first.status_code == again.status_code == 201
    assert first.json()["storefront"] == again.json()["storefront"]
    assert Tenant.objects.count() == User.objects.count() == 1


def test_another_storefront_under_the_same_key_is_refused(db):
    sign_up("amaranth")
    assert sign_up("bergamot").status_code == 422
    assert Tenant.objects.count() == 1


def test_the_same_person_asking_again_under_another_key_gets_what_they_own(db):
    first, again = sign_up("amaranth", key="k-1"), sign_up("amaranth", key="k-2")
    assert first.json()["storefront"]["id"] == again.json()["storefront"]["id"]
    assert Tenant.objects.count() == 1


def test_another_persons_account_is_not_entered_by_signing_up(db):
    sign_up("amaranth", email="ada@example.com")
    before = rows()
    answer = sign_up("bergamot", key="k-2", email="ADA@example.com", password="a-guess-of-somebody")
    assert answer.status_code == 409
    assert answer.json()["code"] == "account_exists"
    assert rows() == before


@pytest.mark.parametrize("late", ["enqueue", "record_audit", "default_brand", "tenant_scope"])
def test_a_sign_up_that_fails_half_way_leaves_nothing(db, monkeypatch, late):
    before, ready = rows(), pool()
    contents = {name: digest(name) for name in ready}

    def fail(*args, **fields):
        if args != ("tenant.fill_pool",):  # of the two jobs, the second
            raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(tenant_services, late, fail)
        assert sign_up("amaranth").status_code == 500
    assert rows() == before
    assert pool() == ready
    assert {name: digest(name) for name in ready} == contents
    assert sign_up("amaranth").status_code == 201


def test_with_an_empty_pool_the_sign_up_makes_its_own_schema(committed):
    kept = list(ReadySchema.objects.all())
    ReadySchema.objects.all().delete()
    try:
        assert sign_up("amaranth").status_code == 201
        tenant = Tenant.objects.get()
        assert tenant.schema_name not in {row.schema_name for row in kept}
        assert ask(tenant.host, "GET", "/api/v1/products").status_code == 200
    finally:
        ReadySchema.objects.bulk_create(kept)


def test_a_schema_whose_migrations_fail_is_removed(committed, monkeypatch):
    before, ready = schemas(), pool()

    def fail(*args, **options):
        raise RuntimeError("stopped")

    monkeypatch.setattr(provisioning_services, "tenant_role_sql", fail)
    with pytest.raises(RuntimeError):
        provisioning_services.make_ready_schema()
    assert schemas() == before
    assert pool() == ready
    assert connection.schema_name == "public"


def test_of_eight_sign_ups_for_one_address_one_wins(committed):
    ready = pool()
    answers = at_once(
        [lambda i=i: sign_up("amaranth", key=f"k-{i}", email=f"p{i}@example.com") for i in range(8)]
    )
    assert not failures(answers)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    lost = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert lost <= {"slug_unavailable", "try_again"}
    assert User.objects.count() == Tenant.objects.count() == Domain.objects.count() == 1
    assert pool() | {Tenant.objects.get().schema_name} >= ready
    assert Tenant.objects.get().schema_name not in pool()


def test_one_person_asking_eight_times_at_once_gets_one_storefront(committed):
    answers = at_once([lambda i=i: sign_up("amaranth", key=f"k-{i}") for i in range(8)])
    assert not failures(answers)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({a.json()["storefront"]["id"] for a in answers if a.status_code == 201}) == 1
    assert User.objects.count() == Tenant.objects.count() == 1
