"""Invoices that are made at the same moment have numbers without a gap; refunds of one button are one."""

from functools import partial

import pytest
from django.db.models import Max
from django.db.utils import IntegrityError

from core.clock import now
from services.order_history import SYSTEM
from services.order_invoice_services import issue_order_invoice
from services.refund_services import OverRefund, RefundChanged, request_refund
from services.saved_view_services import TooManyViews, save_view
from shop.models import OrderInvoice, Refund, SavedView
from tenants.context import tenant_scope
from tests.factories.shop import make_order, make_variant, pay
from tests.factories.threads import Gate, at_once, failures

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def orders(tenant, stripe_local):
    """Six paid ones."""
    with tenant_scope(tenant):
        variant = make_variant(stock=20)
        orders = [make_order((variant, 1), email=f"b{number}@example.com") for number in range(6)]
        for order in orders:
            pay(order, stripe_local)
    return orders


def test_invoices_made_at_once_are_numbered_without_a_gap(tenant, orders):
    issue = partial(issue_order_invoice, actor=SYSTEM)
    twice = [partial(issue, order_id=order.pk) for order in (*orders, *orders[:3])]

    results = at_once(twice, tenant=tenant)

    assert failures(results) == []
    with tenant_scope(tenant):
        assert sorted(OrderInvoice.objects.values_list("number", flat=True)) == [1, 2, 3, 4, 5, 6]


def test_control_numbers_that_were_read_before_are_given_twice(tenant, orders):
    all_have_read = Gate(2)

    def naive(order_id) -> None:
        last = OrderInvoice.objects.aggregate(last=Max("number"))["last"] or 0
        all_have_read.wait()
        OrderInvoice.objects.create(order_id=order_id, number=last + 1, issued_at=now())

    results = at_once([partial(naive, order.pk) for order in orders[:2]], tenant=tenant)

    assert len(failures(results)) == 1
    assert isinstance(failures(results)[0], IntegrityError)


def test_one_button_pressed_six_times_at_once_is_one_refund(tenant, orders):
    order = orders[0]
    press = partial(
        request_refund,
        order_id=order.pk,
        amount_minor=None,
        reason="x",
        actor=SYSTEM,
        request_key="dashboard:one",
        expected_minor=order.total_minor,
    )

    results = at_once([press] * 6, tenant=tenant)

    assert failures(results) == []
    assert len({refund.pk for refund in results}) == 1
    with tenant_scope(tenant):
        assert Refund.objects.get().amount_minor == order.total_minor


def test_two_who_saw_the_same_preview_do_not_both_give_all_of_it_back(tenant, orders):
    order = orders[0]
    press = partial(request_refund, order_id=order.pk, reason="x", actor=SYSTEM)
    half = order.total_minor // 2

    results = at_once(
        [
            partial(press, amount_minor=half, request_key="dashboard:a", expected_minor=half),
            partial(press, amount_minor=None, request_key="dashboard:b", expected_minor=order.total_minor),
        ],
        tenant=tenant,
    )

    assert failures(results, RefundChanged, OverRefund) == []
    with tenant_scope(tenant):
        assert Refund.objects.get().amount_minor in (half, order.total_minor)


def test_lists_saved_at_once_stay_within_the_limit(tenant):
    with tenant_scope(tenant):
        for number in range(18):
            save_view(section="orders", name=f"List {number}", query="")
    save = partial(save_view, section="orders", query="")

    results = at_once([partial(save, name=f"More {number}") for number in range(5)], tenant=tenant)

    assert failures(results, TooManyViews) == []
    with tenant_scope(tenant):
        assert SavedView.objects.count() == 20
