"""The end of a storefront: closed, opened again, and what stands against erasing it."""

import pytest
from django.core import mail

import services.lifecycle_services as lifecycle
from core.clock import now
from core.db import as_marketplace
from core.errors import IllegalTransition
from payouts.models import (
    AccountKind,
    Charge,
    Debt,
    Dispute,
    EntryPart,
    Payout,
    TransferReversal,
)
from services.charge_services import release_reserves
from services.invoice_services import issue_invoices
from services.leaving_services import NotErasable, why_not_erasable
from services.ledger_facts import Leg
from services.ledger_services import ledger_account, post_transaction
from services.lifecycle_services import erase_closed
from services.order_history import SYSTEM
from services.order_services import cancel_order
from services.payout_services import run_payouts
from services.refund_services import request_refund
from services.shipping_services import ship_order
from services.tenant_services import (
    close_tenant,
    reactivate_tenant,
    reopen_tenant,
)
from services.transfer_services import settle_payouts
from shop.models import Order
from tenants.context import tenant_scope
from tenants.models import (
    Archive,
    Tenant,
    TenantStatus,
)
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_variant, pay
from tests.factories.tenants import make_operator, make_tenant, owner_of
from tests.money.support import account_of, later, onboard
from tests.portability.leaving import (
    ALL,
    NOTHING,
    Clock,
    close,
    erase,
    left_of,
    shared_rows,
)
from tests.portability.support import likeness
from tests.tenancy.support import ask

pytestmark = pytest.mark.usefixtures("archives")


# Closing and opening again ------------------------------------------------------------------------------------------------


def test_a_closed_storefront_serves_nobody_and_its_owner_is_told_until_when_it_can_be_opened(idle, settings):
    settings.MARKETPLACE_EMAIL = "help@souk.example"
    owner = owner_of(idle)

    closed = close_tenant(tenant_id=idle.pk, actor_id=owner.pk, reason="retired")

    assert closed.erase_after == closed.closed_at + settings.CLOSED_KEPT
    for path in ("/", "/dashboard/sign-in", "/api/v1/products"):
        assert ask(idle.host, "GET", path).status_code == 404
    run_jobs()
    (message,) = mail.outbox
    assert message.to == [owner.email]
    assert f"Until {closed.erase_after:%d %B %Y}" in message.body
    assert "write to help@souk.example" in message.body
    assert idle.slug in message.body


def test_a_reopened_storefront_is_as_it_was_once_it_is_reactivated(leaving):
    before, operator = likeness(leaving.schema_name), make_operator()

    reopened = reopen_tenant(tenant_id=leaving.pk, actor_id=operator.pk, reason="changed their mind")

    assert (reopened.status, reopened.closed_at, reopened.erase_after) == ("suspended", None, None)
    assert [reason.code for reason in why_not_erasable(reopened)] == ["not_closed"]
    assert ask(leaving.host, "GET", "/").status_code == 503
    reactivate_tenant(tenant_id=leaving.pk, actor_id=operator.pk)
    assert ask(leaving.host, "GET", "/").status_code == 200
    assert likeness(leaving.schema_name) == before


def test_an_erased_storefront_is_not_reopened(leaving):
    erase(leaving)

    with pytest.raises(IllegalTransition):
        reopen_tenant(tenant_id=leaving.pk, actor_id=make_operator().pk, reason="too late")


# What stands against erasing ----------------------------------------------------------------------------------------------


def codes(tenant: Tenant) -> set[str]:
    """Why it cannot be erased; and erasing it says the same and changes nothing."""
    tenant = Tenant.objects.get(pk=tenant.pk)
    found = why_not_erasable(tenant)
    if found:
        before = shared_rows()
        with pytest.raises(NotErasable) as refusal:
            erase(tenant)
        assert refusal.value.reasons == found
        assert all(reason.text.endswith(".") and str(reason) in refusal.value.sentence for reason in found)
        assert shared_rows() == before
        assert left_of(tenant)["schema"]
    return {reason.code for reason in found}


def test_one_that_is_open_is_not_erased(idle):
    assert codes(idle) == {"not_closed"}


def test_within_the_grace_it_is_not_erased_and_after_it_is(idle, monkeypatch):
    clock = Clock(monkeypatch)
    close_tenant(tenant_id=idle.pk, actor_id=owner_of(idle).pk, reason="retired")
    assert codes(idle) == {"grace"}
    assert erase_closed() == ([], {})

    clock.advance(days=29, hours=23)
    assert codes(idle) == {"grace"}

    clock.advance(hours=2)
    assert codes(idle) == set()
    assert erase_closed() == ([idle.pk], {})


def test_one_whose_owner_was_told_of_no_day_is_not_erased(idle):
    close(idle)
    Tenant.objects.filter(pk=idle.pk).update(erase_after=None)

    assert codes(idle) == {"no_date"}


def test_a_staging_copy_is_erased_at_once_whatever_its_orders_are_and_without_an_archive(
    committed, stripe_local
):
    source, staging = make_tenant(), make_tenant()
    Tenant.objects.filter(pk=staging.pk).update(is_staging=True, copied_from=source.pk)
    with tenant_scope(staging), as_marketplace():
        make_order()

    closed = close_tenant(tenant_id=staging.pk, actor_id=owner_of(staging).pk, reason="tried")
    run_jobs()

    assert [message.subject for message in mail.outbox if "closed" in message.subject] == []
    assert closed.erase_after == closed.closed_at
    assert erase(staging) is None
    assert left_of(staging) == NOTHING
    assert not Archive.objects.exists()
    assert left_of(source)["schema"]


def test_money_on_its_way_stands_against_it_until_it_has_arrived(committed, stripe_local):
    """One sale, followed to the bank: each thing that stands against erasing goes when it is settled."""
    tenant = make_tenant(reserve_basis_points=1000, reserve_days=30)
    with tenant_scope(tenant), as_marketplace():
        order = make_order((make_variant(price_minor=5_000), 1))
    close(tenant, days_ago=31)
    assert codes(tenant) == {"pending"}

    with tenant_scope(tenant), as_marketplace():
        pay(order, stripe_local)
    assert codes(tenant) == {"confirmed", "payable", "reserve", "uninvoiced"}

    with tenant_scope(tenant), as_marketplace():
        ship_order(order_id=order.pk, carrier="DHL", tracking_number="1", actor=SYSTEM)
    assert codes(tenant) == {"payable", "reserve", "uninvoiced"}

    release_reserves(at=later(31))
    onboard(tenant, stripe_local)
    run_payouts(at=later(31))
    assert codes(tenant) == {"payable", "payout_requested", "uninvoiced"}
    run_jobs()
    assert codes(tenant) == {"payout_sent", "uninvoiced"}
    settle_payouts(stripe_account_id=account_of(tenant), at=later(32))
    assert codes(tenant) == {"uninvoiced"}
    issue_invoices(month=now().date(), at=later(40))
    assert codes(tenant) == set()


def test_a_debt_a_dispute_a_refund_a_reversal_and_a_lost_payout_stand_against_it(leaving):
    charge = Charge.objects.filter(tenant=leaving).earliest("captured_at")
    payout = Payout.objects.get(tenant=leaving)

    post_transaction(
        key="test:debt",
        kind="test",
        currency="EUR",
        legs=[
            Leg(AccountKind.SELLER_PAYABLE, 500, EntryPart.REFUND),
            Leg(AccountKind.STRIPE_BALANCE, -500, EntryPart.REFUND),
        ],
        tenant=leaving,
        occurred_at=now(),
    )
    account = ledger_account(AccountKind.SELLER_PAYABLE, leaving, "EUR")
    Debt.objects.create(account=account, amount_minor=500, since=now())
    assert codes(leaving) == {"owes", "debt"}

    with tenant_scope(leaving), as_marketplace():
        request_refund(order_id=charge.order_id, amount_minor=100, reason="", actor=SYSTEM)
    Dispute.objects.create(
        dispute_id="dp_1",
        tenant=leaving,
        charge=charge,
        order_id=charge.order_id,
        currency="EUR",
        amount_minor=100,
        status="needs_response",
        opened_at=now(),
    )
    TransferReversal.objects.create(
        payout=payout, amount_minor=1, currency="EUR", reason="debt", requested_at=now()
    )
    Payout.objects.create(
        number=2,
        tenant=leaving,
        currency="EUR",
        amount_minor=1,
        destination="acct_1",
        requested_at=now(),
        status="unknown",
    )
    assert codes(leaving) == {"owes", "debt", "dispute", "reversal", "payout_unknown", "refund"}


def test_what_comes_in_while_the_archive_is_written_is_looked_at_again(leaving, monkeypatch):
    """A buyer pays at the last moment: the archive is there, the storefront is not erased."""
    export = lifecycle.export_storefront

    def export_while_somebody_orders(**options):
        archive = export(**options)
        with tenant_scope(leaving), as_marketplace():
            make_order()
        return archive

    monkeypatch.setattr(lifecycle, "export_storefront", export_while_somebody_orders)

    with pytest.raises(NotErasable):
        erase(leaving)

    assert Tenant.objects.get(pk=leaving.pk).status == TenantStatus.CLOSED
    assert left_of(leaving) == ALL


# By schedule --------------------------------------------------------------------------------------------------------------


def test_each_day_those_whose_time_is_over_are_erased_and_one_that_cannot_be_stops_nobody(
    committed, stripe_local
):
    stuck, first, second, fresh = (make_tenant() for _ in range(4))
    with tenant_scope(stuck), as_marketplace():
        make_order()
    for tenant, days in ((stuck, 50), (first, 40), (second, 31), (fresh, 1)):
        close(tenant, days_ago=days)

    erased, left = erase_closed()

    assert erased == [first.pk, second.pk]
    assert list(left) == [stuck.pk]
    assert "1 order that may still be paid." in left[stuck.pk]
    assert {tenant.pk: tenant.status for tenant in Tenant.objects.all()} == {
        stuck.pk: "closed",
        first.pk: "erased",
        second.pk: "erased",
        fresh.pk: "closed",
    }

    with tenant_scope(stuck), as_marketplace():
        cancel_order(order_id=Order.objects.get().pk, actor=SYSTEM)
    assert erase_closed() == ([stuck.pk], {})
