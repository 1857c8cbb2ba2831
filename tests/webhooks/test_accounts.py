"""The seller's account at Stripe, as it is told and as it is read."""

from datetime import timedelta

import pytest
from django.utils import timezone

from payouts.models import EventState, Payout, PayoutStatus, SellerAccount, StripeEvent
from services.account_services import open_account, sync_stale_accounts
from services.payout_services import run_payouts
from services.webhook_services import apply_stripe_event, store_event
from shop.models import Notification
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_variant, pay
from tests.factories.tenants import make_tenant


@pytest.fixture
def account(serving, stripe_local):
    return open_account(tenant_id=serving.pk)


def tell(stripe_local, *types):
    """Everything of these types that Stripe would have told us."""
    for event in stripe_local.events():
        if event["type"] in types and store_event(event):
            apply_stripe_event(event_id=event["id"])


def read(account):
    return SellerAccount.objects.get(pk=account.pk)


def test_an_account_is_opened_once_however_often_it_is_asked_for(serving, stripe_local):
    first, second = open_account(tenant_id=serving.pk), open_account(tenant_id=serving.pk)

    assert first.stripe_account_id == second.stripe_account_id
    SellerAccount.objects.filter(pk=serving.pk).update(stripe_account_id=None)
    assert open_account(tenant_id=serving.pk).stripe_account_id == first.stripe_account_id, (
        "the key is the tenant's"
    )


def test_verification_told_by_event_makes_the_account_ready_and_tells_the_seller_once(account, stripe_local):
    assert not read(account).may_receive
    stripe_local.onboard(account.stripe_account_id)

    tell(stripe_local, "account.updated", "capability.updated")

    assert read(account).may_receive
    assert Notification.objects.filter(type="account_ready").count() == 1


def test_a_restriction_stops_payouts_and_verification_resumes_them(account, stripe_local):
    stripe_local.onboard(account.stripe_account_id)
    tell(stripe_local, "account.updated")
    stripe_local.control(f"accounts/{account.stripe_account_id}/restrict", reason="requirements.past_due")
    tell(stripe_local, "account.updated", "capability.updated")
    assert not read(account).may_receive

    stripe_local.control(f"accounts/{account.stripe_account_id}/verify")
    tell(stripe_local, "account.updated", "capability.updated")
    assert read(account).may_receive


def test_a_seller_who_leaves_at_stripe_may_not_receive(account, stripe_local):
    stripe_local.onboard(account.stripe_account_id)
    tell(stripe_local, "account.updated")

    stripe_local.control(f"accounts/{account.stripe_account_id}/deauthorize")
    tell(stripe_local, "account.application.deauthorized")

    assert not read(account).may_receive


def test_an_event_sent_by_one_account_changes_no_other(account, stripe_local):
    other = open_account(tenant_id=make_tenant().pk)
    stripe_local.onboard(other.stripe_account_id)
    event = next(event for event in stripe_local.events() if event["type"] == "account.updated")

    forged = {**event, "account": account.stripe_account_id}
    store_event(forged)
    apply_stripe_event(event_id=event["id"])

    assert not read(other).may_receive, "the sender is read, not the object it names"
    assert not read(account).may_receive


def test_an_account_nobody_knows_is_ignored(account, stripe_local):
    event = {
        "id": "evt_x",
        "object": "event",
        "type": "account.updated",
        "livemode": False,
        "created": 1,
        "account": "acct_x",
        "data": {"object": {"id": "acct_x", "object": "account"}},
    }
    store_event(event)

    assert apply_stripe_event(event_id="evt_x").state == EventState.IGNORED


def test_accounts_whose_events_never_came_are_read_again(account, stripe_local):
    stripe_local.onboard(account.stripe_account_id)
    SellerAccount.objects.update(refreshed_at=timezone.now() - timedelta(days=2))

    assert sync_stale_accounts() == 1
    run_jobs()

    assert read(account).may_receive
    assert sync_stale_accounts() == 0


def test_the_bank_settles_payouts_and_a_failure_after_that_wins(account, stripe_local):
    stripe_local.onboard(account.stripe_account_id)
    tell(stripe_local, "account.updated")
    pay(make_order((make_variant(price_minor=10_000), 1)), stripe_local)
    run_payouts(at=timezone.now() + timedelta(days=8))
    run_jobs()
    at_bank = stripe_local.control("payouts", account=account.stripe_account_id)
    stripe_local.control(f"payouts/{at_bank['id']}/paid")
    tell(stripe_local, "payout.paid")
    assert Payout.objects.get().status == PayoutStatus.PAID

    stripe_local.control(f"payouts/{at_bank['id']}/failed", code="account_closed")
    tell(stripe_local, "payout.failed")
    tell(stripe_local, "payout.paid")
    payout = Payout.objects.get()
    assert (payout.status, payout.failure_code) == (PayoutStatus.RETURNED, "account_closed")
    assert Notification.objects.filter(type="payout_returned").count() == 1
    assert run_payouts(at=timezone.now() + timedelta(days=8)) == [], (
        "the money has left us: no second transfer"
    )


def test_a_transfer_nobody_here_made_is_reported_not_adopted(account, stripe_local):
    stripe_local.onboard(account.stripe_account_id)
    stripe_local.control("funds", amount=10_000, currency="eur")
    stripe_local.client().v1.transfers.create(
        params={"amount": 500, "currency": "eur", "destination": account.stripe_account_id}
    )

    tell(stripe_local, "transfer.created")

    assert StripeEvent.objects.get(type="transfer.created").state == EventState.QUARANTINED
