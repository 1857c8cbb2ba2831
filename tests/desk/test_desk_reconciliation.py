"""Reconciliation at the desk: what differs, both sides of it, an explanation with a note, and a look taken now."""

from datetime import date, timedelta

import pytest
from django.test import Client

from core.clock import now
from core.models import OperationState
from payouts.jobs import reconcile_job
from payouts.models import Difference, DifferenceState, LedgerTransaction
from services.desk_operations import RECONCILE
from services.difference_services import COMPARE_LOCK
from services.operation_services import run_operation
from tenants.models import Operation
from tests.desk.conftest import Desk
from tests.desk.money_support import audited
from tests.factories.jobs import run_jobs
from tests.factories.tenants import make_operator, make_user, owner_of
from tests.money.support import sell
from tests.money.test_reconciliation import charge_at_stripe
from tests.tenancy.support import MARKETPLACE


def differ(count: int = 1, **fields) -> list[Difference]:
    """Differences that nothing found."""
    values = {
        "kind": "only_at_stripe",
        "currency": "EUR",
        "day": date(2026, 11, 20),
        "theirs_minor": 1_000,
        "first_seen_at": now() - timedelta(days=3, minutes=1),
        "last_seen_at": now(),
        **fields,
    }
    subject = values.pop("subject", "charge:ch_")
    return Difference.objects.bulk_create(
        Difference(subject=f"{subject}{number}", **values) for number in range(count)
    )


def test_nobody_but_operators_gets_in(serving):
    (row,) = differ()
    for path in ("/desk/reconciliation", f"/desk/reconciliation/{row.pk}"):
        for person in (None, make_user(), owner_of(serving)):
            assert Desk(person).get(path).status_code == 302
            assert Desk(person).post(path, {"action": "explain", "note": "x"}).status_code == 302
    row.refresh_from_db()
    assert row.state == DifferenceState.OPEN


def test_the_list_is_of_what_stands_open_and_can_be_filtered(desk):
    (mine,) = differ(subject="charge:ch_open")
    (balance,) = differ(subject="stripe_balance", kind="balance_differs", ours_minor=500)
    (solved,) = differ(subject="refund:re_old", state="solved", solved_at=now())

    desk.get("/desk/reconciliation")
    assert all(row.subject in desk.text for row in (mine, balance))
    assert solved.subject not in desk.text
    assert "3 days" in desk.text
    assert "€5.00" in desk.text, "the gap of the balance, 10.00 less 5.00"
    desk.get("/desk/reconciliation?state=solved")
    assert solved.subject in desk.text
    assert mine.subject not in desk.text
    desk.get("/desk/reconciliation?kind=balance_differs")
    assert mine.subject not in desk.text
    desk.get("/desk/reconciliation?q=ch_open")
    assert mine.subject in desk.text
    assert f">{balance.subject}<" not in desk.text


def test_lists_ask_few_questions_and_go_on(desk, django_assert_max_num_queries):
    differ(60)
    with django_assert_max_num_queries(12):
        desk.get("/desk/reconciliation")
    assert 'rel="next"' in desk.text
    (row,) = differ(subject="one")
    with django_assert_max_num_queries(12):
        desk.get(f"/desk/reconciliation/{row.pk}")


@pytest.mark.parametrize("query", ["state=%00", "kind=x", "cursor=nonsense", "q=%25%27"])
def test_nonsense_in_the_address_is_no_error(desk, query):
    assert desk.get(f"/desk/reconciliation?{query}").status_code == 200


def test_a_difference_shows_both_sides_and_is_explained_with_a_note(desk, seller, stripe_local):
    key, _ = charge_at_stripe(stripe_local, charges=2, days=2)
    desk.post("/desk/reconciliation", {"action": "run"})
    run_jobs()
    row = Difference.objects.get(subject=key)
    booked = LedgerTransaction.objects.count()

    desk.get(f"/desk/reconciliation/{row.pk}")
    assert "Nothing is booked under this key" in desk.text
    assert "txn_direct_0000001" in desk.text
    assert desk.text.count("€10.00") >= 2

    note = "taken at the <b>fair</b>, booked by hand"
    answer = desk.post(f"/desk/reconciliation/{row.pk}", {"action": "explain", "note": note})
    assert answer.status_code == 302

    row.refresh_from_db()
    assert (row.state, row.note, row.explained_by) == (DifferenceState.EXPLAINED, note, desk.person.pk)
    (entry,) = audited("difference.explained")
    assert (entry.actor_id, entry.reason) == (desk.person.pk, note)
    desk.get(f"/desk/reconciliation/{row.pk}")
    assert "taken at the &lt;b&gt;fair&lt;/b&gt;" in desk.text
    assert desk.person.name in desk.text
    assert 'name="note"' not in desk.text
    assert LedgerTransaction.objects.count() == booked, "nothing is mended by itself"


@pytest.mark.parametrize("note", ["", "   ", "x" * 301, "bidi \u202e trick"])
def test_without_a_proper_note_nothing_is_explained(desk, note):
    (row,) = differ()

    assert desk.post(f"/desk/reconciliation/{row.pk}", {"action": "explain", "note": note}).status_code == 400
    row.refresh_from_db()
    assert row.state == DifferenceState.OPEN
    assert audited("difference.explained") == []


def test_what_is_explained_already_is_not_explained_again(desk):
    (row,) = differ()
    for _ in range(2):
        answer = desk.post(f"/desk/reconciliation/{row.pk}", {"action": "explain", "note": "because"})

    assert answer.status_code == 400
    assert len(audited("difference.explained")) == 1
    assert desk.get("/desk/reconciliation/99999999").status_code == 404
    assert desk.post("/desk/reconciliation/99999999", {"action": "explain", "note": "x"}).status_code == 404


def test_a_look_now_is_work_in_the_background_with_the_days_totals(desk, seller, stripe_local):
    sell(10_000, stripe_local)

    answer = desk.post("/desk/reconciliation", {"action": "run"})
    operation = Operation.objects.get(kind=RECONCILE)
    assert answer["Location"] == f"/desk/operations/{operation.pk}"
    assert desk.post("/desk/reconciliation", {"action": "run"})["Location"] == answer["Location"]
    run_jobs()

    operation.refresh_from_db()
    assert operation.state == OperationState.DONE
    assert operation.done == operation.report["compared"]["balance_transactions"] > 0
    desk.get(answer["Location"])
    assert "What was found" in desk.text
    desk.get("/desk/reconciliation")
    today = operation.report["days"][-1]
    assert today["day"] in desk.text
    assert f"/desk/operations/{operation.pk}" in desk.text


def test_all_of_stripe_is_read_again_where_that_is_asked_for(desk, seller, stripe_local):
    desk.post("/desk/reconciliation", {"action": "run", "is_full": "1"})
    run_jobs()

    assert Operation.objects.get().params == {"is_full": True}
    assert Operation.objects.get().state == OperationState.DONE


def test_the_nightly_look_stands_among_the_last_looks(desk, seller, stripe_local):
    from django_tenants.utils import schema_context

    with schema_context("public"):
        reconcile_job()

    look = Operation.objects.get(kind=RECONCILE)
    assert (look.state, look.actor_id) == (OperationState.DONE, None)
    desk.get("/desk/reconciliation")
    assert f"/desk/operations/{look.pk}" in desk.text


def test_a_look_while_another_is_taken_says_so(committed, stripe_local):
    from django.db import connection

    from tests.factories.tenants import owner_session

    operation = Operation.objects.create(kind=RECONCILE, actor_id=make_operator().pk)
    with owner_session() as session, session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [COMPARE_LOCK])
        run_operation(operation_id=operation.pk)

    operation.refresh_from_db()
    assert (operation.state, operation.error) == (OperationState.FAILED, "Try again when it is done.")
    assert connection.schema_name == "public"


def test_forms_of_others_are_refused(operator):
    (row,) = differ()
    attacker = Client(enforce_csrf_checks=True, HTTP_HOST=MARKETPLACE)
    attacker.force_login(operator)

    answer = attacker.post(f"/desk/reconciliation/{row.pk}", {"action": "explain", "note": "x"})
    assert answer.status_code == 403
    row.refresh_from_db()
    assert row.state == DifferenceState.OPEN
