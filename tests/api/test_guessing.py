"""Guessing at the door, by many at once; and where Souk sends people."""

import pytest

from payouts.models import SellerAccount
from services.auth_services import ATTEMPTS_PER_ACCOUNT, ATTEMPTS_PER_ADDRESS
from shop.models import Payment
from stripe_local.testing import LocalStripe
from tenants.context import tenant_scope
from tests.factories.shop import ADDRESS, make_cart, make_variant
from tests.factories.tenants import PASSWORD, make_operator, make_user, owner_of
from tests.factories.threads import at_once, failures
from tests.tenancy.support import MARKETPLACE, ask, tokens

TOKEN = "/api/v1/auth/token"
EVIL = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "http:evil.example",
    "javascript:alert(1)",
]


def test_of_many_guesses_at_once_no_more_are_answered_than_one_after_another(committed, tenant):
    """Whatever address the guesser claims to come from."""
    user = make_user()

    def guess(number: int):
        body = {"email": user.email, "password": f"guess-{number}"}
        return ask(tenant.host, "POST", TOKEN, body, HTTP_X_FORWARDED_FOR=f"198.51.100.{number}").status_code

    answers = at_once([lambda i=i: guess(i) for i in range(3 * ATTEMPTS_PER_ACCOUNT)])
    assert not failures(answers)
    assert sorted(answers) == [401] * ATTEMPTS_PER_ACCOUNT + [429] * (2 * ATTEMPTS_PER_ACCOUNT)


def test_one_password_tried_on_many_accounts_is_stopped_too(tenant):
    answers = [
        ask(tenant.host, "POST", TOKEN, {"email": f"p{i}@example.com", "password": "guess"}).status_code
        for i in range(ATTEMPTS_PER_ADDRESS + 5)
    ]
    assert answers == [401] * ATTEMPTS_PER_ADDRESS + [429] * 5


def sign_in_to_the_admin(client, email: str, password: str, **extra):
    login = {"username": email, "password": password}
    return client.post("/admin/login/", login, headers={"host": MARKETPLACE}, **extra)


def test_guesses_at_the_operators_door_count_with_those_at_the_api(db, client):
    email = make_operator().email
    for _ in range(ATTEMPTS_PER_ACCOUNT - 1):
        assert sign_in_to_the_admin(client, email, "guess").status_code == 200
    body = {"email": email, "password": "guess"}
    assert ask(MARKETPLACE, "POST", TOKEN, body).status_code == 401
    assert ask(MARKETPLACE, "POST", TOKEN, body).status_code == 429
    stopped = sign_in_to_the_admin(client, email, PASSWORD)
    assert stopped.status_code == 200
    assert b"Try again in" in stopped.content
    assert "sessionid" not in client.cookies
    assert (
        sign_in_to_the_admin(client, email.upper(), PASSWORD, REMOTE_ADDR="198.51.100.7").status_code == 302
    )
    assert client.get("/admin/", headers={"host": MARKETPLACE}).status_code == 200


@pytest.mark.parametrize("who", [make_user, lambda: make_operator(is_active=False)])
def test_only_active_operators_sign_in_to_the_admin(db, client, who):
    assert sign_in_to_the_admin(client, who().email, PASSWORD).status_code == 200
    assert "sessionid" not in client.cookies


@pytest.mark.parametrize("target", EVIL)
def test_signing_in_to_the_admin_leads_nowhere_else(db, client, target):
    operator = make_operator()
    login = {"username": operator.email, "password": PASSWORD, "next": target}
    answer = client.post(f"/admin/login/?next={target}", login, headers={"host": MARKETPLACE})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/desk"


@pytest.mark.parametrize("target", EVIL)
def test_stripe_sends_sellers_back_to_their_own_storefront_only(tenant, stripe_local, target):
    token = tokens(owner_of(tenant), tenant).access
    body = {"return_path": target}
    answer = ask(tenant.host, "POST", "/api/v1/seller/account/onboarding", body, token=token)
    assert answer.status_code == 400
    assert SellerAccount.objects.get(tenant=tenant).stripe_account_id is None


def test_stripe_sends_buyers_back_to_the_storefront_whatever_the_request_claimed(
    tenant, stripe_local: LocalStripe
):
    with tenant_scope(tenant):
        cart = make_cart((make_variant(), 1))
    claims = {
        "HTTP_X_FORWARDED_HOST": "evil.example",
        "HTTP_ORIGIN": "https://evil.example",
        "HTTP_REFERER": "https://evil.example/",
    }
    order = {"cart": cart.token, "email": "a@example.com", "shipping_address": ADDRESS}
    host = f"{tenant.host.upper()}:4444"
    answer = ask(host, "POST", "/api/v1/checkout", order, HTTP_IDEMPOTENCY_KEY="k-1", **claims)
    assert answer.status_code == 201
    with tenant_scope(tenant):
        session = Payment.objects.get().session_id
    page = stripe_local.client().v1.checkout.sessions.retrieve(session)
    for url in (page.success_url, page.cancel_url):
        assert url.startswith(f"{tenant.url}/orders/")


@pytest.mark.parametrize("extra", ["success_url", "return_url", "next", "callback"])
def test_buyers_name_no_address_to_be_sent_to(tenant, extra):
    body = {"cart": "x" * 22, extra: "https://evil.example/"}
    answer = ask(tenant.host, "POST", "/api/v1/checkout", body, HTTP_IDEMPOTENCY_KEY="k-1")
    assert answer.status_code == 400
    assert extra in {error["field"] for error in answer.json()["errors"]}
