"""A payout's statement, added up three times: by totals, by lines, by order lines; then as CSV, and as PDF."""

import csv
import io
from decimal import Decimal
from typing import Any

from journey.world import Seller

COLUMNS = ("sale", "funded", "commission", "commission_tax", "fee", "refunded", "disputed", "reserve")
# In which column of an order line a kind of line ends up.
COLUMN_OF = {
    "refund": "refunded",
    "commission_returned": "commission",
    "dispute": "disputed",
    "dispute_fee": "disputed",
    "reserve_held": "reserve",
    "reserve_released": "reserve",
}


def check_statement(seller: Seller, payout: dict[str, Any], by_hand: dict[str, int]) -> None:
    """Raises AssertionError unless every way to add it up gives these parts and the payout."""
    statement, amount = payout["statement"], payout["amount_minor"]
    assert sum(by_hand.values()) == amount == statement["amount_minor"]
    totals: dict[str, int] = {}
    for line in statement["lines"]:
        totals[line["kind"]] = totals.get(line["kind"], 0) + line["amount_minor"]
    assert totals == statement["totals"] == by_hand, f"summed {totals}, by hand {by_hand}"
    assert statement["opening_balance_minor"] - amount == statement["closing_balance_minor"]
    _check_order_lines(statement)
    _check_csv(seller, payout)
    pdf = seller.staff.get(f"seller/payouts/{payout['id']}/statement.pdf")
    assert pdf.status == 200, pdf.text[:200]
    assert pdf.text.startswith("%PDF")
    assert pdf.text.rstrip().endswith("%%EOF")
    assert len(pdf.text) > 1_000


def _check_order_lines(statement: dict[str, Any]) -> None:
    """Each row by its columns, each column by its kinds, each order by its lines, all of them by the payout."""
    rows, lines = statement["orders"], statement["lines"]
    for row in rows:
        assert sum(row[f"{name}_minor"] for name in COLUMNS) == row["amount_minor"], row
        if row["sale_minor"]:
            price = ("subtotal", "discount", "shipping", "tax", "uncaptured")
            assert sum(row[f"{name}_minor"] for name in price) == row["sale_minor"], row
    for name in COLUMNS:
        kinds = [line for line in lines if COLUMN_OF.get(line["kind"], line["kind"]) == name]
        assert sum(row[f"{name}_minor"] for row in rows) == _sum(kinds), name
    numbers = {line["order_number"] for line in lines if line["order_id"]}
    assert numbers == {row["order_number"] for row in rows}
    for number in numbers:
        of_order = [line for line in lines if line["order_number"] == number]
        assert _sum([row for row in rows if row["order_number"] == number]) == _sum(of_order), number
    without = [line for line in lines if not line["order_id"]]
    assert _sum(rows) + _sum(without) == statement["amount_minor"]


def _sum(rows: list[dict[str, Any]]) -> int:
    return sum(row["amount_minor"] for row in rows)


def _check_csv(seller: Seller, payout: dict[str, Any]) -> None:
    statement = payout["statement"]
    answer = seller.staff.get(f"seller/payouts/{payout['id']}/statement.csv")
    assert answer.status == 200, answer.text[:200]
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    sections = {
        name: [row for row in rows if row["section"] == name] for name in ("balance", "line", "order_line")
    }
    assert sum(len(section) for section in sections.values()) == len(rows)
    assert {row["currency"] for row in rows} == {"EUR"}
    amount = payout["amount_minor"]
    balances = {row["kind"]: _cents(row["amount"]) for row in sections["balance"]}
    assert balances == {
        "opening": statement["opening_balance_minor"],
        "payout": amount,
        "closing": statement["closing_balance_minor"],
    }
    assert len(sections["line"]) == len(statement["lines"])
    for kind, total in statement["totals"].items():
        of_kind = [row for row in sections["line"] if row["kind"] == kind]
        assert sum(_cents(row["amount"]) for row in of_kind) == total, kind
    without = sum(_cents(row["amount"]) for row in sections["line"] if not row["order"])
    assert sum(_cents(row["amount"]) for row in sections["order_line"]) + without == amount
    for row in sections["order_line"]:
        assert sum(_cents(row[name]) for name in COLUMNS) == _cents(row["amount"]), row


def _cents(text: str) -> int:
    return int(Decimal(text) * 100)
