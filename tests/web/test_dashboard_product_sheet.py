"""A product's own page: everything is saved at once or nothing, and every "no" stands beside its cell."""

import re
from uuid import uuid4

import pytest

from services.catalogue_services import (
    ProductInput,
    VariantInput,
    save_category,
    update_product,
)
from services.image_services import add_image
from services.inventory_services import adjust_stock
from shop.models import InventoryMovement, Product, Variant
from tests.factories.shop import item_of, make_order, make_product, make_variant
from tests.factories.tenants import owner_of
from tests.web.catalogue import save, sheet, shirt, state, typed
from tests.web.test_dashboard import picture, sign_in
from tests.web.test_storefront import Browser


@pytest.fixture(autouse=True)
def media(settings, tmp_path) -> None:
    """A folder for pictures of this test alone."""
    settings.MEDIA_ROOT = str(tmp_path / "media")


@pytest.fixture
def owner(serving) -> Browser:
    """The owner's browser."""
    return sign_in(Browser(serving), owner_of(serving))


# The sheet -------------------------------------------------------------------------------------------------------


def test_a_page_that_is_saved_as_it_is_changes_nothing(owner):
    product = shirt("S", "M", description="<p>Soft <strong>cotton</strong></p>", tags=["a", "b"], vendor="Us")
    update_product(
        product_id=product.pk,
        values=ProductInput(
            variants=[
                VariantInput(
                    price_minor=2000,
                    compare_at_price_minor=2500,
                    option_values=("S",),
                    weight_grams=120,
                    barcode="4006381333931",
                ),
                VariantInput(price_minor=2100, option_values=("M",), is_active=False),
            ]
        ),
    )
    add_image(product_id=product.pk, source=picture(), alt="Front")
    before, movements = state(product), InventoryMovement.objects.count()

    assert save(owner, product).status_code == 302

    for rows in (before, after := state(product)):
        for row in [*rows[0], *rows[1]]:
            del row["updated_at"]
    assert after == before
    assert InventoryMovement.objects.count() == movements


def test_all_is_saved_at_once(owner):
    product, mugs = shirt("S", "M"), save_category(name="Mugs")
    form = {
        "title": "Tee",
        "description": "Soft.\r\n\r\nVery soft. 1 < 2",
        "vendor": "Kiln",
        "tags": "new, blue , new,,",
        "category": str(mugs.pk),
        "status": "draft",
        "option_1": "Format",
        "r0-option_1": "Small",
        "r0-price": "21.5",
        "r0-compare_at": "25",
        "r0-weight": "150",
        "r0-barcode": "123",
        "r1-sku": "TEE-M",
        "r2-option_1": "Large",
        "r2-price": "30",
        "r2-stock": "4",
        "r2-is_active": "on",
    }

    assert save(owner, product, **form).status_code == 302

    product.refresh_from_db()
    assert (product.title, product.vendor, product.tags, product.category, product.is_published) == (
        *("Tee", "Kiln", ["new", "blue"], mugs, False),
    )
    assert product.description == "<p>Soft.</p>\n\n<p>Very soft. 1 &lt; 2</p>"
    assert (product.option_names, product.price_from_minor, product.price_to_minor) == (
        ["Format"],
        2000,
        3000,
    )
    rows = [
        (v.option_values, v.sku, v.price_minor, v.compare_at_price_minor, v.weight_grams, v.barcode)
        for v in product.variants.all()
    ]
    assert rows == [
        (["Small"], "SHIRT-S", 2150, 2500, 150, "123"),
        (["M"], "TEE-M", 2000, None, 0, ""),
        (["Large"], "SHIRT-3", 3000, None, 0, ""),
    ]
    assert [item_of(variant).current_stock for variant in product.variants.all()] == [10, 10, 4]


@pytest.mark.parametrize(
    ("changes", "cell", "said"),
    [
        ({"r0-price": ""}, "r0-price", "This field is required."),
        ({"r0-price": "cheap"}, "r0-price", "Enter a number."),
        ({"r1-price": "-1"}, "r1-price", "greater than or equal to 0"),
        ({"r0-price": "1.999"}, "r0-price", "EUR has 2 decimals."),
        ({"r0-compare_at": "20"}, "r0-compare_at", "Must be above the price."),
        ({"r1-option_1": "s"}, "r1-option_1", "Another row has the same options."),
        ({"r1-option_1": ""}, "r1-option_1", "Is missing."),
        ({"r1-sku": "SHIRT-S"}, "r1-sku", "Another row has this SKU."),
        ({"r1-sku": "TAKEN"}, "r1-sku", "Other thing has this SKU."),
        ({"r1-stock": "-3"}, "r1-stock", "greater than or equal to 0"),
        ({"r1-stock": "1.5"}, "r1-stock", "Enter a whole number."),
        ({"r1-stock": "2"}, "r1-stock", "Orders hold 3."),
        ({"r0-weight": "heavy"}, "r0-weight", "Enter a whole number."),
        ({"r0-barcode": "x" * 41}, "r0-barcode", "at most 40"),
        ({"r2-option_1": "XL"}, "r2-price", "This field is required."),
    ],
)
def test_each_error_stands_beside_its_cell_and_nothing_is_saved(owner, changes, cell, said):
    make_product(title="Other thing", sku="TAKEN")
    product = shirt("S", "M")
    make_order((product.variants.get(sku="SHIRT-M"), 3))
    before = state(product)

    response = save(owner, product, **{"title": "Changed", "r0-stock": "7", **changes})

    assert response.status_code == 400
    error = re.search(rf'id="{cell}-error">([^<]*)<', owner.text)
    assert error, owner.text
    assert said in error[1]
    assert 'value="Changed"' in owner.text
    assert state(product) == before
    assert item_of(product.variants.get(sku="SHIRT-S")).current_stock == 10


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": ""}, "This field is required."),
        ({"title": "a\u202eb"}, "invisible"),
        ({"option_2": "size"}, "Another option has this name."),
        ({"tags": ",".join(map(str, range(60)))}, "At most 50 tags"),
        ({"status": "secret"}, "valid choice"),
        ({"category": str(uuid4())}, "valid choice"),
    ],
)
def test_fields_that_make_no_sense_are_explained_and_nothing_is_saved(owner, changes, said):
    product = shirt("S", "M")
    before = state(product)

    assert save(owner, product, **changes).status_code == 400
    assert said in owner.text
    assert state(product) == before


def test_at_least_one_variant_is_sold(owner):
    product = shirt("S", "M")
    form = sheet(owner, product)
    del form["r0-is_active"], form["r1-is_active"]

    assert owner.post(f"/dashboard/products/{product.pk}", form).status_code == 400
    assert "at least one variant that is sold" in owner.text


def test_variants_pass_their_skus_and_options_on_to_one_another(owner):
    product = shirt("S", "M", "L")
    ids = {variant.sku: variant.pk for variant in product.variants.all()}
    changes = {
        "r0-option_1": "M",
        "r1-option_1": "L",
        "r2-option_1": "S",
        "r0-sku": "SHIRT-M",
        "r1-sku": "SHIRT-S",
    }

    assert save(owner, product, **changes).status_code == 302

    assert [(v.pk, v.option_values, v.sku) for v in product.variants.all()] == [
        (ids["SHIRT-S"], ["M"], "SHIRT-M"),
        (ids["SHIRT-M"], ["L"], "SHIRT-S"),
        (ids["SHIRT-L"], ["S"], "SHIRT-L"),
    ]


def test_a_variant_that_is_no_longer_sold_stays_and_comes_back(owner):
    product = shirt("S", "M")
    form = sheet(owner, product)
    del form["r1-is_active"]
    owner.post(f"/dashboard/products/{product.pk}", form)
    assert list(product.variants.filter(is_active=True).values_list("sku", flat=True)) == ["SHIRT-S"]

    save(owner, product, r1__is_active="on")
    assert product.variants.filter(is_active=True).count() == 2


def test_what_somebody_else_changed_meanwhile_is_not_overwritten_unless_asked_for(owner):
    product = shirt("S", "M")
    form = sheet(owner, product, title="Mine", r0__price="33")
    update_product(product_id=product.pk, values=ProductInput(title="Theirs"))

    assert owner.post(f"/dashboard/products/{product.pk}", form).status_code == 409
    assert "Somebody has changed this product" in owner.text
    assert 'value="Mine"' in owner.text
    assert Product.objects.get().title == "Theirs"
    assert typed(owner.text)["version"] == form["version"]
    assert owner.post(f"/dashboard/products/{product.pk}", form).status_code == 409

    now = re.search(r'name="anyway" value="(\w+)"', owner.text)[1]
    assert owner.post(f"/dashboard/products/{product.pk}", {**form, "anyway": now}).status_code == 302
    assert (Product.objects.get().title, Product.objects.get().price_to_minor) == ("Mine", 3300)


def test_pictures_reviews_and_sales_do_not_stand_in_the_way_of_saving(owner):
    product = shirt("S", "M")
    form = sheet(owner, product, title="Mine")
    add_image(product_id=product.pk, source=picture())
    make_order((product.variants.first(), 1))

    assert owner.post(f"/dashboard/products/{product.pk}", form).status_code == 302
    assert item_of(product.variants.first()).reserved_stock == 1


def test_stock_is_changed_with_a_reason_and_only_where_nobody_else_did(owner):
    product = shirt("S", "M")
    small, medium = product.variants.all()
    assert save(owner, product, r0__stock="8", reason="Two broke").status_code == 302
    movement = InventoryMovement.objects.filter(item_id=small.pk).latest("id")
    assert (movement.current_delta, movement.reason, movement.actor_id is None) == (-2, "Two broke", False)
    assert not InventoryMovement.objects.filter(item_id=medium.pk, kind="adjust").exists()

    form = sheet(owner, product, r0__stock="20")
    adjust_stock(variant_id=small.pk, delta=-1, reason="Lost")
    assert owner.post(f"/dashboard/products/{product.pk}", form).status_code == 400
    assert "There are 7 by now." in owner.text
    assert item_of(small).current_stock == 7


def test_a_row_is_made_of_each_combination_and_saved_only_then(owner):
    product = make_product(title="Mug", price_minor=1900, stock=3)
    form = sheet(
        *(owner, product),
        action="combine",
        option_1="Glaze",
        values_1="Oat, Ink",
        option_2="Size",
        values_2="S,M,S",
    )

    assert owner.post(f"/dashboard/products/{product.pk}", form).status_code == 200

    made = typed(owner.text)
    assert [(made[f"r{n}-option_1"], made[f"r{n}-option_2"], made[f"r{n}-price"]) for n in range(4)] == [
        *(("Oat", "S", "19.00"), ("Oat", "M", "19.00"), ("Ink", "S", "19.00"), ("Ink", "M", "19.00")),
    ]
    assert Variant.objects.count() == 1
    assert owner.post(f"/dashboard/products/{product.pk}", made).status_code == 302
    assert Variant.objects.count() == 4
    assert Product.objects.get().option_names == ["Glaze", "Size"]
    assert [item_of(variant).current_stock for variant in product.variants.all()] == [3, 0, 0, 0]


def test_too_many_combinations_are_refused(owner):
    product = make_product()
    many = ",".join(map(str, range(20)))
    form = sheet(
        *(owner, product),
        action="combine",
        option_1="A",
        values_1=many,
        option_2="B",
        values_2=many,
    )

    owner.post(f"/dashboard/products/{product.pk}", form)

    assert "more combinations than" in owner.text


def test_an_option_is_taken_away_with_its_values(owner):
    product = shirt("S", "M")
    form = sheet(owner, product, option_1="")
    del form["r1-is_active"]

    assert owner.post(f"/dashboard/products/{product.pk}", form).status_code == 302

    product.refresh_from_db()
    assert product.option_names == []
    assert [v.option_values for v in product.variants.filter(is_active=True)] == [[]]
    owner.get(f"/dashboard/products/{product.pk}")
    assert "SHIRT-M" not in owner.text


def test_more_rows_are_given_and_what_was_typed_stays(owner):
    product = shirt("S")
    form = sheet(owner, product, action="rows", title="Typed", r1__option_1="M")

    owner.post(f"/dashboard/products/{product.pk}", form)

    made = typed(owner.text)
    assert (made["title"], made["r1-option_1"], int(made["rows"])) == ("Typed", "M", int(form["rows"]) + 5)


def test_two_hundred_and_fifty_variants_are_saved_at_once(owner):
    product = shirt(*map(str, range(250)))

    assert save(owner, product, r249__price="99").status_code == 302
    assert Product.objects.get().price_to_minor == 9900


def test_a_variant_of_another_product_is_not_changed(owner):
    product, other = shirt("S"), make_variant()

    assert save(owner, product, r0__id=str(other.pk)).status_code == 404
    assert save(owner, product, r0__id="x").status_code == 400
    assert Variant.objects.get(pk=other.pk).product_id == other.product_id


def test_descriptions_keep_simple_formatting_and_nothing_else(owner):
    product = shirt("S")

    save(owner, product, description="<p onclick='x'>Soft<script>alert(1)</script></p>")

    product.refresh_from_db()
    assert product.description == "<p>Soft</p>"


def test_a_product_is_archived_taken_back_and_copied(owner):
    product = shirt("S", "M")
    update_product(product_id=product.pk, values=ProductInput(tags=["soft"], vendor="Us"))
    add_image(product_id=product.pk, source=picture(), alt="Front", variant_id=product.variants.last().pk)
    address = f"/dashboard/products/{product.pk}"

    owner.post(address, {"action": "archive"})
    assert Product.objects.get(pk=product.pk).archived_at
    owner.post(address, {"action": "restore"})
    assert (
        Product.objects.get(pk=product.pk).archived_at,
        Product.objects.get(pk=product.pk).is_published,
    ) == (None, False)

    response = owner.post(address, {"action": "duplicate"})

    copy = Product.objects.exclude(pk=product.pk).get()
    assert response["Location"] == f"/dashboard/products/{copy.pk}?done=copied"
    assert (copy.title, copy.slug, copy.is_published, copy.tags) == (
        "Shirt (copy)",
        "shirt-copy",
        False,
        ["soft"],
    )
    assert [v.sku for v in copy.variants.all()] == ["SHIRT-COPY-1", "SHIRT-COPY-2"]
    assert [item_of(v).current_stock for v in copy.variants.all()] == [0, 0]
    (mine,), (theirs,) = product.images.all(), copy.images.all()
    assert (theirs.alt, theirs.variant_id) == ("Front", copy.variants.last().pk)
    assert not {mine.file, mine.thumbnail} & {theirs.file, theirs.thumbnail}
    owner.post(f"/dashboard/products/{copy.pk}", {"action": "image-remove", "image": str(theirs.pk)})
    assert owner.get(f"/media/{mine.file}").status_code == 200


def test_a_product_is_added_and_led_to_its_own_page(owner):
    form = {"title": "Mug", "price": "1", "stock": "2", "more": "1", "is_published": "on"}

    response = owner.post("/dashboard/products/new", form)

    assert response["Location"] == f"/dashboard/products/{Product.objects.get().pk}?done=added"
