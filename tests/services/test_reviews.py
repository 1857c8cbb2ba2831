"""Reviews: by whom, how often, and what they do to the product's stars."""

import uuid
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from core.errors import Invalid, NotFound
from services.invariant_services import audit
from services.review_services import (
    AlreadyReviewed,
    NotReceived,
    answer_review,
    hide_review,
    publish_review,
    remove_review,
    save_review,
    short_name,
)
from shop.models import Notification, Product, Review
from shop.selectors.catalogue import Listing, list_products
from shop.selectors.reviews import published_reviews, ratings_of, reviews_of_seller
from tests.factories.shop import make_delivered, make_order, make_variant, pay

pytestmark = pytest.mark.usefixtures("serving")


@pytest.fixture
def delivered(stripe_local):
    """Makes an order that has arrived."""

    return partial(make_delivered, stripe=stripe_local)


def stars(variant) -> tuple[int, int]:
    product = Product.objects.get(pk=variant.product_id)
    return product.rating_count, product.rating_sum


def test_who_received_the_product_may_review_it_as_a_guest_or_with_an_account(delivered):
    variant, buyer = make_variant(), uuid.uuid4()
    save_review(product_id=variant.product_id, rating=5, order=delivered(variant))
    delivered(variant, buyer_id=buyer, email="other@example.com")
    save_review(product_id=variant.product_id, rating=2, buyer_id=buyer)

    assert stars(variant) == (2, 7)
    assert {review.author for review in Review.objects.all()} == {"Ada L."}


def test_what_has_not_arrived_cannot_be_reviewed(stripe_local):
    order = make_order((make_variant(), 1))
    pay(order, stripe_local)

    with pytest.raises(NotReceived):
        save_review(product_id=order.lines.get().variant.product_id, rating=5, order=order)


def test_what_somebody_else_received_cannot_be_reviewed(delivered):
    variant, other = make_variant(), make_variant()
    mine = delivered(other)
    delivered(variant, buyer_id=uuid.uuid4(), email="other@example.com")

    with pytest.raises(NotReceived):
        save_review(product_id=variant.product_id, rating=1, order=mine)
    with pytest.raises(NotReceived):
        save_review(product_id=variant.product_id, rating=1, buyer_id=uuid.uuid4())


def test_a_person_changes_the_review_they_wrote(delivered):
    variant, buyer = make_variant(), uuid.uuid4()
    first, _ = delivered(variant, buyer_id=buyer), delivered(variant, buyer_id=buyer)
    save_review(product_id=variant.product_id, rating=1, text="Broken", order=first)

    review = save_review(product_id=variant.product_id, rating=4, text="They sent another", buyer_id=buyer)

    assert stars(variant) == (1, 4)
    assert Review.objects.get() == review


def test_an_e_mail_address_reviews_a_product_once_and_changes_no_review_of_another_order(delivered):
    variant = make_variant()
    first, second = delivered(variant), delivered(variant, email="BUYER@example.com")
    save_review(product_id=variant.product_id, rating=5, order=first)

    with pytest.raises(AlreadyReviewed):
        save_review(product_id=variant.product_id, rating=1, order=second)
    with pytest.raises(NotFound):
        remove_review(product_id=variant.product_id, order=second)
    assert stars(variant) == (1, 5)


def test_the_database_knows_each_person_once_and_one_to_five_stars(delivered):
    variant = make_variant()
    order = delivered(variant)
    review = save_review(product_id=variant.product_id, rating=3, order=order)

    for changes in (
        {"email": review.email},
        {"email": "b@example.com", "rating": 6},
        {"email": "c@example.com", "status": "hidden"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Review.objects.create(
                **{
                    "product": review.product,
                    "order_line": review.order_line,
                    "author": "A",
                    "rating": 3,
                    **changes,
                }
            )


@pytest.mark.parametrize("values", [{"rating": 0}, {"rating": 6}, {"rating": 5, "text": "x" * 4_001}])
def test_stars_and_text_have_limits(delivered, values):
    variant = make_variant()
    order = delivered(variant)

    with pytest.raises(Invalid):
        save_review(product_id=variant.product_id, order=order, **values)
    assert stars(variant) == (0, 0)


def test_a_hidden_review_is_not_shown_nor_counted_until_it_is_published_again(delivered):
    variant = make_variant()
    review = save_review(product_id=variant.product_id, rating=1, order=delivered(variant))

    hide_review(review_id=review.pk, reason="an insult")
    assert stars(variant) == (0, 0)
    assert not published_reviews(variant.product_id).exists()
    publish_review(review_id=review.pk)
    assert stars(variant) == (1, 1)


def test_changing_a_hidden_review_does_not_bring_it_back(delivered):
    variant = make_variant()
    order = delivered(variant)
    review = save_review(product_id=variant.product_id, rating=1, order=order)
    hide_review(review_id=review.pk, reason="an insult")

    save_review(product_id=variant.product_id, rating=5, order=order)

    assert stars(variant) == (0, 0)


def test_hiding_needs_a_reason(delivered):
    variant = make_variant()
    review = save_review(product_id=variant.product_id, rating=1, order=delivered(variant))

    with pytest.raises(Invalid):
        hide_review(review_id=review.pk, reason=" ")


def test_taking_a_review_back_takes_its_stars_along(delivered):
    variant = make_variant()
    order = delivered(variant)
    save_review(product_id=variant.product_id, rating=4, order=order)

    remove_review(product_id=variant.product_id, order=order)

    assert stars(variant) == (0, 0)
    with pytest.raises(NotFound):
        remove_review(product_id=variant.product_id, order=order)


def test_the_seller_answers_in_public_and_the_reviewer_is_told_once(delivered):
    variant = make_variant()
    review = save_review(product_id=variant.product_id, rating=4, order=delivered(variant))

    answer_review(review_id=review.pk, text="Thank you")
    answer_review(review_id=review.pk, text="Thank you!")

    told = Notification.objects.get(type="review_answered")
    assert (told.email, Review.objects.get().answer) == ("buyer@example.com", "Thank you!")
    assert reviews_of_seller(unanswered=True).count() == 0
    assert Notification.objects.filter(type="review_written", for_staff=True).count() == 1


def test_stars_are_counted_and_shown_in_lists_without_a_query_per_product(
    delivered, django_assert_num_queries
):
    variant = make_variant()
    for number, rating in enumerate((5, 4, 4)):
        order = delivered(variant, email=f"buyer{number}@example.com")
        save_review(product_id=variant.product_id, rating=rating, order=order)
    make_variant()

    with django_assert_num_queries(1):
        cards = list_products(Listing())["results"]

    assert [card["rating"] for card in cards] == [
        {"count": 0, "average": None},
        {"count": 3, "average": 4.33},
    ]
    assert ratings_of(variant.product_id) == {5: 1, 4: 2, 3: 0, 2: 0, 1: 0}


def test_stars_that_do_not_match_the_reviews_are_found_by_the_audit(delivered):
    variant = make_variant()
    save_review(product_id=variant.product_id, rating=4, order=delivered(variant))
    Product.objects.filter(pk=variant.product_id).update(rating_sum=5)

    assert [row.subject for row in audit().violations if "rating" in row.check] == [str(variant.product_id)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Grace Brewster Hopper", "Grace H."), ("Cher", "Cher"), ("", "A buyer"), ("x" * 200, "x" * 60)],
)
def test_a_reviewer_s_last_name_is_an_initial(name, shown):
    assert short_name(name) == shown
