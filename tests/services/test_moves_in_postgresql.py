"""PostgreSQL knows the same moves as the models, and refuses the others to whoever writes."""

import pytest
from django.db import IntegrityError, connection, transaction

from payouts.models import Payout, TransferReversal
from shop.models import Order, OrderStatus, Payment, Refund
from tenants.models import Tenant
from tests.factories.shop import make_order

MACHINES = [Order, Payment, Refund, Payout, TransferReversal, Tenant]


@pytest.mark.parametrize("model", MACHINES, ids=lambda model: model.__name__)
def test_the_trigger_and_the_model_know_the_same_moves(serving, model):
    table = model._meta.db_table
    field = model._meta.get_field("status")
    in_code = {f"{move.source}>{move.target}" for move in field.get_all_transitions(model)}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT encode(tgargs, 'escape') FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = %s",
            [table, f"{table}_moves"],
        )
        in_database = set(cursor.fetchone()[0].split("\\000")) - {""}

    # A move to the state it is in already is none to PostgreSQL.
    assert in_database == {move for move in in_code if len(set(move.split(">"))) == 2}


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
