"""A statement as one CSV file that opens in a spreadsheet."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from core.money import to_major
from services.documents.wording import moment

PRICE = ("subtotal", "discount", "shipping", "tax", "uncaptured")
SHARES = ("sale", "funded", "commission", "commission_tax", "fee", "refunded", "disputed", "reserve")
COLUMNS = (
    *("statement", "section", "date", "order", "kind", "amount", "currency", "reference"),
    *("sku", "title", "quantity", *PRICE, *SHARES),
)
BYTE_ORDER_MARK = "\ufeff"
# What spreadsheets take for the beginning of a formula, their full-width twins included.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Row = dict[str, Any]


def statement_csv(statement: dict[str, Any]) -> str:
    """One file with three sections, told apart by the column `section`:

    - `balance`: `opening`, `payout` and `closing`; opening less payout is closing;
    - `line`: every transaction, + being the seller's; the column `amount` adds up to the payout;
    - `order_line`: each order line's part of those transactions in columns of their own (sale to reserve), which add up to
      its `amount`; with the lines of no order these add up to the payout, too. Before them, what the sale is made of.

    Sum `amount` over one section, not over the file.

    Amounts are in major units with exactly the currency's decimals, a dot and no thousands separators. Days are
    UTC. Text that a spreadsheet would run as a formula gets a leading apostrophe. Encode the result as UTF-8: it
    begins with a byte order mark, without which Excel reads "Łódź" in the machine's old code page; LibreOffice,
    Numbers, Google Sheets and Python's `utf-8-sig` skip it.
    """
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, COLUMNS, restval="")
    writer.writeheader()
    for row in _rows(statement):
        writer.writerow({"statement": safe_cell(statement["number"]), **row})
    return BYTE_ORDER_MARK + file.getvalue()


def _rows(statement: dict[str, Any]) -> Iterator[Row]:
    currency = statement["currency"]
    yield from _balance_rows(statement, currency)
    for line in statement["lines"]:
        yield {
            "section": "line",
            "date": _day(line.get("occurred_at")),
            "order": safe_cell(line.get("order_number")),
            "kind": safe_cell(line["kind"]),
            "amount": _amount(line["amount_minor"], currency),
            "currency": safe_cell(currency),
            "reference": safe_cell(line.get("key")),
        }
    for line in statement["orders"]:
        yield {
            "section": "order_line",
            "order": safe_cell(line.get("order_number")),
            "amount": _amount(line.get("amount_minor") or 0, currency),
            "currency": safe_cell(currency),
            "sku": safe_cell(line.get("sku")),
            "title": safe_cell(line.get("title")),
            "quantity": safe_cell(line.get("quantity")),
            **{share: _amount(line.get(f"{share}_minor") or 0, currency) for share in (*PRICE, *SHARES)},
        }


def _balance_rows(statement: dict[str, Any], currency: str) -> Iterator[Row]:
    amounts = {
        "opening": statement["opening_balance_minor"],
        "payout": statement["amount_minor"],
        "closing": statement["closing_balance_minor"],
    }
    for kind, amount_minor in amounts.items():
        yield {
            "section": "balance",
            "date": _day(statement["issued_at"]),
            "kind": kind,
            "amount": _amount(amount_minor, currency),
            "currency": safe_cell(currency),
        }


def _amount(amount_minor: int, currency: str) -> str:
    """1999 EUR -> "19.99", never "1E+3"."""
    return f"{to_major(amount_minor, currency):f}"


def _day(iso: str | None) -> str:
    return moment(iso).date().isoformat() if iso else ""


def safe_cell(value: str | int | None) -> str | int:
    """Numbers stay numbers; text is made harmless and encodable."""
    if value is None or isinstance(value, int):
        return "" if value is None else value
    text = value.replace("\0", "").encode("utf-8", "replace").decode()
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text
