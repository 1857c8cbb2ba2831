"""The seller's invoice to a buyer."""

from collections.abc import Mapping
from typing import Any

from core.money import Money
from services.documents.addresses import address_lines
from services.documents.layout import LEFT, RIGHT, SMALL, Sheet
from services.documents.parts import Head, draw_head, draw_sums
from services.documents.tables import Column, Row, draw_table
from services.documents.wording import long_day, moment

SUMS_LEFT = LEFT + 92
SUM_HEIGHT = 6.0


def order_invoice_pdf(invoice: dict[str, Any]) -> bytes:
    """A4. The same invoice gives the same bytes: it is dated by its own `issued_at`."""
    seller = invoice["seller"]
    sheet = Sheet(
        title=f"{seller['name']} · Invoice {invoice['number']}",
        author=seller["name"],
        issued_at=moment(invoice["issued_at"]),
    )
    parties = {"From": seller, "To": _party(invoice["bill_to"])}
    draw_head(
        sheet,
        Head(
            marketplace=invoice["shop"]["name"],
            title="Invoice",
            subtitle=f"No. {invoice['number']} · {long_day(invoice['issued_at'])} · order #{invoice['order_number']}"
            f" of {long_day(invoice['placed_at'])}",
            parties=parties,
            figure=("Total", _money(invoice["total_minor"] - invoice["uncaptured_minor"], invoice)),
        ),
    )
    if invoice["ship_to"] != invoice["bill_to"]:
        sheet.write(
            f"Sent to {', '.join(address_lines(invoice['ship_to']))}", y=sheet.y, size=SMALL, grey=True
        )
        sheet.y += 6
    _draw_lines(sheet, invoice)
    _draw_totals(sheet, invoice)
    return sheet.finish()


def _party(address: Mapping[str, Any]) -> dict[str, str]:
    name, *rest = address_lines(address) or ["—"]
    return {"name": name, "address": "\n".join(rest)}


def _draw_lines(sheet: Sheet, invoice: dict[str, Any]) -> None:
    is_discounted = any(line["discount_minor"] for line in invoice["lines"])
    discount = [Column("Discount", right=True)] if is_discounted else []
    columns = [
        Column("Article", grows=True),
        Column("Pieces", right=True),
        Column("Price", right=True),
        *discount,
        Column("Amount", right=True),
    ]
    rows = [
        Row(
            [
                line["title"],
                str(line["quantity"]),
                _money(line["unit_price_minor"], invoice),
                *([_money(-line["discount_minor"], invoice)] if is_discounted else []),
                _money(line["amount_minor"], invoice),
            ],
            note=line["sku"],
        )
        for line in invoice["lines"]
    ]
    draw_table(sheet, columns, rows)


def _draw_totals(sheet: Sheet, invoice: dict[str, Any]) -> None:
    sums = [("Articles", invoice["subtotal_minor"])]
    if invoice["discount_minor"]:
        sums.append(("Discount", -invoice["discount_minor"]))
    sums.append((" ".join(("Shipping", invoice["shipping_method"])).strip(), invoice["shipping_minor"]))
    if invoice["tax_minor"]:
        sums.append(("Tax", invoice["tax_minor"]))
    if invoice["uncaptured_minor"]:
        sums.append(("Not charged", -invoice["uncaptured_minor"]))
    total = invoice["total_minor"] - invoice["uncaptured_minor"]
    if sheet.lacks((len(sums) + 5) * SUM_HEIGHT):
        sheet.new_page()
    sheet.y += 10
    top = sheet.y
    _draw(sheet, invoice, sums, ("Total", total))
    if invoice["refunded_minor"]:
        sheet.y += 3
        _draw(
            sheet,
            invoice,
            [("Refunded", -invoice["refunded_minor"])],
            ("Total after refunds", total - invoice["refunded_minor"]),
        )
    if invoice["paid_at"]:
        sheet.write(f"Paid on {long_day(invoice['paid_at'])}.", y=top, size=SMALL, grey=True, room=80)


def _draw(
    sheet: Sheet, invoice: dict[str, Any], sums: list[tuple[str, int]], result: tuple[str, int]
) -> None:
    written = [(label, _money(amount, invoice)) for label, amount in sums]
    draw_sums(sheet, "", written, (result[0], _money(result[1], invoice)), left=SUMS_LEFT, right=RIGHT)


def _money(amount_minor: int, invoice: dict[str, Any]) -> str:
    return Money(amount_minor, invoice["currency"]).format()
