"""Every way a token dies with the next request; and what an answer says about who has an account."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail

from services.auth_services import ATTEMPTS_PER_ACCOUNT, mailbox_proof, set_user_active
from tenants.models import User
from tests.api.test_auth import OTHER_PASSWORD, is_dead, status
from tests.factories.jobs import run_jobs
from tests.factories.tenants import PASSWORD, make_operator, make_user
from tests.tenancy.support import MARKETPLACE, ask, tokens

TOKEN, CONFIRM = "/api/v1/auth/token", "/api/v1/auth/confirm"


def change(tenant, user, pair) -> None:
    body = {"old_password": PASSWORD, "new_password": OTHER_PASSWORD}
    answer = ask(tenant.host, "POST", "/api/v1/auth/password", body, token=pair.access)
    assert answer.status_code == 200
    assert status(tenant, answer.json()["access"]) == 200  # whoever changed it stays signed in


def reset(tenant, user, pair) -> None:
    body = {"proof": mailbox_proof(email=user.email, tenant=tenant), "password": OTHER_PASSWORD}
    assert ask(tenant.host, "POST", CONFIRM, body).status_code == 200


def disable(tenant, user, pair) -> None:
    set_user_active(user_id=user.pk, is_active=False, actor_id=make_operator().pk)


def delete(tenant, user, pair) -> None:
    User.objects.get(pk=user.pk).delete()


def enable_again(tenant, user, pair) -> None:
    disable(tenant, user, pair)
    set_user_active(user_id=user.pk, is_active=True, actor_id=make_operator().pk)


@pytest.mark.parametrize("end", [change, reset, disable, delete, enable_again])
def test_everywhere_all_tokens_are_dead_with_the_next_request(tenant, other_tenant, end: Callable):
    user, bystander = make_user(), tokens(make_user(), tenant)
    pairs = [(one, tokens(user, one)) for one in (tenant, tenant, other_tenant)]
    assert [status(one, pair.access) for one, pair in pairs] == [200, 200, 200]
    end(tenant, user, pairs[0][1])
    assert all(is_dead(one, pair) for one, pair in pairs)
    assert not is_dead(tenant, bystander)


def test_signing_out_ends_this_device_and_no_other(tenant):
    user = make_user()
    here, there = tokens(user, tenant), tokens(user, tenant)
    assert ask(tenant.host, "POST", "/api/v1/auth/logout", token=here.access).status_code == 204
    assert is_dead(tenant, here)
    assert not is_dead(tenant, there)


# What an answer says ----------------------------------------------------------------------------------------------


@pytest.fixture
def hashes(monkeypatch) -> list:
    """Every password hash computed: what takes the time of a sign-in."""
    made, encode = [], MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *a, **k: made.append(1) or encode(*a, **k))
    return made


def test_sign_in_answers_and_works_alike_whoever_has_an_account(tenant, hashes):
    known, disabled, unset = (
        make_user(),
        make_user(is_active=False),
        User.objects.create_user("u@example.com"),
    )
    given = [known.email, disabled.email, unset.email, "nobody@example.com", known.email.upper()]
    answers = set()
    for email in given:
        hashes.clear()
        answer = ask(tenant.host, "POST", TOKEN, {"email": email, "password": "wrong"})
        answers.add((answer.status_code, answer.content, tuple(sorted(answer.headers)), len(hashes)))
    assert len(answers) == 1
    assert answers.pop()[0] == 401


@pytest.mark.parametrize("path", ["auth/join", "auth/password/reset"])
def test_joining_and_resetting_answer_alike_whoever_has_an_account(
    tenant, path, hashes, django_assert_num_queries
):
    known, disabled = make_user(), make_user(is_active=False)
    answers = set()
    hashes.clear()
    for email in (known.email, disabled.email, "nobody@example.com"):
        answer = ask(tenant.host, "POST", f"/api/v1/{path}", {"email": email})
        answers.add((answer.status_code, answer.content, tuple(sorted(answer.headers))))
    assert answers == {(202, b"", next(iter(answers))[2])}
    assert not hashes


def test_guessing_is_stopped_and_the_owner_gets_in_from_elsewhere(tenant):
    user = make_user()

    def sign_in(password: str, address: str, **extra):
        body = {"email": user.email, "password": password}
        return ask(tenant.host, "POST", TOKEN, body, REMOTE_ADDR=address, **extra)

    for _ in range(ATTEMPTS_PER_ACCOUNT):
        assert sign_in("guess", "192.0.2.1").status_code == 401
    stopped = sign_in(PASSWORD, "192.0.2.1", HTTP_X_FORWARDED_FOR="198.51.100.1")
    assert stopped.status_code == 429
    assert 0 < int(stopped.headers["Retry-After"]) <= 900
    assert sign_in(PASSWORD, "198.51.100.7").status_code == 200


def test_a_success_ends_the_count(tenant):
    user = make_user()
    for _ in range(3):
        for password in ["guess"] * (ATTEMPTS_PER_ACCOUNT - 1) + [PASSWORD]:
            answer = ask(tenant.host, "POST", TOKEN, {"email": user.email, "password": password})
        assert answer.status_code == 200


# Proof of a mailbox -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
def test_a_proof_works_once_and_on_the_host_that_mailed_it(tenant, other_tenant, known):
    email = make_user().email if known else "new@example.com"
    body = {"proof": mailbox_proof(email=email, tenant=tenant), "password": OTHER_PASSWORD}
    rival = {**body, "proof": mailbox_proof(email=email, tenant=tenant)}
    for host in (other_tenant.host, MARKETPLACE):
        assert ask(host, "POST", CONFIRM, body).status_code == 400
    forged = {**body, "proof": body["proof"][:-1] + ("A" if body["proof"][-1] != "A" else "B")}
    assert ask(tenant.host, "POST", CONFIRM, forged).status_code == 400
    assert ask(tenant.host, "POST", CONFIRM, body).status_code == 200
    assert ask(tenant.host, "POST", CONFIRM, body).status_code == 400
    assert ask(tenant.host, "POST", CONFIRM, rival).status_code == 400  # asked for before, too


def test_a_refused_password_does_not_use_the_proof_up(tenant):
    body = {"proof": mailbox_proof(email="new@example.com", tenant=tenant), "password": "short"}
    assert ask(tenant.host, "POST", CONFIRM, body).status_code == 400
    assert ask(tenant.host, "POST", CONFIRM, {**body, "password": OTHER_PASSWORD}).status_code == 200


def test_a_disabled_person_proves_nothing(tenant):
    user = make_user(is_active=False)
    body = {"proof": mailbox_proof(email=user.email, tenant=tenant), "password": OTHER_PASSWORD}
    assert ask(tenant.host, "POST", CONFIRM, body).status_code == 400


def test_the_mailed_link_leads_to_the_storefront_whatever_the_request_claimed(tenant):
    ask(
        f"{tenant.host.upper()}:4444",
        "POST",
        "/api/v1/auth/password/reset",
        {"email": make_user().email},
        HTTP_X_FORWARDED_HOST="evil.example",
        HTTP_ORIGIN="https://evil.example",
    )
    run_jobs()
    (message,) = mail.outbox
    assert "evil" not in message.body
    assert "4444" not in message.body
    assert {*re.findall(r"https?://([^/:\s]+)", message.body)} == {tenant.host}


@pytest.mark.parametrize(
    "origin", ["https://b.souk.localhost", "null", "https://souk.localhost.evil.example"]
)
def test_no_other_origin_is_let_in_by_a_browser(tenant, origin):
    preflight = {"HTTP_ORIGIN": origin, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}
    for method in ("OPTIONS", "GET", "POST"):
        answer = ask(tenant.host, method, "/api/v1/carts", {}, **preflight)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert not answer.cookies
