"""A product's variants as rows of inputs: read from the product or from what was typed, with every error beside its cell."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.forms import LineField, as_sentence
from core.money import to_major
from services.catalogue_services import MAX_OPTIONS, MAX_VARIANTS, VariantInput
from services.product_sheet_services import CellProblem, SheetRow
from shop.models import Variant
from shop.web.dashboard.forms import MoneyField

BLANK_ROWS, MORE_ROWS, MOST_ROWS = 2, 5, MAX_VARIANTS + 20
OPTIONS = tuple(f"option_{number}" for number in range(1, MAX_OPTIONS + 1))
TYPED = (*OPTIONS, "sku", "price", "compare_at", "stock", "weight", "barcode")
LABELS: dict[str, Any] = {
    "sku": _("SKU"),
    "price": _("Price"),
    "compare_at": _("Before"),
    "stock": _("Stock"),
    "weight": _("Grams"),
    "barcode": _("Barcode"),
}
NUMERIC = {"price": "decimal", "compare_at": "decimal", "stock": "numeric", "weight": "numeric"}


class VariantForm(forms.Form):
    """The cells of a row."""

    id = forms.UUIDField(required=False)
    option_1 = LineField(max_length=80, required=False)
    option_2 = LineField(max_length=80, required=False)
    option_3 = LineField(max_length=80, required=False)
    sku = LineField(max_length=80, required=False)
    price = MoneyField()
    compare_at = MoneyField(required=False)
    stock = forms.IntegerField(min_value=0, max_value=1_000_000, required=False)
    seen = forms.IntegerField(required=False)
    weight = forms.IntegerField(min_value=0, max_value=10_000_000, required=False)
    barcode = LineField(max_length=40, required=False)
    is_active = forms.BooleanField(required=False)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("price", "compare_at"):
            field = self.fields[name]
            assert isinstance(field, MoneyField)
            field.currency = currency


@dataclass(frozen=True)
class Cell:
    """An input of the sheet."""

    column: str
    name: str
    label: Any
    value: str
    error: str
    inputmode: str


@dataclass
class Row:
    """What is typed in a row, as text by column; `variant` where there is one already."""

    values: dict[str, str]
    variant: Variant | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_blank(self) -> bool:
        """Nobody has typed anything, and there is no variant."""
        return not self.values.get("id") and not any(self.values.get(name) for name in TYPED)

    @property
    def title(self) -> str:
        """Its options."""
        return " / ".join(self.values[name] for name in OPTIONS if self.values.get(name))


class VariantGrid:
    """The rows, and which columns they have."""

    def __init__(self, rows: list[Row], *, option_names: Sequence[str], currency: str) -> None:
        self.rows, self.option_names, self.currency = rows, list(option_names), currency

    @classmethod
    def of(cls, variants: Sequence[Variant], *, option_names: Sequence[str], currency: str) -> "VariantGrid":
        """The sheet of variants with their `inventory`; those of former options are left out."""
        rows = [
            Row(_values_of(variant), variant)
            for variant in variants
            if len(variant.option_values) == len(option_names)
        ]
        grid = cls(rows, option_names=option_names, currency=currency)
        grid.add_blank(BLANK_ROWS if option_names else 0)
        return grid

    @classmethod
    def read(
        cls,
        typed: Mapping[str, str],
        *,
        variants: Sequence[Variant],
        option_names: Sequence[str],
        currency: str,
    ) -> "VariantGrid":
        """What was typed: `rows` says of how many rows, `r3-price` is a cell.

        `option_names` are all that may be named, "" for those that are not: the values of these are dropped.
        """
        known = {str(variant.pk): variant for variant in variants}
        count = typed.get("rows", "")
        rows = []
        for number in range(min(int(count) if count.isdecimal() else 0, MOST_ROWS)):
            values = {
                name: typed.get(f"r{number}-{name}", "").strip()
                for name in ("id", *TYPED, "seen", "is_active")
            }
            named = [values[name] for name, option in zip(OPTIONS, option_names, strict=True) if option]
            values |= dict(itertools.zip_longest(OPTIONS, named, fillvalue=""))
            rows.append(Row(values, known.get(values["id"])))
        return cls(rows, option_names=[name for name in option_names if name], currency=currency)

    def add_blank(self, many: int) -> None:
        """Rows to type into."""
        room = max(0, MOST_ROWS - len(self.rows))
        self.rows += [Row({"is_active": "on"}) for _number in range(min(many, room))]

    @property
    def columns(self) -> list[tuple[str, Any]]:
        """Each column and what it is called."""
        options = list(zip(OPTIONS, self.option_names, strict=False))
        return [*options, *LABELS.items()]

    def lines(self) -> list[tuple[int, Row, list[Cell]]]:
        """Each row with its number and its cells, for the template."""
        columns = self.columns
        return [
            (
                number,
                row,
                [
                    Cell(
                        column=name,
                        name=f"r{number}-{name}",
                        label=label,
                        value=row.values.get(name, ""),
                        error=row.errors.get(name, ""),
                        inputmode=NUMERIC.get(name, ""),
                    )
                    for name, label in columns
                ],
            )
            for number, row in enumerate(self.rows)
        ]

    def clean(self) -> list[SheetRow] | None:
        """The rows as the service takes them, blank ones left out; None where a cell makes no sense, which is then marked."""
        self.rows = [row for row in self.rows if not row.is_blank]
        found = [self._clean_row(row) for row in self.rows]
        return None if any(row.errors for row in self.rows) else [row for row in found if row]

    def _clean_row(self, row: Row) -> SheetRow | None:
        form = VariantForm(row.values, currency=self.currency)
        if not form.is_valid():
            row.errors = {name: " ".join(texts) for name, texts in form.errors.items()}
            return None
        values = form.cleaned_data
        return SheetRow(
            VariantInput(
                id=values["id"],
                price_minor=values["price"],
                sku=values["sku"],
                option_values=tuple(values[name] for name in OPTIONS[: len(self.option_names)]),
                compare_at_price_minor=values["compare_at"],
                weight_grams=values["weight"] or 0,
                barcode=values["barcode"],
                is_active=values["is_active"],
            ),
            stock=values["stock"],
            seen=values["seen"],
        )

    def mark(self, problems: Sequence[CellProblem]) -> None:
        """Put what the service refused beside its cells. The rows are those that `clean` gave it."""
        for problem in problems:
            column = OPTIONS[0] if problem.column == "options" else problem.column
            if problem.column == "options" and not self.option_names:
                column = "sku"
            self.rows[problem.row].errors[column] = as_sentence(problem.reason)

    def option_values(self) -> list[list[str]]:
        """The values of each option that stand in the rows, in their order."""
        return [
            list(dict.fromkeys(row.values[name] for row in self.rows if row.values.get(name)))
            for name in OPTIONS[: len(self.option_names)]
        ]

    def combine(self, wanted: Sequence[Sequence[str]]) -> bool:
        """Add a row for each combination that is missing. An option without a list has the values that stand in the rows.

        Rows without a value for an option get its first. False, and nothing is added, where that would be too many rows.
        """
        self.rows = [row for row in self.rows if not row.is_blank]
        lists = [list(given) or have for given, have in zip(wanted, self.option_values(), strict=True)]
        names = OPTIONS[: len(lists)]
        if not names or not all(lists):
            return True
        for row in self.rows:
            for name, values in zip(names, lists, strict=True):
                row.values[name] = row.values.get(name) or values[0]
        have = {tuple(row.values[name].casefold() for name in names) for row in self.rows}
        missing = [one for one in itertools.product(*lists) if tuple(map(str.casefold, one)) not in have]
        if len(self.rows) + len(missing) > MAX_VARIANTS:
            return False
        model = self.rows[0].values if self.rows else {}
        alike = {name: model.get(name, "") for name in ("price", "compare_at", "weight")}
        self.rows += [
            Row({**dict(zip(names, one, strict=True)), **alike, "is_active": "on"}) for one in missing
        ]
        return True


def _values_of(variant: Variant) -> dict[str, str]:
    item, former = variant.inventory, variant.compare_at_price_minor
    price = to_major(variant.price_minor, variant.currency)
    return {
        **dict(zip(OPTIONS, variant.option_values, strict=False)),
        "id": str(variant.pk),
        "sku": variant.sku,
        "price": f"{price:f}",
        "compare_at": "" if former is None else f"{to_major(former, variant.currency):f}",
        "stock": str(item.current_stock) if item.is_tracked else "",
        "seen": str(item.current_stock) if item.is_tracked else "",
        "weight": str(variant.weight_grams or ""),
        "barcode": variant.barcode,
        "is_active": "on" if variant.is_active else "",
    }
