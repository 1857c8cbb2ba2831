import csv
import io
from decimal import Decimal

import pytest

from services.documents.statement_csv import COLUMNS, statement_csv
from tests.documents.samples import HOSTILE, line, order_line, statement


def rows_of(text: str, section: str | None = None) -> list[dict[str, str]]:
    """Read as a spreadsheet does: from bytes, the mark skipped."""
    file = io.StringIO(text.encode("utf-8").decode("utf-8-sig"), newline="")
    rows = list(csv.DictReader(file, strict=True))
    return [row for row in rows if section in (None, row["section"])]


def test_lines_add_up_to_the_payout_and_the_balances_close():
    text = statement_csv(statement())
    balance = {row["kind"]: Decimal(row["amount"]) for row in rows_of(text, "balance")}

    assert (
        sum(Decimal(row["amount"]) for row in rows_of(text, "line")) == balance["payout"] == Decimal("115.65")
    )
    assert balance["opening"] - balance["payout"] == balance["closing"] == 0


def test_every_row_has_every_column_and_says_which_statement_it_is_from():
    rows = rows_of(statement_csv(statement()))

    assert all(tuple(row) == COLUMNS for row in rows)
    assert {row["statement"] for row in rows} == {"3"}
    assert {row["currency"] for row in rows} == {"EUR"}


def test_order_lines_carry_their_parts_which_add_up_to_their_amount_and_to_the_payout():
    rows = rows_of(statement_csv(statement()), "order_line")
    row = rows[0]

    assert (row["order"], row["sku"], row["title"], row["quantity"]) == ("1001", "MUG-1", "Mug Blue", "2")
    assert [row[name] for name in ("subtotal", "discount", "shipping")] == ["100.00", "-5.00", "5.00"]
    assert [row[name] for name in ("sale", "refunded", "commission", "fee")] == [
        "100.00",
        "-25.00",
        "-7.80",
        "-3.24",
    ]
    parts = ("sale", "funded", "commission", "commission_tax", "fee", "refunded", "disputed", "reserve")
    for each in rows:
        assert sum(Decimal(each[name]) for name in parts) == Decimal(each["amount"])
    assert sum(Decimal(each["amount"]) for each in rows) == Decimal("115.65")


@pytest.mark.parametrize(
    ("currency", "shown"),
    [("EUR", ["12345.67", "-0.05"]), ("JPY", ["1234567", "-5"]), ("KWD", ["1234.567", "-0.005"])],
)
def test_amounts_have_exactly_the_decimals_of_the_currency(currency, shown):
    text = statement_csv(statement(currency=currency, lines=[line("sale", 1234567), line("fee", -5)]))

    assert [row["amount"] for row in rows_of(text, "line")] == shown


def test_large_amounts_are_exact():
    text = statement_csv(statement(lines=[line("sale", 90071992547409931)]))

    assert rows_of(text, "line")[0]["amount"] == "900719925474099.31"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\0=", "＝"])
def test_text_that_would_run_as_a_formula_is_neutralised(start):
    attack = f'{start}HYPERLINK("http://evil.example","x")'
    text = statement_csv(
        statement(
            lines=[line(attack, -1, key=attack)],
            orders=[order_line(1, attack, attack, 1, subtotal=1)],
            number=attack,
        )
    )
    cells = [
        row[name] for row in rows_of(text) for name in ("statement", "kind", "reference", "sku", "title")
    ]
    attacks = [cell for cell in cells if "HYPERLINK" in cell]

    assert len(attacks) == 5 + 4
    assert all(cell.startswith("'") for cell in attacks)
    assert rows_of(text, "line")[0]["amount"] == "-0.01"


def test_a_hostile_title_stays_in_its_cell():
    title = HOSTILE + '";\r\n1,2,3'
    text = statement_csv(
        statement(orders=[order_line(1, "A", title, 1, subtotal=100), order_line(2, "B", "Б", 1)])
    )

    assert [row["sku"] for row in rows_of(text, "order_line")] == ["A", "B"]
    assert rows_of(text, "order_line")[0]["title"].endswith('";\r\n1,2,3')
    assert rows_of(text, "order_line")[1]["title"] == "Б"


def test_days_are_utc():
    text = statement_csv(statement(lines=[line("sale", 1, occurred_at="2026-11-13T00:30:00+02:00")]))

    assert rows_of(text, "line")[0]["date"] == "2026-11-12"


def test_optional_facts_may_be_missing():
    bare = {"order_number": 1, "sku": "A", "title": "B", "quantity": 1, "subtotal_minor": 5}
    text = statement_csv(statement(seller={"name": "X"}, lines=[line("sale", 5)], orders=[bare]))

    assert rows_of(text, "line")[0]["reference"] == ""
    assert rows_of(text, "order_line")[0]["funded"] == "0.00"
