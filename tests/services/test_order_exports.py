"""Orders and customers as files: every amount adds up, no text runs as a formula, and who is forgotten is in none."""

import csv
import io
from decimal import Decimal

import pytest

from services import order_export_services
from services.operation_services import run_operation, start_operation
from services.order_history import SYSTEM
from services.order_invoice_services import issue_order_invoice, order_invoice_document
from services.order_note_services import add_note
from services.person_export_services import export_person
from services.person_services import erase_person
from services.refund_services import request_refund, send_refund
from services.saved_view_services import save_view
from shop.models import Operation, Order, OrderEvent, SavedView
from tests.factories.shop import ADDRESS, make_delivered, make_order, make_promotion, make_variant, pay
from tests.factories.tenants import PASSWORD, make_user
from tests.services.test_person import rows_with

pytestmark = pytest.mark.usefixtures("serving")


def exported(kind: str, **params) -> list[dict[str, str]]:
    operation = start_operation(kind, actor_id=None, **params)
    run_operation(operation_id=operation.pk)
    operation.refresh_from_db()
    assert (operation.state, operation.error) == ("done", "")
    content = bytes(operation.output)
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_every_line_of_an_order_is_a_row_and_the_rows_add_up_to_the_order(stripe_local):
    code = make_promotion(percentage_basis_points=3333).code
    order = make_order((make_variant(price_minor=1999), 3), (make_variant(price_minor=501), 1), code=code)
    pay(order, stripe_local)
    send_refund(refund_id=request_refund(order_id=order.pk, amount_minor=333, reason="x", actor=SYSTEM).pk)

    rows = exported("orders.export")

    def total(column: str) -> Decimal:
        return sum(Decimal(row[column]) for row in rows)

    assert len(rows) == 2
    assert total("total") * 100 == order.total_minor
    assert total("discount") * 100 == order.discount_minor
    assert total("shipping") * 100 == order.shipping_minor
    assert total("taken_back") * 100 == 333
    for row in rows:
        parts = (
            Decimal(row["subtotal"])
            - Decimal(row["discount"])
            + Decimal(row["shipping"])
            + Decimal(row["tax"])
        )
        assert Decimal(row["total"]) == parts
    assert {row["payment"] for row in rows} == {"partly_refunded"}


def test_an_export_has_what_is_asked_for_in_chunks_newest_first(monkeypatch):
    monkeypatch.setattr(order_export_services, "CHUNK", 2)
    variant = make_variant(stock=20)
    orders = [make_order((variant, 1), email=f"b{number % 2}@example.com") for number in range(7)]

    assert [row["order"] for row in exported("orders.export")] == [str(o.number) for o in reversed(orders)]
    assert {row["email"] for row in exported("orders.export", q="b1")} == {"b1@example.com"}
    assert exported("orders.export", status="shipped") == []
    assert exported("orders.export", placed_to="2020-01-01") == []


def test_text_that_a_spreadsheet_would_run_is_harmless():
    order = make_order((make_variant(title="=cmd|'/C calc'!A0", sku="@SUM(1)"), 1))
    Order.objects.filter(pk=order.pk).update(
        shipping_address={**ADDRESS, "name": "+1234", "city": "-x", "line1": "a\r\n=b"}
    )

    (row,) = exported("orders.export")
    (customer,) = exported("customers.export")

    assert (row["product"], row["sku"]) == ("'=cmd|'/C calc'!A0", "'@SUM(1)")
    assert (row["name"], row["city"], customer["name"]) == ("'+1234", "'-x", "'+1234")


def test_customers_are_exported_once_each(stripe_local, monkeypatch):
    monkeypatch.setattr("shop.selectors.customers.CHUNK", 2)
    variant = make_variant(stock=20)
    for number in range(5):
        make_order((variant, 1), email=f"b{number}@example.com")
    again = make_order((variant, 1), email="b3@example.com")
    pay(again, stripe_local)

    rows = exported("customers.export")

    assert [row["email"] for row in rows] == [f"b{number}@example.com" for number in range(5)]
    third = rows[3]
    assert (third["orders"], third["spent"], third["last_order"]) == ("2", "24.89", str(again.number))


# Who is forgotten --------------------------------------------------------------------------------------------------


@pytest.fixture
def person(stripe_local):
    """Somebody of whom the staff has kept a note, an export, an invoice and a saved list."""
    user = make_user("ada@example.com", name="Ada Lovelace")
    order = make_delivered(make_variant(), stripe_local, buyer_id=user.pk, email=user.email)
    add_note(order_id=order.pk, text="Ada Lovelace, 030 1234, was rude", actor=SYSTEM)
    issue_order_invoice(order_id=order.pk, actor=SYSTEM)
    exported("orders.export", q="ada@example.com")
    exported("customers.export")
    save_view(section="orders", name="Her", query="q=ada%40example.com")
    save_view(section="orders", name="Hers", query="q=Ada+Lovelace&status=pending")
    save_view(section="orders", name="Everybody", query="q=other")
    return user


def test_notes_are_not_in_what_a_person_is_given(person):
    assert "rude" not in str(export_person(person))


def test_notes_exports_and_lists_of_a_forgotten_person_go(person):
    assert rows_with("was rude")
    assert rows_with("ada@example.com")

    erase_person(user=person, password=PASSWORD)

    assert rows_with("was rude") == []
    assert rows_with("ada@example.com") == rows_with("ada%40example") == rows_with("Ada+Lovelace") == []
    assert OrderEvent.objects.filter(action="note").count() == 1
    assert not Operation.objects.exclude(output=None).exists()
    assert [view.name for view in SavedView.objects.all()] == ["Everybody"]


def test_the_invoice_of_a_forgotten_person_keeps_its_number_and_sums_and_names_nobody(person):
    order = Order.objects.get()
    before = order_invoice_document(order.pk)

    erase_person(user=person, password=PASSWORD)

    after = order_invoice_document(order.pk)
    assert {name: after[name] for name in ("number", "total_minor", "lines")} == {
        name: before[name] for name in ("number", "total_minor", "lines")
    }
    assert after["bill_to"]["name"] == "—"
