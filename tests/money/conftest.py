"""A seller who can be paid."""

import pytest

from payouts.models import CommissionRule
from shop.models import ShippingRate
from stripe_local.testing import LocalStripe
from tenants.models import Tenant
from tests.money.support import onboard


@pytest.fixture
def seller(serving: Tenant, stripe_local: LocalStripe) -> Tenant:
    """A seller whom Stripe has verified, without shipping costs and with the specification's commission."""
    ShippingRate.objects.update(price_minor=0)
    CommissionRule.objects.create(basis_points=1000, fixed_minor=30)
    onboard(serving, stripe_local)
    return serving
