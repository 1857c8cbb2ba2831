"""All the money of a marketplace against a plain count of it: whatever happens in whatever order, both say the same.

Orders, captures (also in part), refunds (by amount, by units, from Stripe's dashboard, failed), disputes, payouts, reversals,
reserves, debts and write-offs run through the services, PostgreSQL and the local Stripe; money_model.py counts beside them.

Compared after each step: every ledger account, what is unpaid and free, each seller's balances, each order's lines, charge and
refunds, and Stripe's balance; in the end also the payouts' states, the audit and the reconciliation with Stripe.

Shallow by default. `SOUK_DEEP_EXAMPLES=10000 pytest tests/properties/test_money_model.py --hypothesis-seed=1` runs that many
examples of `SOUK_DEEP_STEPS` (12) steps.
"""

import os
import sys
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test import override_settings
from hypothesis import HealthCheck, Phase, settings
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
from core.db import as_marketplace
from core.errors import Invalid
from core.ids import new_id
from payouts.models import CommissionRule, Payout, SellerAccount, TransferReversal
from services.account_services import open_account, sync_account
from services.charge_services import mark_delivered, release_reserves
from services.debt_services import (
    NoSuchDebt,
    OverReversal,
    look_at_debts,
    request_reversal,
    send_reversal,
    sync_reversals,
    write_off_debt,
)
from services.dispute_services import accept_dispute, answer_dispute, sync_dispute
from services.invariant_services import audit
from services.ledger_services import seller_balances
from services.order_history import SYSTEM
from services.payment_services import capture_payment, sync_intent
from services.payout_services import free_entries, run_payouts
from services.reconciliation_services import reconcile
from services.refund_services import DisputeOpen, request_refund, send_refund, sync_refunds
from services.stripe_gateway import PaymentProviderRefused, stripe_api
from services.transfer_services import send_payout, sync_bank_payout
from shop.models import Order, OrderLine, Payment, Promotion, Refund, ShippingRate, Variant
from stripe_local import ledger
from stripe_local.call import Call
from stripe_local.testing import LocalStripe
from tenants.context import tenant_scope
from tests.factories.shop import make_order, make_promotion, make_variant
from tests.factories.tenants import make_tenant
from tests.properties import money_model as model

EXAMPLES = int(os.environ.get("SOUK_DEEP_EXAMPLES", "0"))
STEPS = int(os.environ.get("SOUK_DEEP_STEPS", "12")) if EXAMPLES else 10
FUNDS_AFTER, LEAST = 2 * model.DAY, 50
WHICH = st.integers(min_value=0, max_value=7)
PART = st.one_of(st.sampled_from([1000, 500, 0]), st.integers(min_value=0, max_value=1000))
UNITS, TIMES = st.integers(min_value=0, max_value=3), st.integers(min_value=1, max_value=2)
WHO = st.integers(min_value=0, max_value=1)
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
SALE = {
    "who": WHO,
    "cart": CART,
    "discount": DISCOUNT,
    "shipping": st.sampled_from([0, 490, 333]),
    "tax": st.sampled_from([0, 0, 1900]),
    "terms": TERMS,
    "card": st.sampled_from(["visa", "bypassPending"]),
    "ends": st.sampled_from(["paid out", "captured", "authorised", "paid out"]),
}
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
       (SELECT sum(u.amount_minor) FROM public.payouts_unpaidentry u WHERE u.account_id = a.id),
       NOT EXISTS (SELECT 1 FROM public.payouts_ledgerentry GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0)
  FROM public.payouts_ledgeraccount a JOIN public.payouts_ledgerentry e ON e.account_id = a.id GROUP BY a.id
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

    def balances(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(available, pending) at Stripe by account and currency, read without a request; "" is the marketplace."""
        call = Call(self.stripe.application.world)
        ledger.settle(call)
        rows = call.store.db.execute("SELECT account, currency, available, pending FROM balances")
        return {(account, currency.upper()): both for account, currency, *both in rows}

    def begin(self, **terms: object) -> None:
        """As if nothing had happened yet; all that follows is undone by `end`."""
        self.moment = self.start
        self.terms = override_settings(**terms)
        self.terms.enable()
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
        self.terms.disable()


class Money(RuleBasedStateMachine):
    """Two sellers and the marketplace."""

    world: World
    books: model.Books | None = None

    @initialize(
        sellers=st.tuples(SELLER, SELLER),
        other=st.sampled_from(["EUR", "JPY"]),
        by_charge=st.booleans(),
        sales=st.lists(st.fixed_dictionaries(SALE), min_size=1, max_size=2),
    )
    def open_the_books(self, sellers: tuple, other: str, by_charge: bool, sales: list[dict]) -> None:
        self.world.begin(TRANSFERS_PER_CHARGE=by_charge)
        self.books, self.sales = model.Books(), []
        self.sellers = [model.Seller(**terms, is_paid_by_charge=by_charge) for terms in sellers]
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
        for sale in sales:
            self.sell(**sale)

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
        return [dispute for sale in self.sales for dispute in sale.disputes if not dispute.outcome]

    def payouts(self, *states: str) -> list[model.Payout]:
        return [each for seller in self.sellers for each in seller.payouts if each.state in states]

    def available(self, account: str, currency: str) -> int:
        """What Stripe says can be moved now."""
        return self.world.balances().get((account, currency), (0, 0))[0]

    def serving(self, thing: model.Sale | model.Refund):
        sale = thing if isinstance(thing, model.Sale) else thing.sale
        return tenant_scope(sale.seller.shop.tenant)

    # Sales -------------------------------------------------------------------------------------------------------------

    @rule(**SALE)
    def sell(self, who, cart, discount, shipping, tax, terms, card, ends) -> None:
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
                        **({"capture_method": "manual"} if ends == "authorised" else {}),
                    }
                )
            sale.intent_id = intent.id
            sync_intent(intent.id)
        self.sales.append(sale)
        sale.card = card
        if ends == "authorised":
            sale.state, sale.authorised_at = "authorised", now
        else:
            self.count_capture(sale, sale.total, intent.latest_charge)
        if ends == "paid out":
            self.bring(sale)
            self.world.moment = max(self.now, sale.available_at() or 0)
            self.run_payouts()

    def place(self, sale, cart, discount, shipping, terms, shop) -> Order:
        with as_marketplace():
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

    def undelivered(self) -> list[model.Sale]:
        return [sale for sale in self.of("captured") if sale.delivered_at is None]

    @precondition(lambda self: self.undelivered())
    @rule(which=WHICH)
    def deliver(self, which: int) -> None:
        self.tick()
        sales = self.undelivered()
        self.bring(sales[which % len(sales)])

    def bring(self, sale: model.Sale) -> None:
        with self.serving(sale), transaction.atomic():
            order = Order.objects.select_for_update().get(pk=sale.pk)
            order.delivered_at = self.world.read()
            mark_delivered(order)
        sale.delivered_at = self.now

    # Refunds -----------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.of("captured"))
    @rule(
        which=WHICH,
        part=PART,
        units=st.one_of(st.none(), st.tuples(UNITS, UNITS, UNITS)),
        with_shipping=st.booleans(),
        is_amount=st.booleans(),
        is_sent=SOMETIMES,
    )
    def refund(self, which, part, units, with_shipping, is_amount, is_sent) -> None:
        self.tick()
        sales = self.of("captured")
        sale = sales[which % len(sales)]
        wanted = self.units_of(sale, units) if units else None
        if not sale.left or wanted == {}:
            return
        if wanted is None or is_amount:
            lines = sale.lines if wanted is None else [sale.lines[n] for n in wanted]
            most = sum(line.left(share) for line in lines for share in model.SHARES)
            amount = min(max(most * part // 1000, 1), most)
            parts = sale.by_amount(amount, wanted)
        else:
            amount, parts = None, sale.by_units(wanted, with_shipping=with_shipping)
        ask = partial(
            request_refund,
            order_id=sale.pk,
            amount_minor=amount,
            reason="wanted",
            actor=SYSTEM,
            units=wanted and {sale.line_pks[n]: count for n, count in wanted.items()},
            with_shipping=with_shipping,
        )
        total = sum(sum(taken.values()) for taken in parts.values())
        with self.serving(sale):
            if sale.open_dispute:
                with pytest.raises(DisputeOpen):
                    ask()
                return
            if not total:
                with pytest.raises(Invalid), transaction.atomic():
                    ask()
                return
            made = ask()
        assert made.amount_minor == total
        refund = model.Refund(sale, total, sale.credit(parts, wanted), pk=made.pk)
        sale.refunds.append(refund)
        assert made.commission_returned_minor == refund.credit.back["commission"]
        if is_sent:
            self.send(refund)

    def units_of(self, sale: model.Sale, units: tuple[int, ...]) -> dict[int, int]:
        wanted = [
            (n, min(count, line.quantity - line.units_back))
            for n, (count, line) in enumerate(zip(units, sale.lines, strict=False))
        ]
        return {n: count for n, count in wanted if count}

    def send(self, refund: model.Refund) -> None:
        self.tick()
        with self.serving(refund):
            send_refund(refund_id=refund.pk)
            made = Refund.objects.get(pk=refund.pk)
        if refund.sale.is_refundable:
            assert made.status == "succeeded"
            refund.stripe_id = made.transaction_id
            self.books.refund_made(refund)
        else:
            assert made.status == "failed"
            self.books.refund_refused(refund)

    @precondition(lambda self: self.refunds("requested"))
    @rule(which=WHICH)
    def send_refund(self, which: int) -> None:
        refunds = self.refunds("requested")
        self.send(refunds[which % len(refunds)])

    @precondition(lambda self: any(sale.is_refundable and sale.left for sale in self.sales))
    @rule(which=WHICH, part=PART, comes_back=st.sampled_from([False, False, True]), times=TIMES)
    def refund_in_the_dashboard(self, which: int, part: int, comes_back: bool, times: int) -> None:
        self.tick()
        sales = [sale for sale in self.sales if sale.is_refundable and sale.left]
        sale = sales[which % len(sales)]
        amount = max(sale.left * part // 1000, 1)
        with stripe_api() as stripe:
            made = stripe.v1.refunds.create({"charge": sale.charge_id, "amount": amount})
        refund = model.Refund(sale, amount, sale.credit(sale.by_amount(amount)), stripe_id=made.id)
        sale.refunds.append(refund)
        self.books.refund_made(refund)
        if comes_back:  # before anybody was told
            self.world.stripe.control(f"refunds/{refund.stripe_id}/fail")
            self.books.refund_came_back(refund)
        for _ in range(times):
            sync_refunds(charge_id=sale.charge_id)

    @precondition(lambda self: self.refunds("made"))
    @rule(which=WHICH, times=TIMES)
    def refund_comes_back(self, which: int, times: int) -> None:
        self.tick()
        refunds = self.refunds("made")
        refund = refunds[which % len(refunds)]
        self.world.stripe.control(f"refunds/{refund.stripe_id}/fail")
        for _ in range(times):
            sync_refunds(charge_id=refund.sale.charge_id)
        self.books.refund_came_back(refund)

    # Disputes ----------------------------------------------------------------------------------------------------------

    def disputable(self) -> list[model.Sale]:
        return [
            sale
            for sale in self.of("captured")
            if not sale.open_dispute and sale.refunded + sale.lost < sale.captured
        ]

    @precondition(lambda self: self.disputable())
    @rule(
        which=WHICH,
        part=PART,
        fee=st.sampled_from([1500, 0]),
        is_inquiry=st.sampled_from([False, False, True]),
        is_told=SOMETIMES,
    )
    def dispute(self, which: int, part: int, fee: int, is_inquiry: bool, is_told: bool) -> None:
        self.tick()
        sales = self.disputable()
        sale = sales[which % len(sales)]
        amount = max((sale.captured - sale.refunded - sale.lost) * part // 1000, 1)
        facts = {"inquiry": True} if is_inquiry else {"fee": fee}
        found = self.world.stripe.control("disputes", charge=sale.charge_id, amount=amount, **facts)
        dispute = model.Dispute(sale, amount, fee, found["id"], is_inquiry)
        sale.disputes.append(dispute)
        if not is_inquiry:
            self.books.dispute_withdrawn(dispute)
        if is_told:
            sync_dispute(dispute.stripe_id)
        else:  # all is over when we hear of it
            self.end_dispute(dispute, is_won=bool(part % 2), returns_fee=bool(part % 3))

    @precondition(lambda self: self.disputes())
    @rule(which=WHICH, is_won=st.booleans(), returns_fee=st.booleans())
    def dispute_ends(self, which: int, is_won: bool, returns_fee: bool) -> None:
        self.tick()
        disputes = self.disputes()
        self.end_dispute(disputes[which % len(disputes)], is_won=is_won, returns_fee=returns_fee)

    def end_dispute(self, dispute: model.Dispute, *, is_won: bool, returns_fee: bool) -> None:
        path = f"disputes/{dispute.stripe_id}/close"
        for refund in [each for each in dispute.sale.refunds if each.state == "requested"]:
            self.send(refund)
        if dispute.is_inquiry:
            self.world.stripe.control(path, outcome="warning_closed")
            dispute.outcome = "closed"
        elif is_won:
            self.world.stripe.control(path, outcome="won", return_fee=returns_fee)
            self.books.dispute_won(dispute, returns_fee=returns_fee)
        else:
            self.world.stripe.control(path, outcome="lost")
            self.books.dispute_lost(dispute)
        for _ in range(2):
            sync_dispute(dispute.stripe_id)

    @precondition(lambda self: self.disputes())
    @rule(which=WHICH, gives_in=st.booleans())
    def dispute_is_answered(self, which: int, gives_in: bool) -> None:
        self.tick()
        disputes = self.disputes()
        dispute = disputes[which % len(disputes)]
        with self.serving(dispute):
            if gives_in and not dispute.is_inquiry:
                for refund in [each for each in dispute.sale.refunds if each.state == "requested"]:
                    self.send(refund)
                accept_dispute(dispute_id=dispute.stripe_id, actor=SYSTEM)
                self.books.dispute_lost(dispute)
            elif not dispute.is_answered:
                answer_dispute(dispute_id=dispute.stripe_id, text="It was sent.", actor=SYSTEM)
                dispute.is_answered = True

    @precondition(lambda self: any(each.is_inquiry for each in self.disputes()))
    @rule(which=WHICH, fee=st.sampled_from([1500, 0]))
    def inquiry_becomes_a_dispute(self, which: int, fee: int) -> None:
        self.tick()
        inquiries = [each for each in self.disputes() if each.is_inquiry]
        dispute, sale = inquiries[which % len(inquiries)], inquiries[which % len(inquiries)].sale
        left = sale.captured - sale.refunded - sale.lost
        if not left:
            return
        self.world.stripe.control(f"disputes/{dispute.stripe_id}/escalate", fee=fee)
        dispute.amount, dispute.fee = min(dispute.amount, left), fee
        dispute.is_inquiry = dispute.is_answered = False
        self.books.dispute_withdrawn(dispute)
        sync_dispute(dispute.stripe_id)

    # Payouts -----------------------------------------------------------------------------------------------------------

    @precondition(lambda self: any(seller.unpaid for seller in self.sellers))
    @rule(days=st.sampled_from([0, 0, 8]), is_sent=SOMETIMES)
    def payouts_are_run(self, days: int, is_sent: bool) -> None:
        self.world.moment += days * model.DAY
        self.run_payouts(is_sent=is_sent)

    def run_payouts(self, *, is_sent: bool = True) -> None:
        self.tick()
        wanted = []
        asked = [each for each in self.payouts("requested") if not each.source]
        for seller in self.sellers:
            movable = self.available("", seller.currency) - sum(
                each.amount for each in asked if each.seller.currency == seller.currency
            )
            for claims, source in seller.plan(self.now, movable):
                payout = self.books.claim(seller, claims, source)
                wanted.append(payout)
                if source is None:
                    asked.append(payout)
        made = run_payouts()
        assert [
            (each.amount_minor, each.currency, each.tenant_id, each.source_charge_id) for each in made
        ] == [
            (
                each.amount,
                each.seller.currency,
                each.seller.shop.tenant.pk,
                each.source and each.source.charge_id,
            )
            for each in wanted
        ]
        for payout, row in zip(wanted, made, strict=True):
            payout.pk = row.pk
            if is_sent:
                self.transfer(payout)

    def transfer(self, payout: model.Payout) -> None:
        at, source = self.tick(), payout.source
        if source is None:
            most = self.available("", payout.seller.currency)
        else:
            most = source.captured - sum(
                each.left for each in payout.seller.payouts if each.source is source and each.transfer_id
            )
        made = send_payout(payout_id=payout.pk)
        if payout.amount <= most and not self.is_refused:
            assert made.status == "sent", made.failure_message
            self.books.sent(payout, transfer_id=made.transfer_id, at=at)
        else:
            assert made.status == "failed"
            self.books.not_sent(payout)

    is_refused = False

    @precondition(lambda self: self.payouts("requested"))
    @rule(which=WHICH, is_refused=st.sampled_from([False, False, True]))
    def payout_is_sent(self, which: int, is_refused: bool) -> None:
        self.tick()
        if is_refused:
            self.world.stripe.control(
                "faults", match="POST /v1/transfers", kind="insufficient_balance", times=1
            )
        payouts, self.is_refused = self.payouts("requested"), is_refused
        self.transfer(payouts[which % len(payouts)])
        self.is_refused = False

    @precondition(lambda self: self.payouts("sent", "paid", "returned", "reversed"))
    @rule(who=WHO, ends=st.sampled_from(["paid", "failed", "paid failed"]))
    def bank_is_paid(self, who: int, ends: str) -> None:
        at, seller = self.tick(), self.sellers[who]
        account = seller.shop.account_id
        if self.available(account, seller.currency) < 1:
            return
        made = self.world.stripe.control("payouts", account=account, currency=seller.currency.lower())
        for end in ends.split():
            self.tick()
            self.world.stripe.control(f"payouts/{made['id']}/{end}")
            sync_bank_payout(stripe_account_id=account, bank_payout_id=made["id"])
            for payout in seller.payouts:
                if end == "paid" and payout.state in ("sent", "returned") and payout.sent_at <= at:
                    payout.state, payout.bank_payout = "paid", made["id"]
                elif (
                    end == "failed"
                    and payout.sent_at <= at
                    and (
                        payout.state == "sent"
                        or (payout.state == "paid" and payout.bank_payout == made["id"])
                    )
                ):
                    payout.state = "returned"

    # Reversals, debts, reserves ----------------------------------------------------------------------------------------

    def reversible(self) -> list[model.Payout]:
        return [each for each in self.payouts("sent", "paid", "returned", "reversed") if each.left]

    def can_come_back(self, payout: model.Payout, amount: int) -> bool:
        """Whether Stripe takes this much of a transfer back: no more than is left of it, and than the seller has."""
        seller, source = payout.seller, payout.source
        available, pending = self.world.balances().get((seller.shop.account_id, seller.currency), (0, 0))
        is_on_its_way = source is not None and source.funds_on > self.now
        return amount <= payout.left and amount <= available + (pending if is_on_its_way else 0)

    @precondition(lambda self: self.reversible())
    @rule(which=WHICH, part=PART, is_sent=SOMETIMES)
    def reversal(self, which: int, part: int, is_sent: bool) -> None:
        self.tick()
        payouts = self.reversible()
        payout = payouts[which % len(payouts)]
        amount = max(payout.left * part // 1000, 1)
        ask = partial(
            request_reversal, payout_id=payout.pk, amount_minor=amount, reason="operator", actor_id=None
        )
        if payout.is_being_reversed:
            with pytest.raises(OverReversal), transaction.atomic():
                ask()
            return
        reversal = model.Reversal(payout, amount, pk=ask().pk)
        payout.reversals.append(reversal)
        if is_sent:
            self.reverse(reversal)

    def reversals(self) -> list[model.Reversal]:
        return [
            each
            for seller in self.sellers
            for payout in seller.payouts
            for each in payout.reversals
            if each.state == "requested"
        ]

    def reverse(self, reversal: model.Reversal) -> None:
        self.tick()
        can_be = self.can_come_back(reversal.payout, reversal.amount)
        made = send_reversal(reversal_id=reversal.pk)
        reversal.state = "made" if can_be else "failed"
        assert made.status == reversal.state, made.failure_message
        if can_be:
            self.books.reversed(reversal.payout, reversal.amount)

    @precondition(lambda self: self.reversals())
    @rule(which=WHICH)
    def reversal_is_sent(self, which: int) -> None:
        reversals = self.reversals()
        self.reverse(reversals[which % len(reversals)])

    @precondition(lambda self: self.reversible())
    @rule(which=WHICH, part=PART, times=TIMES)
    def reversal_in_the_dashboard(self, which: int, part: int, times: int) -> None:
        self.tick()
        payouts = self.reversible()
        payout = payouts[which % len(payouts)]
        amount = max(payout.left * part // 1000, 1)
        if not self.can_come_back(payout, amount):
            return
        with stripe_api() as stripe:
            stripe.v1.transfers.reversals.create(payout.transfer_id, {"amount": amount})
        for _ in range(times):
            sync_reversals(transfer_id=payout.transfer_id)
        self.books.reversed(payout, amount)

    @precondition(lambda self: any(each.debt_since or each.debt(self.now + 1) for each in self.sellers))
    @rule()
    def debts_are_looked_at(self) -> None:
        now = self.tick()
        for seller in self.sellers:
            debt = seller.debt(now)
            if not debt:
                seller.debt_since = None
                continue
            seller.debt_since = seller.debt_since or now
            if now - seller.debt_since >= 30 * model.DAY:
                self.expect_reversals(seller, debt)
        assert look_at_debts() == sum(seller.debt(now) > 0 for seller in self.sellers)
        for reversal in self.reversals():
            if reversal.pk is None:
                row = TransferReversal.objects.get(payout_id=reversal.payout.pk, status="requested")
                assert row.amount_minor == reversal.amount
                reversal.pk = row.pk

    def expect_reversals(self, seller: model.Seller, debt: int) -> None:
        """Of the newest transfers, as far as the seller has something at Stripe, and until one is being taken back."""
        wanted = min(debt, max(self.available(seller.shop.account_id, seller.currency), 0))
        payouts = [each for each in self.reversible() if each.seller is seller]
        for payout in sorted(payouts, key=lambda each: -each.sent_at):
            amount = min(wanted, payout.left)
            if not amount or payout.is_being_reversed:
                break
            payout.reversals.append(model.Reversal(payout, amount))
            wanted -= amount

    @precondition(lambda self: any(seller.debt(self.now + 1) for seller in self.sellers))
    @rule(who=WHO, part=PART)
    def debt_is_written_off(self, who: int, part: int) -> None:
        now, seller = self.tick(), self.sellers[who]
        if debt := seller.debt(now):
            amount = max(debt * part // 1000, 1)
            facts = {"tenant_id": seller.shop.tenant.pk, "currency": seller.currency, "actor_id": new_id()}
            with pytest.raises(NoSuchDebt), transaction.atomic():
                write_off_debt(amount_minor=debt + 1, reason="gone", **facts)
            write_off_debt(amount_minor=amount, reason="gone", **facts)
            self.books.written_off(seller, amount)

    @precondition(lambda self: any(sale.reserve for sale in self.sales))
    @rule()
    def reserves_are_released(self) -> None:
        now = self.tick()
        due = [sale for sale in self.sales if sale.reserve and sale.release_at <= now and not sale.is_frozen]
        assert release_reserves() == len(due)
        for sale in due:
            self.books.release(sale)

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
            cursor.execute(BOOKED)
            rows = cursor.fetchall()
        ours, theirs = Counter(), {}
        for kind, tenant_id, currency, kept, booked, unpaid, is_even in rows:
            assert is_even
            if tenant_id is None:
                ours[kind, currency] = int(booked if kind in GROWS_WITH_PLUS else -booked)
            else:
                assert kept == booked
                theirs[tenant_id, kind] = (int(booked), int(unpaid or 0))
        held = {
            currency: sum(both) for (account, currency), both in self.world.balances().items() if not account
        }
        for currency in {seller.currency for seller in self.sellers}:
            assert held.get(currency, 0) == ours["stripe_balance", currency] == self.books.stripe[currency]
            for kind in OURS:
                assert ours[kind, currency] == self.books.ours[kind, currency], kind
        for seller in self.sellers:
            if seller.unpaid or (seller.shop.tenant.pk, "seller_payable") in theirs:
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
            on_its_way = [each for each in seller.payouts if each.state in ("sent", "returned")]
            assert balance.in_transit_minor == sum(each.left for each in on_its_way)
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
        payouts = {each.pk: each.state for seller in self.sellers for each in seller.payouts}
        assert dict(Payout.objects.values_list("pk", "status")) == payouts
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
            max_examples=EXAMPLES or 10,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=not EXAMPLES,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
