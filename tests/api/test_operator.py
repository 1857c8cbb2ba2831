"""Addresses that may be had, and what only the operator does."""

import pytest
from django.core import mail

from tenants.models import AuditEntry, Tenant, User
from tests.api.test_signup import OPERATOR, sign_up
from tests.factories.jobs import run_jobs
from tests.factories.tenants import make_operator, make_tenant, make_user, owner_of
from tests.tenancy.support import ELSEWHERE, MARKETPLACE, ask, tokens

PROVISION = {"email": "new@example.com", "name": "Amaranth", "slug": "amaranth"}


@pytest.mark.parametrize(
    "slug",
    ["admin", "www", "public", "paypal", "adm1n", "pay-pal", "paypa1", "ADMIN", "supp0rt", "l0gin", "api"],
)
def test_reserved_names_and_their_look_alikes_are_refused(db, slug):
    answer = sign_up(slug, email="a@example.com")
    assert (answer.status_code, answer.json()["code"]) in [(409, "slug_unavailable"), (400, "invalid")]
    assert not Tenant.objects.exists()
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "twin", ["rosemill", "ROSEMILL", "rose-mill", "r0semill", "rosernill", "rosemi1l", "rosemiil"]
)
def test_what_looks_like_a_taken_name_is_refused(db, twin):
    assert sign_up("rosemill", key="k-1").status_code == 201
    answer = sign_up(twin, key="k-2", email="other@example.com")
    assert (answer.status_code, answer.json()["code"]) == (409, "slug_unavailable")
    assert Tenant.objects.count() == 1


MALFORMED = [
    "", "a", "ab", "-abc", "abc-", "a--b", "xn--80ak6aa92e", "a_b_c", "a.b.c", "../../x", "a:bc", "a/b", "a b c",
    "information_schema", "pg_catalog", "münchen", "аmаrаnth", "abc\x00", "abc\ndef", "abc;drop schema public",
    'abc"', "x" * 41, "x" * 64, "{tenant}", "%00", 5, None, ["abc"], {"a": "b"}, True,
]  # fmt: skip


@pytest.mark.parametrize("slug", MALFORMED, ids=repr)
def test_malformed_names_are_refused(db, slug):
    from tests.api.test_signup import body_for

    body = {**body_for("x", email="a@example.com"), "slug": slug}
    answer = ask(MARKETPLACE, "POST", "/api/v1/signup", body, HTTP_IDEMPOTENCY_KEY="k")
    assert answer.status_code == 400
    assert not Tenant.objects.exists()
    assert not User.objects.exists()


# The operator -----------------------------------------------------------------------------------------------------


@pytest.fixture
def operator(db) -> str:
    return tokens(make_operator(), None).access


def test_the_operator_lists_and_finds_storefronts(operator, tenant, other_tenant):
    def found(query: str) -> set[str]:
        answer = ask(MARKETPLACE, "GET", f"{OPERATOR}?{query}", token=operator)
        return {row["id"] for row in answer.json()["results"]}

    both = {str(tenant.pk), str(other_tenant.pk)}
    assert found("") == both
    assert found("status=active") == both
    assert found("status=suspended") == set()
    assert found(f"q={tenant.slug}") == {str(tenant.pk)}
    first = ask(MARKETPLACE, "GET", f"{OPERATOR}?limit=1", token=operator).json()
    assert found(f"limit=1&cursor={first['next_cursor']}") == both - {first["results"][0]["id"]}


def test_a_storefront_opened_by_the_operator_is_its_owners_once_they_prove_their_mailbox(operator):
    answer = ask(MARKETPLACE, "POST", OPERATOR, PROVISION, token=operator, HTTP_IDEMPOTENCY_KEY="k")
    assert answer.status_code == 201
    tenant = Tenant.objects.get()
    assert not owner_of(tenant).has_usable_password()
    run_mails()
    (message,) = mail.outbox
    assert message.to == ["new@example.com"]
    proof = message.body.split("#")[1].split()[0]
    body = {"proof": proof, "password": "a-quiet-long-password"}
    pair = ask(tenant.host, "POST", "/api/v1/auth/confirm", body).json()
    assert ask(tenant.host, "GET", "/api/v1/seller/balance", token=pair["access"]).status_code == 200


def run_mails() -> None:
    from core.models import Job

    Job.objects.exclude(task="mail.mailbox_proof").delete()
    run_jobs()


def test_a_storefront_is_suspended_reactivated_and_closed(operator, tenant):
    def move(name: str) -> int:
        path = f"{OPERATOR}/{tenant.pk}/{name}"
        return ask(MARKETPLACE, "POST", path, {"reason": "because"}, token=operator).status_code

    def seen() -> int:
        return ask(tenant.host, "GET", "/api/v1/products").status_code

    assert (move("suspend"), seen()) == (200, 503)
    assert move("suspend") == 409
    assert (move("reactivate"), seen()) == (200, 200)
    assert move("reactivate") == 409
    assert (move("close"), seen()) == (200, 404)
    for name in ("suspend", "reactivate", "close"):
        assert (move(name), seen()) == (409, 404)
    told = AuditEntry.objects.order_by("pk").values_list("action", "reason")
    assert list(told) == [(f"tenant.{name}", "because") for name in ("suspend", "reactivate", "close")]


def test_a_move_needs_a_reason(operator, tenant):
    for body in ({}, {"reason": ""}, {"reason": " "}):
        assert (
            ask(MARKETPLACE, "POST", f"{OPERATOR}/{tenant.pk}/suspend", body, token=operator).status_code
            == 400
        )
    assert ask(tenant.host, "GET", "/api/v1/products").status_code == 200


@pytest.mark.parametrize("who", ["anonymous", "seller", "nobody in particular", "operator at a storefront"])
def test_nobody_else_may(db, who):
    tenant = make_tenant()
    token, expected = {
        "anonymous": ("", 401),
        "seller": (tokens(owner_of(tenant), None).access, 403),
        "nobody in particular": (tokens(make_user(), None).access, 403),
        "operator at a storefront": (tokens(make_operator(), tenant).access, 401),
    }[who]
    paths = [("GET", ""), ("POST", ""), ("GET", f"/{tenant.pk}"), ("PATCH", f"/{tenant.pk}/terms")]
    paths += [("POST", f"/{tenant.pk}/{move}") for move in ("suspend", "reactivate", "close")]
    for method, path in paths:
        body = {**PROVISION, "reason": "x", "hold_days": 0}
        answer = ask(MARKETPLACE, method, OPERATOR + path, body, token=token, HTTP_IDEMPOTENCY_KEY="k")
        assert answer.status_code == expected, (method, path)
        assert tenant.slug not in answer.content.decode()
    answer = ask(
        MARKETPLACE, "POST", "/api/v1/operator/payout-runs", {}, token=token, HTTP_IDEMPOTENCY_KEY="k"
    )
    assert answer.status_code == expected
    assert list(Tenant.objects.values_list("status", flat=True)) == ["active"]


def test_an_operator_who_is_one_no_more_is_out_with_the_next_request(operator, tenant):
    User.objects.filter(is_operator=True).update(is_operator=False)
    assert ask(MARKETPLACE, "GET", OPERATOR, token=operator).status_code == 403


def test_a_storefront_that_never_was_is_404(operator):
    assert ask(MARKETPLACE, "GET", f"{OPERATOR}/{ELSEWHERE}", token=operator).status_code == 404
