"""The books after any sequence of payments, refunds, failed refunds and payouts: balanced, and equal to a plain count."""

from collections import Counter

import pytest
from django.db import transaction
from django.db.models import Sum
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

from core.clock import now
from core.ids import new_id
from payouts.models import Charge, FeeBearer, LedgerEntry, Payout, PayoutEntry, SellerAccount
from services.commission_services import Commission, commission_on_refund
from services.ledger_services import post_capture, post_fee, post_refund, seller_balances
from services.payout_services import free_entries, record_transfer, request_payouts
from tenants.context import current_tenant

AMOUNT = st.integers(min_value=1, max_value=50_000)
RULE = Commission(basis_points=1000, fixed_minor=30, fee_bearer=FeeBearer.SELLER)


class Books(RuleBasedStateMachine):
    """One seller. The model is what we owe, and what Stripe holds for us, as two plain numbers."""

    @initialize()
    def open_the_books(self) -> None:
        self.savepoint = transaction.savepoint()
        self.tenant = current_tenant()
        self.numbers, self.sales, self.refunds, self.sent = Counter(), [], [], []
        self.owed = self.held = self.earned = 0
        SellerAccount.objects.filter(tenant=self.tenant).update(
            stripe_account_id="acct_1", payouts_enabled=True, transfers_active=True, payout_minimum_minor=1
        )

    def teardown(self) -> None:
        if hasattr(self, "savepoint"):
            transaction.savepoint_rollback(self.savepoint)

    def number(self, what: str) -> str:
        self.numbers[what] += 1
        return f"{what}_{self.numbers[what]}"

    @rule(
        base=AMOUNT,
        shipping=st.integers(min_value=0, max_value=1000),
        bearer=st.sampled_from(FeeBearer.values),
    )
    def sell(self, base: int, shipping: int, bearer: str) -> None:
        total, moment = base + shipping, now()
        charge = Charge.objects.create(
            charge_id=self.number("ch"),
            tenant=self.tenant,
            order_id=new_id(),
            order_number=1,
            payment_id=new_id(),
            currency="EUR",
            amount_minor=total,
            captured_at=moment,
            hold_until=moment,
            available_at=moment,
            balance_transaction_id=self.number("txn"),
            fee_minor=total * 14 // 1000 + 25,
        )
        commission = RULE.of(base)
        for _ in range(2):  # told twice
            post_capture(charge, tenant=self.tenant, commission_minor=commission)
            post_fee(charge, tenant=self.tenant, fee_bearer=bearer, occurred_at=moment)
        self.sales.append({"charge": charge, "base": base, "refunded": 0, "returned": 0})
        self.held += total - charge.fee_minor
        self.earned += commission
        self.owed += total - commission - (charge.fee_minor if bearer == FeeBearer.SELLER else 0)

    @precondition(lambda self: any(sale["refunded"] < sale["charge"].amount_minor for sale in self.sales))
    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        sale = data.draw(
            st.sampled_from([sale for sale in self.sales if sale["refunded"] < sale["charge"].amount_minor])
        )
        amount = data.draw(st.integers(min_value=1, max_value=sale["charge"].amount_minor - sale["refunded"]))
        commission = commission_on_refund(
            rule=RULE.as_json(),
            base_minor=sale["base"],
            order_total_minor=sale["charge"].amount_minor,
            refunded_minor=sale["refunded"] + amount,
            returned_before_minor=sale["returned"],
        )
        name = self.number("re")
        for _ in range(2):
            self.post(sale, name, amount, commission)
        self.refunds.append((sale, name, amount, commission))
        self.count(sale, amount, commission)

    @precondition(lambda self: self.refunds)
    @rule(data=st.data())
    def refund_fails(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(min_value=0, max_value=len(self.refunds) - 1))
        sale, name, amount, commission = self.refunds.pop(index)
        for _ in range(2):
            self.post(sale, name, amount, commission, failed=True)
        self.count(sale, -amount, -commission)

    def post(self, sale: dict, name: str, amount: int, commission: int, **options: bool) -> None:
        post_refund(
            sale["charge"],
            tenant=self.tenant,
            stripe_refund_id=name,
            amount_minor=amount,
            commission_minor=commission,
            occurred_at=now(),
            **options,
        )

    def count(self, sale: dict, amount: int, commission: int) -> None:
        sale["refunded"] += amount
        sale["returned"] += commission
        self.held -= amount
        self.owed -= amount - commission
        self.earned -= commission

    @rule()
    def pay_out(self) -> None:
        account = SellerAccount.objects.get(tenant=self.tenant)
        payouts = request_payouts(account, at=now(), movable={"EUR": max(self.held, 0)})
        for payout in payouts:
            made = {
                "id": self.number("tr"),
                "amount": payout.amount_minor,
                "currency": "eur",
                "destination": payout.destination,
                "created": int(now().timestamp()),
            }
            for _ in range(2):
                record_transfer(payout_id=payout.pk, made=made)
            self.owed -= payout.amount_minor
            self.held -= payout.amount_minor
            self.sent.append(payout.amount_minor)

    @invariant()
    def the_books_are_right(self) -> None:
        if not hasattr(self, "savepoint"):
            return
        unbalanced = (
            LedgerEntry.objects.values("transaction", "currency")
            .annotate(sum=Sum("amount_minor"))
            .exclude(sum=0)
        )
        assert not unbalanced.exists()
        sums = dict(
            LedgerEntry.objects.values_list("account__kind").annotate(sum=Sum("amount_minor")).order_by()
        )
        assert sums.get("stripe_balance", 0) == self.held
        assert -sums.get("seller_payable", 0) == self.owed
        assert -sums.get("commission_income", 0) == self.earned
        (balance,) = seller_balances(tenant_id=self.tenant.pk) or [None]
        if balance:
            assert balance.pending_minor + balance.available_minor == self.owed
            assert balance.paid_minor == sum(self.sent)

    @invariant()
    def what_is_paid_is_what_was_claimed(self) -> None:
        if not hasattr(self, "savepoint"):
            return
        claimed = PayoutEntry.objects.filter(released_at=None).aggregate(sum=Sum("entry__amount_minor"))[
            "sum"
        ]
        assert -(claimed or 0) == sum(self.sent) == sum(Payout.objects.values_list("amount_minor", flat=True))
        free = free_entries(tenant_id=self.tenant.pk, at=now()).get("EUR", [])
        assert sum(entry.owed_minor for entry in free) == self.owed


@pytest.mark.slow
def test_the_books_and_a_plain_count_never_part(serving):
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
