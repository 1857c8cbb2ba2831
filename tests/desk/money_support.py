"""A seller with money, for the desk's tests of it."""

import pytest

from payouts.models import CommissionRule, SellerAccount
from services.order_history import SYSTEM
from services.refund_services import request_refund
from shop.models import ShippingRate
from stripe_local.testing import LocalStripe
from tenants.models import AuditEntry, Tenant
from tests.factories.jobs import run_jobs
from tests.money.support import onboard, pay_out, sell

NET = 8_650  # of 100.00: less 10.30 commission and 3.20 for Stripe
OWED = 9_000  # when that is refunded after its payout


@pytest.fixture
def seller(serving: Tenant, stripe_local: LocalStripe) -> Tenant:
    """A seller whom Stripe has verified and whose money is available at once, without shipping costs."""
    ShippingRate.objects.update(price_minor=0)
    CommissionRule.objects.create(basis_points=1000, fixed_minor=30)
    SellerAccount.objects.update(hold_days=0)
    onboard(serving, stripe_local)
    stripe_local.control("funds", amount=1_000_000, currency="eur")  # the marketplace's own
    return serving


@pytest.fixture
def payout(seller: Tenant, stripe_local: LocalStripe):
    """A payout of one sale of 100.00, sent."""
    sell(10_000, stripe_local)
    return pay_out(in_days=0)[0]


@pytest.fixture
def debtor(payout, seller: Tenant) -> Tenant:
    """A seller whose one sale was paid out and then refunded."""
    order_id = payout.statement["lines"][0]["order_id"]
    request_refund(order_id=order_id, amount_minor=None, reason="returned", actor=SYSTEM)
    run_jobs()
    return seller


def audited(action: str) -> list[AuditEntry]:
    """What the audit log has of it, oldest first."""
    return list(AuditEntry.objects.filter(action=action).order_by("at"))
