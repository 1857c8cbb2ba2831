"""The paper that documents are written on: A4, one typeface, hairlines, page numbers."""

import logging
from datetime import datetime

from fpdf import FPDF
from fpdf.fonts import TTFFont

from services.documents.lettering import FONTS, encodable, printable, visual

WIDTH, HEIGHT = 210.0, 297.0
LEFT, RIGHT, TOP, BOTTOM = 20.0, 190.0, 22.0, 272.0
FOOTER = 284.0
INK, GREY, HAIRLINE = (28, 32, 38), (107, 114, 124), (218, 221, 226)
BODY, SMALL = 8.5, 7.5
POINT = 25.4 / 72

logging.getLogger("fontTools.subset").setLevel(logging.WARNING)  # else twenty lines for each document


class Sheet:
    """A document in the making. `y` is where the next thing goes; x and y are millimetres from the top left.

    The same calls with the same `issued_at` give the same bytes.
    """

    def __init__(self, *, title: str, author: str, issued_at: datetime) -> None:
        self.title = title
        self.y = TOP
        self._measured: dict[tuple[str, float, bool], float] = {}
        self.pdf = FPDF(format="A4")
        self.pdf.set_auto_page_break(False)
        self.pdf.set_title(encodable(title))
        self.pdf.set_author(encodable(author))
        self.pdf.set_lang("en")
        self.pdf.set_creation_date(issued_at)
        self.pdf.add_font("sans", "", FONTS / "DejaVuSans.ttf")
        self.pdf.add_font("sans", "B", FONTS / "DejaVuSans-Bold.ttf")
        self.pdf.add_page()

    def new_page(self) -> None:
        self.pdf.add_page()
        self.y = TOP

    def lacks(self, height: float) -> bool:
        """Whether `height` more would run into the footer."""
        return self.y + height > BOTTOM

    def write(
        self,
        text: object,
        *,
        x: float = LEFT,
        y: float,
        size: float = BODY,
        bold: bool = False,
        grey: bool = False,
        room: float = RIGHT - LEFT,
        right: bool = False,
    ) -> None:
        """One line on the baseline `y`, cut to `room`. With `right`, `x` is where it ends."""
        line = self.cut(text, room=room, size=size, bold=bold)
        end = self.width(line, size=size, bold=bold) if right else 0
        self._font(size=size, bold=bold)
        self.pdf.set_text_color(*(GREY if grey else INK))
        self.pdf.text(x - end, y, visual(line))

    def width(self, text: str, *, size: float = BODY, bold: bool = False) -> float:
        """In millimetres. A table asks for the same cell several times, and measuring is most of its work."""
        known = self._measured.get((text, size, bold))
        if known is None:
            self._font(size=size, bold=bold)
            known = self._measured[text, size, bold] = self.pdf.get_string_width(text)
        return known

    def cut(self, text: object, *, room: float, size: float = BODY, bold: bool = False) -> str:
        """As much of `text` as `room` holds, with an ellipsis where some is missing."""
        line = printable(text, self._font(size=size, bold=bold).cmap)
        if self.width(line, size=size, bold=bold) <= room:
            return line
        fits, too_long = 0, len(line)
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if self.width(line[:middle] + "…", size=size, bold=bold) <= room:
                fits = middle
            else:
                too_long = middle
        return line[:fits].rstrip() + "…"

    def wrap(self, text: object, *, room: float, size: float = BODY, most: int = 2) -> list[str]:
        """Lines of whole words, `most` of them; the last one is cut."""
        words = printable(text, self._font(size=size).cmap).split()
        lines: list[str] = []
        while words and len(lines) < most - 1:
            count = 1
            while count < len(words) and self.width(" ".join(words[: count + 1]), size=size) <= room:
                count += 1
            lines.append(self.cut(" ".join(words[:count]), room=room, size=size))
            words = words[count:]
        return [*lines, self.cut(" ".join(words), room=room, size=size)] if words else lines or [""]

    def rule(self, y: float, *, start: float = LEFT, end: float = RIGHT, strong: bool = False) -> None:
        self.pdf.set_draw_color(*(INK if strong else HAIRLINE))
        self.pdf.set_line_width(0.25 if strong else 0.15)
        self.pdf.line(start, y, end, y)

    def finish(self) -> bytes:
        """Number the pages, now that they can be counted, and close the file."""
        pages = len(self.pdf.pages)
        for page in range(1, pages + 1):
            self.pdf.page = page
            number = f"page {page} of {pages}"
            self.pdf.current_font_is_set_on_page = False
            self.write(number, x=RIGHT, y=FOOTER, size=SMALL, grey=True, right=True)
            self.write(self.title, y=FOOTER, size=SMALL, grey=True, room=RIGHT - LEFT - 40)
        return bytes(self.pdf.output())

    def _font(self, *, size: float, bold: bool = False) -> TTFFont:
        self.pdf.set_font("sans", "B" if bold else "", size)
        font = self.pdf.current_font
        assert isinstance(font, TTFFont)
        return font
