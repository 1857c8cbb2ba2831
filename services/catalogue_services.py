"""The catalogue: products with options and variants, categories. Lists read repeated facts that are kept true here."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import nh3
from django.db import IntegrityError, connection, transaction

from core.clock import now
from core.errors import Conflict, Invalid, NotFound
from core.jobs import enqueue
from shop.models import Category, InventoryItem, Product, Variant
from tenants.context import current_tenant

MAX_VARIANTS, MAX_OPTIONS = 250, 3
TAGS = {
    "p",
    "br",
    "strong",
    "b",
    "em",
    "i",
    "u",
    "ul",
    "ol",
    "li",
    "h2",
    "h3",
    "h4",
    "blockquote",
    "a",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "span",
}


@dataclass(frozen=True)
class VariantInput:
    """A variant as a seller describes it. `id` names one that exists; without it a new one is made."""

    price_minor: int
    sku: str = ""
    option_values: tuple[str, ...] = ()
    compare_at_price_minor: int | None = None
    weight_grams: int = 0
    barcode: str = ""
    is_active: bool = True
    id: UUID | None = None


@dataclass(frozen=True)
class ProductInput:
    """A product as a seller describes it. None leaves a field as it is."""

    title: str | None = None
    slug: str | None = None
    description: str | None = None
    vendor: str | None = None
    category_id: UUID | None = None
    tags: Sequence[str] | None = None
    option_names: Sequence[str] | None = None
    is_published: bool | None = None
    variants: Sequence[VariantInput] | None = None
    clear_category: bool = field(default=False)


def sanitise(html: str, *, tags: set[str] = TAGS) -> str:
    """Sellers' texts keep simple formatting; scripts, styles and unsafe links do not survive (nh3)."""
    return nh3.clean(
        html,
        tags=tags,
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener nofollow",
    )


def slugify(text: str) -> str:
    """A URL's last part: small ASCII letters, digits and hyphens."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")[:110] or "item"


def free_slug(model: type[Product] | type[Category], text: str) -> str:
    """A slug nobody has yet."""
    base, slug, number = slugify(text)[:70], slugify(text)[:70], 1
    while model.objects.filter(slug=slug).exists():
        number += 1
        slug = f"{base}-{number}"
    return slug


@transaction.atomic
def create_product(values: ProductInput) -> Product:
    """A product with at least one variant, each with an inventory item of 0. Raises Invalid, Conflict, NotFound."""
    if not values.title:
        raise Invalid(field="title", reason="a product needs a title")
    product = Product(
        currency=current_tenant().currency,
        title=values.title,
        slug=values.slug or free_slug(Product, values.title),
    )
    variants = values.variants or ()
    if not variants:
        raise Invalid(field="variants", reason="a product needs at least one variant with a price")
    return _save(product, values)


@transaction.atomic
def update_product(*, product_id: UUID, values: ProductInput) -> Product:
    """Change what is given. Variants that are left out of `variants` become inactive. Locks the product."""
    return _save(lock_product(product_id), values)


def find_product(product_id: UUID) -> Product:
    """Raises NotFound."""
    product = Product.objects.filter(pk=product_id).first()
    if product is None:
        raise NotFound(what="product")
    return product


def lock_product(product_id: UUID) -> Product:
    """The product, locked until the transaction ends. Raises NotFound."""
    product = Product.objects.select_for_update().filter(pk=product_id).first()
    if product is None:
        raise NotFound(what="product")
    return product


def _save(product: Product, values: ProductInput) -> Product:
    for name in ("title", "slug", "vendor", "tags", "option_names", "is_published"):
        if (value := getattr(values, name)) is not None:
            setattr(product, name, list(value) if name in ("tags", "option_names") else value)
    if values.description is not None:
        product.description = sanitise(values.description)
    if values.category_id is not None or values.clear_category:
        product.category = find_category(values.category_id) if values.category_id else None
    if len(product.option_names) > MAX_OPTIONS or len(
        {name.casefold() for name in product.option_names}
    ) != len(product.option_names):
        raise Invalid(field="option_names", reason=f"at most {MAX_OPTIONS} options with different names")
    product.archived_at = None if values.is_published else product.archived_at
    _store(product, "slug", "another product has this slug")
    if values.variants is not None:
        _save_variants(product, values.variants)
    elif values.option_names is not None:
        _check_options_fit(product)
    refresh_product(product)
    return product


def _store(row: Product | Variant | Category, name: str, taken: str) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        if "variant_options_once" in str(error):
            raise Conflict(
                field="option_values", reason="another variant, sold or not, has these options"
            ) from error
        if name not in str(error):
            raise
        raise Conflict(field=name, reason=taken) from error


def find_category(category_id: UUID) -> Category:
    """Raises NotFound."""
    category = Category.objects.filter(pk=category_id).first()
    if category is None:
        raise NotFound(what="category")
    return category


def _save_variants(product: Product, variants: Sequence[VariantInput]) -> None:
    _check_variants(product, variants)
    known = {variant.pk: variant for variant in product.variants.all()}
    _step_aside(known, variants)
    named = {wanted.id for wanted in variants}
    by_options = {tuple(row.option_values): row for row in known.values() if row.pk not in named}
    kept: set[UUID] = set()
    for position, wanted in enumerate(variants):
        variant = known.get(wanted.id) if wanted.id else by_options.get(wanted.option_values)
        if wanted.id and variant is None:
            raise NotFound(what="variant")
        variant = variant or Variant(product=product, currency=product.currency)
        is_new = variant._state.adding
        variant.option_values = list(wanted.option_values)
        variant.sku = wanted.sku or variant.sku or free_sku(product, position)
        variant.price_minor, variant.weight_grams = wanted.price_minor, wanted.weight_grams
        variant.compare_at_price_minor = wanted.compare_at_price_minor
        variant.barcode, variant.is_active, variant.position = wanted.barcode, wanted.is_active, position
        _store(variant, "sku", f"another variant has the SKU {variant.sku}")
        if is_new:
            InventoryItem.objects.create(variant=variant, product=product, low_stock_since=now())
        kept.add(variant.pk)
    product.variants.exclude(pk__in=kept).update(is_active=False)


def _step_aside(known: dict[UUID, Variant], variants: Sequence[VariantInput]) -> None:
    """Let go first of SKUs and options that variants pass on to one another: PostgreSQL looks at each row by itself."""
    options, skus = {wanted.option_values for wanted in variants}, {wanted.sku for wanted in variants}
    for wanted in variants:
        mine = known.get(wanted.id) if wanted.id else None
        if mine is None:
            continue
        have, sku = tuple(mine.option_values), mine.sku
        if have != wanted.option_values and have in options:
            mine.option_values = [str(mine.pk)]
        if wanted.sku and sku != wanted.sku and sku in skus:
            mine.sku = f"~{mine.pk}"
        if (tuple(mine.option_values), mine.sku) != (have, sku):
            mine.save(update_fields=["option_values", "sku"])


def _check_options_fit(product: Product) -> None:
    """Options may be renamed under their variants; more or fewer of them come together with new variants."""
    for variant in product.variants.filter(is_active=True):
        if len(variant.option_values) != len(product.option_names):
            raise Invalid(field="option_names", reason="send the variants, too, with a value for each option")


def _check_variants(product: Product, variants: Sequence[VariantInput]) -> None:
    if not 0 < len(variants) <= MAX_VARIANTS:
        raise Invalid(field="variants", reason=f"1 to {MAX_VARIANTS} variants")
    seen: set[tuple[str, ...]] = set()
    for index, variant in enumerate(variants):
        if len(variant.option_values) != len(product.option_names):
            raise Invalid(
                field=f"variants[{index}].option_values",
                reason=f"one value for each of {', '.join(product.option_names) or 'no options'}",
            )
        if variant.option_values in seen:
            raise Invalid(field=f"variants[{index}].option_values", reason="these options stand twice")
        if (
            variant.compare_at_price_minor is not None
            and variant.compare_at_price_minor <= variant.price_minor
        ):
            raise Invalid(field=f"variants[{index}].compare_at_price_minor", reason="must be above the price")
        seen.add(variant.option_values)


def free_sku(product: Product, position: int) -> str:
    """A SKU for a variant that came without one: from the slug and its place."""
    base = product.slug.upper()[:60]
    sku, number = f"{base}-{position + 1}", position + 1
    while Variant.objects.filter(sku=sku).exists():
        number += 1
        sku = f"{base}-{number}"
    return sku


REFRESH = """
UPDATE shop_product p SET
  price_from_minor = coalesce((SELECT min(price_minor) FROM shop_variant WHERE product_id = p.id AND is_active), 0),
  price_to_minor = coalesce((SELECT max(price_minor) FROM shop_variant WHERE product_id = p.id AND is_active), 0),
  cover = (SELECT jsonb_build_object('file', file, 'thumbnail', thumbnail, 'alt', alt, 'width', width, 'height', height)
             FROM shop_productimage WHERE product_id = p.id AND file <> '' ORDER BY position, id LIMIT 1),
  updated_at = now()
WHERE p.id = %s RETURNING price_from_minor, price_to_minor
"""
REFRESH_MANY = REFRESH.replace("p.id = %s", "p.id = ANY(%s)")


def refresh_products(product_ids: Sequence[UUID]) -> None:
    """As `refresh_product`, of many whose variants or images were changed."""
    with connection.cursor() as cursor:
        cursor.execute(REFRESH_MANY, [list(product_ids)])
    enqueue("directory.refresh")


def refresh_product(product: Product) -> None:
    """Make the repeated facts (price range, cover) what variants and images say. Call after changing either."""
    with connection.cursor() as cursor:
        cursor.execute(REFRESH, [product.pk])
        product.price_from_minor, product.price_to_minor = cursor.fetchone()
    enqueue("directory.refresh")


@transaction.atomic
def archive_product(*, product_id: UUID) -> Product:
    """Take a product off the shelves. Orders keep their lines."""
    product = lock_product(product_id)
    product.is_published, product.archived_at = False, product.archived_at or now()
    product.save(update_fields=["is_published", "archived_at", "updated_at"])
    enqueue("directory.refresh")
    return product


@transaction.atomic
def restore_product(*, product_id: UUID) -> Product:
    """Take a product back from the archive, as a draft: whoever does may look at it before buyers do. Locks the product."""
    product = lock_product(product_id)
    product.archived_at = None
    product.save(update_fields=["archived_at", "updated_at"])
    return product


@transaction.atomic
def save_category(*, category_id: UUID | None = None, **values: Any) -> Category:
    """Create or change a category. Raises NotFound, Conflict (slug), Invalid (inside itself).

    Locks all categories where one is moved: two moves at a time could put each inside the other.
    """
    if "parent_id" in values:
        _lock_categories()
    category = find_category(category_id) if category_id else Category()
    for name in ("name", "position"):
        if name in values:
            setattr(category, name, values[name])
    category.slug = values.get("slug") or category.slug or free_slug(Category, category.name)
    if "parent_id" in values:
        category.parent = find_category(values["parent_id"]) if values["parent_id"] else None
        above = category.parent
        while above is not None:
            if above.pk == category.pk:
                raise Invalid(field="parent_id", reason="a category cannot stand inside itself")
            above = above.parent
    _store(category, "slug", "another category has this slug")
    enqueue("directory.refresh")
    return category


def _lock_categories() -> list[Category]:
    """All of them in ascending id, until the transaction ends."""
    return list(Category.objects.select_for_update().order_by("pk"))


@transaction.atomic
def move_category(*, category_id: UUID, by: int) -> None:
    """Move a category among those beside it, -1 up, 1 down; at the end it stays. Locks all categories. Raises NotFound."""
    rows = {row.pk: row for row in _lock_categories()}
    if category_id not in rows:
        raise NotFound(what="category")
    beside = [row for row in rows.values() if row.parent_id == rows[category_id].parent_id]
    beside.sort(key=lambda row: (row.position, row.name, row.pk))
    at = beside.index(rows[category_id])
    to = min(max(at + by, 0), len(beside) - 1)
    beside.insert(to, beside.pop(at))
    for position, row in enumerate(beside):
        row.position = position
    Category.objects.bulk_update(beside, ["position"])


@transaction.atomic
def remove_category(*, category_id: UUID) -> None:
    """Its products stay, without a category. Raises NotFound, Conflict (it has categories inside)."""
    category = find_category(category_id)
    if category.children.exists():
        raise Conflict(reason="move or remove the categories inside it first")
    category.delete()
    enqueue("directory.refresh")
