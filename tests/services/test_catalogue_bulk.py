"""Prices of many products: rounded as money is everywhere, and all of them or none."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import Invalid, NotFound
from core.ids import new_id
from core.money import percent_of
from services.catalogue_bulk_services import BulkChange, PricesRefused, change_products
from services.catalogue_services import ProductInput, VariantInput, create_product
from shop.models import Product, Variant
from tests.factories.jobs import queued
from tests.factories.shop import make_product

pytestmark = pytest.mark.usefixtures("serving")


class Again(Exception):
    """Takes an example back."""


@given(
    st.lists(st.integers(0, 10**10), min_size=1, max_size=6, unique=True),
    st.integers(-10_000, 100_000).filter(bool),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_postgresql_rounds_as_money_does(prices, basis_points):
    try:
        with transaction.atomic():
            product = create_product(
                ProductInput(
                    title="Thing",
                    option_names=["Size"],
                    variants=[VariantInput(price, option_values=(str(price),)) for price in prices],
                )
            )
            change_products(product_ids=[product.pk], change=BulkChange("prices", basis_points=basis_points))
            now = list(product.variants.values_list("price_minor", flat=True))
            assert now == [percent_of(price, 10_000 + basis_points) for price in prices]
            product.refresh_from_db()
            assert (product.price_from_minor, product.price_to_minor) == (min(now), max(now))
            raise Again
    except Again:
        pass


def test_one_product_that_is_refused_keeps_all_others_as_they_were():
    ids = [make_product(title=f"Thing {n}", price_minor=100 * (n + 1)).pk for n in range(6)]

    with pytest.raises(PricesRefused) as refusal:
        change_products(product_ids=ids, change=BulkChange("prices", amount_minor=-500))

    assert refusal.value.facts["products"] == ["Thing 0", "Thing 1", "Thing 2"]
    assert refusal.value.facts["more"] == 1
    assert sorted(Variant.objects.values_list("price_minor", flat=True)) == [100, 200, 300, 400, 500, 600]


def test_prices_of_what_is_no_longer_sold_stay():
    product = create_product(
        ProductInput(
            title="Thing",
            option_names=["Size"],
            variants=[
                VariantInput(100, option_values=("S",)),
                VariantInput(100, option_values=("M",), is_active=False),
            ],
        )
    )

    change_products(product_ids=[product.pk], change=BulkChange("prices", amount_minor=5))

    assert list(product.variants.values_list("price_minor", flat=True)) == [105, 100]


def test_only_what_changed_is_counted_and_told_to_the_directory():
    shown, hidden = make_product(), make_product(is_published=False)
    before = len(queued("directory.refresh"))

    assert change_products(product_ids=[shown.pk], change=BulkChange("publish")) == 0
    assert len(queued("directory.refresh")) == before
    assert change_products(product_ids=[shown.pk, hidden.pk], change=BulkChange("publish")) == 1
    assert Product.objects.filter(is_published=True).count() == 2


def test_a_product_that_is_not_there_stops_the_rest():
    product = make_product()

    with pytest.raises(NotFound):
        change_products(product_ids=[product.pk, new_id()], change=BulkChange("archive"))
    with pytest.raises(Invalid):
        change_products(product_ids=[], change=BulkChange("archive"))
    with pytest.raises(NotFound):
        change_products(product_ids=[product.pk], change=BulkChange("category", category_id=new_id()))
    assert Product.objects.get().archived_at is None


def test_a_product_has_at_most_fifty_tags():
    product = make_product()
    Product.objects.update(tags=[str(n) for n in range(50)])

    with pytest.raises(Invalid):
        change_products(product_ids=[product.pk], change=BulkChange("add_tag", tag="one more"))
    assert len(Product.objects.get().tags) == 50
