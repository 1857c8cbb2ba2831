import io

import pytest
from pypdf import PdfReader

from services.documents.invoice_pdf import invoice_pdf
from services.documents.wording import percent
from tests.documents.reading import text_of
from tests.documents.samples import HOSTILE, invoice


def returned(net_minor: int, basis_points: int = 0, tax_minor: int = 0) -> dict[str, object]:
    """Commission that went back to the seller."""
    return {
        "description": "Commission returned",
        "net_minor": net_minor,
        "tax_basis_points": basis_points,
        "tax_minor": tax_minor,
    }


def test_every_fact_is_on_paper():
    text = text_of(invoice_pdf(invoice()))

    for words in (
        "Invoice",
        "SOUK-2026-000123",
        "1 November 2026",
        "October 2026",
        "Kiln & Linen",
        "20095 Hamburg",
        "Tax ID DE123456789",
    ):
        assert words in text
    for figure in (
        "€42.00",
        "€7.98",
        "€49.98",
        "-€3.00",
        "-€0.57",
        "-€3.57",
        "€39.00",
        "€7.41",
        "€46.41",
        "19%",
    ):
        assert figure in text
    assert "Credit note" not in text
    assert "No tax" not in text


def test_less_than_nothing_is_a_credit_note():
    document = invoice_pdf(
        invoice(lines=[returned(-300, 1900, -57)], net_minor=-300, tax_minor=-57, total_minor=-357)
    )

    assert "Credit note" in text_of(document)
    assert "-€3.57" in text_of(document)
    assert "Invoice" not in text_of(document)
    assert PdfReader(io.BytesIO(document)).metadata.title == "Souk · Credit note SOUK-2026-000123"


def test_without_tax_there_is_no_column_for_it():
    text = text_of(
        invoice_pdf(invoice(lines=[returned(4200)], net_minor=4200, tax_minor=0, total_minor=4200))
    )

    assert "No tax is charged" in text
    assert "Tax rate" not in text


def test_tax_that_cancels_out_is_still_shown():
    lines = [returned(100, 1900, 19), returned(-100, 1900, -19)]
    text = text_of(invoice_pdf(invoice(lines=lines, net_minor=0, tax_minor=0, total_minor=0)))

    assert "Tax rate" in text
    assert "No tax" not in text


def test_each_rate_has_its_own_sum():
    lines = [returned(10000, 1900, 1900), returned(5000, 700, 350), returned(1000, 700, 70)]
    text = text_of(invoice_pdf(invoice(lines=lines, net_minor=16000, tax_minor=2320, total_minor=18320)))

    assert "Tax 19% on €100.00" in text
    assert "Tax 7% on €60.00" in text
    assert "€4.20" in text


@pytest.mark.parametrize(
    ("basis_points", "shown"), [(1900, "19%"), (750, "7.5%"), (0, "0%"), (10000, "100%"), (5, "0.05%")]
)
def test_rates_are_percent(basis_points, shown):
    assert percent(basis_points) == shown


@pytest.mark.parametrize(("currency", "shown"), [("JPY", "¥4,641"), ("KWD", "KWD4.641")])
def test_amounts_have_the_decimals_of_the_currency(currency, shown):
    assert shown in text_of(invoice_pdf(invoice(currency=currency)))


def test_many_lines_repeat_the_header_and_keep_the_total_whole():
    pages = [
        page.extract_text()
        for page in PdfReader(io.BytesIO(invoice_pdf(invoice(lines=[returned(100, 1900, 19)] * 50)))).pages
    ]

    assert len(pages) == 2
    assert all("Description" in page for page in pages)
    assert "page 1 of 2" in pages[0]
    assert "€46.41" in pages[1]


def test_the_same_invoice_gives_the_same_bytes():
    assert invoice_pdf(invoice()) == invoice_pdf(invoice())


def test_hostile_and_missing_facts_do_not_matter():
    line = {"description": HOSTILE, "net_minor": 100, "tax_basis_points": 1900, "tax_minor": 19}
    text = text_of(invoice_pdf(invoice(lines=[line], seller={"name": HOSTILE}, marketplace={"name": "Łódź"})))

    assert "€46.41" in text
    assert "Łódź" in text
