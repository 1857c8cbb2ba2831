"""What sellers owe us, what is held back from them, and payouts that come back: carried, netted, reversed or given up."""

from datetime import timedelta

import pytest
from django.db.models import Sum

from core.clock import now
from core.errors import Invalid, NotFound
from core.ids import new_id
from payouts.models import (
    AccountKind,
    Charge,
    CommissionRule,
    Debt,
    EntryPart,
    EventState,
    LedgerEntry,
    LedgerTransaction,
    Payout,
    PayoutEntry,
    PayoutStatus,
    Reserve,
    ReversalStatus,
    SellerAccount,
    StripeEvent,
    TransferReversal,
    WriteOff,
)
from services.account_services import sync_account
from services.charge_services import release_reserves
from services.debt_services import (
    NoSuchDebt,
    OverReversal,
    debt_of,
    look_at_debts,
    request_reversal,
    send_reversal,
    sync_reversals,
    write_off_debt,
)
from services.dispute_services import sync_dispute
from services.ledger_services import Leg, post_transaction, seller_balances
from services.order_history import SYSTEM
from services.order_services import deliver_order
from services.payment_services import sync_payment
from services.payout_services import NothingToPay, pay_now, run_payouts
from services.reconciliation_services import reconcile
from services.refund_services import request_refund
from services.shipping_services import ship_order
from services.transfer_services import sync_bank_payout
from services.webhook_services import apply_stripe_event, store_event
from shop.models import Notification, ShippingRate
from stripe_local.testing import LocalStripe
from tenants.context import tenant_scope
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_variant, pay
from tests.factories.tenants import make_operator, make_tenant
from tests.factories.threads import Gate, at_once, failures
from tests.money.support import account_of, balance, faults, later, onboard, pay_out, sell

NET = 8_650  # of 100.00: less 10.30 commission and 3.20 for Stripe
DEBT = 10_000 - 1_000  # what is owed when that is refunded after its payout


@pytest.fixture
def seller(serving, stripe_local):
    ShippingRate.objects.update(price_minor=0)
    CommissionRule.objects.create(basis_points=1000, fixed_minor=30)
    onboard(serving, stripe_local)
    stripe_local.control("funds", amount=100_000, currency="eur")  # the marketplace's own
    return serving


@pytest.fixture
def debtor(seller, stripe_local):
    """A seller whose one sale was paid out and then refunded."""
    order = sell(10_000, stripe_local)
    pay_out()
    request_refund(order_id=order.pk, amount_minor=None, reason="returned", actor=SYSTEM)
    run_jobs()
    return seller


def available(tenant, in_days: int = 8) -> int:
    return balance(tenant, in_days=in_days)[1]


def at_the_seller(stripe_local, tenant) -> int:
    """What the seller's balance at Stripe has."""
    found = stripe_local.client().v1.balance.retrieve(options={"stripe_account": account_of(tenant)})
    return sum(part.amount for part in found.available)


def owe(tenant, minor: int, currency: str = "EUR", key: str = "debt") -> None:
    """A debt (or, below zero, earnings) that no sale stands behind."""
    post_transaction(
        key=key,
        kind="adjustment",
        currency=currency,
        tenant=tenant,
        occurred_at=now(),
        legs=[
            Leg(AccountKind.STRIPE_BALANCE, -minor, EntryPart.REFUND),
            Leg(AccountKind.SELLER_PAYABLE, minor, EntryPart.REFUND),
        ],
    )


# Carried and netted -------------------------------------------------------------------------------------------------------


def test_a_refund_after_the_payout_is_paid_by_the_marketplace_and_owed_by_the_seller(debtor, stripe_local):
    assert (balance(debtor, in_days=8), debt_of(debtor.pk, "EUR", at=later(8))) == ((0, -DEBT, NET), DEBT)
    refund = stripe_local.client().v1.refunds.list().data[0]
    assert (refund.amount, refund.status) == (10_000, "succeeded")
    assert at_the_seller(stripe_local, debtor) == NET, "nothing is taken back by itself"
    assert pay_out() == []
    assert faults() == []


def test_later_earnings_pay_the_debt_first_and_the_statement_shows_both(debtor, stripe_local):
    sell(5_000, stripe_local)  # earns 42.95: not enough
    assert available(debtor) == -DEBT + 4_295
    assert pay_out() == []
    sell(20_000, stripe_local)

    (netted,) = pay_out()

    assert netted.amount_minor == 4_295 + 17_360 - DEBT
    assert netted.statement["totals"]["refund"] == -10_000
    assert netted.statement["totals"]["commission_returned"] == 1_000
    assert debt_of(debtor.pk, "EUR", at=later(8)) == 0
    assert faults() == []


def test_a_debt_is_noted_from_the_day_it_is_first_seen_until_it_is_paid(debtor, stripe_local):
    first = later(8)
    assert look_at_debts(at=first) == 1
    assert look_at_debts(at=first + timedelta(days=3)) == 1
    debt = Debt.objects.get()
    assert (debt.amount_minor, debt.since) == (DEBT, first)

    sell(20_000, stripe_local)
    assert look_at_debts(at=later(20)) == 0
    assert not Debt.objects.exists()
    assert not TransferReversal.objects.exists()


def test_sellers_of_one_currency_do_not_owe_for_each_other(debtor, stripe_local):
    other = make_tenant()
    owe(other, -50_000)

    assert debt_of(debtor.pk, "EUR", at=later(8)) == DEBT
    assert debt_of(other.pk, "EUR") == 0
    assert debt_of(other.pk, "USD") == 0


def test_currencies_are_never_mixed(seller):
    owe(seller, -10_000, "EUR", key="euros")
    owe(seller, 4_000, "USD", key="dollars")
    owe(seller, 300, "JPY", key="yen")

    found = {row.currency: row.available_minor for row in seller_balances(tenant_id=seller.pk)}
    assert found == {"EUR": 10_000, "USD": -4_000, "JPY": -300}
    assert {currency: debt_of(seller.pk, currency) for currency in found} == {
        "EUR": 0,
        "USD": 4_000,
        "JPY": 300,
    }
    assert look_at_debts() == 2
    (payout,) = run_payouts()
    assert (payout.currency, payout.amount_minor) == ("EUR", 10_000)
    assert faults() == []


# Taken back from earlier transfers ----------------------------------------------------------------------------------------


def take_back(days: float) -> None:
    """Look on the day the debt is seen, and so many days later."""
    look_at_debts(at=later(8))
    look_at_debts(at=later(8 + days))
    run_jobs()


def test_a_young_debt_is_only_carried(debtor, settings):
    settings.DEBT_REVERSAL_DAYS = 30
    take_back(29.9)
    assert not TransferReversal.objects.exists()


def test_an_old_debt_is_taken_back_as_far_as_the_sellers_balance_has_funds(debtor, stripe_local, settings):
    settings.DEBT_REVERSAL_DAYS = 30
    take_back(30)

    (reversal,) = TransferReversal.objects.all()
    assert (reversal.amount_minor, reversal.status) == (NET, ReversalStatus.MADE)
    assert at_the_seller(stripe_local, debtor) == 0
    assert available(debtor) == -DEBT + NET
    payout = Payout.objects.get()
    assert (payout.status, payout.reversed_minor) == (PayoutStatus.REVERSED, NET)
    take_back(31)
    assert TransferReversal.objects.count() == 1, "there is nothing left to take"
    assert faults() == []
    assert reconcile().ledger_sum == {"EUR": 0}


def test_no_more_is_taken_back_than_is_owed(seller, stripe_local):
    order = sell(20_000, stripe_local)
    pay_out()
    request_refund(order_id=order.pk, amount_minor=5_000, reason="r", actor=SYSTEM)
    run_jobs()
    take_back(30)

    (reversal,) = TransferReversal.objects.all()
    assert reversal.amount_minor == 5_000 - 500
    assert available(seller) == 0
    assert Payout.objects.get().reversed_minor == 4_500
    assert faults() == []


def test_the_newest_transfers_are_taken_back_first(seller, stripe_local):
    orders = []
    for _ in range(2):
        orders.append(sell(10_000, stripe_local))
        pay_out()
        stripe_local.advance(60)
    for order in orders:
        request_refund(order_id=order.pk, amount_minor=6_000, reason="r", actor=SYSTEM)
    run_jobs()
    take_back(30)

    amounts = dict(TransferReversal.objects.values_list("payout__number", "amount_minor"))
    assert amounts == {2: NET, 1: 2 * (6_000 - 600) - NET}
    assert available(seller) == 0
    assert faults() == []


def test_a_seller_whose_bank_has_everything_has_nothing_to_take_back(debtor, stripe_local):
    stripe_local.control("payouts", account=account_of(debtor))
    take_back(30)

    assert at_the_seller(stripe_local, debtor) == 0
    assert not TransferReversal.objects.exists()
    assert debt_of(debtor.pk, "EUR", at=later(8)) == DEBT


def test_a_reversal_that_stripe_refuses_leaves_the_debt_and_the_payout_as_they_were(debtor, stripe_local):
    reversal = request_reversal(
        payout_id=Payout.objects.get().pk, amount_minor=NET, reason="r", actor_id=None
    )
    stripe_local.control("payouts", account=account_of(debtor))
    for _ in range(2):
        reversal = send_reversal(reversal_id=reversal.pk)
    run_jobs()

    assert reversal.status == ReversalStatus.FAILED
    payout = Payout.objects.get()
    assert (payout.status, payout.reversed_minor) == (PayoutStatus.SENT, 0)
    assert debt_of(debtor.pk, "EUR", at=later(8)) == DEBT
    assert not LedgerTransaction.objects.filter(kind="transfer_reversal").exists()
    assert faults() == []


def test_a_payout_is_reversed_in_part_and_then_whole_and_never_more(seller, stripe_local):
    sell(10_000, stripe_local)
    (payout,) = pay_out()
    request_reversal(payout_id=payout.pk, amount_minor=1_000, reason="r", actor_id=None)
    run_jobs()
    payout.refresh_from_db()
    assert (payout.status, payout.reversed_minor) == (PayoutStatus.REVERSED, 1_000)
    assert balance(seller, in_days=8) == (0, 1_000, NET - 1_000)
    with pytest.raises(OverReversal):
        request_reversal(payout_id=payout.pk, amount_minor=NET - 999, reason="r", actor_id=None)

    stripe_local.client().v1.transfers.reversals.create(payout.transfer_id, {"amount": NET - 1_000})
    sync_reversals(transfer_id=payout.transfer_id)
    payout.refresh_from_db()
    assert (payout.status, payout.reversed_minor) == (PayoutStatus.REVERSED, NET)
    assert balance(seller, in_days=8) == (0, NET, 0)
    with pytest.raises(OverReversal):
        request_reversal(payout_id=payout.pk, amount_minor=1, reason="r", actor_id=None)
    assert faults() == []
    # What came back is payable again, by another payout.
    (again,) = pay_out()
    assert (again.number, again.amount_minor) == (2, NET)
    assert faults() == []


@pytest.mark.parametrize(("amount", "error"), [(0, Invalid), (-5, Invalid), (NET + 1, OverReversal)])
def test_a_reversal_is_above_nothing_and_at_most_the_payout(seller, stripe_local, amount, error):
    sell(10_000, stripe_local)
    (payout,) = pay_out()
    with pytest.raises(error):
        request_reversal(payout_id=payout.pk, amount_minor=amount, reason="r", actor_id=None)
    with pytest.raises(NotFound):
        request_reversal(payout_id=new_id(), amount_minor=1, reason="r", actor_id=None)


def test_one_reversal_of_a_payout_at_a_time_and_none_of_one_that_is_not_sent(seller, stripe_local):
    sell(10_000, stripe_local)
    (payout,) = run_payouts(at=later(8))
    with pytest.raises(OverReversal):
        request_reversal(payout_id=payout.pk, amount_minor=1, reason="r", actor_id=None)
    run_jobs()
    request_reversal(payout_id=payout.pk, amount_minor=1, reason="r", actor_id=None)
    with pytest.raises(OverReversal):
        request_reversal(payout_id=payout.pk, amount_minor=1, reason="r", actor_id=None)


def test_a_reversal_made_in_stripes_dashboard_is_adopted_once(seller, stripe_local):
    sell(10_000, stripe_local)
    (payout,) = pay_out()
    stripe_local.client().v1.transfers.reversals.create(payout.transfer_id, {"amount": 2_000})
    assert sync_reversals(transfer_id=payout.transfer_id) == 1
    assert sync_reversals(transfer_id=payout.transfer_id) == 0
    for event in stripe_local.events():
        if event["type"] == "transfer.reversed":
            store_event(event)
            apply_stripe_event(event_id=event["id"])

    (reversal,) = TransferReversal.objects.all()
    assert (reversal.amount_minor, reversal.status, reversal.actor_id) == (2_000, ReversalStatus.MADE, None)
    assert balance(seller, in_days=8) == (0, 2_000, NET - 2_000)
    assert LedgerTransaction.objects.filter(kind="transfer_reversal").count() == 1
    assert set(StripeEvent.objects.values_list("state", flat=True)) == {EventState.APPLIED}
    assert faults() == []


# Given up ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def operator(db):
    return make_operator()


def give_up(tenant, operator, amount: int, **options) -> WriteOff:
    values = {"currency": "EUR", "reason": "The shop is closed.", "actor_id": operator.pk, **options}
    return write_off_debt(tenant_id=tenant.pk, amount_minor=amount, **values)


@pytest.fixture
def owing(seller):
    owe(seller, 5_000)
    return seller


def test_a_debt_that_is_given_up_is_the_marketplaces_loss(owing, operator):
    give_up(owing, operator, 2_000)
    give_up(owing, operator, 3_000)

    assert (debt_of(owing.pk, "EUR"), available(owing)) == (0, 0)
    lost = LedgerEntry.objects.filter(account__kind="write_offs").aggregate(sum=Sum("amount_minor"))
    assert lost["sum"] == 5_000
    assert faults() == []


def test_no_more_than_is_owed_is_given_up(owing, operator):
    with pytest.raises(NoSuchDebt) as refusal:
        give_up(owing, operator, 5_001)
    assert refusal.value.facts["owed"] == {"amount": 5_000, "currency": "EUR"}
    with pytest.raises(NoSuchDebt):
        give_up(owing, operator, 1, currency="USD")
    assert not WriteOff.objects.exists()


@pytest.mark.parametrize("options", [{"reason": ""}, {"reason": "  \n"}])
def test_giving_up_needs_a_reason(owing, operator, options):
    with pytest.raises(Invalid):
        give_up(owing, operator, 1, **options)


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_cannot_be_given_up(owing, operator, amount):
    with pytest.raises(Invalid):
        give_up(owing, operator, amount)
    with pytest.raises(NotFound):
        write_off_debt(tenant_id=new_id(), currency="EUR", amount_minor=1, reason="r", actor_id=operator.pk)


def test_the_same_request_again_gives_up_once(owing, operator):
    first = give_up(owing, operator, 1_000, request_key="operator:1")
    again = give_up(owing, operator, 1_000, request_key="operator:1")

    assert (first.pk, debt_of(owing.pk, "EUR")) == (again.pk, 4_000)
    assert LedgerTransaction.objects.filter(kind="write_off").count() == 1


def test_of_two_who_give_up_the_same_debt_at_once_one_does(committed, tenant):
    owe(tenant, 5_000)
    operator = make_operator()

    results = at_once([lambda: give_up(tenant, operator, 5_000)] * 6)

    assert failures(results, NoSuchDebt) == []
    assert sum(isinstance(result, WriteOff) for result in results) == 1
    assert debt_of(tenant.pk, "EUR") == 0
    assert seller_balances(tenant_id=tenant.pk)[0].available_minor == 0
    assert faults() == []


def test_control_reading_the_debt_before_writing_it_off_gives_it_up_twice(committed, tenant):
    owe(tenant, 5_000)
    everybody_has_read = Gate(2)

    def naive() -> bool:
        owed = debt_of(tenant.pk, "EUR")
        everybody_has_read.wait()
        WriteOff.objects.create(
            tenant=tenant, currency="EUR", amount_minor=owed, reason="r", created_at=now()
        )
        return owed == 5_000

    assert at_once([naive] * 2) == [True, True]


# Payouts that fail, come back, wait ----------------------------------------------------------------------------------------


def bank_payout(stripe_local, tenant, outcome: str, **facts) -> str:
    """The connected account's own payout to its bank."""
    made = stripe_local.control("payouts", account=account_of(tenant))["id"]
    stripe_local.control(f"payouts/{made}/{outcome}", **facts)
    return made


def test_what_the_bank_sent_back_is_not_transferred_again_and_the_seller_is_told_once(seller, stripe_local):
    sell(10_000, stripe_local)
    (payout,) = pay_out()
    made = bank_payout(stripe_local, seller, "failed", code="account_closed")
    for _ in range(2):
        sync_bank_payout(stripe_account_id=account_of(seller), bank_payout_id=made)

    payout.refresh_from_db()
    assert (payout.status, payout.failure_code) == (PayoutStatus.RETURNED, "account_closed")
    assert Notification.objects.filter(type="payout_returned", for_staff=True).count() == 1
    assert pay_out() == []
    assert len(stripe_local.client().v1.transfers.list().data) == 1
    assert faults() == []

    again = bank_payout(stripe_local, seller, "paid")
    sync_bank_payout(stripe_account_id=account_of(seller), bank_payout_id=again)
    payout.refresh_from_db()
    assert (payout.status, payout.bank_payout_id) == (PayoutStatus.PAID, again)
    assert LedgerTransaction.objects.filter(kind="transfer").count() == 1


@pytest.mark.parametrize("order", [("paid", "failed"), ("failed", "paid")])
def test_a_failure_that_is_told_after_or_before_a_success_wins(seller, stripe_local, order):
    sell(10_000, stripe_local)
    (payout,) = pay_out()
    made = bank_payout(stripe_local, seller, "paid")
    sync_bank_payout(stripe_account_id=account_of(seller), bank_payout_id=made)
    payout.refresh_from_db()
    assert payout.status == PayoutStatus.PAID
    stripe_local.control(f"payouts/{made}/failed", code="account_closed")
    told = {event["type"]: event for event in stripe_local.events() if event["type"].startswith("payout.")}
    for name in order:
        store_event(told[f"payout.{name}"])
        apply_stripe_event(event_id=told[f"payout.{name}"]["id"])

    payout.refresh_from_db()
    assert payout.status == PayoutStatus.RETURNED
    assert seller_balances(tenant_id=seller.pk)[0].in_transit_minor == NET


def test_an_account_that_is_restricted_during_a_run_and_restored_is_paid_once(seller, stripe_local):
    sell(10_000, stripe_local)
    (claimed,) = run_payouts(at=later(8))
    stripe_local.control(f"accounts/{account_of(seller)}/restrict", reason="requirements.past_due")
    told = [event for event in stripe_local.events() if event["type"] == "account.updated"][-1]
    store_event(told)
    apply_stripe_event(event_id=told["id"])
    run_jobs()

    claimed.refresh_from_db()
    assert claimed.status == PayoutStatus.FAILED
    assert pay_out() == []
    assert available(seller) == NET

    stripe_local.control(f"accounts/{account_of(seller)}/verify")
    for _ in range(2):
        sync_account(stripe_account_id=account_of(seller))
    (paid,) = pay_out()
    assert (paid.status, paid.amount_minor) == (PayoutStatus.SENT, NET)
    assert pay_out() == []
    assert len(stripe_local.client().v1.transfers.list().data) == 1
    assert faults() == []


def test_a_balance_too_low_leaves_the_earnings_payable_and_we_try_again(serving, stripe_local):
    """Stripe retries no transfer; the next run does, and pays the oldest that can be moved."""
    ShippingRate.objects.update(price_minor=0)
    CommissionRule.objects.create(basis_points=0, fee_bearer="marketplace")
    onboard(serving, stripe_local)
    sell(10_000, stripe_local)

    assert pay_out() == []  # Stripe kept its fee: 96.80 are there
    assert available(serving) == 10_000
    with pytest.raises(NothingToPay, match="can be moved at Stripe") as refusal:
        pay_now(tenant_id=serving.pk, actor_id=None, at=later(8))
    assert "€96.80" in refusal.value.facts["reason"]

    stripe_local.control("funds", amount=320, currency="eur")
    (paid,) = pay_out()
    assert (paid.status, paid.amount_minor) == (PayoutStatus.SENT, 10_000)


def test_what_fits_is_paid_and_the_rest_waits_for_its_money(serving, stripe_local):
    ShippingRate.objects.update(price_minor=0)
    CommissionRule.objects.create(basis_points=0, fee_bearer="marketplace")
    onboard(serving, stripe_local)
    for minor in (6_000, 5_000, 3_500):
        sell(minor, stripe_local)

    (paid,) = pay_out()

    there = 14_500 - 204 - 175 - 132
    assert paid.amount_minor == 6_000 + 5_000 <= there < 14_500
    assert available(serving) == 3_500


# A transfer for each charge -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def _slow_stripe():
    with LocalStripe(funds_after_seconds=3 * 86_400) as local:
        yield local


@pytest.fixture
def slow_stripe(_slow_stripe, settings):
    """A Stripe whose money arrives days after the charge; the marketplace transfers charge by charge."""
    _slow_stripe.reset()
    settings.STRIPE_API_BASE = _slow_stripe.url
    settings.TRANSFERS_PER_CHARGE = True
    return _slow_stripe


@pytest.fixture
def early(serving, slow_stripe):
    """A seller without a hold, who is paid from 0.01 on."""
    ShippingRate.objects.update(price_minor=0)
    CommissionRule.objects.create(basis_points=1000, fixed_minor=30)
    onboard(serving, slow_stripe)
    SellerAccount.objects.filter(tenant=serving).update(hold_days=0, payout_minimum_minor=1)
    return serving


def transfers(stripe_local) -> dict[str, int]:
    """The amount moved for each charge."""
    return {made.source_transaction: made.amount for made in stripe_local.client().v1.transfers.list().data}


def test_each_charge_is_transferred_on_its_own_while_its_funds_are_pending(early, slow_stripe):
    charges = []
    for minor in (10_000, 5_999):
        charges.append(sell(minor, slow_stripe).payments.get().transaction_id)
        slow_stripe.advance(60)
    assert slow_stripe.client().v1.balance.retrieve().available[0].amount == 0

    made = pay_out(in_days=1)

    assert [payout.status for payout in made] == [PayoutStatus.SENT] * 2
    assert transfers(slow_stripe) == dict(zip(charges, (NET, 5_165), strict=True))
    assert [payout.source_charge_id for payout in made] == charges
    for payout in made:
        assert sum(line["amount_minor"] for line in payout.statement["lines"]) == payout.amount_minor
        assert len(payout.statement["orders"]) == 1
    assert pay_out(in_days=1) == []
    assert faults() == []


def test_without_it_the_same_money_waits_for_stripes_day(early, slow_stripe, settings):
    settings.TRANSFERS_PER_CHARGE = False
    sell(10_000, slow_stripe)

    assert Charge.objects.get().available_at == Charge.objects.get().funds_available_on
    assert pay_out(in_days=0.1) == []
    slow_stripe.advance(3 * 86_400 + 1)
    (paid,) = pay_out(in_days=4)
    assert paid.source_charge_id is None


def test_a_debt_is_taken_off_the_transfers_of_later_charges(early, slow_stripe):
    first = sell(10_000, slow_stripe)
    pay_out(in_days=0)
    request_refund(order_id=first.pk, amount_minor=None, reason="r", actor=SYSTEM)
    run_jobs()
    assert available(early, 0) == -DEBT
    small = sell(5_000, slow_stripe)
    slow_stripe.advance(60)
    large = sell(10_000, slow_stripe).payments.get().transaction_id

    (payout,) = pay_out(in_days=1)

    assert payout.source_charge_id == large
    assert payout.amount_minor == -DEBT + 4_295 + NET
    assert available(early, 1) == 0
    assert small.number in {line["order_number"] for line in payout.statement["orders"]}
    assert faults() == []


def test_a_debt_that_no_charge_covers_is_carried(early, slow_stripe):
    first = sell(10_000, slow_stripe)
    pay_out(in_days=0)
    request_refund(order_id=first.pk, amount_minor=None, reason="r", actor=SYSTEM)
    run_jobs()
    sell(5_000, slow_stripe)

    assert pay_out(in_days=0) == []
    assert not PayoutEntry.objects.exclude(payout__number=1).exists()
    assert available(early, 0) == 4_295 - DEBT


def test_of_several_runs_one_pays_each_charge(early, slow_stripe):
    sell(10_000, slow_stripe)
    sell(10_000, slow_stripe)
    requested = [payout for _ in range(3) for payout in run_payouts(at=later(0))]
    run_jobs()

    assert len(requested) == 2
    assert sorted(transfers(slow_stripe).values()) == [NET, NET]


# Reserves --------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def reserved(seller):
    """10 % of each sale is kept back for 30 days."""
    SellerAccount.objects.filter(tenant=seller).update(reserve_basis_points=1000, reserve_days=30)
    return seller


def test_a_reserve_is_held_and_released_by_time_once(reserved, stripe_local):
    sell(10_000, stripe_local)
    (found,) = seller_balances(tenant_id=reserved.pk, at=later(8))
    assert (found.available_minor, found.reserved_minor, found.earned_minor) == (NET - 1_000, 1_000, NET)
    assert [payout.amount_minor for payout in pay_out()] == [NET - 1_000]

    assert release_reserves(at=later(29)) == 0
    assert release_reserves(at=later(31)) == 1
    assert release_reserves(at=later(31)) == 0
    (found,) = seller_balances(tenant_id=reserved.pk, at=later(31))
    assert (found.available_minor, found.reserved_minor) == (1_000, 0)
    SellerAccount.objects.update(payout_minimum_minor=1)
    assert [payout.amount_minor for payout in pay_out(in_days=31)] == [1_000]
    assert faults() == []


def test_a_reserve_is_never_more_than_the_sellers_part(reserved, stripe_local):
    SellerAccount.objects.update(reserve_basis_points=10_000)
    sell(10_000, stripe_local)

    assert Reserve.objects.get().amount_minor == 10_000 - 1_030
    assert available(reserved) == -320


def test_a_sale_that_is_refunded_whole_gives_its_reserve_back(reserved, stripe_local):
    order = sell(10_000, stripe_local)
    request_refund(order_id=order.pk, amount_minor=9_999, reason="r", actor=SYSTEM)
    run_jobs()
    assert Reserve.objects.get().released_at is None
    request_refund(order_id=order.pk, amount_minor=1, reason="r", actor=SYSTEM)
    run_jobs()

    assert Reserve.objects.get().released_at is not None
    (found,) = seller_balances(tenant_id=reserved.pk, at=later(8))
    assert (found.available_minor, found.reserved_minor) == (-320 - 30, 0)
    assert faults() == []


def test_a_reserve_stays_while_its_sale_is_disputed(reserved, stripe_local):
    order = sell(10_000, stripe_local)
    opened = stripe_local.control("disputes", charge=order.payments.get().transaction_id)["id"]
    sync_dispute(opened)
    assert release_reserves(at=later(31)) == 0

    stripe_local.control(f"disputes/{opened}/close", outcome="won")
    sync_dispute(opened)
    assert release_reserves(at=later(31)) == 1
    assert faults() == []


# When money is available --------------------------------------------------------------------------------------------------------


def test_where_delivery_is_awaited_money_is_available_after_the_return_window(seller, stripe_local):
    SellerAccount.objects.filter(tenant=seller).update(return_days=14)
    order = sell(10_000, stripe_local)
    assert Charge.objects.get().available_at is None
    assert pay_out(in_days=80) == []

    ship_order(order_id=order.pk, carrier="DHL", actor=SYSTEM)
    assert Charge.objects.get().available_at is None
    deliver_order(order_id=order.pk, actor=SYSTEM)

    order.refresh_from_db()
    assert Charge.objects.get().available_at == order.delivered_at + timedelta(days=14)
    assert pay_out(in_days=13.9) == []
    assert [payout.amount_minor for payout in pay_out(in_days=14.1)] == [NET]


def test_a_sale_that_was_taken_back_awaits_no_delivery(seller, stripe_local):
    SellerAccount.objects.filter(tenant=seller).update(return_days=14)
    order = sell(10_000, stripe_local)
    request_refund(order_id=order.pk, amount_minor=None, reason="r", actor=SYSTEM)
    run_jobs()

    charge = Charge.objects.get()
    assert charge.available_at == max(charge.hold_until, charge.funds_available_on)
    assert available(seller) == -350


def test_terms_that_change_apply_to_new_sales(seller, stripe_local):
    sell(10_000, stripe_local)
    SellerAccount.objects.filter(tenant=seller).update(hold_days=30, return_days=1, reserve_basis_points=5000)
    charge = Charge.objects.get()
    sync_payment(payment_id=charge.payment_id)

    assert [payout.amount_minor for payout in pay_out(in_days=8)] == [NET]


# Other currencies ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "price", "commission", "fee"),
    [
        ("JPY", 10_007, 1_001 + 30, 320),  # 2.9 % of 10007 and 30: 320.2
        ("KWD", 12_340, 1_234 + 30, 388),  # 2.9 % of 12.340 and 0.030: 0.388
        ("KWD", 10_000, 1_000 + 30, 320),
        ("EUR", 10_007, 1_001 + 30, 320),
    ],
)
def test_a_sale_its_refund_and_its_payout_stay_in_their_currency(
    db, stripe_local, currency, price, commission, fee
):
    tenant = make_tenant(currency=currency)
    CommissionRule.objects.create(basis_points=1000, fixed_minor=30)
    onboard(tenant, stripe_local)
    SellerAccount.objects.filter(tenant=tenant).update(payout_minimum_minor=1)
    with tenant_scope(tenant):
        ShippingRate.objects.update(price_minor=0)
        order = make_order((make_variant(price_minor=price), 1))
        pay(order, stripe_local)
        (found,) = seller_balances(tenant_id=tenant.pk, at=later(8))
        assert Charge.objects.get().fee_minor == fee
        assert (found.currency, found.available_minor) == (currency, price - commission - fee)

        request_refund(order_id=order.pk, amount_minor=1_000, reason="r", actor=SYSTEM)
        run_jobs()
        (found,) = seller_balances(tenant_id=tenant.pk, at=later(8))
        back = (commission - 30) * 1_000
        assert found.available_minor == price - commission - fee - 1_000 + (2 * back + price) // (2 * price)
        net = found.available_minor
        (payout,) = pay_out()
        assert (payout.currency, payout.amount_minor, payout.status) == (currency, net, "sent")
        assert set(LedgerEntry.objects.values_list("currency", flat=True)) == {currency}
        assert faults() == []
