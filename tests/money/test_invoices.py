"""The marketplace's invoices of its commission: once a month, under numbers without a gap, equal to the books."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from core.errors import Invalid
from payouts.models import CommissionInvoice, CommissionRule, InvoiceSeries, LedgerEntry
from services import ledger_services
from services.documents.invoice_pdf import invoice_pdf
from services.invariant_services import audit
from services.invoice_services import first_of, invoice_document, issue_invoices
from services.refund_services import request_refund
from shop.models import Category, Product
from tenants.context import tenant_scope
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_variant, pay
from tests.factories.tenants import make_tenant
from tests.factories.threads import at_once, failures
from tests.money.support import SELLER, onboard, sell

THIS_MONTH = first_of(timezone.now().date())
NEXT_MONTH = datetime.combine(THIS_MONTH + timedelta(days=40), datetime.min.time(), UTC)


def issue():
    """This month, looked at from the next."""
    return issue_invoices(month=THIS_MONTH, at=NEXT_MONTH)


def test_a_months_commission_less_what_was_returned_is_one_invoice(seller, stripe_local):
    CommissionRule.objects.update(tax_basis_points=1900)
    first = sell(10_000, stripe_local)
    sell(5_999, stripe_local)
    request_refund(order_id=first.pk, amount_minor=2_500, reason="scratched", actor=SELLER)
    run_jobs()

    (invoice,) = issue()

    assert invoice.lines == [
        {
            "description": "Commission on 2 orders",
            "net_minor": 1_030 + 630,
            "tax_basis_points": 1900,
            "tax_minor": 196 + 120,
        },
        {
            "description": "Commission returned with 1 refund and lost disputes",
            "net_minor": -250,
            "tax_basis_points": 1900,
            "tax_minor": -48,
        },
    ]
    assert (invoice.net_minor, invoice.tax_minor, invoice.total_minor) == (1_410, 268, 1_678)
    booked = LedgerEntry.objects.filter(account__kind__in=["commission_income", "commission_tax"])
    assert -sum(booked.values_list("amount_minor", flat=True)) == invoice.total_minor
    assert invoice_pdf(invoice_document(invoice)).startswith(b"%PDF")


def test_each_rate_of_tax_has_its_own_line(seller, stripe_local):
    CommissionRule.objects.all().delete()
    books = Category.objects.create(slug="books", name="Books")
    CommissionRule.objects.create(position=1, basis_points=1000, tax_basis_points=500, category=books.slug)
    CommissionRule.objects.create(position=2, basis_points=1000, tax_basis_points=1900)
    book, mug = make_variant(price_minor=10_000), make_variant(price_minor=10_000)
    Product.objects.filter(pk=book.product_id).update(category=books)
    pay(make_order((book, 1), (mug, 1)), stripe_local)

    (invoice,) = issue()

    assert [(line["tax_basis_points"], line["net_minor"], line["tax_minor"]) for line in invoice.lines] == [
        (500, 1_000, 50),
        (1900, 1_000, 190),
    ]


def test_a_seller_is_invoiced_once_a_month_and_the_numbers_have_no_gap(seller, stripe_local):
    sell(10_000, stripe_local)
    (first,) = issue()

    assert issue() == []
    assert first.number == "SOUK-000001"
    assert InvoiceSeries.objects.get().last == CommissionInvoice.objects.count() == 1
    assert not audit().violations


def test_a_month_that_is_not_over_is_refused(db):
    with pytest.raises(Invalid, match="month"):
        issue_invoices(month=THIS_MONTH)


def test_by_default_the_month_that_has_just_ended_is_invoiced(seller, stripe_local):
    sell(10_000, stripe_local)

    (invoice,) = issue_invoices(
        at=datetime.combine(first_of(THIS_MONTH + timedelta(days=32)), datetime.min.time(), UTC)
    )

    assert invoice.month == THIS_MONTH


def test_a_month_without_commission_has_no_invoice(seller):
    assert issue_invoices(month=date(2020, 1, 1)) == []


def test_more_returned_than_charged_is_a_credit_note(seller, stripe_local, monkeypatch):
    long_ago = timezone.now() - timedelta(days=70)
    with monkeypatch.context() as earlier:
        earlier.setattr(ledger_services, "now", lambda: long_ago)
        order = sell(10_000, stripe_local)
    request_refund(order_id=order.pk, amount_minor=None, reason="returned", actor=SELLER)
    run_jobs()

    (charged,) = issue_invoices(month=first_of(long_ago.date()))
    (returned,) = issue()

    assert (charged.total_minor, returned.total_minor) == (1_030, -1_000)
    assert (charged.sequence, returned.sequence) == (1, 2)


def test_an_invoice_that_fails_takes_no_number(seller, stripe_local, monkeypatch):
    sell(10_000, stripe_local)
    monkeypatch.setattr(CommissionInvoice.objects, "create", lambda **values: 1 / 0)

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        issue()
    monkeypatch.undo()

    assert [row.sequence for row in issue()] == [1]


def test_two_runs_at_once_give_each_number_once(committed, stripe_local):
    for _ in range(3):
        tenant = make_tenant()
        with tenant_scope(tenant):
            onboard(tenant, stripe_local)
            sell(10_000, stripe_local)

    assert not failures(at_once([issue] * 4))

    sequences = sorted(CommissionInvoice.objects.values_list("sequence", flat=True))
    assert sequences == [1, 2, 3]
    assert InvoiceSeries.objects.get().last == 3
