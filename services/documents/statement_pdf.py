"""A statement as PDF: what was paid, what it is made of, every transaction, every order line behind them."""

from typing import Any

from core.money import Money
from services.documents.layout import LEFT, RIGHT, Sheet
from services.documents.parts import Head, draw_head, draw_sums, section
from services.documents.tables import Column, Row, draw_table
from services.documents.wording import kind_name, long_day, moment, short_day

PRICE = {
    "subtotal": "Goods",
    "discount": "Discount",
    "shipping": "Shipping",
    "tax": "Tax",
    "uncaptured": "Not captured",
}
SHARES = {
    "sale": "Paid",
    "funded": "Funded",
    "commission": "Commission",
    "commission_tax": "Tax on it",
    "fee": "Fee",
    "refunded": "Refunded",
    "disputed": "Disputed",
    "reserve": "Reserve",
}
MIDDLE = (LEFT + RIGHT) / 2


def statement_pdf(statement: dict[str, Any]) -> bytes:
    """A4, any number of pages. The same statement gives the same bytes: it is dated by its own `issued_at`."""
    seller, marketplace = statement["seller"], statement["marketplace"]
    sheet = Sheet(
        title=f"{marketplace['name']} · Statement {statement['number']} · {seller['name']}",
        author=marketplace["name"],
        issued_at=moment(statement["issued_at"]),
    )
    draw_head(
        sheet,
        Head(
            marketplace=marketplace["name"],
            title="Payout statement",
            subtitle=f"No. {statement['number']} · {long_day(statement['issued_at'])} · {statement['currency']}",
            parties={"Paid to": seller},
            figure=("Payout", _money(statement["amount_minor"], statement)),
        ),
    )
    _draw_summary(sheet, statement)
    _draw_lines(sheet, statement)
    _draw_orders(sheet, statement)
    return sheet.finish()


def _draw_summary(sheet: Sheet, statement: dict[str, Any]) -> None:
    payout = statement["amount_minor"]
    made_of = [(kind_name(kind), _money(amount, statement)) for kind, amount in _totals(statement).items()]
    balance = [
        ("Opening balance", _money(statement["opening_balance_minor"], statement)),
        ("This payout", _money(-payout, statement)),
    ]
    after = ("Closing balance", _money(statement["closing_balance_minor"], statement))
    top = sheet.y
    draw_sums(
        sheet,
        "What it is made of",
        made_of,
        ("Payout", _money(payout, statement)),
        left=LEFT,
        right=MIDDLE - 6,
    )
    lowest, sheet.y = sheet.y, top
    draw_sums(sheet, "Your balance", balance, after, left=MIDDLE + 6, right=RIGHT)
    sheet.y = max(lowest, sheet.y)


def _totals(statement: dict[str, Any]) -> dict[str, int]:
    if "totals" in statement:
        return dict(statement["totals"])
    totals: dict[str, int] = {}
    for line in statement["lines"]:
        totals[line["kind"]] = totals.get(line["kind"], 0) + line["amount_minor"]
    return totals


def _draw_lines(sheet: Sheet, statement: dict[str, Any]) -> None:
    if not statement["lines"]:
        return
    section(sheet, "Transactions")
    has_keys = any(line.get("key") for line in statement["lines"])
    columns = [Column("Date"), Column("Order"), Column("What", grows=not has_keys)]
    columns += [Column("Reference", grows=True, grey=True)] * has_keys
    rows = [
        Row(
            [
                short_day(line.get("occurred_at")),
                _number(line.get("order_number")),
                kind_name(line["kind"]),
                *[line.get("key") or ""] * has_keys,
                _money(line["amount_minor"], statement),
            ]
        )
        for line in statement["lines"]
    ]
    paid = Row(
        ["Payout", "", "", *[""] * has_keys, _money(statement["amount_minor"], statement)], strong=True
    )
    draw_table(sheet, [*columns, Column("Amount", right=True)], [*rows, paid])


def _draw_orders(sheet: Sheet, statement: dict[str, Any]) -> None:
    orders = statement["orders"]
    sold = [line for line in orders if line.get("subtotal_minor")]
    if sold:
        section(sheet, "What was sold", "What buyers paid for each order line whose sale is in this payout.")
        _draw_order_lines(sheet, statement, sold, PRICE, ("sale", "Paid"))
    if orders:
        note = "Each transaction above, shared over the order lines behind it."
        if any(line.get("funded_minor") for line in orders):
            note += " Funded: what the marketplace pays of a discount."
        section(sheet, "Order lines", note)
        _draw_order_lines(sheet, statement, orders, SHARES, ("amount", "Yours"))


def _draw_order_lines(
    sheet: Sheet,
    statement: dict[str, Any],
    lines: list[dict[str, Any]],
    names: dict[str, str],
    whole: tuple[str, str],
) -> None:
    """One row a line, with those of its amounts that any line has, and their sum."""
    shown = [name for name in names if any(line.get(f"{name}_minor") for line in lines)]
    columns = [Column("Order"), Column("Item", grows=True), Column("Qty", right=True)]
    columns += [Column(names[name], right=True) for name in shown] + [Column(whole[1], right=True)]
    rows = [
        Row(
            [
                _number(line.get("order_number")),
                line.get("title") or "",
                _number(line.get("quantity")),
                *(_money(line.get(f"{name}_minor") or 0, statement) for name in [*shown, whole[0]]),
            ],
            note=line.get("sku") or "",
        )
        for line in lines
    ]
    draw_table(sheet, columns, rows)


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _money(amount_minor: int, statement: dict[str, Any]) -> str:
    return Money(amount_minor, statement["currency"]).format()
