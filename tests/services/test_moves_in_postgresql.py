"""PostgreSQL knows the same moves as the models, and refuses the others to whoever writes."""

from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction

from payouts.models import Payout
from shop.models import Order, OrderStatus, Payment, Refund
from tenants.models import Tenant
from tests.factories.shop import make_order

MACHINES = {
    Order: "shop.migrations.0003_status_moves",
    Payment: "shop.migrations.0003_status_moves",
    Refund: "shop.migrations.0003_status_moves",
    Payout: "payouts.migrations.0004_status_moves",
    Tenant: "tenants.migrations.0002_status_moves",
}


@pytest.mark.parametrize("model", MACHINES, ids=lambda model: model.__name__)
def test_the_trigger_and_the_model_know_the_same_moves(model):
    field = model._meta.get_field("status")
    in_code = {f"{move.source}>{move.target}" for move in field.get_all_transitions(model)}
    in_database = import_module(MACHINES[model]).MACHINES[model._meta.db_table]

    assert sorted(in_database) == sorted(in_code)


@pytest.mark.parametrize("model", MACHINES, ids=lambda model: model.__name__)
def test_the_trigger_is_on_the_table(serving, model):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = %s",
            [model._meta.db_table, f"{model._meta.db_table}_moves"],
        )
        assert cursor.fetchone() == (1,)


def test_a_bulk_update_cannot_skip_the_state_machine(serving):
    order = make_order()

    with pytest.raises(IntegrityError, match="shipped is not a move from pending"), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(
            status=OrderStatus.SHIPPED, confirmed_at=order.placed_at, shipped_at=order.placed_at
        )

    order.refresh_from_db()
    assert order.status == OrderStatus.PENDING
