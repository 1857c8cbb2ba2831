"""Reviews written, hidden and taken back at the same moment leave the stars of those that are published."""

import uuid
from functools import partial

import pytest
from django.db.models import F

from core.errors import NotFound
from services.review_services import AlreadyReviewed, hide_review, publish_review, remove_review, save_review
from shop.models import Product, Review
from tenants.context import tenant_scope
from tests.factories.shop import make_delivered, make_variant
from tests.factories.threads import Gate, at_once, failures

pytestmark = pytest.mark.usefixtures("committed")


def test_one_person_s_reviews_sent_at_once_are_one_review(tenant, stripe_local):
    with tenant_scope(tenant):
        variant, buyer = make_variant(), uuid.uuid4()
        for _ in range(2):
            make_delivered(variant, stripe_local, buyer_id=buyer)
    write = partial(save_review, product_id=variant.product_id, buyer_id=buyer)

    results = at_once([partial(write, rating=rating) for rating in (1, 2, 3, 4, 5, 1)], tenant=tenant)

    assert failures(results, AlreadyReviewed) == []
    with tenant_scope(tenant):
        product, review = Product.objects.get(), Review.objects.get()
        assert (product.rating_count, product.rating_sum) == (1, review.rating)


def test_writing_hiding_publishing_and_taking_back_at_once_leave_the_right_stars(tenant, stripe_local):
    with tenant_scope(tenant):
        variant = make_variant()
        orders = [
            make_delivered(variant, stripe_local, email=f"buyer{number}@example.com") for number in range(6)
        ]
        write = partial(save_review, product_id=variant.product_id)
        reviews = [write(order=order, rating=3) for order in orders[:4]]
    actions = [partial(write, order=order, rating=5) for order in orders]
    actions += [partial(hide_review, review_id=review.pk, reason="no") for review in reviews[:2]]
    actions += [partial(publish_review, review_id=reviews[0].pk)]
    actions += [partial(remove_review, product_id=variant.product_id, order=orders[3])]

    results = at_once(actions, tenant=tenant)

    assert failures(results, NotFound) == []
    with tenant_scope(tenant):
        product = Product.objects.get()
        shown = list(Review.objects.filter(status="published").values_list("rating", flat=True))
        assert (product.rating_count, product.rating_sum) == (len(shown), sum(shown))


def test_control_sums_that_were_read_before_lose_a_review(tenant):
    with tenant_scope(tenant):
        product = make_variant().product
    all_have_read = Gate(2)

    def naive() -> None:
        count = Product.objects.values_list("rating_count", flat=True).get(pk=product.pk)
        all_have_read.wait()
        Product.objects.filter(pk=product.pk).update(rating_count=count + 1, rating_sum=F("rating_sum") + 5)

    assert failures(at_once([naive, naive], tenant=tenant)) == []

    with tenant_scope(tenant):
        product.refresh_from_db()
        assert (product.rating_count, product.rating_sum) == (1, 10)
