"""A promotion that is only typed prices a cart as the saved one does: for the buyer, the marketplace and the seller."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import now
from payouts.models import CommissionRule
from services.cart_services import price
from services.promotion_preview_services import preview_promotion
from services.promotion_services import save_promotion
from services.shipping_services import set_flat_rate
from shop.models import Cart, Promotion, Variant
from tests.factories.shop import make_cart, make_order, make_variant

pytestmark = pytest.mark.usefixtures("serving")
PRODUCTS = 4
DAY = timedelta(days=1)
promotions = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just("percentage"), "percentage_basis_points": st.integers(1, 10_000)},
    ),
    st.fixed_dictionaries({"kind": st.just("fixed"), "amount_minor": st.integers(1, 30_000)}),
)
limits = st.fixed_dictionaries(
    {
        "minimum_spend_minor": st.sampled_from([0, 0, 1, 2_500, 20_000]),
        "usage_limit": st.sampled_from([None, 1, 5]),
        "is_active": st.sampled_from([True, True, True, False]),
        "starts_in": st.sampled_from([-9 * DAY, -2 * DAY, DAY]),
        "ends_in": st.sampled_from([None, -DAY, 9 * DAY]),
    }
)
carts = st.lists(
    st.tuples(st.integers(0, PRODUCTS - 1), st.integers(1, 7)),
    min_size=1,
    max_size=PRODUCTS,
    unique_by=lambda line: line[0],
)


@pytest.fixture
def shop():
    """Four products of one category rule and another for everything; nobody runs out of anything."""
    CommissionRule.objects.create(basis_points=750, fixed_minor=25, tax_basis_points=1900, floor_minor=40)
    return SimpleNamespace(variants=[make_variant(stock=1000) for _ in range(PRODUCTS)])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    promotion=promotions,
    more=limits,
    cart=carts,
    prices=st.lists(st.integers(0, 9_999), min_size=PRODUCTS, max_size=PRODUCTS),
    shipping=st.tuples(st.sampled_from([0, 1, 490]), st.sampled_from([None, 0, 3_000])),
    funded=st.sampled_from([0, 0, 3_333, 10_000]),
)
def test_the_preview_is_what_the_saved_promotion_charges(
    shop, promotion, more, cart, prices, shipping, funded
):
    with transaction.atomic():
        for variant, minor in zip(shop.variants, prices, strict=True):
            Variant.objects.filter(pk=variant.pk).update(price_minor=minor)
        set_flat_rate(name="Post", price_minor=shipping[0], free_from_minor=shipping[1])
        at = now()
        starts_at, ends_at = at + more["starts_in"], more["ends_in"] and at + more["ends_in"]
        if ends_at is not None and ends_at <= starts_at:
            ends_at = None
        values = {
            "code": "TRY",
            **promotion,
            "minimum_spend_minor": more["minimum_spend_minor"],
            "usage_limit": more["usage_limit"],
            "is_active": more["is_active"],
            "starts_at": starts_at,
            "ends_at": ends_at,
        }
        lines = [(shop.variants[index], units) for index, units in cart]
        units = {variant.pk: units for variant, units in lines}

        typed = preview_promotion(values=values, units=units, at=at)
        saved = save_promotion(**values)
        Promotion.objects.filter(pk=saved.pk).update(funded_basis_points=funded)
        edited = preview_promotion(values=values, units=units, at=at, promotion_id=saved.pk)
        real = make_cart(*lines)
        Cart.objects.filter(pk=real.pk).update(promotion_code="TRY")
        real.refresh_from_db()
        charged = price(real)

        for preview in (typed, edited):
            assert preview.cart.total_minor == charged.total_minor
            assert preview.cart.discounts == charged.discounts
            assert preview.cart.shipping_minor == charged.shipping_minor
            assert (preview.cart.promotion_problem is None) == (charged.promotion_problem is None)
            assert [line.after_minor for line in preview.lines] == [
                line.subtotal_minor - discount
                for line, discount in zip(charged.lines, charged.discounts, strict=True)
            ]
        if charged.promotion_problem is None:
            order = make_order(*lines, code="TRY")
            assert edited.cart.total_minor == order.total_minor
            assert edited.funded_minor == order.funded_minor
            assert edited.commission_minor == order.commission_minor + order.commission_tax_minor
            assert edited.kept_minor == (
                order.total_minor + order.funded_minor - order.commission_minor - order.commission_tax_minor
            )
        transaction.set_rollback(True)
