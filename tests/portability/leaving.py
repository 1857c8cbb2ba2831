"""A storefront on its way out: everything sent, paid and invoiced, then closed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import connection

import core.clock
from core.clock import now
from core.db import as_marketplace
from payouts.models import SellerAccount
from services.invoice_services import issue_invoices
from services.lifecycle_services import erase_storefront
from services.order_history import SYSTEM
from services.order_services import cancel_order
from services.payout_services import run_payouts
from services.shipping_services import ship_order
from services.tenant_services import close_tenant
from services.transfer_services import settle_payouts
from shop.models import Order, OrderStatus
from stripe_local.testing import LocalStripe
from tenants.context import tenant_scope
from tenants.models import Archive, Tenant, User
from tests.factories.jobs import run_jobs
from tests.factories.tenants import make_tenant, owner_of
from tests.money.support import account_of, later, onboard
from tests.portability.support import fill


def wind_down(tenant: Tenant, stripe: LocalStripe) -> None:
    """Orders are sent or cancelled, refunds made, the seller is paid to the last cent and invoiced."""
    with tenant_scope(tenant), as_marketplace():
        for order in Order.objects.filter(status=OrderStatus.PENDING):
            cancel_order(order_id=order.pk, actor=SYSTEM)
        run_jobs()
        for order in Order.objects.filter(status=OrderStatus.CONFIRMED):
            ship_order(order_id=order.pk, carrier="DHL", tracking_number="1", actor=SYSTEM)
    run_jobs()
    get_paid(tenant, stripe)
    issue_invoices(month=now().date(), at=later(40))


def get_paid(tenant: Tenant, stripe: LocalStripe) -> None:
    """Everything that is there, to the bank."""
    if not SellerAccount.objects.get(tenant=tenant).stripe_account_id:
        onboard(tenant, stripe)
    SellerAccount.objects.filter(tenant=tenant).update(payout_minimum_minor=0)
    run_payouts(at=later(8))
    run_jobs()
    settle_payouts(stripe_account_id=account_of(tenant), at=later(9))


def close(tenant: Tenant, *, days_ago: float = 0) -> Tenant:
    """By its owner. With the grace over where it was long enough ago."""
    closed = close_tenant(tenant_id=tenant.pk, actor_id=owner_of(tenant).pk, reason="retired to the sea")
    past = now() - timedelta(days=days_ago)
    Tenant.objects.filter(pk=tenant.pk).update(closed_at=past, erase_after=past + settings.CLOSED_KEPT)
    closed.refresh_from_db()
    return closed


class Clock:
    """The clock of all rules, which a test moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta()
        monkeypatch.setattr(core.clock, "datetime", SimpleNamespace(now=self.read))

    def read(self, zone: object = UTC) -> datetime:
        """As datetime.now."""
        return datetime.now(UTC) + self.ahead

    def advance(self, **time: float) -> None:
        """Let time pass."""
        self.ahead += timedelta(**time)


@pytest.fixture
def leaving(committed, stripe_local) -> Tenant:
    """A storefront that sold, is paid and invoiced, and whose grace is over."""
    tenant = make_tenant()
    fill(tenant, stripe_local)
    run_jobs()
    wind_down(tenant, stripe_local)
    return close(tenant, days_ago=31)


@pytest.fixture
def idle(committed) -> Tenant:
    """One that never sold anything and is not closed yet."""
    return make_tenant()


def erase(tenant: Tenant, operator: User | None = None, **options) -> Archive | None:
    return erase_storefront(
        tenant_id=tenant.pk, actor_id=operator.pk if operator else None, reason="asked for", **options
    )


SHARED_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


def shared_rows(*, besides: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Every row of every shared table as text."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(SHARED_TABLES)
        for (table,) in cursor.fetchall():
            if table not in besides:
                cursor.execute(f'SELECT t::text FROM public."{table}" t ORDER BY 1')
                found[table] = [row for (row,) in cursor.fetchall()]
    return found


def places(words: tuple[str, ...], rows: dict[str, list[str]]) -> list[tuple[str, str]]:
    """In which tables the words are, whatever their case."""
    return sorted(
        {
            (table, word)
            for table, texts in rows.items()
            for word in words
            if any(word.lower() in text.lower() for text in texts)
        }
    )


def left_of(tenant: Tenant) -> dict[str, bool]:
    """What there still is of a storefront beside rows of the shared tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %(name)s),"
            " EXISTS (SELECT FROM pg_roles WHERE rolname = %(name)s)",
            {"name": tenant.schema_name},
        )
        schema, role = cursor.fetchone()
    return {
        "schema": schema,
        "role": role,
        "pictures": (Path(settings.MEDIA_ROOT) / str(tenant.pk)).exists(),
    }


NOTHING = {"schema": False, "role": False, "pictures": False}
ALL = {"schema": True, "role": True, "pictures": True}
