"""Debts at the desk: who owes what since when, giving up with a reason, taking back, reserves, and a seller's terms."""

from datetime import timedelta

import pytest
from django.test import Client

from core.clock import now
from core.jobs.schedule import sync
from payouts.models import (
    AccountKind,
    Debt,
    LedgerAccount,
    LedgerEntry,
    PayoutSchedule,
    Reserve,
    SellerAccount,
    TransferReversal,
    WriteOff,
)
from services.debt_services import debt_of, look_at_debts
from services.payout_services import run_payouts
from tests.desk.conftest import Desk
from tests.desk.money_support import NET, OWED, audited
from tests.factories.jobs import queued, run_jobs
from tests.factories.tenants import make_tenant, make_user, owner_of
from tests.factories.threads import at_once, failures
from tests.money.support import faults, sell
from tests.tenancy.support import ELSEWHERE, MARKETPLACE


def form_of(desk: Desk, tenant, **fields) -> dict[str, str]:
    """The write-off form as the page shows it, filled in."""
    desk.get(f"/desk/sellers/{tenant.pk}")
    key = desk.text.partition('name="key" value="')[2].partition('"')[0]
    values = {"amount": "90.00", "reason": "the shop is gone", "currency": "EUR", **fields}
    return {"action": "write-off", "key": key, **values}


def test_nobody_but_operators_gets_in(debtor):
    paths = ("/desk/debts", f"/desk/sellers/{debtor.pk}", f"/desk/sellers/{debtor.pk}/terms")
    for path in paths:
        for person in (None, make_user(), owner_of(debtor)):
            assert Desk(person).get(path).status_code == 302
            assert Desk(person).post(path, {"action": "save", "hold_days": "0"}).status_code == 302
    assert not WriteOff.objects.exists()


def test_forms_of_others_are_refused(operator, debtor):
    attacker = Client(enforce_csrf_checks=True, HTTP_HOST=MARKETPLACE)
    attacker.force_login(operator)
    form = {"action": "write-off", "amount": "1", "reason": "x", "currency": "EUR", "key": "k" * 20}

    assert attacker.post(f"/desk/sellers/{debtor.pk}", form).status_code == 403
    assert attacker.post(f"/desk/sellers/{debtor.pk}/terms", {"action": "resume"}).status_code == 403
    assert not WriteOff.objects.exists()


def test_a_seller_that_is_not_there_is_not_found(desk):
    for path in (f"/desk/sellers/{ELSEWHERE}", f"/desk/sellers/{ELSEWHERE}/terms"):
        assert desk.get(path).status_code == 404
        for action in ("write-off", "take-back", "save", "pause", "resume"):
            answer = desk.post(path, {"action": action, "reason": "x"})
            assert answer.status_code in (404, 400), (path, action)
            assert action not in ("write-off", "take-back") or "terms" in path or answer.status_code == 404


def test_who_owes_what_since_when(desk, debtor, django_assert_max_num_queries):
    look_at_debts()
    Debt.objects.update(since=now() - timedelta(days=40, minutes=1))
    with django_assert_max_num_queries(12):
        desk.get("/desk/debts")

    assert debtor.name in desk.text
    assert "€90.00" in desk.text
    assert "40 days" in desk.text
    with django_assert_max_num_queries(13):
        desk.get(f"/desk/sellers/{debtor.pk}")
    assert "A debt of €90.00" in desk.text


def test_the_daily_look_can_be_taken_now(desk, debtor):
    assert desk.post("/desk/debts", {"action": "look"}).status_code == 404, "no scheduler has started yet"
    sync()

    assert desk.post("/desk/debts", {"action": "look"}).status_code == 302
    assert desk.post("/desk/debts", {"action": "look"}).status_code == 409
    assert len(queued("debt.look")) == 1
    run_jobs()

    assert Debt.objects.get().amount_minor == OWED
    assert [entry.facts["name"] for entry in audited("schedule.run_now")] == ["debt.look"]


# Writing off ------------------------------------------------------------------------------------------------------


def test_a_debt_is_written_off_with_a_reason_and_listed_with_who_and_why(desk, debtor):
    assert desk.post(f"/desk/sellers/{debtor.pk}", form_of(desk, debtor, amount="40.00")).status_code == 302

    assert debt_of(debtor.pk, "EUR") == OWED - 4_000
    row = WriteOff.objects.get()
    assert (row.amount_minor, row.reason, row.actor_id) == (4_000, "the shop is gone", desk.person.pk)
    assert LedgerEntry.objects.get(account__kind=AccountKind.WRITE_OFFS).amount_minor == 4_000
    assert [entry.reason for entry in audited("debt.written_off")] == ["the shop is gone"]
    desk.get("/desk/debts?show=write-offs")
    for text in ("€40.00", "the shop is gone", desk.person.name, debtor.name):
        assert text in desk.text, text
    assert faults() == []


def test_a_form_that_is_sent_twice_counts_once(desk, debtor):
    form = form_of(desk, debtor, amount="10")

    assert [desk.post(f"/desk/sellers/{debtor.pk}", form).status_code for _ in range(3)] == [302] * 3
    assert WriteOff.objects.count() == 1
    other = form_of(desk, debtor, amount="10")
    assert other["key"] != form["key"]
    desk.post(f"/desk/sellers/{debtor.pk}", other)
    assert WriteOff.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"reason": " "}, "required"),
        ({"amount": "0"}, "above 0"),
        ({"amount": "90.01"}, "does not owe that much"),
        ({"amount": "ten"}, "number"),
        ({"key": "short"}, ""),
        ({"currency": "USD"}, "does not owe that much"),
        ({"currency": "../"}, ""),
    ],
)
def test_what_cannot_be_written_off_is_explained_and_nothing_happens(desk, debtor, change, told):
    form = {**form_of(desk, debtor), **change}

    assert desk.post(f"/desk/sellers/{debtor.pk}", form).status_code == 400
    assert told in desk.text or "currency" in change
    assert not WriteOff.objects.exists()
    assert debt_of(debtor.pk, "EUR") == OWED


def test_two_at_once_give_up_no_more_than_is_owed(committed, tenant, operator_committed):
    from core.clock import now as moment
    from payouts.models import EntryPart
    from services.debt_services import NoSuchDebt, write_off_debt
    from services.ledger_services import Leg, post_transaction

    post_transaction(
        key="debt",
        kind="adjustment",
        currency="EUR",
        tenant=tenant,
        occurred_at=moment(),
        legs=[
            Leg(AccountKind.STRIPE_BALANCE, -1_000, EntryPart.REFUND),
            Leg(AccountKind.SELLER_PAYABLE, 1_000, EntryPart.REFUND),
        ],
    )

    def give_up(key: str):
        return lambda: write_off_debt(
            tenant_id=tenant.pk,
            currency="EUR",
            amount_minor=600,
            reason="r",
            actor_id=operator_committed.pk,
            request_key=key,
        )

    results = at_once([give_up("a"), give_up("a"), give_up("b")])

    assert failures(results, NoSuchDebt) == []
    assert WriteOff.objects.count() == 1
    assert debt_of(tenant.pk, "EUR") == 400


@pytest.fixture
def operator_committed(committed):
    from tests.factories.tenants import make_operator

    return make_operator()


# Taking back ------------------------------------------------------------------------------------------------------


def test_a_debt_is_taken_back_from_earlier_transfers_with_a_reason(desk, debtor, stripe_local):
    form = {"action": "take-back", "currency": "EUR", "reason": "agreed by phone"}

    assert "done=taking" in desk.post(f"/desk/sellers/{debtor.pk}", form)["Location"]
    run_jobs()

    (reversal,) = TransferReversal.objects.all()
    assert (reversal.amount_minor, reversal.reason, reversal.actor_id) == (
        NET,
        "agreed by phone",
        desk.person.pk,
    )
    assert [entry.actor_id for entry in audited("payout.reversal_requested")] == [desk.person.pk]
    assert debt_of(debtor.pk, "EUR") == OWED - NET
    again = desk.post(f"/desk/sellers/{debtor.pk}", form)
    assert "done=nothing" in again["Location"], "the seller's balance at Stripe is empty"
    assert TransferReversal.objects.count() == 1
    assert faults() == []


def test_taking_back_needs_a_reason_and_a_debt(desk, debtor, seller):
    answer = desk.post(f"/desk/sellers/{debtor.pk}", {"action": "take-back", "currency": "EUR", "reason": ""})
    assert answer.status_code == 400
    other = make_tenant()
    answer = desk.post(f"/desk/sellers/{other.pk}", {"action": "take-back", "currency": "EUR", "reason": "r"})
    assert "done=nothing" in answer["Location"]
    assert not TransferReversal.objects.exists()


# Reserves ---------------------------------------------------------------------------------------------------------


def test_reserves_are_listed_with_their_release(desk, seller, stripe_local, django_assert_max_num_queries):
    SellerAccount.objects.update(reserve_basis_points=1_000, reserve_days=90)
    order = sell(10_000, stripe_local)
    reserve = Reserve.objects.get()

    with django_assert_max_num_queries(12):
        desk.get("/desk/debts?show=reserves")
    assert seller.name in desk.text
    assert f"€{reserve.amount_minor / 100:.2f}" in desk.text
    desk.get(f"/desk/sellers/{seller.pk}")
    assert f"{reserve.release_at:%Y}" in desk.text
    assert f">{order.number}<" in desk.text


# Terms ------------------------------------------------------------------------------------------------------------

TERMS = {
    "action": "save",
    "hold_days": "3",
    "return_days": "14",
    "reserve_percent": "12.5",
    "reserve_days": "60",
    "payout_minimum": "25.50",
    "plan": "pro",
    "schedule": "weekly",
    "schedule_day": "5",
    "time_zone": "Europe/Berlin",
}


def test_terms_are_shown_and_only_what_changed_is_noted(desk, tenant):
    desk.get(f"/desk/sellers/{tenant.pk}/terms")
    assert 'name="hold_days" value="7"' in desk.text

    assert desk.post(f"/desk/sellers/{tenant.pk}/terms", TERMS).status_code == 302

    account = SellerAccount.objects.get(tenant=tenant)
    assert (account.hold_days, account.return_days, account.reserve_basis_points) == (3, 14, 1_250)
    assert (account.payout_minimum_minor, account.plan) == (2_550, "pro")
    assert (account.schedule, account.schedule_day) == (PayoutSchedule.WEEKLY, 5)
    (entry,) = audited("seller.terms_changed")
    assert entry.actor_id == desk.person.pk
    assert entry.facts["plan"] == "pro"

    desk.post(f"/desk/sellers/{tenant.pk}/terms", {**TERMS, "return_days": ""})
    desk.post(f"/desk/sellers/{tenant.pk}/terms", {**TERMS, "return_days": ""})
    account.refresh_from_db()
    assert account.return_days is None
    assert [entry.facts for entry in audited("seller.terms_changed")][1:] == [{"return_days": "None"}]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("hold_days", "91", "90"),
        ("hold_days", "-1", "0"),
        ("return_days", "x", "whole number"),
        ("reserve_percent", "101", "100"),
        ("reserve_percent", "1.234", "decimal"),
        ("reserve_days", "366", "365"),
        ("payout_minimum", "-1", "0"),
        ("payout_minimum", "1.001", "decimals"),
        ("schedule", "hourly", "valid choice"),
        ("schedule_day", "8", "1 to 7"),
        ("schedule_day", "0", "1"),
        ("time_zone", "Mars/Base", "IANA"),
        ("plan", "p" * 41, "40"),
    ],
)
def test_terms_that_cannot_be_are_explained_beside_the_field(desk, tenant, field, value, told):
    before = SellerAccount.objects.values().get(tenant=tenant)

    assert desk.post(f"/desk/sellers/{tenant.pk}/terms", {**TERMS, field: value}).status_code == 400
    assert told in desk.text
    assert "errorlist" in desk.text
    assert SellerAccount.objects.values().get(tenant=tenant) == before


def test_payouts_are_paused_with_a_reason_and_go_on(desk, seller, stripe_local):
    sell(10_000, stripe_local)
    path = f"/desk/sellers/{seller.pk}/terms"
    assert desk.post(path, {"action": "pause", "reason": ""}).status_code == 400

    desk.post(path, {"action": "pause", "reason": "we look at <two> orders"})
    assert run_payouts() == []
    desk.get(path)
    assert "we look at &lt;two&gt; orders" in desk.text
    desk.post(path, {"action": "resume"})
    assert len(run_payouts()) == 1
    assert len(audited("seller.terms_changed")) == 2


def test_lists_are_short_however_many_there_are(desk, django_assert_max_num_queries):
    tenant = make_tenant()
    for currency in ("EUR", "USD", "JPY", "KWD"):
        account = LedgerAccount.objects.create(
            kind=AccountKind.SELLER_PAYABLE, tenant=tenant, currency=currency
        )
        Debt.objects.create(account=account, amount_minor=100, since=now())
    WriteOff.objects.bulk_create(
        WriteOff(
            tenant=tenant,
            currency="EUR",
            amount_minor=1,
            reason="r",
            actor_id=desk.person.pk,
            created_at=now(),
        )
        for _ in range(60)
    )
    for show in ("", "?show=write-offs", "?show=reserves", "?show=nonsense", "?cursor=x"):
        with django_assert_max_num_queries(12):
            assert desk.get(f"/desk/debts{show}").status_code == 200
    assert queued("debt.look") == []
