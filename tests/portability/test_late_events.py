"""What Stripe says of a storefront after its end: compared with the books, booked where it must be, never in a loop."""

import pytest

from core.db import as_marketplace
from core.models import Job
from payouts.models import Charge, Dispute, EventState, Payout, SellerAccount, StripeEvent
from services.account_services import sync_stale_accounts
from services.debt_services import request_reversal
from services.invariant_services import audit
from services.invoice_services import issue_invoices
from services.ledger_services import seller_balances
from services.payment_services import start_payment
from services.payout_services import run_payouts
from services.reconciliation_services import reconcile
from services.transfer_services import settle_payouts
from services.webhook_services import retry_event, store_event
from shop.models import Order, Payment
from stripe_local.testing import LocalStripe
from tenants.context import tenant_scope
from tenants.models import Tenant
from tests.factories.jobs import make_due, run_jobs
from tests.factories.shop import make_order
from tests.factories.tenants import make_tenant
from tests.money.support import account_of, later
from tests.portability.leaving import close, erase

pytestmark = pytest.mark.usefixtures("archives")
PEOPLE = ("ada@example.com", "buyer@example.com", "guest@example.com", "Lovelace", "4242")


@pytest.fixture
def erased(leaving, stripe_local) -> Tenant:
    """A storefront that sold and is gone; everything Stripe had said until then is applied."""
    hear(stripe_local)
    erase(leaving)
    return Tenant.objects.get(pk=leaving.pk)


def hear(stripe: LocalStripe) -> list[StripeEvent]:
    """Stripe's events arrive, all of them, and are applied; those that are new, as they were handled."""
    known = set(StripeEvent.objects.values_list("pk", flat=True))
    for event in stripe.events():
        store_event(event)
    run_jobs()
    make_due()
    run_jobs()
    return list(StripeEvent.objects.exclude(pk__in=known).order_by("created", "pk"))


def states(events: list[StripeEvent], *kinds: str) -> set[str]:
    return {event.state for event in events if not kinds or event.type in kinds}


def nobody_is_in(events: list[StripeEvent]) -> bool:
    return not any(word in str(event.body) for event in events for word in PEOPLE)


def figures() -> list[tuple]:
    with as_marketplace():
        return [
            (balance.earned_minor, balance.paid_minor)
            for tenant in Tenant.objects.all()
            for balance in seller_balances(tenant_id=tenant.pk)
        ]


def test_what_comes_twice_is_of_no_use_and_changes_nothing(erased, stripe_local):
    before = figures()
    events = list(StripeEvent.objects.filter(type__startswith="payment_intent.succeeded"))
    assert events

    for event in StripeEvent.objects.all():
        retry_event(event.pk)
    run_jobs()

    again = StripeEvent.objects.filter(pk__in=[event.pk for event in events])
    assert states(list(again)) == {EventState.IGNORED}
    assert all("nothing has moved since" in event.note for event in again)
    assert not StripeEvent.objects.filter(state=EventState.RECEIVED).exists()
    assert not Job.objects.exists()
    assert figures() == before


def test_a_payment_that_comes_after_the_end_waits_for_a_person(committed, stripe_local):
    """Its page was open, its order cancelled; Stripe takes the money all the same."""
    tenant = make_tenant()
    with tenant_scope(tenant), as_marketplace():
        payment = start_payment(order_id=make_order().pk)
        Payment.objects.filter(pk=payment.pk).update(status="failed")
        Order.objects.update(status="cancelled", cancelled_at=later(0), cancelled_because="unpaid")
    close(tenant, days_ago=31)
    erase(tenant)

    stripe_local.pay(payment.session_id)
    events = hear(stripe_local)

    told = [event for event in events if event.type == "payment_intent.succeeded"]
    assert states(told) == {EventState.QUARANTINED}
    assert "give it back at Stripe" in told[0].note
    assert nobody_is_in(told)
    assert EventState.RECEIVED not in states(events)
    assert not Job.objects.exists()
    assert not Charge.objects.exists()


def test_a_refund_made_at_stripe_after_the_end_waits_for_a_person(erased, stripe_local):
    charge = Charge.objects.filter(tenant=erased, refunded_minor=0).first()
    before = figures()
    stripe_local.client().v1.refunds.create({"charge": charge.pk, "amount": 300})

    events = hear(stripe_local)

    told = [event for event in events if "refund" in event.type]
    assert states(told) == {EventState.QUARANTINED}
    assert "€3.00 is refunded, €0.00 is booked" in told[0].note
    assert nobody_is_in(told)
    assert figures() == before
    assert not Job.objects.exists()


def test_a_dispute_lost_after_the_end_is_booked_and_the_seller_owes_it(erased, stripe_local):
    charge = Charge.objects.filter(tenant=erased, refunded_minor=0).first()
    (before,) = seller_balances(tenant_id=erased.pk)
    made = stripe_local.control("disputes", charge=charge.pk)
    opened = hear(stripe_local)
    assert states(opened, "charge.dispute.created") == {EventState.APPLIED}
    assert Charge.objects.get(pk=charge.pk).is_frozen

    stripe_local.control(f"disputes/{made['id']}/close", outcome="lost")
    closed = hear(stripe_local)

    assert states(closed, "charge.dispute.closed") == {EventState.APPLIED}
    told = [event for event in (*opened, *closed) if event.type.startswith("charge.dispute.")]
    assert {event.note for event in told} == {"booked; the storefront was erased"}
    assert nobody_is_in(told)
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.is_withdrawn, dispute.is_open) == ("lost", True, False)
    (after,) = seller_balances(tenant_id=erased.pk)
    assert before.earned_minor - after.earned_minor == charge.amount_minor + dispute.fee_minor
    found = Charge.objects.get(pk=charge.pk)
    assert (found.disputed_minor, found.is_frozen) == (charge.amount_minor, False)
    assert audit().violations == []
    assert reconcile(is_full=True).open == 0
    for event in told:
        retry_event(event.pk)
    run_jobs()
    assert seller_balances(tenant_id=erased.pk) == [after]
    assert issue_invoices(month=later(0).date(), at=later(40)) == []


def test_a_dispute_won_after_the_end_is_booked_and_what_came_back_is_paid(erased, stripe_local):
    charge = Charge.objects.filter(tenant=erased, refunded_minor=0).first()
    (before,) = seller_balances(tenant_id=erased.pk)
    made = stripe_local.control("disputes", charge=charge.pk)
    hear(stripe_local)
    stripe_local.control(f"disputes/{made['id']}/close", outcome="won", return_fee=True)
    hear(stripe_local)

    (after,) = seller_balances(tenant_id=erased.pk)

    assert after.earned_minor == before.earned_minor
    assert audit().violations == []
    assert run_payouts(at=later(40)) == []  # it had been paid out already: nothing more is owed
    run_jobs()
    assert not Job.objects.filter(state="parked").exists()


def test_money_found_later_is_paid_with_a_statement_that_knows_no_orders(erased, stripe_local):
    """The operator takes part of a transfer back by mistake: it is owed again, and is paid again."""
    first = Payout.objects.get(tenant=erased)
    request_reversal(payout_id=first.pk, amount_minor=500, reason="a mistake", actor_id=None)
    run_jobs()

    (made,) = run_payouts(at=later(8))
    run_jobs()
    settle_payouts(stripe_account_id=account_of(erased), at=later(9))

    again = Payout.objects.get(pk=made.pk)
    assert (again.amount_minor, again.status) == (500, "paid")
    assert again.statement["orders"] == []
    assert again.statement["seller"]["name"] == "Erased storefront"
    assert not Job.objects.exists()


def test_the_sellers_account_is_not_read_any_more(erased, stripe_local):
    account = account_of(erased)
    SellerAccount.objects.filter(tenant=erased).update(refreshed_at=None)
    assert sync_stale_accounts() == 0

    stripe_local.client().v1.accounts.update(account, {"metadata": {"a": "b"}})
    stripe_local.onboard(account)
    events = [event for event in hear(stripe_local) if event.type == "account.updated"]

    assert events
    assert states(events) == {EventState.IGNORED}
    assert all(
        set(event.body["data"]["object"]) <= {"id", "object", "created", "metadata"} for event in events
    )
    found = SellerAccount.objects.get(tenant=erased)
    assert (found.requirements, found.refreshed_at) == ({}, None)
