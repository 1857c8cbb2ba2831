"""Stripe made it and the answer never came, for longer than Stripe remembers keys: found there, and made once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from payouts.models import LedgerTransaction, ReversalStatus, TransferReversal
from services.debt_services import request_reversal, send_reversal
from services.order_history import SYSTEM
from services.refund_services import request_refund, send_refund
from shop.models import Refund, RefundStatus
from tests.money.support import faults, onboard, pay_out, sell

pytestmark = pytest.mark.usefixtures("serving")


def test_a_refund_made_a_day_ago_is_found_beside_one_from_the_dashboard(serving, stripe_local):
    order = sell(10_000, stripe_local)
    charge = order.payments.get().transaction_id
    refund = request_refund(order_id=order.pk, amount_minor=3_000, reason="r", actor=SYSTEM)
    stripe = stripe_local.client()
    stripe.v1.refunds.create({"charge": charge, "amount": 3_000, "metadata": {"refund": str(refund.pk)}})
    stripe.v1.refunds.create({"charge": charge, "amount": 1_000})
    Refund.objects.update(created_at=timezone.now() - timedelta(days=1))

    send_refund(refund_id=refund.pk)

    refund.refresh_from_db()
    assert refund.status == RefundStatus.SUCCEEDED
    assert sorted(made.amount for made in stripe.v1.refunds.list().data) == [1_000, 3_000]
    assert LedgerTransaction.objects.filter(kind="refund").count() == 1


def test_a_reversal_is_found_beside_one_from_the_dashboard(serving, stripe_local):
    onboard(serving, stripe_local)
    sell(10_000, stripe_local)
    (payout,) = pay_out()
    reversal = request_reversal(payout_id=payout.pk, amount_minor=3_000, reason="operator", actor_id=None)
    stripe = stripe_local.client()
    stripe.v1.transfers.reversals.create(payout.transfer_id, {"amount": 1_000})
    stripe.v1.transfers.reversals.create(
        payout.transfer_id, {"amount": 3_000, "metadata": {"reversal": str(reversal.pk)}}
    )

    send_reversal(reversal_id=reversal.pk)

    assert TransferReversal.objects.get(pk=reversal.pk).status == ReversalStatus.MADE
    made = stripe.v1.transfers.reversals.list(payout.transfer_id).data
    assert sorted(each.amount for each in made) == [1_000, 3_000]
    assert faults() == []
