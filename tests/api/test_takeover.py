"""An account somebody opened in another's name gets nothing that is given to that name."""

import pytest
from django.core import mail

from core.models import Job
from tenants.models import Membership, Tenant
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order
from tests.factories.tenants import PASSWORD, make_operator, make_user, owner_of
from tests.tenancy.support import MARKETPLACE, ask, tokens

OWN_PASSWORD = "the-real-persons-password"
VICTIM = "staff@example.com"


@pytest.fixture
def squatter(db):
    """An account under the victim's address, whose mailbox the squatter does not read."""
    return make_user(VICTIM)


def prove_mailbox(tenant) -> str:
    """What the victim does: follow the mail. Returns their access token."""
    Job.objects.exclude(task="mail.mailbox_proof").delete()
    run_jobs()
    (message,) = mail.outbox
    assert message.to == [VICTIM]
    proof = message.body.split("#")[1].split()[0]
    answer = ask(tenant.host, "POST", "/api/v1/auth/confirm", {"proof": proof, "password": OWN_PASSWORD})
    return answer.json()["access"]


def invite(tenant) -> None:
    body, owner = {"email": VICTIM, "role": "manager"}, tokens(owner_of(tenant), tenant).access
    assert ask(tenant.host, "POST", "/api/v1/seller/members", body, token=owner).status_code == 201


def balance(tenant, token: str) -> int:
    return ask(tenant.host, "GET", "/api/v1/seller/balance", token=token).status_code


def test_a_role_counts_once_the_mailbox_is_proved_and_then_the_squatter_is_out(tenant, squatter):
    mine = tokens(squatter, tenant).access
    invite(tenant)
    assert Membership.objects.filter(user=squatter, role="manager").exists()
    assert balance(tenant, mine) == 403
    assert balance(tenant, tokens(squatter, tenant).access) == 403

    theirs = prove_mailbox(tenant)
    assert balance(tenant, theirs) == 200
    assert balance(tenant, mine) == 401
    signing_in = {"email": VICTIM, "password": PASSWORD}
    assert ask(tenant.host, "POST", "/api/v1/auth/token", signing_in).status_code == 401


def test_somebody_without_an_account_is_invited_by_mail(tenant):
    invite(tenant)
    assert balance(tenant, prove_mailbox(tenant)) == 200


def test_a_person_who_proved_their_mailbox_before_gets_the_role_at_once(tenant):
    user = make_user(VICTIM, email_verified_at="2026-01-01T00:00:00Z")
    invite(tenant)
    assert balance(tenant, tokens(user, tenant).access) == 200
    assert not Job.objects.filter(task="mail.mailbox_proof").exists()


def test_a_storefront_the_operator_opens_is_not_the_squatters(squatter):
    token = tokens(squatter, None).access
    body = {"email": VICTIM, "name": "Amaranth", "slug": "amaranth"}
    operator = tokens(make_operator(), None).access
    answer = ask(
        MARKETPLACE, "POST", "/api/v1/operator/tenants", body, token=operator, HTTP_IDEMPOTENCY_KEY="k"
    )
    assert answer.status_code == 201
    tenant = Tenant.objects.get()
    signing_in = {"email": VICTIM, "password": PASSWORD}
    for host in (tenant.host, MARKETPLACE):
        assert ask(host, "POST", "/api/v1/auth/token", signing_in).status_code == 401
    assert ask(MARKETPLACE, "GET", "/api/v1/operator/tenants", token=token).status_code == 401
    assert balance(tenant, prove_mailbox(tenant)) == 200


def test_an_account_under_a_guests_address_does_not_see_the_guests_orders(serving, squatter):
    order = make_order(email=VICTIM)
    token = tokens(squatter, serving).access
    listed = ask(serving.host, "GET", "/api/v1/me/orders", token=token)
    assert listed.status_code == 200
    assert listed.json()["results"] == []
    for path in (f"me/orders/{order.pk}", f"guest-orders/{order.pk}", f"guest-orders/{order.number}"):
        assert ask(serving.host, "GET", f"/api/v1/{path}", token=token).status_code == 404
    assert len(order.secret) * 6 >= 128
