"""All the money of a marketplace against a plain count of it: whatever happens in whatever order, both say the same.

Orders, captures (also in part), refunds (by amount, by units, from Stripe's dashboard, failed), disputes, payouts, reversals,
reserves, debts and write-offs run through the services, PostgreSQL and the local Stripe; money_model.py counts beside them.

Shallow by default. `SOUK_DEEP_EXAMPLES=10000 pytest tests/properties/test_money_model.py --hypothesis-seed=1` runs that many
examples of `SOUK_DEEP_STEPS` (25) steps.
"""

import os
import sys
from collections import Counter
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.db.models import F
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import core.clock
import stripe_local.clock
from payouts.models import CommissionRule, SellerAccount
from services.account_services import open_account, sync_account
from services.charge_services import mark_delivered
from services.invariant_services import audit
from services.ledger_services import seller_balances
from services.payment_services import capture_payment, sync_intent
from services.payout_services import free_entries
from services.reconciliation_services import reconcile
from services.stripe_gateway import PaymentProviderRefused, stripe_api
from shop.models import Order, OrderLine, Payment, Promotion, ShippingRate, Variant
from stripe_local.testing import LocalStripe
from tenants.context import tenant_scope
from tests.factories.shop import make_order, make_promotion, make_variant
from tests.factories.tenants import make_tenant
from tests.properties import money_model as model

EXAMPLES = int(os.environ.get("SOUK_DEEP_EXAMPLES", "0"))
STEPS = int(os.environ.get("SOUK_DEEP_STEPS", "25")) if EXAMPLES else 15
FUNDS_AFTER, LEAST = 2 * model.DAY, 50
WHICH = st.integers(min_value=0, max_value=7)
PART = st.one_of(st.sampled_from([1000, 500, 0]), st.integers(min_value=0, max_value=1000))
SOMETIMES = st.sampled_from([True, True, False])
CART = st.lists(
    st.tuples(st.integers(min_value=60, max_value=20_000), st.integers(min_value=1, max_value=3)),
    min_size=1,
    max_size=3,
)
DISCOUNT = st.one_of(
    st.just({}),
    st.builds(
        dict, percentage=st.sampled_from([333, 1000, 5000, 9999]), funded=st.sampled_from([0, 5000, 10_000])
    ),
    st.builds(dict, fixed=st.integers(min_value=1, max_value=3000), funded=st.sampled_from([0, 3333])),
)
TERMS = st.builds(
    model.Terms,
    basis_points=st.sampled_from([0, 1000, 1234, 10_000]),
    fixed=st.sampled_from([0, 30]),
    floor=st.sampled_from([0, 0, 200]),
    cap=st.sampled_from([None, None, 900]),
    with_shipping=st.booleans(),
    tax=st.sampled_from([0, 1900]),
    returned=st.sampled_from(["all", "percentage", "none"]),
    bearer=st.sampled_from(["seller", "marketplace"]),
)
SELLER = st.builds(
    dict,
    minimum=st.sampled_from([1, 500]),
    hold_days=st.sampled_from([0, 7]),
    return_days=st.sampled_from([None, None, 3]),
    reserve=st.sampled_from([0, 0, 1000, 10_000]),
    reserve_days=st.sampled_from([10]),
)
BOOKED = """
SELECT a.kind, a.tenant_id, a.currency, a.balance_minor, sum(e.amount_minor),
       (SELECT sum(u.amount_minor) FROM public.payouts_unpaidentry u WHERE u.account_id = a.id)
  FROM public.payouts_ledgeraccount a JOIN public.payouts_ledgerentry e ON e.account_id = a.id GROUP BY a.id
"""
UNEVEN = """
SELECT transaction_id FROM public.payouts_ledgerentry GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0
"""
ORDERS = """
SELECT o.id, o.refunded_minor, o.uncaptured_minor, p.captured_minor, p.refunded_minor, c.refunded_minor, c.disputed_minor,
       c.is_frozen, extract(epoch FROM c.available_at)::bigint,
       (SELECT array_agg(ARRAY[l.discount_minor, l.shipping_minor, l.commission_minor, l.commission_tax_minor,
          l.commission_returnable_minor, l.funded_minor, l.credited_quantity, l.credited_goods_minor, l.credited_shipping_minor,
          l.credited_tax_minor, l.credited_commission_minor, l.credited_commission_tax_minor, l.credited_funded_minor]
          ORDER BY l.position) FROM {0}.shop_orderline l WHERE l.order_id = o.id)
  FROM {0}.shop_order o LEFT JOIN {0}.shop_payment p ON p.order_id = o.id
  LEFT JOIN public.payouts_charge c ON c.charge_id = p.transaction_id
"""
OURS = (
    "commission_income",
    "commission_tax",
    "processing_fees",
    "promotion_funding",
    "dispute_losses",
    "write_offs",
)
GROWS_WITH_PLUS = ("processing_fees", "promotion_funding", "dispute_losses", "write_offs", "stripe_balance")


class World:
    """What stays from one example to the next: two storefronts with goods and accounts at Stripe, and a clock that stands."""

    def __init__(self, stripe: LocalStripe, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stripe, self.start = stripe, int(datetime.now(UTC).timestamp())
        self.moment = self.start
        monkeypatch.setattr(core.clock, "datetime", SimpleNamespace(now=self.read))
        monkeypatch.setattr(stripe_local.clock, "time", SimpleNamespace(time=lambda: self.moment))
        CommissionRule.objects.create(basis_points=0)
        self.shops = [self.open_shop() for _ in range(2)]
        store = stripe.application.world.store
        self.accounts = [store.get("account", shop.account_id) for shop in self.shops]

    def read(self, zone: object = UTC) -> datetime:
        return datetime.fromtimestamp(self.moment, UTC)

    def open_shop(self) -> SimpleNamespace:
        tenant = make_tenant()
        account_id = open_account(tenant_id=tenant.pk).stripe_account_id
        self.stripe.onboard(account_id)
        sync_account(stripe_account_id=account_id)
        with tenant_scope(tenant):
            variants = [make_variant(stock=1_000_000).pk for _ in range(3)]
            code = make_promotion().code
        return SimpleNamespace(tenant=tenant, account_id=account_id, variants=variants, code=code)

    def begin(self) -> None:
        """As if nothing had happened yet; all that follows is undone by `end`."""
        self.moment = self.start
        self.stripe.reset()
        with self.stripe.application.world.store.transaction():
            for account in self.accounts:
                self.stripe.application.world.store.insert(dict(account))
        self.block = transaction.atomic()
        self.block._from_testcase = True  # as the transaction around a test, it is none of the code's
        self.block.__enter__()

    def end(self) -> None:
        connection.set_schema_to_public()
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)


class Money(RuleBasedStateMachine):
    """Two sellers and the marketplace."""

    world: World
    books: model.Books | None = None

    @initialize(sellers=st.tuples(SELLER, SELLER), other=st.sampled_from(["EUR", "JPY"]), each=st.booleans())
    def open_the_books(self, sellers: tuple, other: str, each: bool) -> None:
        self.world.begin()
        self.books, self.sales = model.Books(), []
        self.is_each_charge_transferred = False
        self.sellers = [model.Seller(**terms) for terms in sellers]
        self.sellers[1].currency = other
        for seller, shop in zip(self.sellers, self.world.shops, strict=True):
            seller.shop, shop.tenant.currency = shop, seller.currency
            shop.tenant.save(update_fields=["currency"])
            SellerAccount.objects.filter(tenant=shop.tenant).update(
                hold_days=seller.hold_days,
                payout_minimum_minor=seller.minimum,
                return_days=seller.return_days,
                reserve_basis_points=seller.reserve,
                reserve_days=seller.reserve_days,
            )

    def teardown(self) -> None:
        if self.books is None:
            return
        try:
            if sys.exc_info()[0] is None:
                self.nothing_is_wrong_in_the_end()
        finally:
            self.world.end()

    # Helpers -----------------------------------------------------------------------------------------------------------

    def tick(self) -> int:
        """Each thing that happens has a second of its own."""
        self.world.moment += 1
        return self.world.moment

    @property
    def now(self) -> int:
        return self.world.moment

    def of(self, state: str) -> list[model.Sale]:
        return [sale for sale in self.sales if sale.state == state]

    def refunds(self, state: str) -> list[model.Refund]:
        return [refund for sale in self.sales for refund in sale.refunds if refund.state == state]

    def disputes(self) -> list[model.Dispute]:
        return [dispute for sale in self.sales for dispute in sale.disputes if dispute.is_open]

    def payouts(self, *states: str) -> list[model.Payout]:
        return [each for seller in self.sellers for each in seller.payouts if each.state in states]

    def available(self, account: str, currency: str) -> int:
        """What Stripe says can be moved now."""
        return self.balances().get((account, currency), (0, 0))[0]

    def balances(self) -> dict[tuple[str, str], tuple[int, int]]:
        return {
            (row["account"], row["currency"].upper()): (row["available"], row["pending"])
            for row in self.world.stripe.state()["balances"]
        }

    def serving(self, thing: model.Sale | model.Refund):
        sale = thing if isinstance(thing, model.Sale) else thing.sale
        return tenant_scope(sale.seller.shop.tenant)

    # Sales -------------------------------------------------------------------------------------------------------------

    @rule(
        who=st.integers(min_value=0, max_value=1),
        cart=CART,
        discount=DISCOUNT,
        shipping=st.sampled_from([0, 490, 333]),
        tax=st.sampled_from([0, 0, 1900]),
        terms=TERMS,
        card=st.sampled_from(["visa", "bypassPending"]),
        is_later=st.sampled_from([False, False, True]),
    )
    def sell(self, who, cart, discount, shipping, tax, terms, card, is_later) -> None:
        now, seller = self.tick(), self.sellers[who]
        sale = model.order(seller, cart, terms, shipping=shipping, tax=tax, **discount)
        if sale.total < LEAST:
            return
        shop = seller.shop
        with tenant_scope(shop.tenant):
            order = self.place(sale, cart, discount, shipping, terms, shop)
            with stripe_api() as stripe:
                intent = stripe.v1.payment_intents.create(
                    {
                        "amount": sale.total,
                        "currency": seller.currency.lower(),
                        "confirm": True,
                        "payment_method": f"pm_card_{card}",
                        "metadata": {
                            "tenant": str(shop.tenant.pk),
                            "order": str(order.pk),
                            "payment": str(order.new_payment.pk),
                        },
                        **({"capture_method": "manual"} if is_later else {}),
                    }
                )
            sale.intent_id = intent.id
            sync_intent(intent.id)
        self.sales.append(sale)
        sale.card = card
        if is_later:
            sale.state, sale.authorised_at = "authorised", now
        else:
            self.count_capture(sale, sale.total, intent.latest_charge)

    def place(self, sale, cart, discount, shipping, terms, shop) -> Order:
        CommissionRule.objects.update(
            basis_points=terms.basis_points,
            fixed_minor=terms.fixed,
            floor_minor=terms.floor,
            cap_minor=terms.cap,
            includes_shipping=terms.with_shipping,
            tax_basis_points=terms.tax,
            returned=terms.returned,
            fee_bearer=terms.bearer,
        )
        ShippingRate.objects.update(price_minor=shipping, currency=sale.seller.currency)
        if discount:
            Promotion.objects.update(
                kind="fixed" if "fixed" in discount else "percentage",
                percentage_basis_points=discount.get("percentage"),
                amount_minor=discount.get("fixed"),
                funded_basis_points=discount["funded"],
                currency=sale.seller.currency,
            )
        for pk, (price, _) in zip(shop.variants, cart, strict=False):
            Variant.objects.filter(pk=pk).update(price_minor=price)
        units = [(SimpleNamespace(pk=pk), count) for pk, (_, count) in zip(shop.variants, cart, strict=False)]
        order = make_order(*units, code=shop.code if discount else "")
        sale.pk = order.pk
        lines = list(order.lines.all())
        sale.line_pks = [line.pk for line in lines]
        if tax := sum(line.tax for line in sale.lines):
            for pk, line in zip(sale.line_pks, sale.lines, strict=True):
                OrderLine.objects.filter(pk=pk).update(tax_minor=line.tax)
            Order.objects.filter(pk=order.pk).update(tax_minor=tax, total_minor=F("total_minor") + tax)
            Payment.objects.filter(order=order).update(amount_minor=F("amount_minor") + tax)
        return order

    def count_capture(self, sale: model.Sale, amount: int, charge_id: str) -> None:
        wait = FUNDS_AFTER if sale.card == "visa" else 0
        fee = min(model.percent(amount, 290) + 30, amount)
        self.books.capture(sale, amount, fee=fee, at=self.now, charge_id=charge_id, funds_on=self.now + wait)

    @precondition(lambda self: self.of("authorised"))
    @rule(which=WHICH, part=PART)
    def capture(self, which: int, part: int) -> None:
        now, sales = self.tick(), self.of("authorised")
        sale = sales[which % len(sales)]
        amount = max(sale.total * part // 1000, 1)
        with self.serving(sale):
            if now >= sale.authorised_at + 7 * model.DAY:
                with pytest.raises(PaymentProviderRefused):
                    capture_payment(order_id=sale.pk, amount_minor=amount)
                sync_intent(sale.intent_id)
                sale.state = "voided"
                return
            payment = capture_payment(order_id=sale.pk, amount_minor=amount)
        self.count_capture(sale, amount, payment.transaction_id)

    @precondition(lambda self: self.of("captured"))
    @rule(which=WHICH)
    def deliver(self, which: int) -> None:
        self.tick()
        sales = self.of("captured")
        sale = sales[which % len(sales)]
        with self.serving(sale), transaction.atomic():
            order = Order.objects.select_for_update().get(pk=sale.pk)
            order.delivered_at = self.world.read()
            mark_delivered(order)
        sale.delivered_at = self.now

    # Time --------------------------------------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 24, 49, 24 * 8, 24 * 31]))
    def time_passes(self, hours: int) -> None:
        self.world.moment += hours * 3600

    # What is true after each step ----------------------------------------------------------------------------------------

    @invariant()
    def both_count_the_same(self) -> None:
        if self.books is None:
            return
        with connection.cursor() as cursor:
            cursor.execute(UNEVEN)
            assert cursor.fetchall() == []
            cursor.execute(BOOKED)
            rows = cursor.fetchall()
        ours, theirs = Counter(), {}
        for kind, tenant_id, currency, kept, booked, unpaid in rows:
            if tenant_id is None:
                ours[kind, currency] = int(booked if kind in GROWS_WITH_PLUS else -booked)
            else:
                assert kept == booked
                theirs[tenant_id, kind] = (int(booked), int(unpaid or 0))
        held = {currency: sum(both) for (account, currency), both in self.balances().items() if not account}
        for currency in {seller.currency for seller in self.sellers}:
            assert held.get(currency, 0) == ours["stripe_balance", currency] == self.books.stripe[currency]
            for kind in OURS:
                assert ours[kind, currency] == self.books.ours[kind, currency], kind
        for seller in self.sellers:
            self.seller_counts_the_same(seller, theirs)
            self.orders_count_the_same(seller)

    def seller_counts_the_same(self, seller: model.Seller, theirs: dict) -> None:
        tenant, at = seller.shop.tenant, self.world.read()
        payable, unpaid = theirs.get((tenant.pk, "seller_payable"), (0, 0))
        assert (-payable, -unpaid) == (seller.owed, sum(seller.unpaid.values()))
        assert -theirs.get((tenant.pk, "seller_reserve"), (0,))[0] == seller.reserved
        assert theirs.get((tenant.pk, "dispute_hold"), (0,))[0] == seller.in_dispute
        free = free_entries(tenant_id=tenant.pk, at=at).get(seller.currency, [])
        assert Counter(
            {
                sale: sum(e.owed_minor for e in free if e.charge_id == sale)
                for sale in {e.charge_id for e in free}
            }
        ) == {sale and sale.charge_id: amount for sale, amount in seller.free(self.now).items()}
        for balance in seller_balances(tenant_id=tenant.pk, at=at):
            assert balance.currency == seller.currency
            pending = seller.pending(self.now)
            assert (balance.pending_minor, balance.available_minor) == (pending, seller.owed - pending)
            assert (balance.reserved_minor, balance.in_dispute_minor) == (seller.reserved, seller.in_dispute)
            assert balance.paid_minor == seller.paid
            assert balance.earned_minor == seller.earned

    def orders_count_the_same(self, seller: model.Seller) -> None:
        sales = {sale.pk: sale for sale in self.sales if sale.seller is seller}
        if not sales:
            return
        with connection.cursor() as cursor:
            cursor.execute(ORDERS.format(seller.shop.tenant.schema_name))
            rows = cursor.fetchall()
        for (
            pk,
            refunded,
            uncaptured,
            captured,
            promised,
            at_charge,
            lost,
            is_frozen,
            available_at,
            lines,
        ) in rows:
            sale = sales.pop(pk)
            assert lines == [
                [
                    line.discount,
                    line.shipping,
                    line.commission,
                    line.commission_tax,
                    line.returnable,
                    line.funded,
                    line.units_back,
                    *(line.taken[share] for share in model.SHARES),
                    *(line.back[name] for name in ("commission", "commission_tax", "funded")),
                ]
                for line in sale.lines
            ]
            if sale.state == "captured":
                assert (captured, uncaptured) == (sale.captured, sale.total - sale.captured)
                assert (refunded, at_charge, lost) == (sale.refunded, sale.refunded, sale.lost)
                assert promised == sale.refunded + sale.promised
                assert (is_frozen, available_at) == (sale.is_frozen, sale.available_at())
        assert not sales

    def nothing_is_wrong_in_the_end(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert audit().violations == []
        report = reconcile()
        assert report.differences == []
        assert not any(report.ledger_sum.values())


@pytest.fixture
def world(committed, settings, monkeypatch):
    with LocalStripe(funds_after_seconds=FUNDS_AFTER) as stripe:
        settings.STRIPE_API_BASE = stripe.url
        yield World(stripe, monkeypatch)


@pytest.mark.slow
def test_all_money_and_a_plain_count_of_it_never_part(world):
    run_state_machine_as_test(
        type("Money", (Money,), {"world": world}),
        settings=settings(
            max_examples=EXAMPLES or 15,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
