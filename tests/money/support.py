"""Selling and being paid, for the tests of money. Call what takes no tenant while a storefront is being served."""

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, Sum
from django.utils import timezone

from core.money import percent_of
from payouts.models import Payout, SellerAccount
from services.account_services import open_account, sync_account
from services.invariant_services import Violation, audit
from services.ledger_services import seller_balances
from services.order_history import Actor
from services.payout_services import run_payouts
from shop.models import ActorKind, Order, OrderLine, Payment, Promotion
from stripe_local.testing import LocalStripe
from tenants.models import Tenant
from tests.factories.jobs import run_jobs
from tests.factories.shop import make_order, make_promotion, make_variant, pay

SELLER = Actor(ActorKind.SELLER)
EIGHT_DAYS = timedelta(days=8)


def onboard(tenant: Tenant, stripe_local: LocalStripe) -> None:
    """Opens the seller's account at Stripe, verified."""
    account = open_account(tenant_id=tenant.pk)
    stripe_local.onboard(account.stripe_account_id)
    sync_account(stripe_account_id=account.stripe_account_id)


def account_of(tenant: Tenant) -> str:
    """The seller's account at Stripe."""
    return SellerAccount.objects.get(tenant=tenant).stripe_account_id


def sell(minor: int, stripe_local: LocalStripe) -> Order:
    """A paid order of one thing at this price."""
    order = make_order((make_variant(price_minor=minor), 1))
    pay(order, stripe_local)
    return order


def make_rich_order(stripe_local: LocalStripe) -> Order:
    """A paid order of three lines with discount, half of it the marketplace's, shipping and tax."""
    code = make_promotion(percentage_basis_points=1000).code
    Promotion.objects.filter(code=code).update(funded_basis_points=5000)
    order = make_order(
        (make_variant(price_minor=1_999), 3),
        (make_variant(price_minor=501), 2),
        (make_variant(price_minor=10_007), 1),
        code=code,
    )
    for line in order.lines.all():
        OrderLine.objects.filter(pk=line.pk).update(tax_minor=percent_of(line.paid_minor, 1900))
    tax = order.lines.aggregate(sum=Sum("tax_minor"))["sum"]
    Order.objects.filter(pk=order.pk).update(tax_minor=tax, total_minor=F("total_minor") + tax)
    Payment.objects.filter(order=order).update(amount_minor=F("amount_minor") + tax)
    order.refresh_from_db()
    pay(order, stripe_local)
    return order


def lines_of(order: Order) -> list[OrderLine]:
    """As the database has them now, in their order."""
    return list(OrderLine.objects.filter(order=order).order_by("position"))


def balance(tenant: Tenant, *, in_days: float = 0) -> tuple[int, int, int]:
    """(pending, available, paid) of the one currency there is."""
    found = seller_balances(tenant_id=tenant.pk, at=later(in_days))
    return (found[0].pending_minor, found[0].available_minor, found[0].paid_minor) if found else (0, 0, 0)


def later(days: float) -> datetime:
    """So many days from now."""
    return timezone.now() + timedelta(days=days)


def pay_out(*, in_days: float = 8) -> list[Payout]:
    """Runs the payouts on that day, and what they queue."""
    made = run_payouts(at=later(in_days))
    run_jobs()
    return [Payout.objects.get(pk=payout.pk) for payout in made]


def earned(tenant: Tenant) -> int:
    """Everything the seller ever earned, paid out or not."""
    (found,) = seller_balances(tenant_id=tenant.pk)
    return found.earned_minor


def faults() -> list[Violation]:
    """What the audit finds. Whoever was served before is served afterwards."""
    before = connection.tenant
    try:
        return audit().violations
    finally:
        connection.set_tenant(before)
