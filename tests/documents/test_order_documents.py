"""Paper for orders: what a packing slip and an invoice say, and what they do not."""

import pytest

from payouts.models import SellerAccount
from services.documents.addresses import address_lines
from services.documents.order_invoice_pdf import order_invoice_pdf
from services.documents.packing_slip_pdf import packing_slips_pdf
from services.order_history import SYSTEM
from services.order_invoice_services import NotPaid, issue_order_invoice, order_invoice_document
from services.packing_services import NothingToPack, packing_slips
from services.refund_services import request_refund, send_refund
from services.shipping_services import ship_order
from shop.models import Order, OrderEvent, ShippingRate
from tests.documents.reading import pages_of, text_of
from tests.documents.samples import HOSTILE
from tests.factories.shop import ADDRESS, make_order, make_promotion, make_variant, pay

BILLING = {**ADDRESS, "name": "Lovelace Ltd", "company": "Accounts", "line1": "Harbour 2", "city": "Bremen"}


def invoice(**changes) -> dict:
    return {
        "number": 12,
        "issued_at": "2026-11-23T10:00:00+00:00",
        "order_number": 1001,
        "placed_at": "2026-11-20T10:00:00+00:00",
        "paid_at": "2026-11-20T10:05:00+00:00",
        "seller": {"name": "Kiln & Linen GmbH", "address": "Street 1\n10117 Berlin", "tax_id": "DE123"},
        "shop": {"name": "Kiln & Linen", "url": "https://kiln.example"},
        "bill_to": ADDRESS,
        "ship_to": ADDRESS,
        "currency": "EUR",
        "lines": [
            {
                "sku": "MUG-1",
                "title": "Mug Blue",
                "quantity": 2,
                "unit_price_minor": 2000,
                "discount_minor": 400,
                "amount_minor": 3600,
            }
        ],
        "subtotal_minor": 4000,
        "discount_minor": 400,
        "shipping_minor": 490,
        "shipping_method": "Standard",
        "tax_minor": 0,
        "total_minor": 4090,
        "uncaptured_minor": 0,
        "refunded_minor": 0,
    } | changes


def slip(number: int = 1001, **changes) -> dict:
    return {
        "order_number": number,
        "placed_at": "2026-11-20T10:00:00+00:00",
        "shipping_method": "Standard",
        "ship_to": ADDRESS,
        "lines": [
            {"sku": "MUG-1", "title": "Mug Blue", "quantity": 2},
            {"sku": "B", "title": "Bowl", "quantity": 1},
        ],
        "note": "",
    } | changes


SHOP = {"name": "Kiln & Linen", "contact": "us@kiln.example"}
AT = "2026-11-20T10:00:00+00:00"


def test_every_fact_of_an_invoice_is_on_paper():
    text = text_of(order_invoice_pdf(invoice()))

    for words in (
        "Invoice",
        "No. 12",
        "23 November 2026",
        "order #1001",
        "Kiln & Linen GmbH",
        "10117 Berlin",
        "Germany",
    ):
        assert words in text
    for words in (
        "Tax ID DE123",
        "Ada Lovelace",
        "Mug Blue",
        "MUG-1",
        "Shipping Standard",
        "Paid on 20 November 2026.",
    ):
        assert words in text
    for figure in ("€20.00", "-€4.00", "€36.00", "€40.00", "€4.90", "€40.90"):
        assert figure in text
    for words in ("Refunded", "Not charged", "Sent to", "Tax\n"):
        assert words not in text


def test_what_was_refunded_not_charged_or_sent_elsewhere_is_on_it():
    text = text_of(
        order_invoice_pdf(invoice(refunded_minor=1000, uncaptured_minor=90, bill_to=BILLING, tax_minor=1))
    )

    for words in (
        "Refunded",
        "-€10.00",
        "Not charged",
        "-€0.90",
        "€30.00",
        "Lovelace Ltd",
        "Sent to Ada Lovelace",
        "Tax",
    ):
        assert words in text


def test_a_slip_says_where_what_and_how_many_and_no_prices():
    text = text_of(packing_slips_pdf([slip()], shop=SHOP, issued_at=AT))

    for words in (
        "Packing slip",
        "#1001",
        "Ada Lovelace",
        "Unter den Linden 1",
        "Germany",
        "Mug Blue",
        "Bowl",
        "Together",
    ):
        assert words in text
    assert "us@kiln.example" in text
    assert "€" not in text


def test_each_order_has_a_page_of_its_own():
    pages = pages_of(packing_slips_pdf([slip(number) for number in (1, 2, 3)], shop=SHOP, issued_at=AT))

    assert [f"#{number}" in page for number, page in enumerate(pages, 1)] == [True] * 3


def test_many_lines_go_on_and_keep_the_sums_together():
    line = invoice()["lines"][0]
    pages = pages_of(order_invoice_pdf(invoice(lines=[line] * 60)))
    assert len(pages) > 1
    assert "Total" in pages[-1]

    long = [{"sku": f"S{number}", "title": "Thing", "quantity": 1} for number in range(90)]
    assert "90" in pages_of(packing_slips_pdf([slip(lines=long)], shop=SHOP, issued_at=AT))[-1]


def test_the_same_paper_gives_the_same_bytes():
    assert order_invoice_pdf(invoice()) == order_invoice_pdf(invoice())
    assert packing_slips_pdf([slip()], shop=SHOP, issued_at=AT) == packing_slips_pdf(
        [slip()], shop=SHOP, issued_at=AT
    )


def test_hostile_and_missing_facts_do_not_matter():
    address = dict.fromkeys(ADDRESS, HOSTILE)
    line = {**invoice()["lines"][0], "title": HOSTILE, "sku": HOSTILE}

    document = order_invoice_pdf(invoice(bill_to=address, ship_to={}, lines=[line], shop={"name": HOSTILE}))
    assert "€40.90" in text_of(document)
    assert order_invoice_pdf(invoice(bill_to={}, seller={"name": "X"}))
    lines = [{"sku": HOSTILE, "title": HOSTILE, "quantity": 1}]
    assert packing_slips_pdf(
        [slip(ship_to=address, lines=lines, shipping_method=HOSTILE, note=HOSTILE)], shop=SHOP, issued_at=AT
    )


def test_an_address_is_its_lines():
    assert address_lines({**ADDRESS, "company": "Analytical", "region": "BE"}) == [
        "Ada Lovelace",
        "Analytical",
        "Unter den Linden 1",
        "10117 Berlin",
        "BE",
        "Germany",
    ]
    assert address_lines({}) == []


# Of real orders ----------------------------------------------------------------------------------------------------


@pytest.fixture
def paid(serving, stripe_local) -> Order:
    """Two mugs at ten per cent off, with an address for the invoice: 40.00 - 4.00 + 4.90."""
    lines = (make_variant(title="Mug", price_minor=2000), 2)
    order = make_order(lines, code=make_promotion().code, billing_address=BILLING)
    pay(order, stripe_local)
    return order


def test_an_invoice_says_what_the_order_s_frozen_copies_say(paid, serving):
    issue_order_invoice(order_id=paid.pk, actor=SYSTEM)

    text = text_of(order_invoice_pdf(order_invoice_document(paid.pk)))

    for words in ("Lovelace Ltd", "Bremen", "Sent to Ada Lovelace", "Mug", "-€4.00", "€40.90", serving.name):
        assert words in text


def test_what_is_refunded_or_renamed_later_does_not_change_an_invoice(paid, serving):
    made = request_refund(order_id=paid.pk, amount_minor=500, reason="x", actor=SYSTEM)
    send_refund(refund_id=made.pk)
    issue_order_invoice(order_id=paid.pk, actor=SYSTEM)
    first = order_invoice_pdf(order_invoice_document(paid.pk))
    assert "-€5.00" in text_of(first)

    made = request_refund(order_id=paid.pk, amount_minor=600, reason="x", actor=SYSTEM)
    send_refund(refund_id=made.pk)
    SellerAccount.objects.filter(tenant=serving).update(legal_name="Another GmbH", tax_id="DE999")

    assert order_invoice_pdf(order_invoice_document(paid.pk)) == first


def test_numbers_follow_each_other_and_an_order_keeps_its_own(paid, stripe_local):
    other = make_order()
    pay(other, stripe_local)

    issued = [issue_order_invoice(order_id=order.pk, actor=SYSTEM).number for order in (other, paid, other)]

    assert issued == [1, 2, 1]
    assert OrderEvent.objects.filter(action="invoiced").count() == 2


def test_an_order_that_is_not_paid_has_no_invoice_but_a_free_one_has(serving):
    ShippingRate.objects.update(price_minor=0)
    unpaid, free = make_order(), make_order(code=make_promotion(percentage_basis_points=10000).code)

    with pytest.raises(NotPaid):
        issue_order_invoice(order_id=unpaid.pk, actor=SYSTEM)
    assert (free.total_minor, free.status) == (0, "confirmed")
    assert issue_order_invoice(order_id=free.pk, actor=SYSTEM).number == 1


def test_what_left_before_is_not_packed_again(paid, stripe_local):
    order = make_order((make_variant(title="Jug"), 3), (make_variant(title="Plate"), 1))
    pay(order, stripe_local)
    jug, plate = order.lines.order_by("position")
    ship_order(order_id=order.pk, carrier="DHL", quantities={jug.pk: 1, plate.pk: 1}, actor=SYSTEM)

    text = text_of(packing_slips(order_ids=[order.pk]))
    assert "Jug" in text
    assert "Plate" not in text
    assert "The rest of this order was sent before." in text
    ship_order(order_id=order.pk, carrier="DHL", actor=SYSTEM)
    assert "Plate" in text_of(packing_slips(order_ids=[order.pk]))


def test_what_is_not_paid_is_not_packed(serving):
    with pytest.raises(NothingToPack):
        packing_slips(order_ids=[make_order().pk])
