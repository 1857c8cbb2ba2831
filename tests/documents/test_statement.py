import io
import random

import pytest
from fpdf import FPDF
from pypdf import PdfReader

from core.money import Money
from services.documents.layout import LEFT, RIGHT
from services.documents.statement_pdf import statement_pdf
from services.documents.wording import kind_name
from tests.documents.reading import pages_of, text_of
from tests.documents.samples import HOSTILE, line, long_statement, order_line, statement

NAMES = "Łódź Žižkov Ελλάδα Кафе"
SHARES = ("subtotal", "discount", "funded", "shipping", "tax", "refunded", "commission")


def test_every_figure_is_on_paper():
    document = statement()
    text = text_of(statement_pdf(document))
    shares = [
        value
        for row in document["orders"]
        for name, value in row.items()
        if name.endswith("_minor") and value
    ]
    amounts = [
        document["amount_minor"],
        document["closing_balance_minor"],
        *document["totals"].values(),
        *(row["amount_minor"] for row in document["lines"]),
        *shares,
    ]

    assert [amount for amount in amounts if Money(amount, "EUR").format() not in text] == []
    for words in (
        "Payout statement",
        "No. 3",
        "23 November 2026",
        "Kiln & Linen",
        "10117 Berlin",
        "MUG-1",
        "Mug Blue",
        "charge:ch_1",
    ):
        assert words in text


def test_names_keep_their_letters():
    text = text_of(
        statement_pdf(statement(seller={"name": NAMES}, orders=[order_line(1, "Ł", NAMES, 1, subtotal=1)]))
    )

    assert text.count(NAMES) == 4  # whom it is paid to, the line twice, the foot of the page


@pytest.mark.parametrize(
    ("currency", "shown"),
    [
        ("EUR", ["€12,345.67", "-€0.05"]),
        ("JPY", ["¥1,234,567", "-¥5"]),
        ("KWD", ["KWD1,234.567", "-KWD0.005"]),
    ],
)
def test_amounts_have_the_decimals_of_the_currency(currency, shown):
    text = text_of(
        statement_pdf(statement(currency=currency, lines=[line("sale", 1234567), line("fee", -5)]))
    )

    assert all(amount in text for amount in shown)


def test_200_lines_are_numbered_pages_that_repeat_the_header():
    pages = pages_of(statement_pdf(long_statement(200)))

    assert len(pages) == 6
    for number, page in enumerate(pages, 1):
        assert f"page {number} of 6" in page
        assert "Reference" in page
        assert "Amount" in page
    assert sum(page.count("charge:ch_") for page in pages) == 200
    assert "€2,468.00" in pages[-1]


def test_one_line_more_than_a_page_holds_makes_two_pages():
    counts = {count: len(pages_of(statement_pdf(long_statement(count)))) for count in range(18, 28)}
    last_of_one = max(count for count, pages in counts.items() if pages == 1)

    assert counts[last_of_one + 1] == 2
    assert "page 1 of 2" in pages_of(statement_pdf(long_statement(last_of_one + 1)))[0]


def test_the_same_statement_gives_the_same_bytes():
    assert statement_pdf(long_statement(60)) == statement_pdf(long_statement(60))
    assert statement_pdf(statement()) != statement_pdf(statement(issued_at="2026-11-24T10:00:00+00:00"))


def test_properties_say_what_it_is_and_when_it_was_issued():
    properties = PdfReader(io.BytesIO(statement_pdf(statement(seller={"name": NAMES})))).metadata

    assert properties.title == f"Souk · Statement 3 · {NAMES}"
    assert properties.author == "Souk"
    assert properties.creation_date.isoformat() == "2026-11-23T10:00:00+00:00"


def test_fonts_are_in_the_file():
    fonts = PdfReader(io.BytesIO(statement_pdf(statement()))).pages[0]["/Resources"]["/Font"].values()
    descriptors = [font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"] for font in fonts]

    assert len(descriptors) == 2
    assert all("/FontFile2" in descriptor.get_object() for descriptor in descriptors)


def test_hostile_text_prints_as_replacements_and_changes_no_figure():
    hostile = line(HOSTILE, 5, key=HOSTILE)
    text = text_of(
        statement_pdf(
            statement(
                seller={"name": HOSTILE, "address": HOSTILE + "\n" + HOSTILE},
                marketplace={"name": HOSTILE},
                lines=[hostile, line("sale", 1234)],
                orders=[order_line(1, HOSTILE, HOSTILE, 1, subtotal=4321)],
            )
        )
    )

    assert "\ufffd" in text
    assert "€12.34" in text
    assert "€43.21" in text
    assert "page 1 of 1" in text


def test_any_text_can_be_printed():
    chance = random.Random(7)
    for _ in range(30):
        text = "".join(
            chr(chance.choice([chance.randrange(0x3000), chance.randrange(0x110000)])) for _ in range(60)
        )
        assert statement_pdf(
            statement(seller={"name": text, "address": text}, orders=[order_line(1, text, text, 1)])
        )


def test_optional_facts_may_be_missing():
    bare = {"order_number": None, "sku": "A", "title": "B", "quantity": 1, "subtotal_minor": 5}
    text = text_of(statement_pdf(statement(seller={"name": "X"}, lines=[line("sale", 5)], orders=[bare])))

    assert "Reference" not in text
    assert "Funded" not in text


def test_an_empty_statement_is_a_page():
    text = text_of(
        statement_pdf(statement(lines=[], orders=[], totals={}, amount_minor=0, opening_balance_minor=0))
    )

    assert "€0.00" in text
    assert "Transactions" not in text


def test_unknown_kinds_are_named_by_their_code():
    assert kind_name("write_off") == "Write-off"
    assert kind_name("late_fee") == "Late fee"
    assert "Late fee" in text_of(statement_pdf(statement(lines=[line("late_fee", -5)])))


@pytest.fixture
def drawn(monkeypatch):
    """Every text drawn: (text, where it starts, where it ends), in millimetres from the left."""
    found = []
    draw = FPDF.text

    def record(self, x, y, text=""):
        found.append((text, x, x + self.get_string_width(text)))
        draw(self, x, y, text)

    monkeypatch.setattr(FPDF, "text", record)
    return found


def test_figures_end_at_the_same_edge(drawn):
    lines = [line("sale", 100), line("fee", -123456789), line("refund", -5)]
    statement_pdf(statement(lines=lines, orders=[]))
    ends = [end for text, _, end in drawn if text in ("€1.00", "-€1,234,567.89", "-€0.05")]

    assert ends == pytest.approx([RIGHT] * 3)


@pytest.mark.parametrize("text", ["Mug", HOSTILE, "W" * 500, "long words " * 50])
def test_nothing_is_drawn_outside_the_margins(drawn, text):
    shares = dict.fromkeys(SHARES, -1234567890)
    statement_pdf(
        statement(
            currency="KWD",
            seller={"name": text, "address": text},
            lines=[line("sale", 1234567890, 1, key=text), line(text, 1)],
            orders=[order_line(1, text, text, 1, **shares)],
        )
    )

    assert min(start for _, start, _ in drawn) >= LEFT
    assert max(end for _, _, end in drawn) <= RIGHT + 0.01


def test_large_figures_are_whole():
    shares = dict.fromkeys(SHARES, -1234567890)
    document = statement_pdf(statement(currency="KWD", orders=[order_line(1, "A", "B", 1, **shares)]))

    assert text_of(document).count("-KWD1,234,567.890") == 7
