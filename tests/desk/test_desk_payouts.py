"""The operator's payouts: what became of each, what can be done about it, and the run that makes them."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django_tenants.utils import schema_context

from core.clock import now
from core.models import Job, OperationState
from payouts.models import (
    LedgerTransaction,
    Payout,
    PayoutEntry,
    PayoutStatus,
    SellerAccount,
    TransferReversal,
)
from services.desk_operations import PAYOUTS, start_once
from services.operation_services import run_operation
from services.payout_services import preview_payouts, run_payouts
from tenants.models import Operation, Tenant
from tests.desk.conftest import Desk
from tests.desk.money_support import NET, audited
from tests.factories.jobs import queued, run_jobs
from tests.factories.tenants import make_operator, make_tenant, make_user, owner_of
from tests.factories.threads import at_once, failures
from tests.money.support import EIGHT_DAYS, account_of, faults, onboard, pay_out, sell
from tests.tenancy.support import ELSEWHERE, MARKETPLACE

PAGES = ("/desk/payouts", "/desk/payouts/run")


def make_payouts(tenant: Tenant, count: int, **fields) -> list[Payout]:
    """Rows for lists; nothing was moved."""
    values = {
        "currency": "EUR",
        "amount_minor": 1_000,
        "destination": "acct_x",
        "requested_at": now(),
        **fields,
    }
    if values.setdefault("status", "failed") in ("sent", "paid"):
        values["sent_at"] = now()
    return Payout.objects.bulk_create(
        Payout(
            tenant=tenant,
            number=1_000 + number,
            **{**values, **({"transfer_id": f"tr_{number}"} if "sent_at" in values else {})},
        )
        for number in range(count)
    )


# Who may look -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_nobody_but_operators_gets_in(path, serving):
    for person in (None, make_user(), owner_of(serving), make_user(is_operator=True, is_active=False)):
        assert Desk(person).get(path).status_code == 302, person
    assert Desk(owner_of(serving)).post(path, {"action": "run"}).status_code == 302
    assert not Operation.objects.exists()


def test_forms_of_others_are_refused(operator, seller, stripe_local):
    sell(10_000, stripe_local)
    attacker = Client(enforce_csrf_checks=True, HTTP_HOST=MARKETPLACE)
    attacker.force_login(operator)

    assert attacker.post("/desk/payouts/run", {"action": "run"}).status_code == 403
    assert not Operation.objects.exists()


def test_what_is_not_there_is_not_found(desk, payout):
    for path in (
        f"/desk/payouts/{ELSEWHERE}",
        f"/desk/payouts/{ELSEWHERE}/statement.csv",
        f"/desk/payouts/{payout.pk}/statement.exe",
    ):
        assert desk.get(path).status_code == 404, path
    for action in ("send", "look-up", "reverse", "pay-again"):
        answer = desk.post(f"/desk/payouts/{ELSEWHERE}", {"action": action})
        assert answer.status_code == 404, action
    assert desk.post(f"/desk/payouts/{payout.pk}", {"action": "drop"}).status_code == 400


# The list ---------------------------------------------------------------------------------------------------------


def test_the_list_is_filtered_and_summed(desk, seller, other_tenant):
    make_payouts(seller, 2, amount_minor=1_000)
    make_payouts(other_tenant, 3, amount_minor=500, status="paid", currency="USD")
    make_payouts(make_tenant(), 1, requested_at=now() - timedelta(days=200), amount_minor=77_700)

    desk.get("/desk/payouts")
    assert "€20.00" in desk.text
    assert "$15.00" in desk.text
    assert "€777.00" not in desk.text
    desk.get("/desk/payouts?days=all")
    assert "€777.00" in desk.text
    desk.get("/desk/payouts?status=paid")
    assert desk.text.count(f"<bdi>{other_tenant.name}</bdi>") == 3
    assert f"<bdi>{seller.name}</bdi>" not in desk.text
    desk.get(f"/desk/payouts?storefront={seller.slug}&currency=eur")
    assert f"<bdi>{other_tenant.name}</bdi>" not in desk.text
    assert desk.text.count(f"<bdi>{seller.name}</bdi>") == 2
    desk.get("/desk/payouts?storefront=nobody-here")
    assert "no such storefront" in desk.text


@pytest.mark.parametrize(
    "query", ["before=x", "days=-1", "days=99999999", "status=%00x", "currency=EURO", "before="]
)
def test_nonsense_in_the_address_is_no_error(desk, query):
    assert desk.get(f"/desk/payouts?{query}").status_code == 200


def test_the_list_goes_on_page_by_page_and_no_row_is_shown_twice(desk, tenant):
    rows = make_payouts(tenant, 120)
    seen, query = [], ""
    while query is not None:
        desk.get(f"/desk/payouts{query}")
        seen += [row.pk for row in rows if f"/desk/payouts/{row.pk}" in desk.text]
        found = desk.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        query = found or None

    assert len(seen) == 120
    assert set(seen) == {row.pk for row in rows}


@pytest.mark.parametrize("path", ["", "?status=failed&days=all", "/run"])
def test_the_pages_ask_the_database_a_few_questions_however_many_there_are(
    desk, seller, stripe_local, path, django_assert_max_num_queries
):
    make_payouts(seller, 60)
    for _ in range(3):
        other = make_tenant(hold_days=0)
        onboard(other, stripe_local)
    sell(10_000, stripe_local)

    with django_assert_max_num_queries(12):
        assert desk.get(f"/desk/payouts{path}").status_code == 200


def test_hostile_names_and_failures_are_text(desk, tenant):
    Tenant.objects.filter(pk=tenant.pk).update(name="<script>alert(1)</script>")
    (row,) = make_payouts(tenant, 1, failure_message="<img src=x onerror=alert(1)>", failure_code="<b>")

    for path in ("/desk/payouts", f"/desk/payouts/{row.pk}"):
        desk.get(path)
        assert "<script>alert" not in desk.text
        assert "<img src=x" not in desk.text
        assert "&lt;script&gt;" in desk.text


# One of them ------------------------------------------------------------------------------------------------------


def test_a_payout_shows_its_statement_to_the_order_line(desk, payout, django_assert_max_num_queries):
    (line,) = payout.statement["orders"]

    with django_assert_max_num_queries(12):
        desk.get(f"/desk/payouts/{payout.pk}")

    for text in (line["title"], "€100.00", "-€10.30", "-€3.20", "€86.50", payout.transfer_id, "On its way"):
        assert text in desk.text, text


def test_the_statement_can_be_kept_as_a_file(desk, payout):
    table = desk.get(f"/desk/payouts/{payout.pk}/statement.csv")
    assert table.content.decode("utf-8-sig").startswith("statement,section")
    assert "attachment" in table["Content-Disposition"]
    assert desk.get(f"/desk/payouts/{payout.pk}/statement.pdf").content[:5] == b"%PDF-"


def test_a_failed_payout_shows_why_and_what_it_had_claimed_and_is_paid_again(desk, seller, stripe_local):
    order = sell(10_000, stripe_local)
    stripe_local.control("faults", match="POST /v1/transfers", kind="insufficient_balance", times=1)
    (failed,) = pay_out(in_days=0)
    assert failed.status == PayoutStatus.FAILED

    desk.get(f"/desk/payouts/{failed.pk}")
    assert "balance_insufficient" in desk.text
    assert f"charge:{order.payments.get().transaction_id}" in desk.text

    answer = desk.post(f"/desk/payouts/{failed.pk}", {"action": "pay-again"})
    assert answer["Location"].startswith("/desk/operations/")
    run_jobs()
    assert sorted(Payout.objects.values_list("status", flat=True)) == ["failed", "sent"]


def test_one_that_is_being_made_shows_its_attempts_and_is_tried_again(desk, seller, stripe_local):
    sell(10_000, stripe_local)
    (made,) = run_payouts()
    Job.objects.filter(task="payout.send").update(
        attempts=3, last_error="PaymentProviderUnavailable: away", state="parked"
    )

    desk.get(f"/desk/payouts/{made.pk}")
    assert "3 of" in desk.text
    assert "PaymentProviderUnavailable: away" in desk.text

    desk.post(f"/desk/payouts/{made.pk}", {"action": "send"})
    run_jobs()
    assert Payout.objects.get(pk=made.pk).status == PayoutStatus.SENT
    assert [entry.actor_id for entry in audited("payout.sent_again")] == [desk.person.pk]
    assert desk.post(f"/desk/payouts/{made.pk}", {"action": "send"}).status_code == 409
    assert len(stripe_local.client().v1.transfers.list().data) == 1


def strange(stripe_local, made: Payout, minor: int) -> str:
    """A transfer in the payout's name, of another amount, which makes it UNKNOWN."""
    found = stripe_local.client().v1.transfers.create(
        params={
            "amount": minor,
            "currency": "eur",
            "destination": made.destination,
            "transfer_group": f"payout:{made.pk}",
        }
    )
    run_jobs()
    assert Payout.objects.get(pk=made.pk).status == PayoutStatus.UNKNOWN
    return found.id


def test_an_unknown_payout_stays_so_while_stripe_holds_another_transfer_in_its_name(
    desk, seller, stripe_local
):
    sell(10_000, stripe_local)
    (made,) = run_payouts()
    transfer = strange(stripe_local, made, 5)

    answer = desk.post(f"/desk/payouts/{made.pk}", {"action": "look-up"})

    assert answer.status_code == 409
    assert transfer in desk.text
    assert Payout.objects.get(pk=made.pk).status == PayoutStatus.UNKNOWN


def test_an_unknown_payout_whose_strange_transfer_came_back_fails_and_frees_its_entries(
    desk, seller, stripe_local
):
    sell(10_000, stripe_local)
    (made,) = run_payouts()
    transfer = strange(stripe_local, made, 5)
    stripe_local.client().v1.transfers.reversals.create(transfer, params={"amount": 5})

    assert desk.post(f"/desk/payouts/{made.pk}", {"action": "look-up"}).status_code == 302

    made.refresh_from_db()
    assert (made.status, made.failure_code) == (PayoutStatus.FAILED, "not_at_stripe")
    assert not PayoutEntry.objects.filter(released_at=None).exists()
    assert [entry.facts["found"] for entry in audited("payout.looked_up")] == ["failed"]
    assert [plan.amount_minor for plan in preview_payouts()] == [NET]


def test_an_unknown_payout_whose_right_transfer_is_found_is_sent(desk, seller, stripe_local):
    sell(10_000, stripe_local)
    (made,) = run_payouts()
    strange(stripe_local, made, 5)
    right = stripe_local.client().v1.transfers.create(
        params={
            "amount": made.amount_minor,
            "currency": "eur",
            "destination": made.destination,
            "transfer_group": f"payout:{made.pk}",
        }
    )

    desk.post(f"/desk/payouts/{made.pk}", {"action": "look-up"})
    desk.post(f"/desk/payouts/{made.pk}", {"action": "look-up"})

    made.refresh_from_db()
    assert (made.status, made.transfer_id) == (PayoutStatus.SENT, right.id)
    assert LedgerTransaction.objects.filter(kind="transfer").count() == 1


def test_looking_up_while_stripe_is_away_changes_nothing(desk, seller, stripe_local, settings):
    sell(10_000, stripe_local)
    (made,) = run_payouts()
    strange(stripe_local, made, 5)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    assert desk.post(f"/desk/payouts/{made.pk}", {"action": "look-up"}).status_code == 503
    assert Payout.objects.get(pk=made.pk).status == PayoutStatus.UNKNOWN


# Taking back ------------------------------------------------------------------------------------------------------


def test_a_part_is_taken_back_with_a_reason_and_noted(desk, payout, stripe_local):
    form = {"action": "reverse", "amount": "20.00", "reason": "sent by mistake", "left": str(NET)}

    assert desk.post(f"/desk/payouts/{payout.pk}", form).status_code == 302
    run_jobs()

    payout.refresh_from_db()
    assert (payout.status, payout.reversed_minor) == (PayoutStatus.REVERSED, 2_000)
    (entry,) = audited("payout.reversal_requested")
    assert (entry.actor_id, entry.reason) == (desk.person.pk, "sent by mistake")
    desk.get(f"/desk/payouts/{payout.pk}")
    assert "sent by mistake" in desk.text
    assert desk.person.name in desk.text
    assert faults() == []


def test_a_form_that_is_sent_twice_takes_back_once(desk, payout):
    form = {"action": "reverse", "amount": "20", "reason": "once", "left": str(NET)}

    desk.post(f"/desk/payouts/{payout.pk}", form)
    run_jobs()
    again = desk.post(f"/desk/payouts/{payout.pk}", form)

    assert again.status_code == 400
    assert "in the meantime" in desk.text
    assert TransferReversal.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"amount": ""}, "required"),
        ({"amount": "0"}, "above 0"),
        ({"amount": "-5"}, "greater than or equal to 0"),
        ({"amount": "86.51"}, "€86.50 of this payout can be taken back"),
        ({"amount": "1.005"}, "decimals"),
        ({"amount": "9999999999999"}, "digits"),
        ({"reason": "  "}, "required"),
        ({"reason": "x" * 301}, "300"),
    ],
)
def test_what_cannot_be_taken_back_is_explained_and_nothing_happens(desk, payout, change, told):
    form = {"action": "reverse", "amount": "10", "reason": "because", "left": str(NET), **change}

    assert desk.post(f"/desk/payouts/{payout.pk}", form).status_code == 400
    assert told in desk.text
    assert not TransferReversal.objects.exists()


# The run ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def five_sellers(seller, stripe_local):
    """One is paid; the others are paused, not verified, below the minimum, and busy."""
    from tenants.context import tenant_scope

    found = {"paid": seller}
    for name in ("paused", "not_verified", "below_minimum", "busy"):
        found[name] = make_tenant(hold_days=0)
        onboard(found[name], stripe_local)
    for name, tenant in found.items():
        with tenant_scope(tenant):
            sell(1_000 if name == "below_minimum" else 10_000, stripe_local)
    SellerAccount.objects.filter(tenant=found["paused"]).update(payouts_paused_reason="being checked")
    SellerAccount.objects.filter(tenant=found["not_verified"]).update(payouts_enabled=False)
    run_payouts(tenant_ids=[found["busy"].pk])
    Job.objects.filter(task="payout.send").delete()  # as if its worker were slow
    with tenant_scope(found["busy"]):
        sell(10_000, stripe_local)
    return found


def test_the_preview_says_what_each_would_get_or_why_not_and_writes_nothing(desk, five_sellers):
    before = Payout.objects.count()

    desk.get("/desk/payouts/run")
    assert desk.text.count(f"<bdi>{five_sellers['paid'].name}</bdi>") == 1
    assert "1 payout in EUR" in desk.text
    assert "€86.50" in desk.text
    desk.get("/desk/payouts/run?show=left")
    for text in (
        "Payouts are paused: being checked",
        "Stripe does not let this account receive money yet",
        "is available, a payout needs",
        "An earlier payout is still being made",
    ):
        assert text in desk.text, text
    assert Payout.objects.count() == before


def test_the_run_is_made_in_the_background_with_a_report(desk, five_sellers):
    answer = desk.post("/desk/payouts/run", {"action": "run"})
    operation = Operation.objects.get(kind=PAYOUTS)
    assert answer["Location"] == f"/desk/operations/{operation.pk}"
    assert not Payout.objects.filter(tenant=five_sellers["paid"]).exists(), (
        "nothing is paid by the request itself"
    )

    run_jobs()

    operation.refresh_from_db()
    assert operation.state == OperationState.DONE
    assert (operation.done, operation.total) == (3, 3), "those who may be paid were looked at"
    assert (operation.report["made"], operation.report["amounts"]) == (1, {"EUR": NET})
    assert {row["why"]: row["sellers"] for row in operation.report["skipped"]} == {
        "paused": 1,
        "not_verified": 1,
        "below_minimum": 1,
        "busy": 1,
    }
    assert Payout.objects.get(tenant=five_sellers["paid"]).status == PayoutStatus.SENT
    assert [entry.actor_id for entry in audited("payouts.run")][-1] == desk.person.pk
    desk.get(f"/desk/operations/{operation.pk}")
    for text in ("€86.50", "Payouts are paused: 1 seller", "Less than the minimum: 1 seller"):
        assert text in desk.text, text
    desk.get("/desk/payouts/run")
    assert "1 paid" in desk.text


def test_while_one_run_goes_on_the_button_leads_to_it(desk, five_sellers):
    first = desk.post("/desk/payouts/run", {"action": "run"})["Location"]

    assert desk.post("/desk/payouts/run", {"action": "run"})["Location"] == first
    assert Operation.objects.filter(kind=PAYOUTS).count() == 1
    desk.get("/desk/payouts/run")
    assert first in desk.text
    assert 'value="run"' not in desk.text
    assert len(queued("operation.run")) == 1


def test_running_again_pays_nobody_twice(desk, five_sellers, stripe_local):
    for _ in range(2):
        desk.post("/desk/payouts/run", {"action": "run"})
        run_jobs()

    reports = list(Operation.objects.order_by("created_at").values_list("report", flat=True))
    assert [report["made"] for report in reports] == [1, 0]
    assert Payout.objects.filter(tenant=five_sellers["paid"]).count() == 1
    assert faults() == []


def test_a_run_whose_worker_died_is_started_over_pays_nobody_twice_and_reports_all(
    desk, five_sellers, monkeypatch
):
    from services import desk_operations

    with schema_context("public"):
        operation = start_once(PAYOUTS, actor_id=desk.person.pk)
    whole = desk_operations.run_payouts

    class Died(BaseException):
        """As when a process is killed: nothing is recorded."""

    def dies_afterwards(**options):
        whole(**options)
        raise Died

    monkeypatch.setattr(desk_operations, "run_payouts", dies_afterwards)
    with pytest.raises(Died), schema_context("public"):
        run_operation(operation_id=operation.pk)
    monkeypatch.setattr(desk_operations, "run_payouts", whole)
    assert Operation.objects.get(pk=operation.pk).state == OperationState.RUNNING

    with schema_context("public"):
        run_operation(operation_id=operation.pk)

    operation.refresh_from_db()
    assert (operation.state, operation.report["made"]) == (OperationState.DONE, 1)
    assert Payout.objects.filter(tenant=five_sellers["paid"]).count() == 1


def test_stripe_being_away_is_said_on_the_preview(desk, seller, settings):
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    assert desk.get("/desk/payouts/run").status_code == 503
    assert "does not answer" in desk.text or "Try again in" in desk.text


def test_of_a_hundred_sellers_the_preview_shows_a_page(desk, seller, monkeypatch):
    from services.payout_services import Plan
    from tenants.desk import payouts as pages

    account = SellerAccount.objects.select_related("tenant").get(tenant=seller)
    plans = [Plan(account, "EUR", minor, minor) for minor in range(1, 101)]
    monkeypatch.setattr(pages, "preview_payouts", lambda at: plans)

    desk.get("/desk/payouts/run")
    assert desk.text.count(f"<bdi>{seller.name}</bdi>") == 50
    assert "100 payouts in EUR" in desk.text
    assert "€50.50" in desk.text
    desk.get("/desk/payouts/run?page=2")
    assert desk.text.count(f"<bdi>{seller.name}</bdi>") == 50
    for page in ("0", "9999", "x"):
        assert desk.get(f"/desk/payouts/run?page={page}").status_code == 200


# In the same moment -----------------------------------------------------------------------------------------------


def test_two_runs_at_once_pay_each_seller_once(committed, tenant, stripe_local):
    from django.db import connection

    from shop.models import ShippingRate
    from tenants.context import tenant_scope

    tenants = [tenant, make_tenant(hold_days=0), make_tenant(hold_days=0)]
    SellerAccount.objects.update(hold_days=0)
    for each in tenants:
        onboard(each, stripe_local)
        with tenant_scope(each):
            ShippingRate.objects.update(price_minor=0)
            sell(10_000, stripe_local)
    run_jobs()
    person = make_operator()
    both = [
        Operation.objects.create(kind=PAYOUTS, actor_id=person.pk),
        Operation.objects.create(kind=PAYOUTS, actor_id=person.pk),
    ]
    connection.set_schema_to_public()

    results = at_once([lambda each=each: run_operation(operation_id=each.pk) for each in both])

    assert failures(results) == []
    assert sorted(Payout.objects.values_list("tenant_id", flat=True)) == sorted(each.pk for each in tenants)
    reports = [Operation.objects.get(pk=each.pk).report for each in both]
    assert sum(report["made"] for report in reports) == 3
    run_jobs()
    assert len(stripe_local.client().v1.transfers.list().data) == 3


def test_a_button_pressed_twice_at_once_starts_one_run(committed, tenant):
    person = make_operator()

    results = at_once([lambda: start_once(PAYOUTS, actor_id=person.pk).pk] * 6)

    assert failures(results) == []
    assert len(set(results)) == 1
    assert Operation.objects.count() == 1


def test_a_seller_s_bulk_of_sales_is_one_row_of_the_preview(
    seller, stripe_local, django_assert_max_num_queries
):
    """However many sales and sellers there are."""
    for _ in range(3):
        sell(3_000, stripe_local)
    with django_assert_max_num_queries(4):
        (plan,) = preview_payouts(at=timezone.now() + EIGHT_DAYS)
    assert plan.amount_minor == sum(
        payout.amount_minor for payout in run_payouts(at=timezone.now() + EIGHT_DAYS)
    )
    assert account_of(seller)
