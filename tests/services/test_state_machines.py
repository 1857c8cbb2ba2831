"""Every state machine, whole: the moves that are documented, and that every other move is refused and changes nothing."""

from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, models, transaction
from django.forms import modelform_factory
from django_fsm import TransitionNotAllowed

from core.clock import now
from core.errors import NotFound
from core.ids import new_id
from core.models import Job
from payouts.models import Payout, PayoutStatus
from services.order_history import SYSTEM
from services.order_services import cancel_order, close_order, lock_order
from shop.models import (
    CancelReason,
    InventoryMovement,
    Notification,
    Order,
    OrderStatus,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from tenants.context import tenant_scope
from tenants.models import Tenant, TenantStatus
from tests.factories.shop import item_of, make_order, make_variant
from tests.factories.threads import Gate, at_once

AT = now()
MOVES: dict[type[models.Model], dict[str, dict[str, Any]]] = {
    Order: {
        "confirm": {"at": AT},
        "ship": {"at": AT},
        "deliver": {"at": AT},
        "cancel": {"at": AT, "because": CancelReason.BUYER},
        "revive": {"at": AT},
    },
    Payment: {
        "authorise": {"at": AT, "capture_before": None, "response": {}},
        "capture": {"at": AT, "charge_id": "ch_1", "captured_minor": 1, "response": {}},
        "fail": {"code": "declined", "message": "no"},
        "void": {},
    },
    Refund: {"succeed": {"at": AT, "response": {}}, "fail": {"at": AT, "response": {}}},
    Payout: {
        "send": {"at": AT, "transfer_id": "tr_1", "statement": {}},
        "settle": {"at": AT},
        "fail": {"at": AT, "code": "c", "message": "m"},
        "lose_sight": {"message": "m"},
        "come_back": {"at": AT, "code": "c", "message": "m"},
        "reverse": {"amount_minor": 1},
    },
    Tenant: {
        "activate": {"at": AT},
        "suspend": {"reason": "r"},
        "reactivate": {},
        "close": {"reason": "r", "at": AT, "erase_after": AT},
        "reopen": {"reason": "r"},
        "erase": {"at": AT},
        "restore": {"reason": "r"},
    },
}
STATES = {
    Order: OrderStatus,
    Payment: PaymentStatus,
    Refund: RefundStatus,
    Payout: PayoutStatus,
    Tenant: TenantStatus,
}
# The whole of what is allowed: (from, move) -> to.
DOCUMENTED = {
    Order: {
        ("pending", "confirm"): "confirmed",
        ("confirmed", "ship"): "shipped",
        ("shipped", "deliver"): "delivered",
        ("pending", "cancel"): "cancelled",
        ("confirmed", "cancel"): "cancelled",
        ("cancelled", "revive"): "confirmed",
    },
    Payment: {
        ("pending", "authorise"): "authorised",
        ("failed", "authorise"): "authorised",
        ("authorised", "capture"): "captured",
        ("authorised", "void"): "voided",
        ("pending", "capture"): "captured",
        ("failed", "capture"): "captured",
        ("voided", "capture"): "captured",
        ("pending", "fail"): "failed",
        ("pending", "void"): "voided",
        ("failed", "void"): "voided",
    },
    Refund: {
        ("requested", "succeed"): "succeeded",
        ("requested", "fail"): "failed",
        ("succeeded", "fail"): "failed",
    },
    Payout: {
        ("requested", "send"): "sent",
        ("unknown", "send"): "sent",
        ("sent", "settle"): "paid",
        ("requested", "fail"): "failed",
        ("unknown", "fail"): "failed",
        ("requested", "lose_sight"): "unknown",
        ("sent", "come_back"): "returned",
        ("paid", "come_back"): "returned",
        ("returned", "settle"): "paid",
        ("sent", "reverse"): "reversed",
        ("paid", "reverse"): "reversed",
        ("returned", "reverse"): "reversed",
        ("reversed", "reverse"): "reversed",
    },
    Tenant: {
        ("requested", "activate"): "active",
        ("active", "suspend"): "suspended",
        ("suspended", "reactivate"): "active",
        ("active", "close"): "closed",
        ("suspended", "close"): "closed",
        ("closed", "reopen"): "suspended",
        ("closed", "erase"): "erased",
        ("erased", "restore"): "suspended",
    },
}
EVERY_PAIR = [
    pytest.param(model, state, move, id=f"{model.__name__}-{state}-{move}")
    for model in MOVES
    for state in STATES[model].values
    for move in MOVES[model]
]


def in_state(model: type[models.Model], state: str) -> models.Model:
    """An object that is in this state already; nothing but its state matters."""
    extra = {"cancelled_because": CancelReason.UNPAID} if (model, state) == (Order, "cancelled") else {}
    return model(status=state, **extra)


def contents(row: models.Model) -> dict[str, Any]:
    return {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.attname in row.__dict__
    }


@pytest.mark.parametrize(("model", "state", "move"), EVERY_PAIR)
def test_only_the_documented_moves_are_possible_and_a_refused_one_changes_nothing(model, state, move):
    row = in_state(model, state)
    before = contents(row)
    target = DOCUMENTED[model].get((state, move))

    if target is None:
        with pytest.raises(TransitionNotAllowed):
            getattr(row, move)(**MOVES[model][move])
        assert contents(row) == before
    else:
        getattr(row, move)(**MOVES[model][move])
        assert row.status == target


@pytest.mark.parametrize("model", MOVES)
def test_the_table_above_names_every_move_there_is(model):
    found = {
        transition.name
        for transition in model(status="")._meta.get_field("status").get_all_transitions(model)
    }
    assert found == set(MOVES[model])


@pytest.mark.parametrize("because", [CancelReason.BUYER, CancelReason.SELLER])
def test_only_an_order_that_was_let_go_unpaid_is_revived(because):
    with pytest.raises(TransitionNotAllowed):
        Order(status="cancelled", cancelled_because=because).revive(at=AT)


# Ways around ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "state"), [(model, state) for model in MOVES for state in STATES[model].values]
)
def test_a_state_is_never_assigned(model, state):
    row = in_state(model, STATES[model].values[0])
    with pytest.raises(AttributeError):
        row.status = state


@pytest.mark.parametrize("model", MOVES)
def test_no_form_offers_the_state(model):
    """Django's admin and every ModelForm are made of the same fields."""
    field = model._meta.get_field("status")
    form = modelform_factory(model, fields="__all__")
    sent = form({"status": STATES[model].values[-1]}, instance=in_state(model, STATES[model].values[0]))
    if "status" in form.base_fields:
        with pytest.raises(AttributeError):
            sent.is_valid()
            sent.save(commit=False)
    assert field.protected


def make_row(model: type[models.Model], tenant: Tenant) -> models.Model:
    if model is Tenant:
        return tenant
    if model is Payout:
        return Payout.objects.create(
            tenant=tenant, number=1, currency="EUR", amount_minor=1, destination="acct_1", requested_at=AT
        )
    order = make_order()
    if model is Order:
        return order
    payment = order.payments.get()
    if model is Payment:
        return payment
    return Refund.objects.create(order=order, payment=payment, amount_minor=1, currency="EUR")


@pytest.mark.parametrize("model", MOVES)
def test_a_state_nobody_knows_is_refused_by_the_database(serving, model):
    row = make_row(model, serving)
    with pytest.raises(IntegrityError, match=r"status_known|is not a move"), transaction.atomic():
        model.objects.filter(pk=row.pk).update(status="teleported")


@pytest.mark.parametrize(
    ("model", "state"),
    [
        (Order, "confirmed"),
        (Order, "shipped"),
        (Order, "delivered"),
        (Order, "cancelled"),
        (Payment, "captured"),
        (Payout, "sent"),
        (Payout, "paid"),
    ],
)
def test_a_state_without_the_facts_that_make_it_is_refused_by_the_database(serving, model, state):
    row = make_row(model, serving)
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.filter(pk=row.pk).update(status=state)


# Effects ----------------------------------------------------------------------------------------------------------------


def test_a_move_that_is_rolled_back_leaves_no_mail_job_or_call_behind(serving, stripe_local):
    order = make_order()
    jobs, notices = Job.objects.count(), Notification.objects.count()

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        close_order(lock_order(order.pk), because=CancelReason.BUYER, actor=SYSTEM)
        assert Job.objects.count() > jobs
        raise ZeroDivisionError

    order.refresh_from_db()
    assert order.status == OrderStatus.PENDING
    assert (Job.objects.count(), Notification.objects.count(), mail.outbox) == (jobs, notices, [])
    assert stripe_local.events() == []


def test_of_the_same_move_made_many_times_at_once_one_wins_and_takes_effect(committed, tenant):
    with tenant_scope(tenant):
        variant = make_variant(stock=5)
        order = make_order((variant, 2))

    results = at_once([lambda: cancel_order(order_id=order.pk, actor=SYSTEM)] * 8, tenant=tenant)

    with tenant_scope(tenant):
        assert sum(isinstance(result, Order) for result in results) == 1
        assert sum(isinstance(result, TransitionNotAllowed) for result in results) == 7
        assert (item_of(variant).current_stock, item_of(variant).reserved_stock) == (5, 0)
        assert InventoryMovement.objects.filter(kind="release").count() == 1
        assert Notification.objects.filter(type="order_cancelled").count() == 1


def test_control_without_the_lock_the_same_move_is_made_many_times(committed, tenant):
    with tenant_scope(tenant):
        order = make_order()
    everybody_has_read = Gate(4)

    def cancel() -> bool:
        unlocked = Order.objects.get(pk=order.pk)
        everybody_has_read.wait()
        unlocked.cancel(at=AT, because=CancelReason.BUYER)
        unlocked.save(update_fields=["status", "cancelled_at", "cancelled_because"])
        return True

    assert at_once([cancel] * 4, tenant=tenant) == [True] * 4


def test_an_unknown_thing_is_not_moved(serving):
    with pytest.raises(NotFound):
        lock_order(new_id())
