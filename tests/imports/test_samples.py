"""The sample shops that come with Souk: complete, readable, and as light as they have to be."""

from pathlib import Path

import pytest

from shop.imports.shopify_csv import ParsedProduct, parse_products

SAMPLE = Path(__file__).resolve().parents[2] / "shop" / "sample"
SAMPLES = [("products.csv", 36, 81, 1574, 72), ("tea.csv", 12, 36, 959, 24)]


def products(name: str) -> list[ParsedProduct]:
    parsed = list(parse_products((SAMPLE / name).read_bytes(), decimals=2))
    kept = [one for one in parsed if isinstance(one, ParsedProduct)]
    assert kept == parsed
    return kept


@pytest.mark.parametrize(("name", "count", "variants", "units", "images"), SAMPLES)
def test_samples_are_read_whole(name: str, count: int, variants: int, units: int, images: int) -> None:
    kept = products(name)

    each = [variant for one in kept for variant in one.variants]
    assert len(kept) == count
    assert (len(each), sum(variant.stock for variant in each)) == (variants, units)
    assert sum(len(one.images) for one in kept) == images
    assert all(variant.tracks_stock and variant.sku and variant.weight_grams for variant in each)


@pytest.mark.parametrize("name", ["products.csv", "tea.csv"])
def test_every_variant_shows_a_picture_of_its_product(name: str) -> None:
    for one in products(name):
        addresses = {image.url for image in one.images}
        assert all(image.alt for image in one.images)
        assert all(variant.image_url in addresses for variant in one.variants), one.handle


def test_pictures_and_exports_name_each_other_and_are_small() -> None:
    named = {image.url for name, *_ in SAMPLES for one in products(name) for image in one.images}
    files = list((SAMPLE / "pictures").glob("*.webp"))

    assert {f"sample:{file.name}" for file in files} == named
    assert max(file.stat().st_size for file in files) < 60_000
    assert sum(file.stat().st_size for file in files) < 3_000_000
