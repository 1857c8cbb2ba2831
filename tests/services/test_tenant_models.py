"""An object of one storefront is never written into another."""

import pytest
from django.db.models import Max

from shop.models import Product
from shop.models.base import WrongTenant
from tenants.context import tenant_scope
from tests.factories.shop import make_product


def test_an_object_read_in_one_storefront_cannot_be_saved_or_deleted_in_another(serving, other_tenant):
    make_product(title="Mine")
    loaded = Product.objects.get()

    with tenant_scope(other_tenant):
        loaded.title = "Theirs"
        with pytest.raises(WrongTenant):
            loaded.save()
        with pytest.raises(WrongTenant):
            loaded.delete()
        assert not Product.objects.exists()
    assert Product.objects.get().title == "Mine"


def test_an_object_made_in_one_storefront_cannot_be_saved_again_in_another(serving, other_tenant):
    made = make_product()

    with tenant_scope(other_tenant), pytest.raises(WrongTenant):
        made.save()


@pytest.mark.parametrize(
    "consume",
    [
        list,
        lambda query: query.first(),
        lambda query: query.count(),
        lambda query: query.exists(),
        lambda query: query.aggregate(Max("title")),
        lambda query: query.filter(title="Mine").get(),
        lambda query: list(query.values_list("title")),
        lambda query: next(query.iterator()),
        lambda query: query.update(title="Theirs"),
        lambda query: query.delete(),
        lambda query: query.get().variants.count(),
    ],
    ids=[
        "list",
        "first",
        "count",
        "exists",
        "aggregate",
        "get",
        "values",
        "stream",
        "update",
        "delete",
        "related",
    ],
)
def test_a_query_begun_in_one_storefront_is_not_asked_in_another(serving, other_tenant, consume):
    make_product(title="Mine")
    with tenant_scope(other_tenant):
        make_product(title="Theirs")
    query = Product.objects.order_by("pk")

    with tenant_scope(other_tenant), pytest.raises(WrongTenant):
        consume(query)
    assert [product.title for product in query] == ["Mine"]


def test_a_stream_begun_in_one_storefront_goes_on_with_its_rows(serving, other_tenant):
    for _ in range(3):
        make_product(title="Mine")
    stream = Product.objects.iterator(chunk_size=1)
    titles = {next(stream).title}
    with tenant_scope(other_tenant):
        make_product(title="Theirs")
        titles |= {product.title for product in stream}
    assert titles == {"Mine"}
