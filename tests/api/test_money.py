"""The money of a storefront and of the marketplace, through their doors."""

import csv
import io

import pytest
from django.utils import timezone

from core.ids import new_id
from payouts.models import Charge, Payout, SellerAccount, WriteOff
from services.dispute_services import sync_dispute
from services.invoice_services import issue_invoices
from services.payout_services import run_payouts
from services.refund_services import request_refund
from shop.models import Order, ShippingRate
from tenants.context import tenant_scope
from tests.api.conftest import Api
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_variant, pay
from tests.factories.tenants import make_operator, make_tenant, owner_of
from tests.money.support import SELLER, onboard
from tests.money.test_invoices import NEXT_MONTH, THIS_MONTH
from tests.tenancy.support import MARKETPLACE, ask, tokens

EIGHT_DAYS = timezone.timedelta(days=8)


class Owner(Api):
    """The storefront's owner, with a new key for each request."""

    def __call__(self, method, path, body=None, **extra):
        return super().__call__(method, path, body, key=str(new_id()), **extra)


@pytest.fixture
def owner(tenant):
    return Owner(tenant, owner_of(tenant))


class Desk:
    """The operator, at the marketplace's host."""

    def __init__(self) -> None:
        self.token = tokens(make_operator(), None).access

    def __call__(self, method, path, body=None):
        key = str(new_id())
        return ask(MARKETPLACE, method, f"/api/v1/{path}", body, token=self.token, HTTP_IDEMPOTENCY_KEY=key)


@pytest.fixture
def operator(tenant):
    return Desk()


@pytest.fixture
def sold(serving, stripe_local):
    """An order of 2 x 30.00 and 40.00 that is paid, of a seller who may receive."""
    ShippingRate.objects.update(price_minor=0)
    onboard(serving, stripe_local)
    order = make_order((make_variant(price_minor=3_000), 2), (make_variant(price_minor=4_000), 1))
    pay(order, stripe_local)
    return order


def pay_out():
    made = run_payouts(at=timezone.now() + EIGHT_DAYS)
    run_jobs()
    return [Payout.objects.get(pk=payout.pk) for payout in made]


def test_the_balance_has_every_place_money_can_be_in(owner, sold):
    (balance,) = owner("GET", "seller/balance").json()

    assert balance == {
        "currency": "EUR",
        "pending_minor": 10_000 - 1_030 - 320,
        "available_minor": 0,
        "reserved_minor": 0,
        "in_dispute_minor": 0,
        "in_transit_minor": 0,
        "paid_minor": 0,
        "earned_minor": 8_650,
    }


def test_a_statement_is_the_same_as_json_csv_and_pdf(owner, sold):
    (payout,) = pay_out()

    whole = owner("GET", f"seller/payouts/{payout.pk}").json()["statement"]
    table = owner("GET", f"seller/payouts/{payout.pk}/statement.csv")
    document = owner("GET", f"seller/payouts/{payout.pk}/statement.pdf")

    rows = [
        row
        for row in csv.DictReader(io.StringIO(table.content.decode("utf-8-sig")))
        if row["section"] == "line"
    ]
    assert (
        sum(round(float(row["amount"]) * 100) for row in rows) == whole["amount_minor"] == payout.amount_minor
    )
    assert document.content.startswith(b"%PDF")
    assert "attachment" in document.headers["Content-Disposition"]
    assert document.headers["Cache-Control"] == "private, no-store"


def test_a_payout_that_was_not_sent_has_no_statement(owner, sold):
    (payout,) = run_payouts(at=timezone.now() + EIGHT_DAYS)

    assert owner("GET", f"seller/payouts/{payout.pk}/statement.pdf").status_code == 404


def test_a_seller_asks_for_a_payout_and_is_told_why_there_is_none(owner, sold):
    refused = owner("POST", "seller/payouts")

    assert refused.status_code == 409
    assert refused.json()["code"] == "nothing_to_pay"
    SellerAccount.objects.update(hold_days=0)
    Charge.objects.update(available_at=timezone.now())
    assert [row["amount_minor"] for row in owner("POST", "seller/payouts").json()] == [8_650]


def test_the_next_payout_names_its_day_and_what_it_would_be(owner, sold):
    Charge.objects.update(available_at=timezone.now())
    found = owner("GET", "seller/payouts/next").json()

    assert found["on"]
    assert found["plans"] == [
        {"currency": "EUR", "available_minor": 8_650, "amount_minor": 8_650, "reason": ""}
    ]
    assert owner("PATCH", "seller/account", {"schedule": "manual"}).status_code == 200
    assert owner("GET", "seller/payouts/next").json()["on"] is None


def test_a_refund_by_line_takes_the_lines_parts(owner, sold):
    line = sold.lines.first()

    made = owner(
        "POST",
        f"seller/orders/{sold.pk}/refunds",
        {"reason": "one broke", "lines": [{"line_id": line.pk, "quantity": 1}]},
    )

    assert made.status_code == 201, made.content
    assert made.json()["amount_minor"] == 3_000
    assert made.json()["lines"] == [
        {"line_id": line.pk, "quantity": 1, "goods_minor": 3_000, "shipping_minor": 0, "tax_minor": 0}
    ]
    again = owner(
        "POST",
        f"seller/orders/{sold.pk}/refunds",
        {"reason": "more", "lines": [{"line_id": line.pk, "quantity": 2}]},
    )
    assert (again.status_code, again.json()["code"]) == (409, "too_many_units_back")


def test_a_dispute_is_shown_answered_and_accepted(owner, sold, stripe_local):
    dispute = stripe_local.control("disputes", charge=Charge.objects.get().pk, amount=4_000)
    sync_dispute(dispute["id"])

    (row,) = owner("GET", "seller/disputes").json()["results"]
    assert (row["id"], row["amount_minor"], row["is_open"]) == (dispute["id"], 4_000, True)
    refused = owner("POST", f"seller/orders/{sold.pk}/refunds", {"reason": "sorry", "amount_minor": 100})
    assert (refused.status_code, refused.json()["code"]) == (409, "dispute_open")
    answered = owner("POST", f"seller/disputes/{dispute['id']}/answer", {"text": "It was delivered."})
    assert answered.json()["status"] == "under_review"
    twice = owner("POST", f"seller/disputes/{dispute['id']}/answer", {"text": "Once more."})
    assert (twice.status_code, twice.json()["code"]) == (409, "dispute_closed")
    assert owner("POST", f"seller/disputes/{dispute['id']}/accept").json()["status"] == "lost"
    assert owner("GET", f"seller/orders/{sold.pk}/earnings").json()["parts"]["dispute"] == -4_000


def test_another_sellers_papers_do_not_exist(owner, sold, stripe_local, serving):
    other = make_tenant()
    with tenant_scope(other):
        onboard(other, stripe_local)
        ShippingRate.objects.update(price_minor=0)
        order = make_order((make_variant(price_minor=10_000), 1))
        pay(order, stripe_local)
    (payout,) = (made for made in pay_out() if made.tenant_id == other.pk)
    invoice = next(
        row for row in issue_invoices(month=THIS_MONTH, at=NEXT_MONTH) if row.tenant_id == other.pk
    )
    dispute = stripe_local.control("disputes", charge=Charge.objects.get(tenant=other).pk)
    sync_dispute(dispute["id"])

    for path in (
        f"seller/payouts/{payout.pk}",
        f"seller/payouts/{payout.pk}/statement.csv",
        f"seller/payouts/{payout.pk}/statement.pdf",
        f"seller/invoices/{invoice.pk}.pdf",
        f"seller/disputes/{dispute['id']}",
        f"seller/orders/{order.pk}/earnings",
    ):
        assert owner("GET", path).status_code == 404, path
    assert owner("POST", f"seller/disputes/{dispute['id']}/accept").status_code == 404


def test_the_months_invoice_can_be_taken_along(owner, sold):
    (invoice,) = issue_invoices(month=THIS_MONTH, at=NEXT_MONTH)

    (row,) = owner("GET", "seller/invoices").json()["results"]
    assert (row["number"], row["total_minor"]) == (invoice.number, 1_030)
    assert owner("GET", f"seller/invoices/{invoice.pk}.pdf").content.startswith(b"%PDF")


def test_a_card_is_charged_later_where_the_seller_wants_it(owner, serving, stripe_local):
    assert owner("PATCH", "seller/storefront", {"capture_method": "manual"}).status_code == 200
    serving.refresh_from_db()
    ShippingRate.objects.update(price_minor=0)
    order = make_order((make_variant(price_minor=5_000), 2))
    assert pay(order, stripe_local).status == "authorised"
    assert order.status == "confirmed"

    over = owner("POST", f"seller/orders/{order.pk}/capture", {"amount_minor": 10_001})
    assert (over.status_code, over.json()["code"]) == (409, "over_capture")
    taken = owner("POST", f"seller/orders/{order.pk}/capture", {"amount_minor": 6_000})
    assert [row["captured_minor"] for row in taken.json()["payments"]] == [6_000]
    again = owner("POST", f"seller/orders/{order.pk}/capture")
    assert (again.status_code, again.json()["code"]) == (409, "not_authorised")


def test_an_authorisation_is_let_go(owner, serving, stripe_local):
    owner("PATCH", "seller/storefront", {"capture_method": "manual"})
    serving.refresh_from_db()
    order = make_order()
    pay(order, stripe_local)

    assert owner("POST", f"seller/orders/{order.pk}/void").json()["status"] == "cancelled"
    assert Order.objects.get(pk=order.pk).payments.get().status == "voided"


# The operator -----------------------------------------------------------------------------------------------------------


def test_the_operator_sees_what_a_run_would_pay_and_why_not(operator, sold):
    (plan,) = operator("GET", "operator/payout-runs/preview").json() or [None]
    assert plan is None or plan["amount_minor"] == 0
    Charge.objects.update(available_at=timezone.now())
    (plan,) = operator("GET", "operator/payout-runs/preview").json()
    assert (plan["amount_minor"], plan["reason"]) == (8_650, "")
    SellerAccount.objects.update(payouts_paused_reason="checking")
    (plan,) = operator("GET", "operator/payout-runs/preview").json()
    assert (plan["amount_minor"], plan["reason"]) == (0, "Payouts are paused: checking")
    assert Payout.objects.count() == 0


def test_a_debt_is_written_off_with_a_reason_once(operator, sold, serving):
    pay_out()
    Charge.objects.update(available_at=timezone.now(), hold_until=timezone.now())
    request_refund(order_id=sold.pk, amount_minor=None, reason="returned", actor=SELLER)
    run_jobs()
    path, body = f"operator/tenants/{serving.pk}/write-offs", {"currency": "EUR", "amount_minor": 5_000}

    assert operator("POST", path, body).status_code == 400, "a reason is needed"
    too_much = operator("POST", path, {**body, "amount_minor": 10**6, "reason": "bankrupt"})
    assert (too_much.status_code, too_much.json()["code"]) == (409, "no_such_debt")
    made = operator("POST", path, {**body, "reason": "bankrupt"})
    assert made.status_code == 201, made.content
    assert WriteOff.objects.get().amount_minor == 5_000


def test_the_operator_takes_a_transfer_back(operator, sold):
    (payout,) = pay_out()

    made = operator(
        "POST", f"operator/payouts/{payout.pk}/reversals", {"amount_minor": 650, "reason": "a mistake"}
    )
    assert made.status_code == 201, made.content
    run_jobs()

    payout.refresh_from_db()
    assert (payout.status, payout.reversed_minor) == ("reversed", 650)
    over = operator(
        "POST", f"operator/payouts/{payout.pk}/reversals", {"amount_minor": 8_001, "reason": "more"}
    )
    assert (over.status_code, over.json()["code"]) == (409, "over_reversal")


def test_terms_are_checked_field_by_field(operator, serving):
    path = f"operator/tenants/{serving.pk}/terms"

    for body, field in (
        ({"schedule": "weekly", "schedule_day": 9}, "schedule_day"),
        ({"reserve_basis_points": 10_001}, "reserve_basis_points"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"return_days": -1}, "return_days"),
    ):
        refused = operator("PATCH", path, body)
        assert refused.status_code == 400, body
        assert field in refused.content.decode()
    kept = operator(
        "PATCH", path, {"reserve_basis_points": 1000, "reserve_days": 30, "return_days": 14}
    ).json()
    assert (kept["reserve_basis_points"], kept["reserve_days"], kept["return_days"]) == (1000, 30, 14)
