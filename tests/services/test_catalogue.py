"""The catalogue: products with variants that fit their options, lists that say what is true, categories that stand."""

import pytest

from core.errors import Conflict, Invalid, NotFound
from core.ids import new_id
from services.catalogue_services import (
    MAX_VARIANTS,
    ProductInput,
    VariantInput,
    archive_product,
    create_product,
    remove_category,
    sanitise,
    save_category,
    update_product,
)
from shop.models import Category, InventoryItem, Product, Variant
from shop.selectors.catalogue import Listing, list_products
from tests.factories.shop import item_of, make_order, make_product, make_variant

pytestmark = pytest.mark.usefixtures("serving")


def bowl(*sizes: str, price_minor: int = 1000, **fields) -> Product:
    return create_product(
        ProductInput(
            title="Bowl",
            is_published=True,
            option_names=["Size"],
            variants=[
                VariantInput(price_minor=price_minor + n, option_values=(size,))
                for n, size in enumerate(sizes)
            ],
            **fields,
        )
    )


def change(product: Product, **fields) -> Product:
    return update_product(product_id=product.pk, values=ProductInput(**fields))


def test_a_product_has_a_title_and_at_least_one_variant_with_a_price():
    with pytest.raises(Invalid):
        create_product(ProductInput(title="", variants=[VariantInput(price_minor=1)]))
    for variants in (None, []):
        with pytest.raises(Invalid):
            create_product(ProductInput(title="Bowl", variants=variants))
    assert not Product.objects.exists()


def test_each_variant_has_a_stock_of_none_and_a_sku_of_its_own():
    product = bowl("S", "M")
    assert [variant.sku for variant in product.variants.all()] == ["BOWL-1", "BOWL-2"]
    assert list(InventoryItem.objects.values_list("current_stock", flat=True)) == [0, 0]


def test_products_of_the_same_title_have_addresses_of_their_own_and_a_chosen_one_must_be_free():
    first, second = make_product(title="Blue Bowl"), make_product(title="Blue bowl!")
    assert (first.slug, second.slug) == ("blue-bowl", "blue-bowl-2")
    with pytest.raises(Conflict) as refusal:
        change(second, slug="blue-bowl")
    assert refusal.value.facts["field"] == "slug"


def test_a_sku_names_one_variant_of_the_storefront():
    make_variant(sku="BOWL-S")
    with pytest.raises(Conflict) as refusal:
        make_variant(sku="BOWL-S")
    assert refusal.value.facts["field"] == "sku"
    assert Product.objects.count() == 1


@pytest.mark.parametrize(
    ("option_names", "values"),
    [
        (["Size"], [()]),
        (["Size"], [("S", "M")]),
        ([], [("S",)]),
        (["Size"], [("S",), ("S",)]),
        (["Size", "size"], [("S", "M")]),
        (["A", "B", "C", "D"], [("1", "2", "3", "4")]),
    ],
)
def test_variants_fit_the_options_and_differ(option_names, values):
    with pytest.raises(Invalid):
        create_product(
            ProductInput(
                title="Bowl",
                option_names=option_names,
                variants=[VariantInput(price_minor=1, option_values=each) for each in values],
            )
        )


def test_options_are_not_changed_under_their_variants():
    product = bowl("S", "M")
    with pytest.raises(Invalid):
        change(product, option_names=["Size", "Colour"])
    with pytest.raises(Invalid):
        change(product, option_names=[])
    assert change(product, option_names=["Format"]).option_names == ["Format"]


def test_a_product_has_a_bounded_number_of_variants():
    with pytest.raises(Invalid):
        bowl(*map(str, range(MAX_VARIANTS + 1)))


def test_a_former_price_is_above_the_price():
    for compare_at in (1000, 999):
        with pytest.raises(Invalid):
            make_variant(price_minor=1000, compare_at_price_minor=compare_at)
    assert make_variant(price_minor=1000, compare_at_price_minor=1001).compare_at_price_minor == 1001


def test_what_is_not_given_stays_as_it_is():
    product = bowl("S", description="<p>Round</p>", vendor="Kiln", tags=["round"])
    changed = change(product, title="Deep bowl")
    assert (changed.title, changed.description, changed.vendor, changed.tags) == (
        "Deep bowl",
        "<p>Round</p>",
        "Kiln",
        ["round"],
    )
    assert changed.variants.get().option_values == ["S"]


def test_variants_that_are_left_out_are_no_longer_sold_but_keep_their_stock_and_orders():
    product = make_product(stock=5)
    old = product.variants.get()
    order = make_order((old, 1))
    change(product, option_names=["Size"], variants=[VariantInput(price_minor=1, option_values=("S",))])

    old.refresh_from_db()
    assert not old.is_active
    assert item_of(old).current_stock == 5
    assert order.lines.get().variant_id == old.pk


def test_a_variant_is_known_again_by_its_options_or_its_id():
    product = bowl("S", "M")
    small, medium = product.variants.all()
    change(product, variants=[VariantInput(price_minor=1, option_values=("S",))])
    change(
        product,
        variants=[
            VariantInput(price_minor=2, option_values=("S",)),
            VariantInput(id=medium.pk, price_minor=3, option_values=("L",)),
        ],
    )
    assert [(v.pk, v.price_minor, v.title) for v in product.variants.all()] == [
        (small.pk, 2, "S"),
        (medium.pk, 3, "L"),
    ]
    with pytest.raises(NotFound):
        change(product, variants=[VariantInput(id=new_id(), price_minor=2, option_values=("S",))])


def test_options_that_a_former_variant_still_has_are_refused_by_name():
    product = bowl("S", "M")
    small, _ = product.variants.all()
    change(product, variants=[VariantInput(price_minor=1, option_values=("S",))])
    with pytest.raises(Conflict) as refusal:
        change(product, variants=[VariantInput(id=small.pk, price_minor=1, option_values=("M",))])
    assert refusal.value.facts["field"] == "option_values"


def test_another_products_variant_is_not_found():
    foreign = make_variant()
    with pytest.raises(NotFound):
        change(make_product(), variants=[VariantInput(id=foreign.pk, price_minor=1)])


def test_lists_show_the_range_of_prices_of_what_is_sold():
    product = bowl("S", "M", "L")
    assert (product.price_from_minor, product.price_to_minor) == (1000, 1002)
    product = change(product, variants=[VariantInput(price_minor=500, option_values=("M",))])
    assert (product.price_from_minor, product.price_to_minor) == (500, 500)


def test_only_published_products_are_listed_and_archiving_is_undone_by_publishing():
    product = make_product()
    make_product(is_published=False)

    def listed() -> list[str]:
        return [row["slug"] for row in list_products(Listing())["results"]]

    assert listed() == [product.slug]
    archived = archive_product(product_id=product.pk)
    assert archive_product(product_id=product.pk).archived_at == archived.archived_at
    assert listed() == []
    change(product, is_published=True)
    assert listed() == [product.slug]
    with pytest.raises(NotFound):
        archive_product(product_id=new_id())


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("<p onclick=x()>Round</p>", "<p>Round</p>"),
        ("<script>alert(1)</script>Round", "Round"),
        ('<a href="javascript:x()">here</a>', '<a rel="noopener nofollow">here</a>'),
        ("<style>p{}</style><b>Round</b>", "<b>Round</b>"),
        ("<img src=x onerror=x()>", ""),
    ],
)
def test_texts_keep_simple_formatting_and_nothing_that_runs(html, kept):
    assert sanitise(html) == kept
    assert make_product().description == ""
    product = create_product(
        ProductInput(title="B", description=html, variants=[VariantInput(price_minor=1)])
    )
    assert product.description == kept


# Categories --------------------------------------------------------------------------------------------------------------


def test_categories_stand_in_one_another_and_never_in_themselves():
    home = save_category(name="Home")
    bowls = save_category(name="Bowls", parent_id=home.pk)
    small = save_category(name="Small", parent_id=bowls.pk)
    for inside in (home.pk, bowls.pk, small.pk):
        with pytest.raises(Invalid):
            save_category(category_id=home.pk, parent_id=inside)
    assert save_category(category_id=small.pk, parent_id=None).parent is None


def test_categories_of_the_same_name_have_addresses_of_their_own():
    assert [save_category(name="Home").slug, save_category(name="Home").slug] == ["home", "home-2"]
    with pytest.raises(Conflict):
        save_category(name="Other", slug="home")


def test_a_category_with_others_inside_is_not_removed_and_products_stay_without_theirs():
    home = save_category(name="Home")
    bowls = save_category(name="Bowls", parent_id=home.pk)
    product = bowl("S", category_id=bowls.pk)
    with pytest.raises(Conflict):
        remove_category(category_id=home.pk)

    remove_category(category_id=bowls.pk)

    product.refresh_from_db()
    assert product.category_id is None
    with pytest.raises(NotFound):
        remove_category(category_id=bowls.pk)
    with pytest.raises(NotFound):
        bowl("S", category_id=bowls.pk)
    assert Category.objects.count() == 1
    assert Variant.objects.count() == 1
