"""Stock against a plain model: whatever is done in whatever order, both count the same."""

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from services.inventory_services import (
    InsufficientStock,
    StockLine,
    adjust_stock,
    change_stock,
    receive_stock,
    set_stock,
)
from shop.models import InventoryItem, MovementKind
from tests.factories.shop import make_variant

WHICH = st.integers(min_value=0, max_value=2)
UNITS = st.integers(min_value=1, max_value=12)
EFFECTS = {"reserve": (0, 1), "release": (0, -1), "consume": (-1, -1), "return": (1, 0)}


class Stock(RuleBasedStateMachine):
    """Three items; the model is two numbers for each."""

    @initialize()
    def open_the_shelves(self) -> None:
        self.savepoint = transaction.savepoint()
        self.variants = [make_variant(stock=0).pk for _ in range(3)]
        self.model = dict.fromkeys(self.variants, (0, 0))

    def teardown(self) -> None:
        if hasattr(self, "savepoint"):
            transaction.savepoint_rollback(self.savepoint)

    def expect(self, changes: dict, action) -> None:
        """Do it here and in the model; both take all of it or refuse all of it."""
        after = {
            pk: (self.model[pk][0] + current, self.model[pk][1] + reserved)
            for pk, (current, reserved) in changes.items()
        }
        is_possible = all(0 <= reserved <= current for current, reserved in after.values())
        try:
            with transaction.atomic():
                action()
        except InsufficientStock:
            assert not is_possible
        else:
            assert is_possible
            self.model |= after

    @rule(which=WHICH, units=UNITS)
    def receive(self, which: int, units: int) -> None:
        pk = self.variants[which]
        self.expect({pk: (units, 0)}, lambda: receive_stock(variant_id=pk, quantity=units))

    @rule(which=WHICH, delta=st.integers(min_value=-12, max_value=12).filter(bool))
    def adjust(self, which: int, delta: int) -> None:
        pk = self.variants[which]
        self.expect({pk: (delta, 0)}, lambda: adjust_stock(variant_id=pk, delta=delta, reason="counted"))

    @rule(which=WHICH, count=st.integers(min_value=0, max_value=20))
    def take_stock(self, which: int, count: int) -> None:
        pk = self.variants[which]
        self.expect(
            {pk: (count - self.model[pk][0], 0)},
            lambda: set_stock(variant_id=pk, current_stock=count, reason="stock-taking"),
        )

    @rule(
        kind=st.sampled_from(sorted(EFFECTS)),
        lines=st.lists(st.tuples(WHICH, UNITS), min_size=1, max_size=5),
    )
    def move(self, kind: str, lines: list[tuple[int, int]]) -> None:
        changes: dict = {}
        for which, units in lines:
            pk, (current, reserved) = self.variants[which], EFFECTS[kind]
            so_far = changes.get(pk, (0, 0))
            changes[pk] = (so_far[0] + units * current, so_far[1] + units * reserved)
        self.expect(
            changes,
            lambda: change_stock(
                MovementKind(kind), [StockLine(self.variants[which], units) for which, units in lines]
            ),
        )

    @invariant()
    def both_count_the_same(self) -> None:
        if not hasattr(self, "model"):
            return
        items = InventoryItem.objects.filter(pk__in=self.variants).annotate(
            came=Sum("movements__current_delta"), held=Sum("movements__reserved_delta")
        )
        for item in items:
            current, reserved = self.model[item.pk]
            assert (item.current_stock, item.reserved_stock) == (current, reserved)
            assert item.available_stock == current - reserved
            assert (item.came or 0, item.held or 0) == (current, reserved)
            assert (item.low_stock_since is not None) == (item.available_stock <= item.low_stock_threshold)


@pytest.mark.slow
def test_stock_and_a_plain_model_of_it_never_part(serving):
    run_state_machine_as_test(
        Stock,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
