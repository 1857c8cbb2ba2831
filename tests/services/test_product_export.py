"""The catalogue as a file: what was exported and is taken in again changes nothing, whatever sellers type."""

import csv
import io
from itertools import count

import pytest
from django.conf import settings
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.serializers import BIDI_AND_INVISIBLE
from services.catalogue_operations import IMPORT
from services.catalogue_services import (
    ProductInput,
    VariantInput,
    archive_product,
    create_product,
    save_category,
    update_product,
)
from services.documents.statement_csv import FORMULA_STARTS
from services.image_services import add_image
from services.import_services import import_products
from services.inventory_services import set_stock, set_stock_rules
from services.operation_services import find_operation, output_of, start_operation
from services.product_export_services import EXPORT
from shop.imports.cells import guard, unguard
from shop.models import Category, InventoryItem, InventoryMovement, Product, ProductImage, Variant
from tests.factories.jobs import queued, run_jobs
from tests.factories.shop import make_product, make_variant
from tests.services.test_imports import SAMPLES

pytestmark = pytest.mark.usefixtures("serving")
numbers = count(1)


@pytest.fixture(autouse=True)
def media(settings, tmp_path) -> None:
    """A folder for pictures of this test alone."""
    settings.MEDIA_ROOT = str(tmp_path / "media")


def digest() -> list:
    """Every row an import could have written."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Product, Variant, InventoryItem, InventoryMovement, ProductImage, Category)
    ]


def export(**params: str) -> bytes:
    """What a worker makes of the catalogue."""
    operation = start_operation(EXPORT, actor_id=None, **params)
    run_jobs()
    return bytes(output_of(operation.pk).output)


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def product(title: str, **fields) -> Product:
    values = {"option_names": [], "variants": [VariantInput(price_minor=1999)], **fields}
    return create_product(ProductInput(title=title, **values))


def assert_unchanged_by_its_export() -> None:
    before = digest()
    fetches = queued("image.fetch")
    report = import_products(io.BytesIO(export()))
    assert report.problems == []
    assert (report.created, report.updated, report.unchanged) == (0, 0, Product.objects.count())
    assert digest() == before
    assert queued("image.fetch") == fetches


HOSTILE = [
    "=1+1",
    "+49 30 1234",
    "-20 %",
    "@home",
    "'quoted",
    "'=1+1",
    "''=1+1",
    "＝１",
    'a "quoted", comma',
    "two  spaces",
    "no-break\u00a0space",
    "Ünïcødé 茶 🍵 عربي",
    "Default Title",
    "a;b\\n|c",
]


@pytest.mark.parametrize("title", HOSTILE)
def test_titles_come_back_as_they_were_and_run_nowhere_as_formulas(title):
    product(title, vendor=title, tags=[title], description=f"{title}\n{title}", is_published=True)

    assert_unchanged_by_its_export()
    cells = [cell for row in rows_of(export()) for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(FORMULA_STARTS)]


def test_variants_options_stock_and_states_come_back_as_they_were():
    shirt = product(
        "Shirt",
        option_names=["Size", "Colour"],
        variants=[
            VariantInput(price_minor=100, compare_at_price_minor=150, option_values=("S", "=Red"), sku="-1"),
            VariantInput(price_minor=0, option_values=("M  L", "Red, dark"), weight_grams=12, barcode="'+4"),
            VariantInput(price_minor=5, option_values=("X", "Blue"), is_active=False),
        ],
        is_published=True,
    )
    first, second = shirt.variants.filter(is_active=True)
    set_stock(variant_id=first.pk, current_stock=7, reason="counted")
    set_stock_rules(variant_id=second.pk, is_tracked=False)
    product("Draft")
    archive_product(product_id=product("Gone", is_published=True).pk)
    product(
        "Option called title", option_names=["Title"], variants=[VariantInput(1, "T", ("Default Title",))]
    )

    assert_unchanged_by_its_export()


def test_addresses_that_no_export_of_shopify_has_are_found_again():
    for slug in ("abc", "abc-", "a_b", "Upper-Case", "-", "x" * 120):
        product("Thing", slug=slug)

    before = digest()
    report = import_products(io.BytesIO(export()))

    assert (report.created, report.updated, digest()) == (0, 0, before)


def test_a_product_stays_in_its_category_where_several_have_the_name():
    kitchen, sale = save_category(name="Kitchen"), save_category(name="Sale")
    save_category(name="Mugs", parent_id=sale.pk)
    mugs = save_category(name="Mugs", parent_id=kitchen.pk, position=9)
    update_product(product_id=make_product().pk, values=ProductInput(category_id=mugs.pk))

    assert_unchanged_by_its_export()


def test_pictures_are_named_by_addresses_of_the_shop_and_not_fetched_again(serving):
    picture = next(iter(sorted((SAMPLES / "pictures").iterdir()))).read_bytes()
    variant = make_variant()
    add_image(product_id=variant.product_id, source=picture, alt="=Alt")
    add_image(product_id=variant.product_id, source=picture, variant_id=variant.pk)
    waiting = ProductImage.objects.create(
        product=variant.product, source_url="https://cdn.example.com/a.png", position=3
    )

    rows = rows_of(export())

    files = [*variant.product.images.exclude(pk=waiting.pk).values_list("file", flat=True)]
    assert [row["Image Src"] for row in rows] == [
        *(f"{serving.url}{settings.MEDIA_URL}{file}" for file in files),
        "https://cdn.example.com/a.png",
    ]
    assert rows[0]["Variant Image"] == f"{serving.url}{settings.MEDIA_URL}{files[1]}"
    assert_unchanged_by_its_export()


def test_a_product_of_which_nothing_is_sold_is_left_out_and_told():
    product("Nothing", variants=[VariantInput(price_minor=1, is_active=False)])
    make_product()
    operation = start_operation(EXPORT, actor_id=None)
    run_jobs()

    found = find_operation(operation.pk)
    assert found.report == {"products": 1, "rows": 1, "left_out": 1, "is_large": False}
    assert (found.done, found.total) == (2, 2)


def test_an_export_may_be_narrowed():
    make_product(title="Blue bowl")
    make_product(title="Red bowl", is_published=False)
    make_product(title="Mug")

    assert {row["Title"] for row in rows_of(export(q="bowl", status="published"))} == {"Blue bowl"}


def test_chunks_end_where_they_end(monkeypatch):
    monkeypatch.setattr("services.product_export_services.CHUNK", 2)
    for _ in range(5):
        make_product()

    assert len({row["Handle"] for row in rows_of(export())}) == 5
    assert_unchanged_by_its_export()


def test_our_samples_come_back_as_they_were():
    with (SAMPLES / "tea.csv").open("rb") as source:
        import_products(source)

    assert_unchanged_by_its_export()


@given(st.text(alphabet=st.sampled_from("'=+-@ aｘ＝\t"), max_size=8))
def test_what_is_guarded_is_harmless_and_comes_back(text):
    assert unguard(guard(text)) == text
    assert not guard(text).lstrip(" ").startswith(FORMULA_STARTS)


def typed(most: int, least: int = 1) -> st.SearchStrategy[str]:
    """What the forms let through: trimmed, no control characters, nothing invisible."""
    letters = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters=BIDI_AND_INVISIBLE)
    texts = st.text(st.one_of(st.sampled_from("=+-@'\",; "), letters), min_size=least, max_size=most)
    return texts.map(str.strip).filter(lambda text: len(text) >= least)


@st.composite
def described(draw) -> ProductInput:
    names = draw(st.lists(typed(12), max_size=3, unique_by=str.casefold))
    values = draw(
        st.lists(
            st.tuples(*(typed(12) for _ in names)),
            min_size=1,
            max_size=4 if names else 1,
            unique_by=lambda one: tuple(" ".join(value.split()).casefold() for value in one),
        )
    )
    return ProductInput(
        title=draw(typed(40)),
        description=draw(typed(60, 0)),
        vendor=draw(typed(20, 0)),
        tags=draw(st.lists(typed(15), max_size=4)),
        option_names=names,
        is_published=draw(st.booleans()),
        variants=[
            VariantInput(
                price_minor=draw(st.integers(0, 10**9)), option_values=one, barcode=draw(typed(20, 0))
            )
            for one in values
        ],
    )


class Again(Exception):
    """Takes an example back."""


@given(st.lists(described(), min_size=1, max_size=3))
@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_typed_comes_back_as_it_was(products):
    try:
        with transaction.atomic():
            for values in products:
                create_product(values)
            assert_unchanged_by_its_export()
            raise Again
    except Again:
        pass


# Taking it in ------------------------------------------------------------------------------------------------------


def test_a_file_that_was_edited_changes_what_was_edited():
    make_product(title="'=1+1", price_minor=1999)
    content = export().replace(b"19.99", b"21.50")

    operation = start_operation(IMPORT, actor_id=None, upload=content, file_name="mine.csv", dry_run=False)
    run_jobs()

    assert find_operation(operation.pk).report["updated"] == 1
    changed = Product.objects.get()
    assert (changed.title, changed.price_from_minor) == ("'=1+1", 2150)
