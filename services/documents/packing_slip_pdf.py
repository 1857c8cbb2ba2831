"""What goes into a parcel, for whoever packs it and whoever opens it: where to, what, how many. No prices."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.documents.addresses import address_lines
from services.documents.layout import LEFT, RIGHT, SMALL, Sheet
from services.documents.tables import Column, Row, draw_table
from services.documents.wording import long_day, moment

LINE = 5.6


def packing_slips_pdf(
    slips: Sequence[Mapping[str, Any]], *, shop: Mapping[str, str], issued_at: str
) -> bytes:
    """A4, each order on a page of its own. The same slips give the same bytes: they are dated by `issued_at`.

    A slip is {"order_number", "placed_at", "shipping_method", "ship_to", "lines": [{"sku", "title", "quantity"}], "note"}.
    """
    name = f"#{slips[0]['order_number']}" if len(slips) == 1 else f"{len(slips)} orders"
    sheet = Sheet(
        title=f"{shop['name']} · Packing slip {name}", author=shop["name"], issued_at=moment(issued_at)
    )
    for index, slip in enumerate(slips):
        if index:
            sheet.new_page()
        _draw_slip(sheet, slip, shop)
    return sheet.finish()


def _draw_slip(sheet: Sheet, slip: Mapping[str, Any], shop: Mapping[str, str]) -> None:
    sheet.write(shop["name"], y=sheet.y, size=10, bold=True, room=120)
    sheet.write(f"#{slip['order_number']}", x=RIGHT, y=sheet.y, size=19, bold=True, right=True)
    sheet.write("Packing slip", y=sheet.y + 16, size=21)
    sheet.write(f"Ordered {long_day(slip['placed_at'])}", y=sheet.y + 22.5, grey=True)
    sheet.y += 36
    sheet.write("Ship to", y=sheet.y, size=SMALL, grey=True)
    if slip["shipping_method"]:
        sheet.write("Shipping", x=LEFT + 110, y=sheet.y, size=SMALL, grey=True)
        sheet.write(slip["shipping_method"], x=LEFT + 110, y=sheet.y + 6.4, size=11, room=60)
    sheet.y += 6.4
    for index, line in enumerate(address_lines(slip["ship_to"])):
        sheet.write(line, y=sheet.y, size=12, bold=index == 0, room=100)
        sheet.y += LINE
    sheet.y += 6
    lines = slip["lines"]
    columns = [
        Column("SKU", grey=True, at_most=42),
        Column("Article", grows=True),
        Column("Pieces", right=True),
    ]
    rows = [Row([line["sku"], line["title"], str(line["quantity"])]) for line in lines]
    units = sum(line["quantity"] for line in lines)
    draw_table(sheet, columns, [*rows, Row(["", "Together", str(units)], strong=True)])
    sheet.y += 10
    if slip.get("note"):
        for line in sheet.wrap(slip["note"], room=RIGHT - LEFT, size=SMALL):
            sheet.write(line, y=sheet.y, size=SMALL, grey=True)
            sheet.y += 4.2
    if shop.get("contact"):
        sheet.write(f"Questions? {shop['contact']}", y=sheet.y + 1, size=SMALL, grey=True)
