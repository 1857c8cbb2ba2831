"""Tokens: what they open, where, until when; and what never opens anything."""

from dataclasses import replace
from datetime import timedelta

import jwt
import pytest
from django.db.models import QuerySet

from core.clock import now
from services import auth_services
from services.auth_services import mailbox_proof
from tenants.models import Session, User
from tests.factories.tenants import make_operator, make_tenant, make_user
from tests.factories.threads import Gate, at_once, failures
from tests.tenancy.support import ask, tokens

ME = "/api/v1/me"
OTHER_PASSWORD = "another-quiet-long-password"


@pytest.fixture
def user(tenant) -> User:
    return make_user()


def status(tenant, token: str) -> int:
    return ask(tenant.host, "GET", ME, token=token).status_code


def refresh(tenant, token: str):
    return ask(tenant.host, "POST", "/api/v1/auth/refresh", {"refresh": token})


def is_dead(tenant, pair) -> bool:
    statuses = {status(tenant, pair.access), refresh(tenant, pair.refresh).status_code}
    assert statuses in ({200}, {401})
    return statuses == {401}


# One refresh token, one new pair ----------------------------------------------------------------------------------


def race(monkeypatch, *, conditional: bool) -> tuple[list[int], bool]:
    """Eight trade one token; everybody has read the session before anybody writes. Statuses; whether it still stands."""
    tenant, gate = make_tenant(), Gate(8)
    pair = tokens(make_user(), tenant)
    session = Session.objects.get()
    stands, update = auth_services.session_stands, QuerySet.update

    def read_then_wait(*args):
        good = stands(*args)
        gate.wait()
        return good

    def unconditional(rows, **values):
        is_the_trade = rows.model is Session and "refresh_jti" in values
        return update(Session.objects.filter(pk=session.pk) if is_the_trade else rows, **values)

    with monkeypatch.context() as patch:
        patch.setattr(auth_services, "session_stands", read_then_wait)
        if not conditional:
            patch.setattr(QuerySet, "update", unconditional)
        answers = at_once([lambda: refresh(tenant, pair.refresh)] * 8)
    assert not failures(answers)
    session.refresh_from_db()
    return sorted(answer.status_code for answer in answers), session.revoked_at is None


def test_of_eight_who_trade_one_refresh_token_at_once_exactly_one_succeeds(committed, monkeypatch):
    statuses, stands = race(monkeypatch, conditional=True)
    assert statuses == [200] + [401] * 7
    assert stands  # within the grace the losers are refused and no more


def test_without_the_condition_several_would_succeed(committed, monkeypatch):
    """The control: the race above is one."""
    statuses, _ = race(monkeypatch, conditional=False)
    assert statuses.count(200) > 1


def test_an_old_refresh_token_within_the_grace_is_refused_and_the_family_lives(tenant, user):
    pair = tokens(user, tenant)
    fresh = refresh(tenant, pair.refresh).json()
    assert refresh(tenant, pair.refresh).status_code == 401
    assert refresh(tenant, fresh["refresh"]).status_code == 200


def test_an_old_refresh_token_after_the_grace_ends_the_family(tenant, user, settings):
    pair, bystander = tokens(user, tenant), tokens(user, tenant)
    fresh = refresh(tenant, pair.refresh).json()
    Session.objects.update(rotated_at=now() - settings.REFRESH_REUSE_GRACE - timedelta(seconds=1))

    assert refresh(tenant, pair.refresh).status_code == 401
    assert refresh(tenant, fresh["refresh"]).status_code == 401
    assert status(tenant, fresh["access"]) == 401
    assert not is_dead(tenant, bystander)


def test_a_token_two_trades_old_ends_the_family_even_at_once(tenant, user):
    pair = tokens(user, tenant)
    second = refresh(tenant, pair.refresh).json()
    third = refresh(tenant, second["refresh"]).json()
    assert refresh(tenant, pair.refresh).status_code == 401
    assert refresh(tenant, third["refresh"]).status_code == 401


# What is not a token ----------------------------------------------------------------------------------------------


def test_each_kind_of_token_works_for_its_own_use_only(tenant, user):
    pair, proof = tokens(user, tenant), mailbox_proof(email=user.email, tenant=tenant)
    confirm = "/api/v1/auth/confirm"
    for token in (pair.refresh, proof):
        assert status(tenant, token) == 401
    for token in (pair.access, proof):
        assert refresh(tenant, token).status_code == 401
    for token in (pair.access, pair.refresh):
        answer = ask(tenant.host, "POST", confirm, {"proof": token, "password": OTHER_PASSWORD})
        assert answer.status_code == 400
    assert not is_dead(tenant, pair)


def forgeries(pair, tenant, user, key: str) -> dict[str, str]:
    head, claims, signature = pair.access.split(".")
    good = jwt.decode(pair.access, key, algorithms=["HS256"], audience=str(tenant.pk))
    wrong = "not-the-key-" * 4
    none = jwt.encode(good, "", algorithm="none")
    return {
        "alg none": none,
        "alg none, old signature": none + signature,
        "stripped signature": f"{head}.{claims}.",
        "no signature part": f"{head}.{claims}",
        "another token's signature": f"{head}.{claims}.{pair.refresh.split('.')[2]}",
        "wrong key": jwt.encode(good, wrong),
        "wrong key named by kid": jwt.encode(good, wrong, headers={"kid": "../../dev/null"}),
        "wrong key named by jku": jwt.encode(good, wrong, headers={"jku": "https://evil.example/keys"}),
        "wrong key in jwk": jwt.encode(good, wrong, headers={"jwk": {"kty": "oct", "k": "bm90"}}),
        "another algorithm": jwt.encode(good, key, algorithm="HS512"),
        "wrong audience": jwt.encode({**good, "aud": "marketplace"}, key),
        "several audiences": jwt.encode({**good, "aud": [str(tenant.pk), "marketplace"]}, key),
        "no audience": jwt.encode({k: v for k, v in good.items() if k != "aud"}, key),
        "wrong issuer": jwt.encode({**good, "iss": "evil"}, key),
        "expired": jwt.encode({**good, "exp": 1}, key),
        "no expiry": jwt.encode({k: v for k, v in good.items() if k != "exp"}, key),
        "another person": jwt.encode({**good, "sub": str(make_operator().pk)}, key),
        "no such session": jwt.encode({**good, "sid": str(user.pk)}, key),
        "session is no id": jwt.encode({**good, "sid": "1 OR 1=1"}, key),
        "no session": jwt.encode({k: v for k, v in good.items() if k != "sid"}, key),
        "version is null": jwt.encode({**good, "ver": None}, key),
        "garbage": "a.b.c",
        "not ascii": "ü.ü.ü",
        "empty": "..",
        "good": jwt.encode(good, key),
    }


def test_forged_tokens_are_refused(tenant, user, settings):
    found = {
        name: status(tenant, token)
        for name, token in forgeries(tokens(user, tenant), tenant, user, settings.JWT_SIGNING_KEY).items()
    }
    assert found.pop("good") == 200  # the control: it is the change that is refused
    assert found == dict.fromkeys(found, 401)


def test_the_same_forgeries_refresh_nothing(tenant, user, settings):
    pair = tokens(user, tenant)
    swapped = replace(pair, access=pair.refresh, refresh=pair.access)
    for name, token in forgeries(swapped, tenant, user, settings.JWT_SIGNING_KEY).items():
        if name != "good":
            assert refresh(tenant, token).status_code == 401, name
    assert not is_dead(tenant, pair)


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Bearer  ", "bearer x"])
def test_a_malformed_header_is_401(tenant, header):
    assert ask(tenant.host, "GET", ME, HTTP_AUTHORIZATION=header).status_code == 401


def test_a_rotated_key_verifies_until_it_is_taken_from_the_previous_ones(tenant, user, settings):
    pair, old = tokens(user, tenant), settings.JWT_SIGNING_KEY
    good = jwt.decode(pair.access, old, algorithms=["HS256"], audience=str(tenant.pk))
    settings.JWT_SIGNING_KEY, settings.JWT_PREVIOUS_KEYS = "the-next-key-" * 4, [old]
    assert status(tenant, pair.access) == 200
    assert status(tenant, jwt.encode(good, settings.JWT_SIGNING_KEY)) == 200
    settings.JWT_PREVIOUS_KEYS = []
    assert status(tenant, pair.access) == 401
    assert refresh(tenant, pair.refresh).status_code == 401
