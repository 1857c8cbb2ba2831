"""Reviews over HTTP: who may write, read, answer and hide."""

import pytest
from django.db import connection

from core.ids import new_id
from shop.models import Review
from tenants.context import tenant_scope
from tests.api.conftest import Api
from tests.factories.shop import make_delivered, make_variant
from tests.factories.tenants import add_member, make_user, owner_of


@pytest.fixture
def reader(tenant, stripe_local):
    """A person with an account to whom a product was delivered."""
    user = make_user()
    with tenant_scope(tenant):
        variant = make_variant()
        make_delivered(variant, stripe_local, buyer_id=user.pk, email=user.email)
    api = Api(tenant, user)
    api.product = variant.product
    return api


def test_a_buyer_writes_changes_and_takes_back_a_review(reader, guest):
    address = f"me/reviews/{reader.product.pk}"
    assert reader("PUT", address, {"rating": 4, "text": "Good"}).status_code == 200
    assert reader("PUT", address, {"rating": 5, "title": "Very good"}).json()["title"] == "Very good"

    listed = guest.get(f"products/{reader.product.slug}/reviews").json()["results"]
    assert [(row["rating"], row["author"]) for row in listed] == [(5, "Ada L.")]
    assert "email" not in listed[0]
    assert guest.get(f"products/{reader.product.slug}").json()["rating"] == {"count": 1, "average": 5.0}
    assert reader.get("me/reviews").json()["results"][0]["product"]["slug"] == reader.product.slug
    assert reader("DELETE", address).status_code == 204
    assert guest.get("products").json()["results"][0]["rating"] == {"count": 0, "average": None}


def test_a_guest_reviews_with_the_order_s_link(tenant, guest, stripe_local):
    with tenant_scope(tenant):
        variant = make_variant()
        order = make_delivered(variant, stripe_local)
    address = f"guest-orders/{order.secret}/reviews/{variant.product_id}"

    assert guest("PUT", address, {"rating": 2}).status_code == 200
    assert (
        guest("PUT", f"guest-orders/{'x' * 24}/reviews/{variant.product_id}", {"rating": 2}).status_code
        == 404
    )
    assert guest("PUT", f"guest-orders/{order.secret}/reviews/{new_id()}", {"rating": 2}).status_code == 404
    assert guest("DELETE", address).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rating": 0},
        {"rating": 6},
        {"rating": "5"},
        {"rating": 4.5},
        {"rating": 5, "text": "a\u202eb"},
        {"rating": 5, "email": "x"},
    ],
)
def test_a_review_that_makes_no_sense_is_refused(reader, body):
    assert reader("PUT", f"me/reviews/{reader.product.pk}", body).status_code == 400


def test_nobody_reviews_without_having_received(tenant, reader):
    stranger = Api(tenant, make_user())

    assert stranger("PUT", f"me/reviews/{reader.product.pk}", {"rating": 1}).status_code == 403


def test_support_answers_and_hides_and_buyers_may_not(tenant, reader, guest, seller):
    reader("PUT", f"me/reviews/{reader.product.pk}", {"rating": 1, "text": "Rude words"})
    row = seller.get("seller/reviews?unanswered=true&rating=1").json()["results"][0]
    support = Api(tenant, add_member(tenant, "support"))

    for caller, status in ((reader, 403), (guest, 401), (Api(tenant, add_member(tenant, "fulfilment")), 403)):
        assert caller("PUT", f"seller/reviews/{row['id']}/answer", {"text": "No"}).status_code == status
        assert caller.post(f"seller/reviews/{row['id']}/hide", {"reason": "No"}).status_code == status
    assert support("PUT", f"seller/reviews/{row['id']}/answer", {"text": "Sorry"}).json()["answer"] == "Sorry"
    assert support.post(f"seller/reviews/{row['id']}/hide", {"reason": ""}).status_code == 400
    assert support.post(f"seller/reviews/{row['id']}/hide", {"reason": "rude"}).status_code == 200
    assert guest.get(f"products/{reader.product.slug}/reviews").json()["results"] == []
    assert seller.get("seller/reviews?status=hidden").json()["results"][0]["hidden_reason"] == "rude"
    assert support.post(f"seller/reviews/{row['id']}/publish").json()["status"] == "published"
    assert support.post(f"seller/reviews/{new_id()}/publish").status_code == 404


def test_reviews_of_another_storefront_are_not_there(tenant, other_tenant, reader):
    reader("PUT", f"me/reviews/{reader.product.pk}", {"rating": 1})
    with tenant_scope(tenant):
        review = Review.objects.get()
    connection.set_schema_to_public()

    other = Api(other_tenant, owner_of(other_tenant))

    assert other.post(f"seller/reviews/{review.pk}/hide", {"reason": "x"}).status_code == 404
    assert other.get("seller/reviews").json()["results"] == []
