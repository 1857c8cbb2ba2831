"""A product edited as a sheet: its texts, and its variants as rows, saved at once or not at all, every "no" with its cell."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext, gettext_noop

from core.errors import Conflict, Invalid, NotFound
from services.catalogue_services import (
    MAX_VARIANTS,
    ProductInput,
    VariantInput,
    lock_product,
    update_product,
)
from services.inventory_services import Count, receive_stock, take_stock
from shop.models import Product, Variant


@dataclass(frozen=True)
class SheetRow:
    """A variant as it stands in the sheet. `stock` is what the seller says there are, None to leave it; `seen` what the sheet
    said when it was opened."""

    values: VariantInput
    stock: int | None = None
    seen: int | None = None


@dataclass(frozen=True)
class CellProblem:
    """What is wrong with a cell. `column` is a field of SheetRow or of its values, "options" for all its options."""

    row: int
    column: str
    reason: str


class SheetRefused(Invalid):
    """Some cells cannot be saved; nothing was. `problems` has each. Facts: field, reason."""

    code = "sheet_refused"

    def __init__(self, problems: Sequence[CellProblem]) -> None:
        self.problems = list(problems)
        super().__init__(
            field="variants", reason=gettext("nothing is saved yet: please look at the cells that are marked")
        )


class ProductChanged(Conflict):
    """Somebody else changed the product since the sheet was opened; nothing was saved."""

    code = "product_changed"
    title = gettext_noop("Somebody has changed this product since you opened it. Nothing is saved yet.")


def version_of(product: Product, variants: Iterable[Variant]) -> str:
    """A short text that is another one as soon as something is that a sheet shows; stock aside, which has its own rule."""
    facts: tuple[Any, ...] = (
        *(product.title, product.description, product.vendor, product.category_id, product.tags),
        *(product.option_names, product.is_published, product.archived_at),
        *sorted(
            (
                *(str(v.pk), v.position, v.sku, v.option_values, v.price_minor),
                *(v.compare_at_price_minor or 0, v.weight_grams, v.barcode, v.is_active),
            )
            for v in variants
        ),
    )
    return hashlib.blake2b(repr(facts).encode(), digest_size=9).hexdigest()


@transaction.atomic
def save_sheet(
    *,
    product_id: UUID,
    version: str,
    values: ProductInput,
    rows: Sequence[SheetRow],
    reason: str,
    actor_id: UUID | None,
) -> Product:
    """Save a product's fields, its variants in the order of the rows, and what is said of their stock, for `reason`.

    Locks the product, then inventory items in ascending id. Raises NotFound, ProductChanged (`version` is of before),
    SheetRefused, Invalid, Conflict.
    """
    product = lock_product(product_id)
    known = {variant.pk: variant for variant in product.variants.all()}
    if version != version_of(product, known.values()):
        raise ProductChanged()
    if any(row.values.id and row.values.id not in known for row in rows):
        raise NotFound(what="variant")
    kept = _check(rows, values.option_names or (), known)
    saved = update_product(
        product_id=product_id, values=replace(values, variants=[row.values for _, row in kept])
    )
    _save_stock(saved, kept, reason=reason, actor_id=actor_id)
    return saved


Numbered = tuple[int, SheetRow]


def _check(
    rows: Sequence[SheetRow], option_names: Sequence[str], known: dict[UUID, Variant]
) -> list[Numbered]:
    """The rows to be saved. Variants that are no longer sold are left as they are where they do not fit. Raises SheetRefused."""
    problems: list[CellProblem] = []
    kept: list[Numbered] = []
    seen: dict[tuple[str, ...], int] = {}
    ordered = sorted(enumerate(rows), key=lambda one: not one[1].values.is_active)
    for number, row in ordered:
        options = row.values.option_values
        key = tuple(option.casefold() for option in options)
        missing = [at for at, option in enumerate(options) if not option]
        if row.values.id and not row.values.is_active and (missing or key in seen):
            continue
        problems += [CellProblem(number, f"option_{at + 1}", gettext("is missing")) for at in missing]
        if not missing and seen.setdefault(key, number) != number:
            problems.append(CellProblem(number, "options", gettext("another row has the same options")))
        former = row.values.compare_at_price_minor
        if former is not None and former <= row.values.price_minor:
            problems.append(CellProblem(number, "compare_at", gettext("must be above the price")))
        kept.append((number, row))
    kept.sort(key=lambda one: one[0])
    problems += _taken_skus(kept) + _taken_options(kept, known, option_names)
    if problems:
        raise SheetRefused(problems)
    if not any(row.values.is_active for _, row in kept):
        raise Invalid(field="variants", reason=gettext("a product needs at least one variant that is sold"))
    if len(kept) > MAX_VARIANTS:
        raise Invalid(
            field="variants",
            reason=gettext("a product has at most %(most)d variants") % {"most": MAX_VARIANTS},
        )
    return kept


def _taken_skus(kept: list[Numbered]) -> list[CellProblem]:
    """SKUs that stand twice, or that a variant outside of the sheet has."""
    wanted: dict[str, int] = {}
    problems = []
    for number, row in kept:
        if row.values.sku and wanted.setdefault(row.values.sku, number) != number:
            problems.append(CellProblem(number, "sku", gettext("another row has this SKU")))
    ids = [row.values.id for _, row in kept if row.values.id]
    others = Variant.objects.filter(sku__in=wanted).exclude(pk__in=ids).select_related("product")
    for other in others:
        words = gettext("%(title)s has this SKU") % {"title": other.product.title}
        problems.append(CellProblem(wanted[other.sku], "sku", words))
    return problems


def _taken_options(
    kept: list[Numbered], known: dict[UUID, Variant], option_names: Sequence[str]
) -> list[CellProblem]:
    """Options of variants that are no longer sold and not in the sheet; a new row brings such a one back instead."""
    in_sheet = {row.values.id for _, row in kept}
    hidden = {tuple(variant.option_values) for pk, variant in known.items() if pk not in in_sheet}
    return [
        CellProblem(
            number,
            "options",
            gettext("a variant that is no longer sold has these options: add it as a new row"),
        )
        for number, row in kept
        if row.values.id and row.values.option_values in hidden
    ]


def _save_stock(product: Product, kept: list[Numbered], *, reason: str, actor_id: UUID | None) -> None:
    """What is said of the stock. Raises SheetRefused where a count has moved, or orders hold more than are said."""
    number_of = {row.values.id: number for number, row in kept if row.values.id}
    counts = [
        Count(row.values.id, row.stock, row.seen)
        for _, row in kept
        if row.values.id and row.stock is not None and row.seen is not None and row.stock != row.seen
    ]
    if counts:
        outcome = take_stock(counts=counts, reason=reason, actor_id=actor_id)
        moved, held = gettext("there are %(n)d by now"), gettext("orders hold %(n)d")
        problems = [
            *(CellProblem(number_of[pk], "stock", moved % {"n": n}) for pk, n in outcome.moved.items()),
            *(CellProblem(number_of[pk], "stock", held % {"n": n}) for pk, n in outcome.short.items()),
        ]
        if problems:
            raise SheetRefused(problems)
    by_options = {tuple(variant.option_values): variant.pk for variant in product.variants.all()}
    for _, row in kept:
        if row.values.id is None and row.stock:
            receive_stock(
                variant_id=by_options[row.values.option_values],
                quantity=row.stock,
                reason=reason,
                actor_id=actor_id,
            )
