"""Taking over a catalogue from Shopify's product export: all or nothing per product, and twice changes nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from core.errors import Conflict, DomainError, Invalid
from core.jobs import enqueue
from core.money import decimals_of
from services.catalogue_services import (
    ProductInput,
    VariantInput,
    create_product,
    lock_product,
    refresh_product,
    sanitise,
    save_category,
    update_product,
)
from services.documents.products_csv import ProductsFile, product_rows
from services.image_services import FetchRefused, decode_image, delete_files, read_sample_picture, store_image
from services.inventory_services import set_stock, set_stock_rules
from services.product_export_services import with_parts
from shop.imports.shopify_csv import (
    ImportProblem,
    ParsedImage,
    ParsedProduct,
    UnreadableExport,
    parse_products,
    read_export,
)
from shop.imports.table import Table
from shop.models import Category, InventoryItem, Product, ProductImage
from tenants.context import current_tenant

SAMPLE = "sample:"


class DryRun(Exception):
    """Rolls a rehearsed product back."""


@dataclass
class ImportReport:
    """What an import did, or would do. Counts are of products unless named otherwise."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    variants: int = 0
    units: int = 0
    images: int = 0
    is_dry_run: bool = False
    problems: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For the API and `--json`."""
        return asdict(self)


def check_export(source: bytes) -> None:
    """Whether this is an export at all, by its first lines. Raises Invalid (file)."""
    try:
        Table(source)
    except UnreadableExport as error:
        raise Invalid(field="file", reason=str(error)) from error


def import_products(
    source: Any,
    *,
    dry_run: bool = False,
    actor_id: UUID | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ImportReport:
    """Import an export into the storefront being served. Each product is a transaction of its own.

    A product whose handle is known is brought to what the file says; if it is so already, nothing is written. Stock is
    set for new variants, and for known ones that no order has touched. `on_progress` is told after each product how many
    are done, and of how many. Raises Invalid where the file cannot be read.
    """
    report = ImportReport(is_dry_run=dry_run)
    try:
        export = read_export(source, decimals=decimals_of(current_tenant().currency))
        on_progress(0, export.total)
        for done, parsed in enumerate(export.products, start=1):
            if isinstance(parsed, ParsedProduct):
                _import_one(parsed, report, dry_run=dry_run, actor_id=actor_id)
            else:
                report.rejected += 1
                report.problems += [asdict(problem) for problem in parsed.problems]
            on_progress(done, export.total)
    except UnreadableExport as error:
        raise Invalid(field="file", reason=str(error)) from error
    return report


def _import_one(parsed: ParsedProduct, report: ImportReport, *, dry_run: bool, actor_id: UUID | None) -> None:
    stored: list[str] = []
    try:
        with _removed_unless_kept(stored), transaction.atomic():
            outcome = _write(parsed, actor_id, stored)
            if dry_run:
                raise DryRun
    except DryRun:
        pass
    except (DomainError, IntegrityError) as error:
        report.rejected += 1
        reason = (
            error.sentence if isinstance(error, DomainError) else "a variant's SKU belongs to another product"
        )
        column = str(error.facts.get("field", "Handle")) if isinstance(error, DomainError) else "Variant SKU"
        problem = ImportProblem(
            line=parsed.first_line, column=column, message=reason, value="", handle=parsed.handle
        )
        report.problems.append(asdict(problem))
        return
    setattr(report, outcome, getattr(report, outcome) + 1)
    report.variants += len(parsed.variants)
    report.units += sum(max(variant.stock, 0) for variant in parsed.variants if variant.tracks_stock)
    report.images += len(parsed.images)


@contextmanager
def _removed_unless_kept(stored: list[str]) -> Iterator[None]:
    """Files know no rollback: when the rows are taken back, the pictures stored for them go, too."""
    try:
        yield
    except BaseException:
        delete_files(*stored)
        raise


def _write(parsed: ParsedProduct, actor_id: UUID | None, stored: list[str]) -> str:
    known = _known(parsed)
    if known is None:
        product = create_product(_as_input(parsed))
        outcome = "created"
    else:
        product = lock_product(known.pk)
        values = _as_input(parsed, product)
        outcome = "unchanged" if _is_same(product, values) or _says_the_same(product, parsed) else "updated"
        if outcome == "updated":
            product = update_product(product_id=product.pk, values=values)
    stock_changed = _write_stock(product, parsed, actor_id)
    images_added = _write_images(product, parsed, stored)
    return "updated" if outcome == "unchanged" and (stock_changed or images_added) else outcome


def _known(parsed: ParsedProduct) -> Product | None:
    """The product of this handle: spelt as it is there, else as the slug it becomes."""
    found = {
        product.slug: product
        for product in Product.objects.filter(slug__in=[parsed.given_handle, parsed.handle])
    }
    return found.get(parsed.given_handle) or found.get(parsed.handle)


def _as_input(parsed: ParsedProduct, known: Product | None = None) -> ProductInput:
    return ProductInput(
        title=parsed.title,
        slug=known.slug if known else parsed.handle,
        description=parsed.description_html,
        vendor=parsed.vendor,
        category_id=_category(parsed.product_type, known),
        tags=parsed.tags,
        option_names=parsed.option_names,
        is_published=parsed.is_published,
        variants=tuple(
            VariantInput(
                price_minor=variant.price_minor,
                sku=variant.sku,
                option_values=variant.option_values,
                compare_at_price_minor=variant.compare_at_price_minor,
                weight_grams=variant.weight_grams,
                barcode=variant.barcode,
            )
            for variant in parsed.variants
        ),
    )


def _category(name: str, known: Product | None) -> UUID | None:
    """By its name. Of several with this name, the one the product is in already."""
    if not name:
        return None
    if known and known.category and known.category.name == name[:80]:
        return known.category_id
    found = Category.objects.filter(name=name[:80]).first() or save_category(name=name[:80])
    return found.pk


def _is_same(product: Product, values: ProductInput) -> bool:
    """Whether writing these values would change nothing."""
    facts = (
        product.title,
        product.vendor,
        list(product.tags),
        list(product.option_names),
        product.is_published,
        product.category_id,
    )
    wanted = (
        values.title,
        values.vendor,
        list(values.tags or ()),
        list(values.option_names or ()),
        values.is_published,
        values.category_id,
    )
    if facts != wanted or product.description != sanitise(values.description or ""):
        return False
    have = [
        (tuple(v.option_values), v.price_minor, v.compare_at_price_minor, v.weight_grams, v.barcode)
        for v in product.variants.filter(is_active=True)
    ]
    skus = list(product.variants.filter(is_active=True).values_list("sku", flat=True))
    want = [
        (v.option_values, v.price_minor, v.compare_at_price_minor, v.weight_grams, v.barcode)
        for v in values.variants or ()
    ]
    return have == want and all(
        v.sku in ("", sku) for v, sku in zip(values.variants or (), skus, strict=True)
    )


def _says_the_same(product: Product, parsed: ParsedProduct) -> bool:
    """Whether an export of the product as it is would say what this file says: what was exported and is taken in again
    changes nothing, also where a file has no words for what there is (a comma in a tag, two spaces in a title)."""
    file = ProductsFile()
    file.add(
        product_rows(with_parts(Product.objects.filter(pk=product.pk)).get(), shop_url=current_tenant().url)
    )
    if not file.rows:
        return False
    (now,) = parse_products(file.finish(), decimals=decimals_of(product.currency))
    return isinstance(now, ParsedProduct) and _facts(now) == _facts(parsed)


def _facts(parsed: ParsedProduct) -> tuple[Any, ...]:
    """What of a parsed product `update_product` would write."""
    variants = tuple(
        (v.option_values, v.sku, v.barcode, v.price_minor, v.compare_at_price_minor, v.weight_grams)
        for v in parsed.variants
    )
    return (
        *(parsed.title, parsed.description_html, parsed.vendor, parsed.product_type, parsed.tags),
        *(parsed.is_published, parsed.option_names, variants),
    )


def _sold(product: Product) -> list[InventoryItem]:
    """The stock of the variants that are sold, in their order: as the file's, once its product was written or is the same."""
    items = InventoryItem.objects.filter(product=product, variant__is_active=True).select_related("variant")
    return list(items.order_by("variant__position", "variant_id"))


def _write_stock(product: Product, parsed: ParsedProduct, actor_id: UUID | None) -> bool:
    changed = False
    for variant, item in zip(parsed.variants, _sold(product), strict=True):
        if item.is_tracked != variant.tracks_stock:
            changed |= _set_tracking(item, variant.tracks_stock)
        is_untouched = not item.movements.exclude(kind__in=["receive", "adjust"]).exists()
        if variant.tracks_stock and is_untouched and item.current_stock != max(variant.stock, 0):
            set_stock(
                variant_id=item.pk, current_stock=max(variant.stock, 0), reason="import", actor_id=actor_id
            )
            changed = True
    return changed


def _set_tracking(item: InventoryItem, is_tracked: bool) -> bool:
    """Left as it is while orders of it wait for their payment; the next import changes it."""
    try:
        set_stock_rules(variant_id=item.pk, is_tracked=is_tracked)
    except Conflict:
        return False
    return True


def _write_images(product: Product, parsed: ParsedProduct, stored: list[str]) -> bool:
    known = {name for names in product.images.values_list("source_url", "file") for name in names if name}
    variant_of: dict[str, UUID] = {}
    if any(variant.image_url for variant in parsed.variants):
        for variant, item in zip(parsed.variants, _sold(product), strict=True):
            if variant.image_url:
                variant_of[variant.image_url] = item.pk
    added = False
    for image in parsed.images:
        if image.url in known or _our_file(image.url) in known:
            continue
        _add_image(product, image, variant_of.get(image.url), stored)
        known.add(image.url)
        added = True
    if added:
        refresh_product(product)
    return added


def _our_file(url: str) -> str:
    """The name of a stored picture whose address this is; "" where it is none of ours. Names are random, so the host may be
    any that the storefront has had."""
    _, found, name = url.partition(settings.MEDIA_URL)
    return name if found else ""


def _add_image(product: Product, image: ParsedImage, variant_id: UUID | None, stored: list[str]) -> None:
    """Our own samples are read from the package; everything else is fetched by a job."""
    row = ProductImage(
        product=product,
        variant_id=variant_id,
        source_url=image.url,
        alt=image.alt[:300],
        position=image.position,
    )
    if image.url.startswith(SAMPLE):
        try:
            columns = store_image(decode_image(read_sample_picture(image.url.removeprefix(SAMPLE))))
        except FetchRefused as error:
            raise Invalid(field="Image Src", reason=str(error)) from error
        stored += [columns["file"], columns["thumbnail"]]
        for name, value in columns.items():
            setattr(row, name, value)
    row.save()
    if not row.file:
        enqueue("image.fetch", image_id=row.pk)
