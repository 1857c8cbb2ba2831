"""The marketplace's invoice to a seller for a month's commission, or the credit note when more was returned."""

from typing import Any

from core.money import Money
from services.documents.layout import LEFT, RIGHT, SMALL, Sheet
from services.documents.parts import Head, draw_head, draw_sums
from services.documents.tables import Column, Row, draw_table
from services.documents.wording import long_day, moment, month_name, percent

SUMS_LEFT = LEFT + 92
SUMS_HEIGHT = 30.0


def invoice_pdf(invoice: dict[str, Any]) -> bytes:
    """A4. The same invoice gives the same bytes: it is dated by its own `issued_at`."""
    seller, marketplace = invoice["seller"], invoice["marketplace"]
    title = "Credit note" if invoice["total_minor"] < 0 else "Invoice"
    sheet = Sheet(
        title=f"{marketplace['name']} · {title} {invoice['number']}",
        author=marketplace["name"],
        issued_at=moment(invoice["issued_at"]),
    )
    draw_head(
        sheet,
        Head(
            marketplace=marketplace["name"],
            title=title,
            subtitle=f"{invoice['number']} · {long_day(invoice['issued_at'])} · for {month_name(invoice['month'])}",
            parties={"From": marketplace, "To": seller},
            figure=("Total", _money(invoice["total_minor"], invoice)),
        ),
    )
    taxed = bool(invoice["tax_minor"]) or any(line.get("tax_minor") for line in invoice["lines"])
    _draw_lines(sheet, invoice, taxed=taxed)
    _draw_totals(sheet, invoice, taxed=taxed)
    return sheet.finish()


def _draw_lines(sheet: Sheet, invoice: dict[str, Any], *, taxed: bool) -> None:
    description = Column("Description", grows=True)
    if not taxed:
        rows = [Row([line["description"], _money(line["net_minor"], invoice)]) for line in invoice["lines"]]
        draw_table(sheet, [description, Column("Amount", right=True)], rows)
        return
    titles = ("Net", "Tax rate", "Tax", "Total")
    rows = [
        Row(
            [
                line["description"],
                _money(line["net_minor"], invoice),
                percent(line["tax_basis_points"]),
                _money(line["tax_minor"], invoice),
                _money(line["net_minor"] + line["tax_minor"], invoice),
            ]
        )
        for line in invoice["lines"]
    ]
    draw_table(sheet, [description, *(Column(title, right=True) for title in titles)], rows)


def _draw_totals(sheet: Sheet, invoice: dict[str, Any], *, taxed: bool) -> None:
    rates = _by_rate(invoice) if taxed else {}
    if sheet.lacks(SUMS_HEIGHT + len(rates) * 6):
        sheet.new_page()
    sheet.y += 10
    top = sheet.y
    sums = [("Net", _money(invoice["net_minor"], invoice))]
    for basis_points, (net_minor, tax_minor) in rates.items():
        label = f"Tax {percent(basis_points)} on {_money(net_minor, invoice)}"
        sums.append((label, _money(tax_minor, invoice)))
    total = ("Total", _money(invoice["total_minor"], invoice))
    draw_sums(sheet, "", sums, total, left=SUMS_LEFT, right=RIGHT)
    if not taxed:
        sheet.write("No tax is charged.", y=top, size=SMALL, grey=True)


def _by_rate(invoice: dict[str, Any]) -> dict[int, tuple[int, int]]:
    """Net and tax by rate, highest rate first."""
    rates: dict[int, tuple[int, int]] = {}
    for line in sorted(invoice["lines"], key=lambda line: -line["tax_basis_points"]):
        net, tax = rates.get(line["tax_basis_points"], (0, 0))
        rates[line["tax_basis_points"]] = (net + line["net_minor"], tax + line["tax_minor"])
    return rates


def _money(amount_minor: int, invoice: dict[str, Any]) -> str:
    return Money(amount_minor, invoice["currency"]).format()
