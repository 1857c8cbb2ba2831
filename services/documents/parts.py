"""What documents share: the head with its parties, sums with a result, headings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.documents.layout import LEFT, RIGHT, SMALL, Sheet

PARTY_LINE = 4.6
SUM_LINE = 6.0
ADDRESS_LINES = 8


@dataclass(frozen=True, slots=True)
class Head:
    """`parties` are {"name", "address", "tax_id"} under what they are here; `figure` is a label and an amount."""

    marketplace: str
    title: str
    subtitle: str
    parties: Mapping[str, Mapping[str, Any]]
    figure: tuple[str, str]


def draw_head(sheet: Sheet, head: Head) -> None:
    sheet.write(head.marketplace, y=sheet.y, size=10, bold=True)
    sheet.write(head.title, y=sheet.y + 16, size=21)
    sheet.write(head.subtitle, y=sheet.y + 22.5, grey=True)
    top = sheet.y + 36
    column = 56.0
    lowest = top
    for index, (label, party) in enumerate(head.parties.items()):
        x = LEFT + index * (column + 4)
        lowest = max(lowest, _draw_party(sheet, label, party, x=x, y=top, room=column))
    label, amount = head.figure
    sheet.write(label, x=RIGHT, y=top, size=SMALL, grey=True, right=True)
    sheet.write(amount, x=RIGHT, y=top + 8.5, size=19, bold=True, right=True)
    sheet.y = max(lowest, top + 12) + 8


def _draw_party(
    sheet: Sheet, label: str, party: Mapping[str, Any], *, x: float, y: float, room: float
) -> float:
    sheet.write(label, x=x, y=y, size=SMALL, grey=True)
    y += 5.5
    for line in sheet.wrap(party["name"], room=room, size=9.5):
        sheet.write(line, x=x, y=y, size=9.5)
        y += PARTY_LINE
    lines = (party.get("address") or "").splitlines()[:ADDRESS_LINES]
    if party.get("tax_id"):
        lines.append(f"Tax ID {party['tax_id']}")
    for line in lines:
        sheet.write(line, x=x, y=y, grey=True, room=room)
        y += PARTY_LINE
    return y


def draw_sums(
    sheet: Sheet,
    title: str,
    sums: Sequence[tuple[str, str]],
    result: tuple[str, str],
    *,
    left: float = LEFT,
    right: float = RIGHT,
) -> None:
    """A label and an amount a line, a rule, and what they come to."""
    if title:
        sheet.write(title, x=left, y=sheet.y, size=9.5, bold=True)
        sheet.y += SUM_LINE + 0.6
    for label, amount in sums:
        _draw_sum(sheet, label, amount, left=left, right=right)
        sheet.y += SUM_LINE
    sheet.rule(sheet.y - 3.6, start=left, end=right, strong=True)
    sheet.y += 0.6
    _draw_sum(sheet, *result, left=left, right=right, bold=True)
    sheet.y += SUM_LINE


def _draw_sum(
    sheet: Sheet, label: str, amount: str, *, left: float, right: float, bold: bool = False
) -> None:
    taken = sheet.width(amount, bold=bold)
    sheet.write(label, x=left, y=sheet.y, bold=bold, room=right - left - taken - 3)
    sheet.write(amount, x=right, y=sheet.y, bold=bold, right=True)


def section(sheet: Sheet, title: str, note: str = "") -> None:
    """A heading, with the beginning of what follows on the same page."""
    sheet.y += 10
    if sheet.lacks(30):
        sheet.new_page()
    sheet.write(title, y=sheet.y, size=9.5, bold=True)
    sheet.y += 1.2
    if note:
        sheet.y += 0.8
    for line in sheet.wrap(note, room=RIGHT - LEFT, size=SMALL) if note else []:
        sheet.write(line, y=sheet.y + 3.6, size=SMALL, grey=True)
        sheet.y += 4.0
