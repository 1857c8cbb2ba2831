"""What an import file says, before anything is written: products that can be made, and why others cannot."""

from dataclasses import dataclass

from core.errors import Invalid


class UnreadableExport(Invalid):
    """The file as a whole cannot be read; nothing of it was used. Facts: field, reason."""

    code = "unreadable_export"
    title = "The file cannot be read"
    detail = "{reason}"

    def __init__(self, reason: str) -> None:
        super().__init__(field="file", reason=reason)

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """One thing the seller has to mend: where it stands in the file, and what is wrong with it.

    `line` is the physical line on which the row starts, `column` the header as the file spells it, `value`
    the cell, shortened, `handle` the product's handle as the file spells it, shortened.
    """

    line: int
    column: str
    message: str
    value: str
    handle: str


@dataclass(frozen=True, slots=True)
class ParsedImage:
    """A picture to fetch: a web address, or `sample:<file name>` for a picture that comes with Souk."""

    url: str
    position: int
    alt: str
    line: int


@dataclass(frozen=True, slots=True)
class ParsedVariant:
    """One thing that can be bought. `sku` is "" where the file gives none.

    `stock` is never negative. `tracks_stock` is False where the shop goes on selling at zero.
    `compare_at_price_minor` is None unless it is above the price.
    """

    option_values: tuple[str, ...]
    sku: str
    barcode: str
    price_minor: int
    compare_at_price_minor: int | None
    weight_grams: int
    stock: int
    tracks_stock: bool
    image_url: str | None
    line: int


@dataclass(frozen=True, slots=True)
class ParsedProduct:
    """A product with at least one variant. `handle` is a slug, unique in the file.

    `description_html` is raw: sanitise it before it is shown. Every variant has one value for each option
    name. Images are in the order in which they are shown. `given_handle` is the handle as the file spells it.
    """

    handle: str
    title: str
    description_html: str
    vendor: str
    product_type: str
    tags: tuple[str, ...]
    is_published: bool
    option_names: tuple[str, ...]
    variants: tuple[ParsedVariant, ...]
    images: tuple[ParsedImage, ...]
    first_line: int
    given_handle: str = ""


@dataclass(frozen=True, slots=True)
class RejectedProduct:
    """A product that cannot be imported, with its problems. `handle` is spelt as in the file, shortened."""

    handle: str
    problems: tuple[ImportProblem, ...]
