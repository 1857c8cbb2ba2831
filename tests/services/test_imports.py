"""Taking over a catalogue: all or nothing per product, twice changes nothing, and every fault has its place."""

import json
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from core.errors import Invalid
from services.import_services import ImportReport, import_products
from services.order_history import SYSTEM
from services.order_services import cancel_order
from shop.models import Category, InventoryItem, InventoryMovement, Product, ProductImage, Variant
from tests.factories.jobs import queued
from tests.factories.shop import item_of, make_order, make_variant

SAMPLES = Path(settings.BASE_DIR) / "shop" / "sample"
COLUMNS = (
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,"
    "Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Image Src"
)
MUG = "mug,Mug,<p>Holds tea</p>,Kiln,Cups,blue,true,Size,S,MUG-S,300,shopify,4,deny,12.50,"
MUG_LARGE = "mug,,,,,,,,L,MUG-L,400,shopify,2,deny,15.00,"
JUG = "jug,Jug,,Kiln,Jugs,,true,Title,Default Title,JUG,900,shopify,3,deny,30.00,"


@pytest.fixture(autouse=True)
def media(settings, tmp_path) -> Path:
    """A folder for pictures of this test alone."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    return tmp_path / "media"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def take(*rows: str, **options) -> ImportReport:
    return import_products(BytesIO("\n".join((COLUMNS, *rows)).encode()), **options)


def digest() -> list:
    """Every row an import could have written."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Product, Variant, InventoryItem, InventoryMovement, ProductImage, Category)
    ]


def test_products_come_with_their_variants_stock_and_categories(serving):
    report = take(MUG, MUG_LARGE, JUG)

    assert (report.created, report.variants, report.units, report.rejected) == (2, 3, 9, 0)
    mug = Product.objects.get(slug="mug")
    assert (mug.title, mug.vendor, mug.tags, mug.category.name) == ("Mug", "Kiln", ["blue"], "Cups")
    assert [(v.sku, v.price_minor, v.weight_grams, v.option_values) for v in mug.variants.all()] == [
        ("MUG-S", 1250, 300, ["S"]),
        ("MUG-L", 1500, 400, ["L"]),
    ]
    assert [item_of(variant).current_stock for variant in mug.variants.all()] == [4, 2]


def test_the_same_file_again_changes_nothing(serving):
    take(MUG, MUG_LARGE, JUG)
    before = digest()

    report = take(MUG, MUG_LARGE, JUG)

    assert (report.created, report.updated, report.unchanged) == (0, 0, 2)
    assert digest() == before


def test_what_changed_in_the_file_is_brought_over_and_counted(serving):
    take(MUG, JUG)
    report = take(MUG.replace("12.50", "13.00"), JUG)
    assert (report.updated, report.unchanged) == (1, 1)
    assert Variant.objects.get(sku="MUG-S").price_minor == 1300


def test_a_rehearsal_counts_and_writes_nothing(serving, media):
    picture = next(iter(sorted((SAMPLES / "pictures").iterdir()))).name
    report = take(MUG, JUG + f"sample:{picture}", dry_run=True)

    assert (report.created, report.images, report.is_dry_run) == (2, 1, True)
    assert digest() == [[], [], [], [], [], []]
    assert files(media) == []
    assert queued("image.fetch") == []


def test_a_product_that_is_refused_leaves_none_of_its_parts_and_the_others_come(serving, media):
    make_variant(sku="MUG-L")
    before = Product.objects.count()
    picture = next(iter(sorted((SAMPLES / "pictures").iterdir()))).name

    report = take(MUG + f"sample:{picture}", MUG_LARGE, JUG)

    assert (report.created, report.rejected) == (1, 1)
    assert Product.objects.count() == before + 1
    assert not Variant.objects.filter(sku="MUG-S").exists()
    assert not Category.objects.filter(name="Cups").exists()
    assert files(media) == []


def test_pictures_of_a_product_that_is_refused_do_not_stay_behind(serving, media):
    picture = next(iter(sorted((SAMPLES / "pictures").iterdir()))).name
    report = take(MUG + f"sample:{picture}", MUG_LARGE + "sample:no-such.webp")
    assert (report.created, report.rejected) == (0, 1)
    assert files(media) == []


@pytest.mark.parametrize(
    ("row", "line", "column"),
    [
        (MUG.replace("12.50", "twelve"), 3, "Variant Price"),
        (MUG.replace("12.50", "12.505"), 3, "Variant Price"),
        (MUG.replace(",4,deny", ",many,deny"), 3, "Variant Inventory Qty"),
        (MUG.replace(",Mug,", ",,"), 3, "Title"),
        (MUG.replace("mug,", ",", 1), 3, "Handle"),
    ],
)
def test_a_fault_is_named_by_its_line_and_column(serving, row, line, column):
    report = take(JUG, row)
    (problem,) = report.problems
    assert (problem["line"], problem["column"]) == (line, column)
    assert problem["message"]
    assert (report.created, report.rejected) == (1, 1)


def test_a_file_that_is_no_export_is_refused_as_a_whole(serving):
    for content in (b"", b"a,b\n1,2\n", b"\x00\xff\xfe"):
        with pytest.raises(Invalid) as refusal:
            import_products(BytesIO(content))
        assert refusal.value.facts["field"] == "file"
    assert not Product.objects.exists()


def test_stock_that_orders_have_touched_is_not_overwritten(serving):
    take(MUG)
    variant = Variant.objects.get(sku="MUG-S")
    make_order((variant, 1))
    take(MUG.replace(",4,deny", ",40,deny"))
    assert (item_of(variant).current_stock, item_of(variant).reserved_stock) == (4, 1)


def test_stock_that_nobody_has_touched_follows_the_file(serving):
    take(MUG)
    take(MUG.replace(",4,deny", ",40,deny"))
    variant = Variant.objects.get(sku="MUG-S")
    assert item_of(variant).current_stock == 40
    assert sum(row.current_delta for row in InventoryMovement.objects.filter(item_id=variant.pk)) == 40


def test_an_item_that_goes_on_selling_at_zero_is_not_tracked_unless_orders_wait(serving):
    take(MUG)
    variant = Variant.objects.get(sku="MUG-S")
    order = make_order((variant, 1))
    take(MUG.replace("deny", "continue"))
    assert item_of(variant).is_tracked

    cancel_order(order_id=order.pk, actor=SYSTEM)
    take(MUG.replace("deny", "continue"))
    assert not item_of(variant).is_tracked


def test_pictures_on_the_web_are_fetched_by_a_job_once(serving):
    for _ in range(2):
        take(MUG + "https://cdn.example.com/mug.png")
    assert [row.source_url for row in ProductImage.objects.all()] == ["https://cdn.example.com/mug.png"]
    assert len(queued("image.fetch")) == 1


def test_a_sample_picture_that_does_not_exist_is_named(serving):
    report = take(MUG + "sample:../../../manage.py")
    assert [problem["column"] for problem in report.problems] == ["Image Src"]
    assert not Product.objects.exists()


def test_our_samples_come_with_pictures_and_twice_change_nothing(serving, media):
    with (SAMPLES / "tea.csv").open("rb") as source:
        report = import_products(source)
    assert report.rejected == 0
    assert report.created == Product.objects.count() > 8
    assert all(product.cover["thumbnail"] for product in Product.objects.all())
    before, stored = digest(), files(media)

    with (SAMPLES / "tea.csv").open("rb") as source:
        again = import_products(source)

    assert (again.created, again.updated, again.unchanged) == (0, 0, report.created)
    assert digest() == before
    assert files(media) == stored


# The command -------------------------------------------------------------------------------------------------------------


def run(slug: str, path: Path, *options: str) -> str:
    out = StringIO()
    call_command("import_products", slug, str(path), *options, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def export(tmp_path) -> Path:
    path = tmp_path / "export.csv"
    path.write_text("\n".join((COLUMNS, MUG, JUG)))
    return path


def test_the_command_imports_into_the_storefront_it_names(serving, export):
    assert json.loads(run(serving.slug, export, "--json", "--dry-run"))["created"] == 2
    assert not Product.objects.exists()
    assert run(serving.slug, export).startswith("2 products created")
    assert Product.objects.count() == 2
    assert run(serving.slug, export).startswith("0 products created, 0 updated, 2 unchanged")


def test_the_command_fails_when_a_product_was_refused(serving, export):
    export.write_text("\n".join((COLUMNS, MUG.replace("12.50", "-1"), JUG)))
    with pytest.raises(SystemExit) as ended:
        run(serving.slug, export)
    assert ended.value.code == 1
    assert [product.slug for product in Product.objects.all()] == ["jug"]


def test_the_command_says_in_a_sentence_what_is_missing(serving, export, tmp_path):
    with pytest.raises(CommandError, match="no storefront 'nowhere'"):
        run("nowhere", export)
    with pytest.raises(CommandError):
        run(serving.slug, tmp_path / "nothing.csv")
