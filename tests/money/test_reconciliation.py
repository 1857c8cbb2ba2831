"""Reconciliation: what our books and Stripe disagree on is found, kept and never mended."""

import json
from datetime import timedelta

import pytest
import structlog
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from core.errors import IllegalTransition, Invalid, NotFound
from payouts.models import (
    AccountKind,
    CommissionRule,
    Difference,
    DifferenceState,
    EntryPart,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    Payout,
    StripeTransaction,
    Watermark,
)
from services import reconciliation_services, stripe_mirror_services
from services.debt_services import request_reversal
from services.difference_services import explain_difference
from services.dispute_services import sync_dispute
from services.ledger_facts import Leg
from services.ledger_services import post_transaction
from services.reconciliation_services import reconcile, reconcile_daily
from services.refund_services import request_refund
from services.stripe_gateway import PaymentProviderUnavailable
from shop.models import Payment, ShippingRate
from stripe_local.testing import LocalStripe
from tenants.models import AuditEntry
from tests.factories.jobs import run_jobs
from tests.factories.tenants import make_operator, make_user
from tests.money.support import SELLER, onboard, pay_out, sell
from tests.tenancy.support import MARKETPLACE, ask, tokens


@pytest.fixture
def seller(serving, stripe_local):
    """A seller whom Stripe has verified, without shipping costs."""
    ShippingRate.objects.update(price_minor=0)
    CommissionRule.objects.create(basis_points=1000, fixed_minor=30)
    onboard(serving, stripe_local)
    return serving


def charge_at_stripe(stripe_local: LocalStripe, *, prefix: str = "direct", **facts) -> tuple[str, str]:
    """A charge of 10.00 with a fee of 0.59 that nobody told us of: the keys its two bookings would have."""
    stripe_local.control("seed", **{"charges": 1, "days": 0, "prefix": prefix, **facts})
    return f"charge:ch_{prefix}_0000001", f"fee:txn_{prefix}_0000001"


def book(key: str, amount_minor: int, currency: str = "EUR") -> None:
    """A posting on stripe_balance."""
    legs = [
        Leg(AccountKind.STRIPE_BALANCE, amount_minor, EntryPart.SALE),
        Leg(AccountKind.COMMISSION_INCOME, -amount_minor, EntryPart.COMMISSION),
    ]
    post_transaction(
        key=key, kind="capture", currency=currency, legs=legs, tenant=None, occurred_at=timezone.now()
    )


def found(report):
    """(kind, subject, ours, theirs) of what is open."""
    return {(row.kind, row.subject, row.ours_minor, row.theirs_minor) for row in report.differences}


def named(subject: str) -> Difference:
    return Difference.objects.get(subject=subject)


def ledger():
    return (
        list(LedgerTransaction.objects.order_by("pk").values()),
        list(LedgerEntry.objects.order_by("pk").values()),
        list(LedgerAccount.objects.order_by("pk").values()),
    )


@pytest.fixture
def requests_made(monkeypatch):
    """The paths and parameters of what was asked of Stripe while reading."""
    made, ask_stripe = [], stripe_mirror_services._get

    def spy(path, **params):
        made.append((path, params))
        return ask_stripe(path, **params)

    monkeypatch.setattr(stripe_mirror_services, "_get", spy)
    return made


def pages(made):
    return [params for path, params in made if path == "/v1/balance_transactions"]


# Both sides agree ---------------------------------------------------------------------------------------------------


def test_a_life_of_sales_refunds_disputes_payouts_and_reversals_agrees_on_every_day(seller, stripe_local):
    kept, lost, won = (sell(amount, stripe_local) for amount in (10_000, 5_000, 3_000))
    request_refund(order_id=kept.pk, amount_minor=2_500, reason="scratched", actor=SELLER)
    run_jobs()
    for order, outcome in ((lost, "lost"), (won, "won")):
        intent = Payment.objects.get(order=order).intent_id
        dispute = stripe_local.control("disputes", payment_intent=intent)["id"]
        sync_dispute(dispute)
        assert not reconcile().differences
        stripe_local.control(f"disputes/{dispute}/close", outcome=outcome, return_fee=True)
        sync_dispute(dispute)
    sell(20_000, stripe_local)
    (payout,) = pay_out()
    request_reversal(payout_id=payout.pk, amount_minor=700, reason="too much", actor_id=None)
    run_jobs()

    report = reconcile()
    assert not report.differences
    assert report.has_balance
    assert report.balance_transactions == StripeTransaction.objects.count() == 4 + 1 + 3 + 1 + 1
    assert report.bookings == report.balance_transactions + 4  # a charge's fee is booked on its own
    for day in report.days:
        assert day["ours_minor"] == day["theirs_minor"]
    assert sum(day["theirs_minor"] for day in report.days) == stripe_mirror_services.stripe_balance()["EUR"]
    assert not StripeTransaction.objects.filter(key="").exists()


# Each kind ----------------------------------------------------------------------------------------------------------


def test_a_charge_that_we_were_not_told_of_is_only_at_stripe(db, stripe_local):
    charge, fee = charge_at_stripe(stripe_local)

    report = reconcile()

    assert found(report) == {
        ("only_at_stripe", charge, None, 1_000),
        ("only_at_stripe", fee, None, -59),
        ("balance_differs", "stripe_balance", 0, 941),
    }
    assert report.open == 3
    assert [(day["ours_minor"], day["theirs_minor"], day["open"]) for day in report.days] == [(0, 941, 2)]


def test_a_booking_that_stripe_does_not_list_is_only_in_our_books(db, stripe_local):
    book("charge:ch_nowhere", 500)

    assert found(reconcile()) == {
        ("only_in_our_books", "charge:ch_nowhere", 500, None),
        ("balance_differs", "stripe_balance", 500, 0),
    }


@pytest.mark.parametrize("booked", [900, 1_100])
def test_another_amount_in_our_books_differs(db, stripe_local, booked):
    charge, fee = charge_at_stripe(stripe_local)
    book(charge, booked)
    book(fee, -59)

    assert found(reconcile()) == {
        ("amount_differs", charge, booked, 1_000),
        ("balance_differs", "stripe_balance", booked - 59, 941),
    }


def test_another_currency_is_missing_on_both_sides(db, stripe_local):
    charge, _ = charge_at_stripe(stripe_local, fee=0)
    book(charge, 1_000, "USD")

    assert {row[:2] for row in found(reconcile())} == {
        ("only_at_stripe", charge),
        ("only_in_our_books", charge),
        ("balance_differs", "stripe_balance"),
    }
    assert Difference.objects.filter(kind="balance_differs").count() == 2


def test_what_souk_does_not_book_stays_open_until_it_is_explained(db, stripe_local):
    stripe_local.control("funds", amount=5_000, currency="eur")
    assert reconcile().open == 2
    difference = named(StripeTransaction.objects.get(type="topup").pk)
    assert (difference.kind, difference.theirs_minor) == ("not_booked_by_souk", 5_000)
    assert reconcile().open == 2

    explain_difference(difference_id=difference.pk, note="our own money, put in", actor_id=None)

    report = reconcile()
    assert (report.open, report.explained, report.solved) == (0, 1, 1)
    assert named("stripe_balance").state == DifferenceState.SOLVED, "the balance is explained along with it"


def test_a_payout_that_says_another_amount_than_the_books_is_found(seller, stripe_local):
    sell(10_000, stripe_local)
    (payout,) = pay_out()
    Payout.objects.filter(pk=payout.pk).update(amount_minor=payout.amount_minor - 1)

    subject = f"payouts:{seller.slug}"
    assert found(reconcile()) == {("amount_differs", subject, 8_650, 8_649)}

    Payout.objects.filter(pk=payout.pk).update(amount_minor=payout.amount_minor, reversed_minor=4)
    assert found(reconcile()) == {("amount_differs", f"reversals:{seller.slug}", 0, 4)}
    assert named(subject).state == DifferenceState.SOLVED


@pytest.mark.parametrize(
    ("kind", "source", "amount_minor", "key"),
    [
        ("charge", "ch_1", 5, "charge:ch_1"),
        ("payment", "py_1", 5, "charge:py_1"),
        ("refund", "re_1", -5, "refund:re_1"),
        ("payment_refund", "pyr_1", -5, "refund:pyr_1"),
        ("refund_failure", "re_1", 5, "refund_failed:re_1"),
        ("payment_failure_refund", "pyr_1", 5, "refund_failed:pyr_1"),
        ("transfer", "tr_1", -5, "transfer:tr_1"),
        ("transfer_refund", "trr_1", 5, "transfer_reversal:trr_1"),
        ("adjustment", "dp_1", -5, "dispute:dp_1:withdrawn"),
        ("adjustment", "du_1", 5, "dispute:du_1:reinstated"),
        ("adjustment", "", 5, ""),
        ("charge", "", 5, ""),
        ("payout", "po_1", -5, ""),
        ("stripe_fee", "", -5, ""),
    ],
)
def test_each_type_has_one_booking_or_none(kind, source, amount_minor, key):
    assert stripe_mirror_services.booking_of(kind, source, amount_minor) == key


# Age and state ------------------------------------------------------------------------------------------------------


def test_age_is_kept_from_look_to_look(db, stripe_local):
    charge, _ = charge_at_stripe(stripe_local)
    reconcile()
    first = named(charge)
    Difference.objects.filter(pk=first.pk).update(first_seen_at=timezone.now() - timedelta(days=3))
    report = reconcile()

    again = named(charge)
    assert again.pk == first.pk
    assert again.last_seen_at > first.last_seen_at
    line = next(line for line in report.as_json()["differences"] if line["subject"] == charge)
    assert (line["age_days"], line["state"]) == (3, "open")


def test_a_late_booking_solves_and_is_named(db, stripe_local):
    charge, fee = charge_at_stripe(stripe_local)
    reconcile()
    book(charge, 1_000)
    book(fee, -59)

    report = reconcile()
    assert (report.open, report.solved) == (0, 3)
    assert [named(key).solved_by.key for key in (charge, fee)] == [charge, fee]
    assert named("stripe_balance").solved_by is None
    assert named(charge).solved_at > named(charge).first_seen_at


def test_what_stripe_lists_late_solves_without_a_booking(db, stripe_local):
    book("charge:ch_direct_0000001", 1_000)
    reconcile()
    charge, _ = charge_at_stripe(stripe_local, fee=0)

    assert reconcile().open == 0
    assert (named(charge).state, named(charge).solved_by) == (DifferenceState.SOLVED, None)


def test_an_explanation_holds_as_long_as_the_gap_stays_and_no_longer(seller, stripe_local):
    sell(10_000, stripe_local)
    (first,) = pay_out()
    Payout.objects.filter(pk=first.pk).update(amount_minor=first.amount_minor - 1)
    reconcile()
    subject = f"payouts:{seller.slug}"
    explain_difference(difference_id=named(subject).pk, note="a cent, known", actor_id=None)
    seen = named(subject).first_seen_at

    sell(20_000, stripe_local)
    pay_out()
    assert reconcile().open == 0, "both sides have grown by the same"
    assert (named(subject).state, named(subject).ours_minor) == (DifferenceState.EXPLAINED, 8_650 + 17_360)

    Payout.objects.filter(pk=first.pk).update(amount_minor=first.amount_minor - 2)
    assert reconcile().open == 1
    reopened = named(subject)
    assert (reopened.state, reopened.note, reopened.first_seen_at) == (
        DifferenceState.OPEN,
        "a cent, known",
        seen,
    )

    Payout.objects.filter(pk=first.pk).update(amount_minor=first.amount_minor)
    assert (reconcile().open, named(subject).state) == (0, DifferenceState.SOLVED)

    Payout.objects.filter(pk=first.pk).update(amount_minor=first.amount_minor - 1)
    assert reconcile().open == 1
    assert named(subject).first_seen_at > seen, "what comes back is young again"
    assert (named(subject).solved_at, named(subject).state) == (None, DifferenceState.OPEN)


def test_an_explained_difference_that_goes_is_solved(db, stripe_local):
    charge, _ = charge_at_stripe(stripe_local, fee=0)
    reconcile()
    explain_difference(difference_id=named(charge).pk, note="told by phone", actor_id=None)
    assert (reconcile().open, reconcile().explained) == (0, 1)

    book(charge, 1_000)
    reconcile()
    assert (named(charge).state, named(charge).solved_by.key) == (DifferenceState.SOLVED, charge)


def test_only_an_open_difference_is_explained_and_with_a_reason(db, stripe_local):
    charge, _ = charge_at_stripe(stripe_local)
    reconcile()
    row = named(charge)

    with pytest.raises(NotFound):
        explain_difference(difference_id=0, note="why", actor_id=None)
    with pytest.raises(Invalid):
        explain_difference(difference_id=row.pk, note="  ", actor_id=None)
    explain_difference(difference_id=row.pk, note="why", actor_id=None)
    with pytest.raises(IllegalTransition):
        explain_difference(difference_id=row.pk, note="why again", actor_id=None)
    assert AuditEntry.objects.filter(action="difference.explained", reason="why").count() == 1


def test_postgresql_refuses_moves_that_are_not_documented(db, stripe_local):
    charge, fee = charge_at_stripe(stripe_local)
    reconcile()
    book(charge, 1_000)
    reconcile()

    with pytest.raises(IntegrityError, match="not a move"), transaction.atomic():
        Difference.objects.filter(subject=charge).update(
            state="explained", note="?", solved_at=None, solved_by=None
        )
    with pytest.raises(IntegrityError, match="explained_has_note"), transaction.atomic():
        Difference.objects.filter(subject=fee).update(state="explained")


# In flight ----------------------------------------------------------------------------------------------------------


def test_what_is_on_its_way_is_no_difference_within_the_grace(db, stripe_local):
    charge_at_stripe(stripe_local)
    book("charge:ch_not_listed_yet", 700)
    grace = timedelta(minutes=10)

    assert reconcile(grace=grace).open == 0, "neither the facts nor the balance"
    assert reconcile().open == 4
    assert reconcile(grace=grace).open == 4, "what is known does not go away by being young"


def test_a_booking_made_while_stripe_was_read_is_not_looked_for(db, stripe_local, monkeypatch):
    read = reconciliation_services.read_stripe

    def read_then_book(**options):
        balance = read(**options)
        book("charge:ch_just_now", 700)
        return balance

    monkeypatch.setattr(reconciliation_services, "read_stripe", read_then_book)
    assert reconcile().open == 0


def test_a_balance_that_never_rests_is_not_compared_and_keeps_what_is_known(db, stripe_local, monkeypatch):
    charge_at_stripe(stripe_local)
    reconcile()
    moving = iter(range(100))
    monkeypatch.setattr(stripe_mirror_services, "stripe_balance", lambda: {"EUR": next(moving)})

    report = reconcile()
    assert not report.has_balance
    assert named("stripe_balance").state == DifferenceState.OPEN


def test_a_charge_during_the_reading_is_read_along(db, stripe_local, monkeypatch):
    charge_at_stripe(stripe_local, prefix="early")
    get, late = stripe_mirror_services._get, []

    def charge_after_the_last_page(path, **params):
        answer = get(path, **params)
        if path == "/v1/balance_transactions" and not late:
            late.append(charge_at_stripe(stripe_local, prefix="late"))
        return answer

    monkeypatch.setattr(stripe_mirror_services, "_get", charge_after_the_last_page)
    report = reconcile()
    assert report.has_balance
    assert named(late[0][0]).theirs_minor == 1_000
    assert named("stripe_balance").theirs_minor == 2 * 941


def test_earlier_days_are_left_as_they_are(db, stripe_local):
    charge_at_stripe(stripe_local, charges=4, days=40, fee=0)
    book("charge:ch_direct_0000001", 1_000)
    reconcile()
    assert Difference.objects.filter(kind="only_at_stripe").count() == 3
    book("charge:ch_direct_0000002", 1_000)
    book("charge:ch_direct_0000004", 1_000)

    report = reconcile(since=(timezone.now() - timedelta(days=15)).date())
    assert named("charge:ch_direct_0000004").state == DifferenceState.SOLVED
    assert named("charge:ch_direct_0000002").state == DifferenceState.OPEN
    assert report.balance_transactions == 2
    assert len(report.days) == 2
    reconcile()
    assert named("charge:ch_direct_0000002").state == DifferenceState.SOLVED


# Reading Stripe -----------------------------------------------------------------------------------------------------


def test_only_what_is_new_is_read_again(db, stripe_local, requests_made):
    charge_at_stripe(stripe_local, charges=1_500, days=30)
    seen = []
    reconcile(on_progress=seen.append)
    assert len(pages(requests_made)) == 15
    assert seen == [1_000, 1_500]
    assert StripeTransaction.objects.count() == 1_500

    requests_made.clear()
    charge_at_stripe(stripe_local, prefix="new")
    report = reconcile()
    assert len(pages(requests_made)) == 1
    assert report.balance_transactions == 1_501

    requests_made.clear()
    reconcile(is_full=True)
    assert len(pages(requests_made)) == 16


@pytest.mark.parametrize("fault", [{"kind": "error_500", "stored": False}, {"kind": "drop_reply"}])
def test_a_reading_that_breaks_off_leaves_nothing_wrong(db, stripe_local, settings, fault):
    settings.STRIPE_TIMEOUT_SECONDS = 3
    charge_at_stripe(stripe_local, charges=1_500, days=30, fee=0)
    book("charge:ch_nowhere", 500)
    listing = "GET /v1/balance_transactions"
    stripe_local.control("faults", match=listing, kind="delay", seconds=0, times=12)
    stripe_local.control("faults", match=listing, times=9, **fault)

    with pytest.raises(PaymentProviderUnavailable):
        reconcile()
    assert StripeTransaction.objects.count() == 1_000
    assert not Watermark.objects.exists()
    assert not Difference.objects.exists(), "half a list is not compared"

    stripe_local.control("faults", clear=True)
    report = reconcile()
    assert (report.open, report.balance_transactions) == (1_500 + 2, 1_500)
    assert len(report.differences) == 1_000, "the report is bounded"
    assert Difference.objects.get(kind="only_in_our_books").subject == "charge:ch_nowhere"


def test_a_full_reading_puts_the_copy_right(db, stripe_local):
    charge, fee = charge_at_stripe(stripe_local)
    book(charge, 1_000)
    book(fee, -59)
    assert reconcile().open == 0
    StripeTransaction.objects.update(amount_minor=1, key="charge:ch_other")
    StripeTransaction.objects.create(
        **{
            **StripeTransaction.objects.values().get(),
            "id": "txn_never",
            "key": "charge:ch_never",
            "fee_minor": 0,
        }
    )

    assert reconcile().open == 3
    assert reconcile(is_full=True).open == 0
    assert StripeTransaction.objects.get().amount_minor == 1_000


def test_nothing_is_written_to_the_ledger(seller, stripe_local):
    sell(10_000, stripe_local)
    charge_at_stripe(stripe_local)
    book("charge:ch_nowhere", 500)
    stripe_local.control("funds", amount=5_000, currency="eur")
    before = ledger()

    report = reconcile()
    explain_difference(difference_id=report.differences[0].pk, note="known", actor_id=None)
    reconcile(is_full=True)
    reconcile_daily()

    assert ledger() == before


# The operator -------------------------------------------------------------------------------------------------------


def test_the_command_reports_explains_and_fails_on_open_ones_only(db, stripe_local, capsys):
    charge, _ = charge_at_stripe(stripe_local, fee=0)
    with pytest.raises(SystemExit) as ended:
        call_command("reconcile", "--json")
    assert ended.value.code == 1
    report = json.loads(capsys.readouterr().out)
    assert {"differences", "compared", "ledger_sum", "days", "open", "explained", "solved"} <= report.keys()
    assert report["compared"] == {"balance_transactions": 1, "bookings": 0}
    (line,) = (line for line in report["differences"] if line["subject"] == charge)
    assert (line["ours_minor"], line["theirs_minor"], line["age_days"]) == (None, 1_000, 0)

    with pytest.raises(SystemExit):
        call_command("reconcile")
    assert f"#{line['id']} only_at_stripe: {charge}: ours none, Stripe's €10.00" in capsys.readouterr().out
    with pytest.raises(CommandError, match="note"):
        call_command("reconcile", "--explain", line["id"])
    call_command("reconcile", "--explain", line["id"], "--note", "by phone")
    call_command("reconcile", "--full", "--grace-minutes", "5")
    assert "0 open differences, 1 explained" in capsys.readouterr().out


def test_the_nightly_look_says_so_in_the_log(db, stripe_local):
    with structlog.testing.capture_logs() as lines:
        reconcile_daily()
    assert [line["event"] for line in lines] == ["reconcile.agrees"]
    charge_at_stripe(stripe_local, charges=2, days=2)
    with structlog.testing.capture_logs() as lines:
        reconcile_daily()
    (line,) = lines
    assert (line["event"], line["log_level"], line["open"]) == ("reconcile.differences", "error", 3)


def test_the_operator_lists_and_explains_by_the_api(db, stripe_local):
    charge, _ = charge_at_stripe(stripe_local)
    reconcile()
    person = make_operator()
    access = tokens(person, None).access

    listed = ask(MARKETPLACE, "GET", "/api/v1/operator/differences?state=open&limit=2", token=access).json()
    assert len(listed["results"]) == 2
    rest = ask(
        MARKETPLACE, "GET", f"/api/v1/operator/differences?cursor={listed['next_cursor']}", token=access
    ).json()
    rows = {row["subject"]: row for row in [*listed["results"], *rest["results"]]}
    assert (rows[charge]["theirs_minor"], rows[charge]["state"], rows[charge]["age_days"]) == (
        1_000,
        "open",
        0,
    )

    path = f"/api/v1/operator/differences/{rows[charge]['id']}/explain"
    assert ask(MARKETPLACE, "POST", path, {"note": ""}, token=access).status_code == 400
    answer = ask(MARKETPLACE, "POST", path, {"note": "told by phone"}, token=access)
    assert (answer.status_code, answer.json()["state"]) == (200, "explained")
    assert answer.json()["explained_by"] == str(person.pk)
    assert ask(MARKETPLACE, "POST", path, {"note": "again"}, token=access).status_code == 409
    assert AuditEntry.objects.get(action="difference.explained").actor_id == person.pk
    open_ones = ask(MARKETPLACE, "GET", "/api/v1/operator/differences?state=open", token=access).json()
    assert charge not in {row["subject"] for row in open_ones["results"]}


def test_nobody_else_sees_differences(db):
    access = tokens(make_user(), None).access
    assert ask(MARKETPLACE, "GET", "/api/v1/operator/differences", token=access).status_code == 403
    assert ask(MARKETPLACE, "GET", "/api/v1/operator/differences").status_code == 401


def test_the_operator_explains_in_the_admin_with_a_note(db, stripe_local, client):
    charge, fee = charge_at_stripe(stripe_local)
    reconcile()
    person = make_operator()
    client.force_login(person)
    path = reverse("admin:payouts_difference_changelist", urlconf="config.urls_public")
    assert 'name="note"' in client.get(path, HTTP_HOST="souk.localhost").content.decode()

    rows = [named(charge).pk, named(fee).pk]
    form = {"action": "explain", "_selected_action": rows}
    client.post(path, form, HTTP_HOST="souk.localhost")
    assert named(charge).state == DifferenceState.OPEN
    client.post(path, {**form, "note": "told by phone"}, HTTP_HOST="souk.localhost")

    assert {named(key).state for key in (charge, fee)} == {DifferenceState.EXPLAINED}
    assert named(fee).explained_by == person.pk


def test_open_differences_are_mailed_to_the_operators_and_none_is_no_mail(db, stripe_local, monkeypatch):
    operator = make_operator()
    make_operator(is_active=False)
    reconcile_daily()
    run_jobs()
    assert mail.outbox == []

    charge, _ = charge_at_stripe(stripe_local)
    monkeypatch.setattr(reconciliation_services, "DAILY_GRACE", timedelta())
    reconcile_daily()
    run_jobs()

    (message,) = mail.outbox
    assert message.to == [operator.email]
    assert charge in message.body
