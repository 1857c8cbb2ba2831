"""The rows of one handle to one product, or to all the reasons why not."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from shop.imports import cells
from shop.imports.cells import BadCell
from shop.imports.parsed import ImportProblem, ParsedImage, ParsedProduct, ParsedVariant, RejectedProduct
from shop.imports.survey import Survey
from shop.imports.table import Row, Table

MOST_VARIANTS = 2_000
MOST_IMAGES = 250
MOST_PROBLEMS = 50
OPTION_NUMBERS = (1, 2, 3)
TRACKER = "Variant Inventory Tracker"
VARIANT_COLUMNS = (
    *(f"Option{number} Value" for number in OPTION_NUMBERS),
    *("Variant SKU", "Variant Price", "Variant Compare At Price", "Variant Barcode", "Variant Inventory Qty"),
)
YES_OR_NO = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
STATUSES = {"active": True, "draft": False, "archived": False, "unlisted": False}
POLICIES = {"deny": False, "continue": True, "false": False, "true": True}

Value = TypeVar("Value")


def parse_product(
    rows: Sequence[Row], *, table: Table, known: Survey, decimals: int
) -> ParsedProduct | RejectedProduct:
    """`rows` are all rows of one handle, at least one, in the file's order."""
    return _ProductParser(rows, table=table, known=known, decimals=decimals).parse()


class _ProductParser:
    """Collects problems instead of stopping at the first, so that a seller mends a product in one go."""

    def __init__(self, rows: Sequence[Row], *, table: Table, known: Survey, decimals: int) -> None:
        self.rows, self.table, self.known, self.decimals = rows, table, known, decimals
        self.first = rows[0]
        self.handle = cells.shorten(self.first["Handle"])
        # The first row always is a variant: Shopify writes the first one beside the product.
        self.variant_rows = [row for row in rows if row is rows[0] or row.has_any(*VARIANT_COLUMNS)]
        self.option_numbers = self._option_numbers()
        self.problems: list[ImportProblem] = []

    def parse(self) -> ParsedProduct | RejectedProduct:
        if not self.first["Handle"]:  # rows that have nothing in common but that
            for row in self.rows:
                self._refuse(row, "Handle", "is missing")
            return self._rejected()
        product = ParsedProduct(
            handle=self._slug(),
            title=self._title(),
            description_html=self._read(self.first, "Body (HTML)", cells.parse_html, ""),
            vendor=self._line(self.first, "Vendor", most=120),
            product_type=self._line(self.first, "Type", most=80),
            tags=self._read(self.first, "Tags", cells.parse_tags, ()),
            is_published=self._is_published(),
            option_names=self._option_names(),
            variants=self._variants(),
            images=self._images(),
            first_line=self.first.line,
            given_handle=self.first["Handle"],
        )
        self._check_rows()
        return self._rejected() if self.problems else product

    def _rejected(self) -> RejectedProduct:
        first_problems = sorted(self.problems, key=lambda problem: problem.line)[:MOST_PROBLEMS]
        return RejectedProduct(handle=self.handle, problems=tuple(first_problems))

    def _slug(self) -> str:
        slug = self._read(self.first, "Handle", cells.parse_handle, "")
        holder = self.known.handle_by_slug.get(slug, self.first["Handle"])
        if slug and holder != self.first["Handle"]:
            self._refuse(self.first, "Handle", f"becomes the same address as {cells.shorten(holder)}")
        return slug

    def _title(self) -> str:
        title = self._line(self.first, "Title", most=200)
        if not self.first["Title"]:
            self._refuse(self.first, "Title", "is missing")
        return title

    def _is_published(self) -> bool:
        is_active = self._choice(self.first, "Status", STATUSES, empty=True)
        return self._choice(self.first, "Published", YES_OR_NO, empty=True) and is_active

    def _option_numbers(self) -> list[int]:
        """Which of the three options this product has. One option Title, only ever Default Title, is none."""
        numbers = [number for number in OPTION_NUMBERS if self.first[f"Option{number} Name"]]
        if numbers == [1] and self.first["Option1 Name"].casefold() == "title":
            values = {row["Option1 Value"].casefold() for row in self.variant_rows}
            return [] if values == {"default title"} else numbers
        return numbers

    def _option_names(self) -> tuple[str, ...]:
        names: dict[str, str] = {}
        for number in self.option_numbers:
            column = f"Option{number} Name"
            name = self._line(self.first, column, most=60)
            if name.casefold() in names:
                self._refuse(self.first, column, "names an option twice")
            names[name.casefold()] = name
        return tuple(names.values())

    def _variants(self) -> tuple[ParsedVariant, ...]:
        variants = [self._variant(row) for row in self.variant_rows]
        if len(variants) > MOST_VARIANTS:
            self._refuse(self.first, "Handle", f"has more than {MOST_VARIANTS:,} variants")
        line_of: dict[tuple[str, ...], int] = {}
        for row, variant in zip(self.variant_rows, variants, strict=True):
            key = tuple(value.casefold() for value in variant.option_values)
            if line_of.setdefault(key, row.line) != row.line:
                self._refuse(row, "Option1 Value", f"repeats the options of line {line_of[key]}")
        return tuple(variants)

    def _variant(self, row: Row) -> ParsedVariant:
        price = self._price(row, "Variant Price")
        compare_at = self._price(row, "Variant Compare At Price") if row["Variant Compare At Price"] else 0
        image_url = self._read(row, "Variant Image", cells.parse_address, "") if row["Variant Image"] else ""
        return ParsedVariant(
            option_values=self._option_values(row),
            sku=self._sku(row),
            barcode=self._line(row, "Variant Barcode", most=40),
            price_minor=price,
            compare_at_price_minor=compare_at if compare_at > price else None,
            weight_grams=self._read(row, "Variant Grams", cells.parse_grams, 0),
            stock=self._read(row, "Variant Inventory Qty", cells.parse_stock, 0),
            tracks_stock=self._tracks_stock(row),
            image_url=image_url or None,
            line=row.line,
        )

    def _option_values(self, row: Row) -> tuple[str, ...]:
        values = []
        for number in OPTION_NUMBERS:
            column = f"Option{number} Value"
            if number in self.option_numbers:
                values.append(self._line(row, column, most=80))
                if not row[column]:
                    self._refuse(row, column, "is missing")
            elif row[column] and not (number == 1 and row[column].casefold() == "default title"):
                self._refuse(row, column, "is a value of an option without a name")
        return tuple(values)

    def _sku(self, row: Row) -> str:
        sku = self._line(row, "Variant SKU", most=80)
        first_line = self.known.line_of_sku.get(row["Variant SKU"], row.line)
        if first_line != row.line:
            self._refuse(row, "Variant SKU", f"is already used on line {first_line}")
        return sku

    def _tracks_stock(self, row: Row) -> bool:
        """There is a tracker or a count, and no policy to sell on at zero.

        Shopify sells without limit where no tracker is named, also beside a count. Souk believes the count: a seller
        who brings figures and "deny" along expects to sell no more than there is.
        """
        sells_at_zero = self._choice(row, "Variant Inventory Policy", POLICIES, empty=False)
        return (row.has_any(TRACKER) or row.has_any("Variant Inventory Qty")) and not sells_at_zero

    def _images(self) -> tuple[ParsedImage, ...]:
        images: dict[str, ParsedImage] = {}
        for row in self.rows:
            if not row["Image Src"]:
                continue
            url = self._read(row, "Image Src", cells.parse_address, "")
            position = len(images) + 1
            if row["Image Position"]:
                position = self._read(row, "Image Position", cells.parse_position, position)
            alt = self._line(row, "Image Alt Text", most=300)
            images.setdefault(url, ParsedImage(url=url, position=position, alt=alt, line=row.line))
        if len(images) > MOST_IMAGES:
            self._refuse(self.first, "Image Src", f"gives more than {MOST_IMAGES} images")
        return tuple(sorted(images.values(), key=lambda image: (image.position, image.line)))

    def _check_rows(self) -> None:
        """What would otherwise be passed over in silence."""
        if self._choice(self.first, "Gift Card", YES_OR_NO, empty=False):
            self._refuse(self.first, "Gift Card", "is a gift card, which cannot be imported")
        for row in self.rows:
            if row.surplus:
                self._refuse(row, "Handle", "has more cells than the header; is a comma not inside quotes?")
            for column in ("Title", *(f"Option{number} Name" for number in OPTION_NUMBERS)):
                if row[column] and row[column] != self.first[column]:
                    self._refuse(row, column, f"differs from line {self.first.line}")

    def _price(self, row: Row, column: str) -> int:
        return self._read(row, column, lambda text: cells.parse_price(text, decimals=self.decimals), 0)

    def _line(self, row: Row, column: str, *, most: int) -> str:
        return self._read(row, column, lambda text: cells.parse_line(text, most=most), "")

    def _choice(self, row: Row, column: str, meanings: dict[str, bool], *, empty: bool) -> bool:
        return self._read(row, column, lambda text: cells.parse_choice(text, meanings, empty=empty), empty)

    def _read(self, row: Row, column: str, parse: Callable[[str], Value], otherwise: Value) -> Value:
        try:
            return parse(row[column])
        except BadCell as bad:
            self._refuse(row, column, str(bad))
            return otherwise

    def _refuse(self, row: Row, column: str, message: str) -> None:
        problem = ImportProblem(
            line=row.line,
            column=self.table.header_of(column),
            message=message,
            value=cells.shorten(row[column]),
            handle=self.handle,
        )
        if problem not in self.problems[-MOST_PROBLEMS:]:
            self.problems.append(problem)
