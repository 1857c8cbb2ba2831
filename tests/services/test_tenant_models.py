"""An object of one storefront is never written into another."""

import pytest

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
