"""The catalogue changed by several people at the same moment: nobody overwrites anybody, and nobody waits for ever."""

import pytest

from core.errors import Invalid
from services.catalogue_bulk_services import BulkChange, change_products
from services.catalogue_services import ProductInput, VariantInput, save_category, update_product
from services.image_services import move_image
from services.product_sheet_services import ProductChanged, SheetRow, save_sheet, version_of
from shop.models import Category, Product, ProductImage
from tenants.context import tenant_scope
from tests.factories.shop import make_product
from tests.factories.threads import at_once, failures

pytestmark = pytest.mark.usefixtures("committed")
TRIES = 8


def test_of_sheets_that_are_saved_at_the_same_moment_one_is_kept_and_the_others_are_told(tenant):
    with tenant_scope(tenant):
        product = make_product(title="Mug")
        variant = product.variants.get()
        version = version_of(Product.objects.get(), product.variants.all())

    def save(title: str):
        return save_sheet(
            product_id=product.pk,
            version=version,
            values=ProductInput(title=title),
            rows=[SheetRow(VariantInput(id=variant.pk, price_minor=1000))],
            reason="",
            actor_id=None,
        )

    results = at_once([lambda n=n: save(f"Mug {n}") for n in range(TRIES)], tenant=tenant)

    assert failures(results, ProductChanged) == []
    (kept,) = [result for result in results if isinstance(result, Product)]
    with tenant_scope(tenant):
        assert Product.objects.get().title == kept.title


def test_without_the_version_the_last_one_wins(tenant):
    """The control."""
    with tenant_scope(tenant):
        product = make_product(title="Mug")

    def save(title: str):
        return update_product(product_id=product.pk, values=ProductInput(title=title))

    results = at_once([lambda n=n: save(f"Mug {n}") for n in range(TRIES)], tenant=tenant)

    assert failures(results) == []


def test_changes_to_the_same_products_in_any_order_are_all_made(tenant):
    with tenant_scope(tenant):
        ids = [make_product(price_minor=1000).pk for _ in range(12)]
    change = BulkChange("prices", amount_minor=1)

    def bulk(order):
        return change_products(product_ids=order, change=change)

    orders = [ids, ids[::-1]] * (TRIES // 2)
    results = at_once([lambda order=order: bulk(order) for order in orders], tenant=tenant)

    assert results == [12] * TRIES
    with tenant_scope(tenant):
        prices = set(Product.objects.values_list("price_from_minor", flat=True))
        assert prices == {1000 + TRIES}


def test_of_two_categories_only_one_is_put_into_the_other(tenant):
    for _ in range(4):
        with tenant_scope(tenant):
            Category.objects.update(parent=None)
            Category.objects.all().delete()
            first, second = save_category(name="First"), save_category(name="Second")

        def put(category: Category, into: Category):
            return save_category(category_id=category.pk, parent_id=into.pk)

        results = at_once(
            [lambda a=first, b=second: put(a, b), lambda a=first, b=second: put(b, a)], tenant=tenant
        )

        assert failures(results, Invalid) == []
        with tenant_scope(tenant):
            assert Category.objects.exclude(parent=None).count() == 1


def test_pictures_that_are_moved_at_the_same_moment_each_keep_a_place_of_their_own(tenant):
    with tenant_scope(tenant):
        product = make_product()
        images = [
            ProductImage.objects.create(product=product, position=n, source_url=f"https://x.example/{n}")
            for n in range(5)
        ]

    results = at_once(
        [lambda image=image: move_image(product_id=product.pk, image_id=image.pk, by=1) for image in images],
        tenant=tenant,
    )

    assert failures(results) == []
    with tenant_scope(tenant):
        positions = ProductImage.objects.values_list("position", flat=True)
        assert sorted(positions) == [1, 2, 3, 4, 5]
