"""A product made after another one."""

from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext

from core.ids import new_id
from services.catalogue_services import (
    ProductInput,
    VariantInput,
    create_product,
    find_product,
    refresh_product,
)
from services.image_services import SMALL, removed_on_failure
from shop.models import Product, ProductImage, Variant

MOST_TITLE = 200


def duplicate_product(*, product_id: UUID) -> Product:
    """A draft with the same texts, options, prices and pictures; SKUs of its own, no barcodes, no stock.

    Variants that are not sold stay behind, and so do pictures that are still to be fetched. Each picture has files of its own:
    they are copied first, and removed where the rows cannot be made. Raises NotFound.
    """
    old = find_product(product_id)
    pictures = list(old.images.exclude(file=""))
    names = [f"products/{new_id().hex}" for _ in pictures]
    files = [file for name in names for file in (f"{name}.webp", f"{name}-{SMALL}.webp")]
    with removed_on_failure(*files):
        for picture, name in zip(pictures, names, strict=True):
            _copy_file(picture.file, f"{name}.webp")
            _copy_file(picture.thumbnail, f"{name}-{SMALL}.webp")
        return _make(old, list(zip(pictures, names, strict=True)))


def _copy_file(name: str, to: str) -> None:
    with default_storage.open(name) as source:
        default_storage.save(to, ContentFile(source.read()))


@transaction.atomic
def _make(old: Product, pictures: list[tuple[ProductImage, str]]) -> Product:
    variants = list(old.variants.all())
    sold = [variant for variant in variants if variant.is_active] or variants
    words = gettext("%(title)s (copy)")
    room = MOST_TITLE - len(words % {"title": ""})
    new = create_product(
        ProductInput(
            title=words % {"title": old.title[:room]},
            description=old.description,
            vendor=old.vendor,
            category_id=old.category_id,
            tags=old.tags,
            option_names=old.option_names,
            is_published=False,
            variants=[_as_input(variant) for variant in sold],
        )
    )
    made = dict(zip([variant.pk for variant in sold], new.variants.all(), strict=True))
    for picture, name in pictures:
        picture.pk, picture._state.adding = new_id(), True
        picture.product = new
        picture.variant = made.get(picture.variant_id) if picture.variant_id else None
        picture.file, picture.thumbnail = f"{name}.webp", f"{name}-{SMALL}.webp"
        picture.source_url = ""
        picture.save(force_insert=True)
    refresh_product(new)
    return new


def _as_input(variant: Variant) -> VariantInput:
    return VariantInput(
        price_minor=variant.price_minor,
        option_values=tuple(variant.option_values),
        compare_at_price_minor=variant.compare_at_price_minor,
        weight_grams=variant.weight_grams,
    )
