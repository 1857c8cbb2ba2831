"""Whatever is written, changed, hidden, shown again and taken back: the stars are those of the published reviews."""

from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import NotFound
from services.review_services import hide_review, publish_review, remove_review, save_review
from shop.models import Order, Product, Review
from tests.factories.shop import make_delivered, make_variant

pytestmark = pytest.mark.usefixtures("serving")
BUYERS = 3
steps = st.lists(
    st.tuples(
        st.sampled_from(["write", "hide", "publish", "remove"]),
        st.integers(min_value=0, max_value=BUYERS - 1),
        st.integers(min_value=1, max_value=5),
    ),
    max_size=25,
)


@pytest.fixture
def sold(stripe_local):
    """A product, and the orders it was delivered with."""
    variant = make_variant(stock=BUYERS)
    orders = [
        make_delivered(variant, stripe_local, email=f"buyer{number}@example.com") for number in range(BUYERS)
    ]
    return SimpleNamespace(product_id=variant.product_id, orders=orders)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_the_stars_are_those_of_a_model_in_plain_python(sold, steps):
    Review.objects.all().delete()
    Product.objects.update(rating_count=0, rating_sum=0)
    model: dict[int, tuple[int, bool]] = {}
    for step, buyer, rating in steps:
        _apply(step, sold, buyer, rating, model)
    product = Product.objects.get(pk=sold.product_id)
    shown = [rating for rating, is_shown in model.values() if is_shown]

    assert (product.rating_count, product.rating_sum) == (len(shown), sum(shown))


def _apply(step: str, sold, buyer: int, rating: int, model: dict[int, tuple[int, bool]]) -> None:
    order: Order = sold.orders[buyer]
    review = Review.objects.filter(order_line__order=order).first()
    if step == "write":
        save_review(product_id=sold.product_id, order=order, rating=rating)
        model[buyer] = (rating, model.get(buyer, (0, True))[1])
    elif step == "remove":
        try:
            remove_review(product_id=sold.product_id, order=order)
        except NotFound:
            assert buyer not in model
        model.pop(buyer, None)
    elif review is not None:
        is_shown = step == "publish"
        publish_review(review_id=review.pk) if is_shown else hide_review(review_id=review.pk, reason="no")
        model[buyer] = (model[buyer][0], is_shown)
